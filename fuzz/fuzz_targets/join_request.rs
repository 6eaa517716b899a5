//! What a stranger sends to be let in, and what a node shows: tokens, requests, certificates.
#![no_main]

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use libfuzzer_sys::fuzz_target;
use weir_cluster::mesh::enrol::{EnrolAsk, RenewAsk};
use weir_cluster::trust::{Authority, Grant, JoinToken, Trust};

const NOW_MS: u64 = 1_700_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    static AUTHORITY: OnceLock<(Authority, Trust)> = OnceLock::new();
    let (authority, trust) = AUTHORITY.get_or_init(|| {
        let authority = Authority::generate("test", NOW_MS).expect("the system has randomness");
        let trust = Trust::new("test", [authority.certificate().clone()], []);
        (authority, trust)
    });
    let certify = |request: &[u8], node| {
        let grant = Grant {
            cluster: "test".to_owned(),
            node,
            enrolment: 1,
            issuer: false,
        };
        if let Ok(certificate) = authority.certify(request, &grant, NOW_MS, 3_600) {
            let member = trust.verify_member(&certificate, NOW_MS);
            assert_eq!(member.expect("it was just issued").node, grant.node);
        }
    };
    // Nobody else's certificate is believed, whatever its bytes.
    assert!(trust.verify_member(bytes, NOW_MS).is_err());
    certify(bytes, "n".parse().expect("a name"));
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(token) = text.parse::<JoinToken>()
    {
        let again: JoinToken = token.expose().parse().expect("what is written is read");
        assert_eq!(again.digest(), token.digest());
    }
    if let Ok(ask) = serde_json::from_slice::<EnrolAsk>(bytes) {
        let _ = ask.token.parse::<JoinToken>();
        if let Ok(request) = BASE64.decode(&ask.request) {
            certify(&request, ask.node);
        }
    }
    if let Ok(ask) = serde_json::from_slice::<RenewAsk>(bytes) {
        let _ = BASE64.decode(&ask.request);
    }
});
