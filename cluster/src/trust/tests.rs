//! Who is believed and who is not.

use std::sync::Arc;

use weir_config::NodeId;

use super::*;

const NOW_MS: u64 = 1_700_000_000_000;
const LIFE_S: u64 = 3_600;

fn node(id: &str) -> NodeId {
    id.parse().unwrap()
}

fn grant(cluster: &str, id: &str, enrolment: u32) -> Grant {
    Grant {
        cluster: cluster.to_owned(),
        node: node(id),
        enrolment,
        issuer: false,
    }
}

struct Issued {
    key: Arc<NodeKey>,
    certificate: Vec<u8>,
}

fn issue(authority: &Authority, grant: &Grant) -> Issued {
    let key = NodeKey::generate().unwrap();
    let request = key.request().unwrap();
    Issued {
        certificate: authority.certify(&request, grant, NOW_MS, LIFE_S).unwrap(),
        key: Arc::new(key),
    }
}

fn authority() -> Authority {
    Authority::generate("test", NOW_MS).unwrap()
}

fn trust(authorities: &[&Authority]) -> Trust {
    let certificates = authorities.iter().map(|a| a.certificate().clone());
    Trust::new("test", certificates, [])
}

/// The trust after a node was registered so.
fn knowing(authority: &Authority, id: &str, registered: Registered) -> Trust {
    let certificates = [authority.certificate().clone()];
    Trust::new("test", certificates, [(node(id), registered)])
}

#[test]
fn a_certificate_of_the_clusters_authority_names_its_node() {
    let authority = authority();
    let mut grant = grant("test", "n2", 7);
    let issued = issue(&authority, &grant);
    let member = trust(&[&authority])
        .verify_member(&issued.certificate, NOW_MS)
        .unwrap();
    assert_eq!((member.node, member.enrolment), (node("n2"), 7));
    assert_eq!(
        (member.key, member.authority),
        (issued.key.public(), authority.id())
    );
    assert_eq!(member.not_after_ms, NOW_MS + LIFE_S * 1_000);
    assert!(!member.issuer);
    grant.issuer = true;
    let issued = issue(&authority, &grant);
    let member = trust(&[&authority])
        .verify_member(&issued.certificate, NOW_MS)
        .unwrap();
    assert!(member.issuer);
}

#[test]
fn whoever_has_no_certificate_of_this_cluster_is_refused_with_the_reason() {
    let (ours, theirs) = (
        authority(),
        Authority::generate("elsewhere", NOW_MS).unwrap(),
    );
    let trust = trust(&[&ours]);
    let refused = |certificate: &[u8]| trust.verify_member(certificate, NOW_MS).unwrap_err();

    let other = issue(&theirs, &grant("test", "n2", 1));
    assert_eq!(refused(&other.certificate), NotTrusted::UnknownAuthority);
    let other = issue(&ours, &grant("elsewhere", "n2", 1));
    assert_eq!(
        refused(&other.certificate),
        NotTrusted::OtherCluster("elsewhere".to_owned())
    );
    assert_eq!(refused(ours.certificate().der()), NotTrusted::NoMember);
    for junk in [&b""[..], b"junk", &[0x30; 4_000]] {
        assert_eq!(refused(junk), NotTrusted::Unreadable);
    }
    let mut signed_itself = rcgen::CertificateParams::default();
    let name = "weir://test/node/n2/1".try_into().unwrap();
    signed_itself.subject_alt_names = vec![rcgen::SanType::URI(name)];
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let certificate = signed_itself.self_signed(&key).unwrap();
    assert_eq!(refused(certificate.der()), NotTrusted::UnknownAuthority);
}

#[test]
fn a_certificate_holds_in_its_time_only_with_some_slack_for_clocks() {
    let authority = authority();
    let trust = trust(&[&authority]);
    let issued = issue(&authority, &grant("test", "n2", 1));
    let at = |now_ms| trust.verify_member(&issued.certificate, now_ms);
    let slack_ms = CLOCK_SLACK_S * 1_000;
    assert!(at(NOW_MS - slack_ms).is_ok() && at(NOW_MS + LIFE_S * 1_000 - 1).is_ok());
    assert_eq!(at(NOW_MS - slack_ms - 1_000), Err(NotTrusted::NotYetValid));
    assert_eq!(at(NOW_MS + (LIFE_S + 1) * 1_000), Err(NotTrusted::Expired));
    let member = at(NOW_MS).unwrap();
    assert!(trust.still_trusts(&member, NOW_MS).is_ok());
    let over = trust.still_trusts(&member, NOW_MS + LIFE_S * 1_000);
    assert_eq!(over, Err(NotTrusted::Expired));
}

#[test]
fn a_revoked_node_is_refused_until_it_is_let_in_again() {
    let authority = authority();
    let first = issue(&authority, &grant("test", "n2", 1));
    let again = issue(&authority, &grant("test", "n2", 2));
    let trust = knowing(
        &authority,
        "n2",
        Registered {
            enrolment: 1,
            key: first.key.public(),
            revoked: true,
        },
    );
    let revoked = Err(NotTrusted::Revoked(node("n2")));
    assert_eq!(trust.verify_member(&first.certificate, NOW_MS), revoked);
    assert!(trust.verify_member(&again.certificate, NOW_MS).is_ok());
    let trust = knowing(
        &authority,
        "n2",
        Registered {
            enrolment: 2,
            key: again.key.public(),
            revoked: false,
        },
    );
    assert_eq!(trust.verify_member(&first.certificate, NOW_MS), revoked);
    assert!(trust.verify_member(&again.certificate, NOW_MS).is_ok());
}

