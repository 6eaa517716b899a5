//! Merge patches of a business.

use serde_json::{Value, json};

use super::{Row, conflict, invalid, not_found};
use crate::fixture::{APPID, Cluster};
use weir_config::operation::{GraySide, connect, patch_business, set_gray_user};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

pub fn rows() -> Vec<Row> {
    let mini = Cluster::attached();
    let web = Cluster::with_web();
    let of_mini =
        |field: &str, patch: Value| invalid(field, patch_business(&mini.catalog, APPID, &patch));
    let of_web = |field: &str, patch: Value| {
        invalid(field, patch_business(&web.catalog, "shop-web", &patch))
    };
    let access = |field: &str, access: Value| {
        of_mini(&format!("access.{field}"), json!({ "access": access }))
    };
    let origin = |field: &str, mut settings: Value| {
        if settings.get("domain").is_none() && field != "domain" {
            settings["domain"] = json!("api.shop.example");
        }
        of_mini(
            &format!("origins[0].{field}"),
            json!({ "origins": [settings] }),
        )
    };
    let health = |field: &str, mut check: Value| {
        if check.get("path").is_none() && field != "path" {
            check["path"] = json!("/healthz");
        }
        origin(&format!("health.{field}"), json!({ "health": check }))
    };
    let urls =
        |field: &str, rule: Value| access(&format!("urls[0]{field}"), json!({ "urls": [rule] }));
    let api = |paths: Value| json!({"domain": "api.shop.example", "paths": paths});
    let numbers = |count: usize| {
        (0..count)
            .map(|i| format!("d{i}.example"))
            .collect::<Vec<_>>()
    };
    let rules: Vec<Value> = numbers(21).iter().map(|d| json!({ "domain": d })).collect();
    let paths: Vec<String> = (0..101).map(|i| format!("/{i}")).collect();
    let addresses: Vec<Value> = (0..17)
        .map(|i| json!({"address": format!("10.0.0.1:{}", 9000 + i)}))
        .collect();
    let users: Vec<String> = (0..1_001).map(|i| format!("u{i}")).collect();
    let pages: Vec<String> = (0..101).map(|i| format!("https://p{i}.example")).collect();

    vec![
        not_found(patch_business(&mini.catalog, "none", &json!({}))),
        of_mini("nme", json!({"nme": 1})),
        of_mini("gateway", json!({"gateway": "other"})),
        of_mini(
            "attached_domains",
            json!({"attached_domains": ["api.shop.example"]}),
        ),
        of_mini("name", json!({"name": "a\nb"})),
        of_mini("name", json!({"name": 1})),
        of_mini("region", json!({"region": "mars"})),
        of_mini("route_tag", json!({"route_tag": "a b"})),
        of_mini("timeout_ms", json!({"timeout_ms": 0})),
        of_mini("overflow", json!({"overflow": "drop"})),
        of_mini("access", json!({"access": []})),
        of_mini("cors", json!({"cors": {"allowed_origins": ["*"]}})),
        access("on", json!({"on": true})),
        access("enabled", json!({"enabled": "yes"})),
        access("versions", json!({"versions": "trial"})),
        access("versions[0]", json!({"versions": ["beta"]})),
        access("min_sdk_version", json!({"min_sdk_version": "three"})),
        access("manual_domains", json!({"manual_domains": numbers(21)})),
        access(
            "manual_domains[0]",
            json!({"manual_domains": ["evil.example"]}),
        ),
        access("gray.percent", json!({"gray": {"percent": 100.5}})),
        access("gray.salt", json!({"gray": {"salt": "a b"}})),
        access("gray.share", json!({"gray": {"share": 1}})),
        access("gray.include", json!({"gray": {"include": users}})),
        access("gray.include[0]", json!({"gray": {"include": [""]}})),
        access(
            "gray.exclude[0]",
            json!({"gray": {"exclude": ["x".repeat(129)]}}),
        ),
        access(
            "gray",
            json!({"gray": {"include": ["ann"], "exclude": ["ann"]}}),
        ),
        access("urls", json!({ "urls": rules })),
        urls(".domain", json!({"domain": "evil.example"})),
        urls(".domain", json!({"domain": "api.shop.example/"})),
        urls(".domain", json!({"paths": []})),
        urls(".path", json!({"domain": "api.shop.example", "path": "/"})),
        access(
            "urls[1].domain",
            json!({"urls": [api(json!([])), {"domain": "https://API.shop.example"}]}),
        ),
        urls(".paths", api(json!("/v1"))),
        urls(".paths", api(json!(paths))),
        urls(".paths[0]", api(json!(["v1"]))),
        urls(".paths[1]", api(json!(["/v1", "/v1"]))),
        // Origins.
        of_mini("origins", json!({"origins": {}})),
        of_mini("origins[0]", json!({"origins": ["api.shop.example"]})),
        origin("domain", json!({"http2": true})),
        origin("domain", json!({"domain": "evil.example"})),
        of_mini(
            "origins[1].domain",
            json!({"origins": [{"domain": "api.shop.example"}, {"domain": "API.shop.example"}]}),
        ),
        origin("retries", json!({"retries": 3})),
        origin("addresses", json!({ "addresses": addresses })),
        origin(
            "addresses[0].address",
            json!({"addresses": [{"weight": 1}]}),
        ),
        origin(
            "addresses[0].address",
            json!({"addresses": [{"address": "10.0.0.7"}]}),
        ),
        origin(
            "addresses[0].weight",
            json!({"addresses": [{"address": "10.0.0.7:80", "weight": 101}]}),
        ),
        origin(
            "addresses[0].port",
            json!({"addresses": [{"address": "10.0.0.7:80", "port": 1}]}),
        ),
        origin(
            "addresses[1].address",
            json!({"addresses": [{"address": "a.example:80"}, {"address": "A.example:80"}]}),
        ),
        origin("host", json!({"host": "https://api.shop.example"})),
        origin("connect_timeout_ms", json!({"connect_timeout_ms": 60_001})),
        origin("response_timeout_ms", json!({"response_timeout_ms": 0})),
        origin("http2", json!({"http2": 2})),
        origin("tls.verify", json!({"tls": {"verify": false}})),
        origin(
            "tls.server_name",
            json!({"tls": {"server_name": "api.shop.example:443"}}),
        ),
        origin("tls.ca_pem", json!({"tls": {"ca_pem": "none"}})),
        origin(
            "tls.ca_pem",
            json!({"tls": {"ca_pem": "-----BEGIN CERTIFICATE-----\nMIIB"}}),
        ),
        origin(
            "tls.ca_pem",
            json!({"tls": {"ca_pem": format!("{PEM}-----BEGIN PRIVATE KEY-----")}}),
        ),
        origin("tls.ca_pem", json!({"tls": {"ca_pem": PEM.repeat(1_200)}})),
        of_web(
            "origins[0].tls",
            json!({
                "attached_domains": ["http://plain.example"],
                "access": {"urls": [{"domain": "http://plain.example"}]},
                "origins": [{"domain": "http://plain.example", "tls": {"server_name": "x.example"}}],
            }),
        ),
        origin("health.path", json!({"health": {}})),
        health("path", json!({"path": "healthz"})),
        health("url", json!({"url": "/"})),
        health("interval_ms", json!({"interval_ms": 499})),
        health("timeout_ms", json!({"timeout_ms": 99})),
        health(
            "timeout_ms",
            json!({"interval_ms": 1_000, "timeout_ms": 1_001}),
        ),
        health("unhealthy_after", json!({"unhealthy_after": 0})),
        health("healthy_after", json!({"healthy_after": 101})),
        health("status_min", json!({"status_min": 500, "status_max": 400})),
        health("status_max", json!({"status_max": 600})),
        origin("ejection.after", json!({"ejection": {"after": 1}})),
        origin(
            "ejection.failures",
            json!({"ejection": {"failures": 1_001}}),
        ),
        origin("ejection.for_ms", json!({"ejection": {"for_ms": 999}})),
        // Web and app.
        of_web("attached_domains", json!({"attached_domains": []})),
        of_web(
            "attached_domains[1]",
            json!({"attached_domains": ["a.example", "https://A.example"]}),
        ),
        of_web(
            "access.urls",
            json!({"attached_domains": ["other.example"]}),
        ),
        of_web(
            "access.urls[0].domain",
            json!({"access": {"urls": [{"domain": "evil.example"}]}}),
        ),
        of_web(
            "access.versions[0]",
            json!({"access": {"versions": ["trial"]}}),
        ),
        of_web("cors.origins", json!({"cors": {"origins": []}})),
        of_web("cors.max_age_s", json!({"cors": {"max_age_s": 86_401}})),
        of_web(
            "cors.allow_credentials",
            json!({"cors": {"allow_credentials": 1}}),
        ),
        of_web(
            "cors.allowed_origins",
            json!({"cors": {"allowed_origins": pages}}),
        ),
        of_web(
            "cors.allowed_origins[0]",
            json!({"cors": {"allowed_origins": ["shop.example"]}}),
        ),
        of_web(
            "cors.allowed_origins[1]",
            json!({"cors": {"allowed_origins": ["https://a.example", "https://A.example:443"]}}),
        ),
        of_web(
            "cors",
            json!({"cors": {"allowed_origins": ["*"], "allow_credentials": true}}),
        ),
        // Users by name, and connecting.
        not_found(set_gray_user(
            &mini.catalog,
            "none",
            "ann",
            Some(GraySide::In),
        )),
        invalid("user", set_gray_user(&mini.catalog, APPID, "a\u{7}b", None)),
        conflict("no_version_attached", {
            let mut none = Cluster::attached();
            none.write(|c| patch_business(c, APPID, &json!({"access": {"versions": []}})));
            connect(&none.catalog, APPID)
        }),
    ]
}
