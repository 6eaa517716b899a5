//! The access config of clients: its shape, and who is not named in it.

use serde_json::{Value, json};

use crate::fixture::{APPID, Cluster};
use weir_config::access::{AccessTable, ClientConfig, Serving, client_config, hidden_user};
use weir_config::operation::{GraySide, patch_business, set_gray_user};

fn config(cluster: &Cluster, region: &str, live: &[&str]) -> ClientConfig {
    let table = AccessTable::compile(&cluster.catalog, "weir.localhost");
    let route = table.business(APPID).unwrap();
    let serving = Serving {
        scheme: "https",
        port: 8441,
        refresh_seconds: 60,
    };
    client_config(
        &table,
        route,
        region,
        |region| live.contains(&region),
        &serving,
    )
}

const ALL: [&str; 3] = ["shanghai", "shenzhen", "tianjin"];

#[test]
fn it_is_written_as_the_contract_says() {
    let mut cluster = Cluster::attached();
    cluster.write(|c| {
        patch_business(
            c,
            APPID,
            &json!({"access": {
                "urls": [{"domain": "api.shop.example", "paths": ["/v1"]}],
                "gray": {"percent": 12.5, "salt": "s"},
                "manual_domains": ["api.shop.example"]
            }}),
        )
    });
    let written = serde_json::to_value(config(&cluster, "tianjin", &ALL)).unwrap();
    let url = |region: &str| format!("https://a01020304-{APPID}.{region}.weir.localhost:8441");
    let expected = json!({
        "confVersion": written["confVersion"],
        "appid": APPID,
        "routeTag": "a01020304",
        "enabled": true,
        "versions": ["trial"],
        "urls": [{"domain": "https://api.shop.example", "paths": ["/v1"]}],
        "gray": {"percent": 12.5, "salt": "s", "include": [], "exclude": []},
        "endpoints": [
            {"region": "tianjin", "url": url("tianjin")},
            {"region": "shanghai", "url": url("shanghai")},
            {"region": "shenzhen", "url": url("shenzhen")}
        ],
        "timeoutMs": 15_000,
        "manualDomains": ["api.shop.example"],
        "refreshSeconds": 60,
        "minSdkVersion": "3.0.2"
    });
    assert_eq!(written, expected);
    assert!(written["confVersion"].as_str().unwrap().ends_with("-n1"));
}

#[test]
fn users_taken_in_or_out_are_not_named_in_it() {
    let mut cluster = Cluster::attached();
    cluster.write(|c| patch_business(c, APPID, &json!({"access": {"gray": {"salt": "s"}}})));
    cluster.write(|c| set_gray_user(c, APPID, "ann", Some(GraySide::In)));
    cluster.write(|c| set_gray_user(c, APPID, "eve", Some(GraySide::Out)));
    let config = config(&cluster, "shanghai", &ALL);
    assert_eq!(config.gray.include, [hidden_user("s", "ann")]);
    assert_eq!(config.gray.exclude, [hidden_user("s", "eve")]);
    // As any other tool makes it: printf %s sann | sha256sum
    let ann = "6f34d909c9ac2fed85bba4533efd44e6631e9fd06ce9c82ba984b3462b4a8cfb";
    assert_eq!(hidden_user("s", "ann"), ann);
    let written = serde_json::to_string(&config).unwrap();
    assert!(
        !written.contains("\"ann\"") && !written.contains("\"eve\""),
        "{written}"
    );
}

#[test]
fn a_region_without_a_live_node_says_so_and_comes_last_and_changes_the_etag() {
    let cluster = Cluster::attached();
    let all = config(&cluster, "shanghai", &ALL);
    assert_eq!(all.etag(), format!("\"{}\"", all.conf_version));
    let some = config(&cluster, "shanghai", &["shenzhen", "tianjin"]);
    let order: Vec<_> = some
        .endpoints
        .iter()
        .map(|e| (e.region.as_str(), e.live))
        .collect();
    assert_eq!(
        order,
        [("tianjin", true), ("shenzhen", true), ("shanghai", false)]
    );
    assert_eq!(some.conf_version, all.conf_version);
    assert_ne!(some.etag(), all.etag());
    let written: Value = serde_json::to_value(&some).unwrap();
    assert_eq!(written["endpoints"][2]["live"], json!(false));
    assert!(written["endpoints"][0].get("live").is_none());
}

#[test]
fn a_user_is_taken_from_one_side_to_the_other_and_back_to_the_share() {
    let mut cluster = Cluster::attached();
    let sides = |cluster: &Cluster| {
        let gray = &cluster.business().access.gray;
        (gray.include.contains("ann"), gray.exclude.contains("ann"))
    };
    for (side, expected) in [
        (Some(GraySide::In), (true, false)),
        (Some(GraySide::Out), (false, true)),
        (None, (false, false)),
    ] {
        cluster.write(|c| set_gray_user(c, APPID, "ann", side));
        assert_eq!(sides(&cluster), expected);
        assert!(
            set_gray_user(&cluster.catalog, APPID, "ann", side)
                .unwrap()
                .is_empty()
        );
    }
}
