//! One-key access and its checks (`PRODUCT.md` rows 2 and 3).

use crate::fixture::{APPID, Cluster, context, gateway_input, one_key_input, program};
use weir_config::object::{BusinessType, EnvVersion, PlatformVersion};
use weir_config::operation::{
    MiniProgramInput, OneKeyInput, SpaceInput, authorize, delete_business, disconnect,
    one_key_access, put_gateway, put_mini_program, put_space,
};

#[test]
fn one_key_attaches_the_trial_version_with_all_domains_and_users() {
    let mut cluster = Cluster::ready();
    let outcome = cluster.one_key("main").unwrap();
    let business = &outcome.business;
    assert_eq!(cluster.business(), business);
    assert_eq!(
        (business.id.as_str(), business.appid.as_str()),
        (APPID, APPID)
    );
    assert_eq!(business.business_type, BusinessType::MiniProgram);
    assert_eq!(
        business.access.versions.iter().copied().collect::<Vec<_>>(),
        [EnvVersion::Trial]
    );
    assert!(business.access.enabled);
    assert_eq!(business.access.gray.percent, 100.0);
    assert!(!business.access.gray.salt.is_empty());
    assert_eq!(business.timeout_ms, 15_000);
    assert_eq!(
        outcome.attached_domains,
        ["api.shop.example", "https://img.shop.example:8443"]
    );
    let ruled: Vec<_> = business
        .access
        .urls
        .iter()
        .map(|u| (&u.domain, u.paths.len()))
        .collect();
    assert_eq!(
        ruled,
        outcome
            .attached_domains
            .iter()
            .map(|d| (d, 0))
            .collect::<Vec<_>>()
    );
    assert!(outcome.skipped_domains.is_empty() && !outcome.already_attached);
}

#[test]
fn the_access_domain_has_the_form_of_the_contract() {
    let outcome = Cluster::ready().one_key("main").unwrap();
    assert_eq!(
        outcome.business.access_domain("weir.localhost"),
        format!("a01020304-{APPID}.shanghai.weir.localhost")
    );
    assert_eq!(outcome.business.route_tag, "a01020304");
}

#[test]
fn the_qr_code_is_the_trial_versions_or_made_up() {
    let made_up = Cluster::ready().one_key("main").unwrap().qr_content;
    assert_eq!(
        made_up,
        format!("weir://mini-program/{APPID}?version=trial&access=a01020304-{APPID}")
    );
    let mut cluster = Cluster::ready();
    let mut input = program(&["api.shop.example"]);
    input.versions.trial = Some(PlatformVersion {
        version: "1".to_owned(),
        qr_url: Some("https://mp.example/qr/7".to_owned()),
    });
    cluster.write(|c| put_mini_program(c, APPID, input));
    assert_eq!(
        cluster.one_key("main").unwrap().qr_content,
        "https://mp.example/qr/7"
    );
}

#[test]
fn a_program_not_authorised_is_authorised_in_the_same_change_with_a_warning() {
    let mut cluster = Cluster::ready();
    let outcome = cluster.one_key("main").unwrap();
    assert_eq!(outcome.change.puts.len(), 2);
    assert!(
        cluster
            .catalog
            .space("acme")
            .unwrap()
            .mini_programs
            .contains(APPID)
    );
    assert!(
        outcome.warnings.iter().any(|w| w.contains("authorised")),
        "{:?}",
        outcome.warnings
    );

    let mut cluster = Cluster::ready();
    cluster.write(|c| authorize(c, "acme", APPID));
    let outcome = cluster.one_key("main").unwrap();
    assert_eq!((outcome.change.puts.len(), outcome.warnings.len()), (1, 0));
}

#[test]
fn of_more_than_20_domains_the_first_10_are_attached_and_the_rest_named() {
    let domains: Vec<String> = (0..21).map(|i| format!("d{i}.shop.example")).collect();
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    for (listed, attached) in [(20, 20), (21, 10)] {
        let mut cluster = Cluster::ready();
        cluster.write(|c| put_mini_program(c, APPID, program(&domains[..listed])));
        let outcome = cluster.one_key("main").unwrap();
        assert_eq!(outcome.attached_domains, domains[..attached]);
        assert_eq!(outcome.skipped_domains, domains[attached..listed]);
        let warned = outcome.warnings.iter().any(|w| w.contains("more than 20"));
        assert_eq!(warned, listed > 20);
    }
}

