//! One-key access, and businesses by hand.

use serde_json::{Value, json};

use super::{Row, conflict, invalid};
use crate::fixture::{
    APPID, Cluster, NOW_MS, context, gateway_input, one_key_input, program, web_input,
};
use weir_config::Refusal;
use weir_config::moment;
use weir_config::object::{Business, PlatformProvider};
use weir_config::operation::{
    AgreementTextInput, Change, SpaceInput, add_business, authorize, one_key_access,
    put_agreement_text, put_gateway, put_mini_program, put_space,
};

fn add(cluster: &Cluster, input: Value) -> Result<(Change, Business), Refusal> {
    let input = serde_json::from_value(input).unwrap();
    add_business(&cluster.catalog, &context(), "main", input)
}

fn one_key(cluster: &Cluster, gateway: &str) -> Result<Change, Refusal> {
    let outcome = one_key_access(&cluster.catalog, &context(), gateway, one_key_input());
    outcome.map(|outcome| outcome.change)
}

fn web(field: &str, value: Value) -> Value {
    let mut input = web_input("shop-web");
    input[field] = value;
    input
}

pub fn rows() -> Vec<Row> {
    let ready = Cluster::ready();
    let attached = Cluster::attached();
    let with_web = Cluster::with_web();
    let mut authorized = Cluster::ready();
    authorized.write(|c| authorize(c, "acme", APPID));
    let mut elsewhere = Cluster::attached();
    elsewhere.write(|c| put_gateway(c, "other", gateway_input("acme")));
    let mut not_agreed = Cluster::empty();
    not_agreed.write(|c| put_space(c, "acme", SpaceInput::default()));
    not_agreed.write(|c| put_gateway(c, "main", gateway_input("acme")));
    let mut newer = Cluster::ready();
    let text = AgreementTextInput {
        title: "New".to_owned(),
        text: "New words".to_owned(),
        effective_at: Some(moment::text(NOW_MS)),
    };
    newer.write(|c| put_agreement_text(c, &context(), "2", text));
    let mut wechat = Cluster::ready();
    let platform = Some(PlatformProvider::Wechat);
    wechat.write(|c| {
        put_space(
            c,
            "acme",
            SpaceInput {
                platform,
                ..SpaceInput::default()
            },
        )
    });
    let with_program = |domains: &[&str], trial: bool| {
        let mut cluster = Cluster::ready();
        let mut input = program(domains);
        input.versions.trial = input.versions.trial.filter(|_| trial);
        cluster.write(|c| put_mini_program(c, APPID, input));
        cluster.write(|c| authorize(c, "acme", APPID));
        cluster
    };
    let (no_trial, no_domain) = (with_program(&["a.example"], false), with_program(&[], true));
    let mini = |appid: &str| json!({"type": "mini_program", "id": appid});

    vec![
        conflict("agreement_not_accepted", one_key(&not_agreed, "main")),
        conflict("agreement_not_accepted", one_key(&newer, "main")),
        conflict("agreement_not_accepted", add(&newer, web_input("shop-web"))),
        conflict("not_authorized", one_key(&wechat, "main")),
        conflict("not_authorized", {
            let mut empty = Cluster::empty();
            empty.write(|c| put_space(c, "acme", SpaceInput::default()));
            empty.accept("acme");
            empty.write(|c| put_gateway(c, "main", gateway_input("acme")));
            one_key(&empty, "main")
        }),
        conflict("bound_elsewhere", one_key(&elsewhere, "other")),
        conflict("no_trial_version", one_key(&no_trial, "main")),
        conflict("no_request_domain", one_key(&no_domain, "main")),
        invalid("region", add(&ready, web("region", json!("mars")))),
        invalid("id", add(&ready, web_input("Shop"))),
        invalid("id", add(&ready, web_input(&"s".repeat(54)))),
        invalid("id", add(&ready, web_input(APPID))),
        invalid("origins", add(&ready, web("origins", json!([])))),
        invalid("origins[0]", add(&ready, web("origins", json!([7])))),
        invalid(
            "origins[0]",
            add(&ready, web("origins", json!(["ftp://a.example"]))),
        ),
        invalid(
            "origins[0].http2",
            add(
                &ready,
                web("origins", json!([{"domain": "a.example", "http2": 2}])),
            ),
        ),
        invalid(
            "access.gray.percent",
            add(&ready, web("access", json!({"gray": {"percent": 101}}))),
        ),
        invalid("cors", add(&ready, web("type", json!("app")))),
        conflict("business_exists", add(&with_web, web_input("shop-web"))),
        conflict("business_exists", add(&attached, mini(APPID))),
        invalid("id", add(&ready, mini("shop"))),
        conflict("not_authorized", add(&ready, mini(APPID))),
        conflict("no_trial_version", add(&no_trial, mini(APPID))),
        conflict("no_request_domain", add(&no_domain, mini(APPID))),
        conflict("bound_elsewhere", {
            let input = serde_json::from_value(mini(APPID)).unwrap();
            add_business(&elsewhere.catalog, &context(), "other", input)
        }),
        invalid("origins[0]", {
            let mut input = mini(APPID);
            input["origins"] = json!(["evil.example"]);
            add(&authorized, input)
        }),
    ]
}
