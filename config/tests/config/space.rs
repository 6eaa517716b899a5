use crate::fixture::{APPID, Cluster, context};
use weir_config::operation::{
    AgreementInput, Context, RegionInput, SpaceInput, accept_agreement, authorize, create_token,
    put_region, put_space,
};

#[test]
fn renaming_a_space_keeps_its_agreement_and_mini_programs() {
    let mut cluster = Cluster::attached();
    let name = Some("Acme".to_owned());
    cluster.write(|c| {
        put_space(
            c,
            "acme",
            SpaceInput {
                name,
                ..SpaceInput::default()
            },
        )
    });
    let space = cluster.catalog.space("acme").unwrap();
    assert_eq!(space.name, "Acme");
    assert!(space.agreement.is_some() && space.mini_programs.contains(APPID));
}

#[test]
fn an_agreement_says_who_accepted_which_text_and_when() {
    let cluster = Cluster::ready();
    let agreement = cluster
        .catalog
        .space("acme")
        .unwrap()
        .agreement
        .clone()
        .unwrap();
    assert_eq!(
        (agreement.version.as_str(), agreement.accepted_by.as_str()),
        ("1", "ann")
    );
    assert_eq!(agreement.accepted_at_ms, context().now_ms);
}

#[test]
fn accepting_the_same_text_again_keeps_the_first_time() {
    let cluster = Cluster::ready();
    let later = Context {
        now_ms: context().now_ms + 1,
        ..context()
    };
    let accept = |version: &str, accepted_by: &str| {
        let input = AgreementInput {
            version: version.to_owned(),
            accepted_by: accepted_by.to_owned(),
        };
        accept_agreement(&cluster.catalog, &later, "acme", input)
    };
    assert!(accept("1", "ann").unwrap().is_empty());
    assert!(!accept("1", "bob").unwrap().is_empty());
    assert_eq!(
        accept("1", " ").unwrap_err().field.as_deref(),
        Some("accepted_by")
    );
}

#[test]
fn only_a_registered_program_is_authorised_to_a_space_that_exists() {
    let cluster = Cluster::ready();
    assert!(
        !authorize(&cluster.catalog, "acme", APPID)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        authorize(&cluster.catalog, "nowhere", APPID)
            .unwrap_err()
            .status,
        404
    );
    let refusal = authorize(&cluster.catalog, "acme", "wxffffffffffffffff").unwrap_err();
    assert!(
        refusal.status == 404 && refusal.detail.contains("PUT /admin/v1/platform"),
        "{refusal}"
    );
}

#[test]
fn an_added_region_is_known_beside_the_default_ones() {
    let mut cluster = Cluster::empty();
    cluster.write(|c| put_region(c, "beijing", RegionInput::default()));
    let known: Vec<&str> = cluster.catalog.region_ids().into_iter().collect();
    assert_eq!(known, ["beijing", "shanghai", "shenzhen", "tianjin"]);
}

#[test]
fn a_token_is_kept_by_its_digest_only() {
    assert!(create_token(&context(), "admin", &"0a".repeat(32)).is_ok());
    for digest in ["", "secret", &"0A".repeat(32), &"0a".repeat(33)] {
        let refusal = create_token(&context(), "admin", digest).unwrap_err();
        assert!(
            digest.is_empty() || !refusal.detail.contains(digest),
            "the value is shown: {refusal}"
        );
    }
}