#[test]
fn the_same_gateway_again_changes_nothing_and_says_so() {
    let mut cluster = Cluster::attached();
    let before = cluster.business().clone();
    cluster.write(|c| disconnect(c, APPID));
    let again = cluster.one_key("main").unwrap();
    assert!(again.already_attached && again.change.is_empty());
    assert_eq!(again.business.access_label, before.access_label);
    assert!(
        again.warnings.iter().any(|w| w.contains("disconnected")),
        "{:?}",
        again.warnings
    );
}

#[test]
fn a_program_bound_elsewhere_is_refused_with_where() {
    let mut cluster = Cluster::attached();
    cluster.write(|c| put_gateway(c, "other", gateway_input("acme")));
    let refusal = cluster.one_key("other").unwrap_err();
    assert_eq!((refusal.status, refusal.code), (409, "bound_elsewhere"));
    assert!(refusal.detail.contains("`main`"), "{refusal}");

    cluster.write(|c| delete_business(c, APPID));
    assert!(!cluster.one_key("other").unwrap().already_attached);
}

#[test]
fn each_check_refuses_with_its_code_and_the_way_out() {
    let ready = Cluster::ready;
    let mut no_agreement = ready();
    no_agreement.write(|c| put_space(c, "new", SpaceInput::default()));
    no_agreement.write(|c| put_gateway(c, "main2", gateway_input("new")));
    let mut no_trial = ready();
    no_trial.write(|c| {
        let mut input = program(&["api.shop.example"]);
        input.versions.trial = None;
        put_mini_program(c, APPID, input)
    });
    let mut no_domain = ready();
    no_domain.write(|c| put_mini_program(c, APPID, program(&[])));
    let unknown_program = OneKeyInput {
        appid: "wxffffffffffffffff".to_owned(),
        region: None,
    };
    let cases = [
        (
            &no_agreement,
            "main2",
            one_key_input(),
            409,
            "agreement_not_accepted",
            "/spaces/new/agreement",
        ),
        (
            &no_trial,
            "main",
            one_key_input(),
            409,
            "no_trial_version",
            "versions.trial",
        ),
        (
            &no_domain,
            "main",
            one_key_input(),
            409,
            "no_request_domain",
            "request_domains",
        ),
        (
            &ready(),
            "main",
            unknown_program,
            409,
            "not_authorized",
            "/platform/mini-programs/wxff",
        ),
        (
            &ready(),
            "nowhere",
            one_key_input(),
            404,
            "not_found",
            "/gateways/nowhere",
        ),
    ];
    for (cluster, gateway, input, status, code, way_out) in cases {
        let refusal = one_key_access(&cluster.catalog, &context(), gateway, input).unwrap_err();
        assert_eq!((refusal.status, refusal.code), (status, code));
        assert!(refusal.detail.contains(way_out), "{code}: {refusal}");
    }
}

#[test]
fn a_region_is_taken_where_it_is_known() {
    let input = |region: &str| OneKeyInput {
        region: Some(region.to_owned()),
        ..one_key_input()
    };
    let cluster = Cluster::ready();
    let access = |region| one_key_access(&cluster.catalog, &context(), "main", input(region));
    assert_eq!(access("tianjin").unwrap().business.region, "tianjin");
    let refusal = access("mars").unwrap_err();
    assert_eq!(
        (refusal.status, refusal.field.as_deref()),
        (422, Some("region"))
    );
    assert!(
        refusal.detail.contains("shanghai, shenzhen, tianjin"),
        "{refusal}"
    );
}

#[test]
fn what_is_no_appid_is_refused_by_its_field() {
    let cluster = Cluster::ready();
    for appid in [
        "",
        "wx",
        "wx0123456789ABCDEF",
        "wx0123456789abcde",
        "ww0123456789abcdef",
        "wx0123456789abcdeg",
    ] {
        let input = OneKeyInput {
            appid: appid.to_owned(),
            region: None,
        };
        let refusal = one_key_access(&cluster.catalog, &context(), "main", input).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some("appid"), "{appid:?}");
        assert!(put_mini_program(&cluster.catalog, appid, MiniProgramInput::default()).is_err());
    }
}