#[test]
fn two_machines_cannot_be_one_node() {
    let authority = authority();
    let [known, other] = [1, 1].map(|n| issue(&authority, &grant("test", "n2", n)));
    let trust = knowing(
        &authority,
        "n2",
        Registered {
            enrolment: 1,
            key: known.key.public(),
            revoked: false,
        },
    );
    assert!(trust.verify_member(&known.certificate, NOW_MS).is_ok());
    let refused = trust.verify_member(&other.certificate, NOW_MS);
    assert_eq!(refused, Err(NotTrusted::OtherKey(node("n2"))));
}

#[test]
fn while_authorities_change_both_are_believed_and_afterwards_the_new_one_alone() {
    let (old, new) = (authority(), authority());
    let [by_old, by_new] = [&old, &new].map(|a| issue(a, &grant("test", "n2", 1)));
    let both = trust(&[&old, &new]);
    let member = both.verify_member(&by_old.certificate, NOW_MS).unwrap();
    assert_eq!(member.authority, old.id());
    assert_eq!(
        both.verify_member(&by_new.certificate, NOW_MS)
            .unwrap()
            .authority,
        new.id()
    );
    let after = trust(&[&new]);
    let refused = Err(NotTrusted::UnknownAuthority);
    assert_eq!(after.still_trusts(&member, NOW_MS), refused);
    assert!(after.verify_member(&by_old.certificate, NOW_MS).is_err());
}

#[test]
fn a_signature_holds_for_its_message_its_purpose_and_its_node_only() {
    let authority = authority();
    let trust = trust(&[&authority]);
    let issued = issue(&authority, &grant("test", "n2", 1));
    let mine = Credentials::new(issued.key, &issued.certificate, &trust, NOW_MS).unwrap();
    let signature = mine.sign("gossip", b"row");
    assert_eq!(signature.len(), SIGNATURE_BYTES);
    let member = trust.verify_member(mine.certificate(), NOW_MS).unwrap();
    assert!(member.verify("gossip", b"row", &signature));
    // Between context and message nothing can be moved.
    for (context, message) in [
        ("gossip", &b"Row"[..]),
        ("gossi", b"prow"),
        ("gossipr", b"ow"),
        ("", b""),
    ] {
        assert!(!member.verify(context, message, &signature));
    }
    assert!(!member.verify("gossip", b"row", &signature[1..]));
    let other = NodeKey::generate().unwrap().public();
    assert!(!other.verify("gossip", b"row", &signature));
}

#[test]
fn credentials_need_the_key_of_their_certificate() {
    let authority = authority();
    let issued = issue(&authority, &grant("test", "n2", 1));
    let other = Arc::new(NodeKey::generate().unwrap());
    let refused = Credentials::new(other, &issued.certificate, &trust(&[&authority]), NOW_MS);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("not the one of the certificate")
    );
}

#[test]
fn an_authority_and_a_key_are_read_again_as_they_were_written_and_never_shown() {
    let authority = authority();
    let again = Authority::from_parts(authority.certificate().der(), &authority.key_pem()).unwrap();
    let issued = issue(&again, &grant("test", "n2", 1));
    assert!(
        trust(&[&authority])
            .verify_member(&issued.certificate, NOW_MS)
            .is_ok()
    );
    let read = NodeKey::from_pem(&issued.key.to_pem()).unwrap();
    assert_eq!(read.public(), issued.key.public());
    let other = NodeKey::generate().unwrap().to_pem();
    let refused = Authority::from_parts(authority.certificate().der(), &other);
    assert_eq!(refused.unwrap_err(), TrustError::OtherKey);

    let token = JoinToken::generate(authority.id(), node("n1"));
    let shown = format!("{authority:?} {again:#?} {:?} {token:?}", issued.key);
    let secrets = [authority.key_pem(), issued.key.to_pem(), token.expose()];
    for line in secrets.iter().flat_map(|secret| secret.lines()) {
        assert!(!shown.contains(line), "{shown}");
    }
    assert_eq!(NodeKey::from_pem("planted").unwrap_err(), TrustError::Key);
}

#[test]
fn a_request_is_granted_only_to_who_holds_its_key() {
    let authority = authority();
    let mut request = NodeKey::generate().unwrap().request().unwrap();
    let last = request.len() - 1;
    request[last] ^= 1;
    let grant = grant("test", "n2", 1);
    for request in [&request[..], b"", b"junk", &[0x30; 100_000]] {
        let refused = authority.certify(request, &grant, NOW_MS, LIFE_S);
        assert_eq!(refused, Err(TrustError::Request));
    }
    let rsa_like = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default()
        .serialize_request(&rsa_like)
        .unwrap();
    let refused = authority.certify(request.der(), &grant, NOW_MS, LIFE_S);
    assert_eq!(refused, Err(TrustError::Request));
}

#[test]
fn a_token_survives_being_typed_and_nothing_else_is_one() {
    let token = JoinToken::generate(authority().id(), node("n1"));
    let text = token.expose();
    assert!(text.starts_with(TOKEN_PREFIX));
    assert_eq!(format!(" {text}\n").parse::<JoinToken>().unwrap(), token);
    assert_ne!(
        JoinToken::generate(token.authority, node("n1")).digest(),
        token.digest()
    );
    let long = format!("{text}{text}");
    for junk in [
        "",
        "weirjoin_",
        "weirjoin_AAAA",
        &text[1..],
        &text[..60],
        &long,
    ] {
        assert_eq!(junk.parse::<JoinToken>(), Err(BadToken), "{junk}");
    }
}
