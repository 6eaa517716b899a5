//! Every refusal of one-key access, over the API for its code and over the command line for its sentence: what is
//! wrong, and what to do where.

use http::Method;
use serde_json::json;
use weir_tests::open_platform::{GATEWAY, Program};
use weir_tests::process::{Process, weir_command};
use weir_tests::sentence::assert_clear;
use weir_tests::{Cluster, OpenPlatform};

const APPID: &str = "wx00000000000000e1";

/// Runs `weir` with these arguments against node 0: whether it did it, and what it said.
async fn weir(cluster: &Cluster, args: &[&str]) -> (bool, String) {
    let admin = format!("http://{}", cluster.nodes[0].admin_addr);
    let mut all = args.to_vec();
    all.extend(["--admin", &admin, "--token", &cluster.token]);
    let log = cluster.dir().join(format!(
        "{}-{}.log",
        args.join("-").replace('/', "_"),
        all.len()
    ));
    let _ = std::fs::remove_file(&log);
    let mut process = Process::start("weir", weir_command(&all), &log);
    let status = process
        .ended_within(std::time::Duration::from_secs(60))
        .await;
    (status.success(), process.log())
}

/// Attaches over both ways: both refuse, with the code, the same sentence, and these words in it.
async fn refused(
    cluster: &Cluster,
    gateway: &str,
    appid: &str,
    status: u16,
    code: &str,
    words: &[&str],
) {
    let path = format!("/gateways/{gateway}/one-key-access");
    let body = json!({ "appid": appid });
    let answer = cluster
        .admin(0)
        .call(Method::POST, &path, Some(&body))
        .await;
    let problem = answer.json();
    assert_eq!(
        (answer.status.as_u16(), &problem["code"]),
        (status, &json!(code)),
        "{problem}"
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let detail = problem["detail"].as_str().expect("a sentence");
    assert_clear(detail, words);
    let (done, said) = weir(cluster, &["one-key-access", gateway, appid]).await;
    assert!(!done, "{said}");
    assert_clear(said.trim(), words);
}

#[tokio::test]
async fn each_check_of_the_local_platform_refuses_with_what_to_do_and_where() {
    let cluster = Cluster::start(1).await;
    let admin = cluster.admin(0);
    admin.put("/spaces/shop", json!({})).await;
    for gateway in ["first", "second"] {
        admin
            .put(&format!("/gateways/{gateway}"), json!({ "space": "shop" }))
            .await;
    }
    let agreement = ["shop", "PUT /admin/v1/spaces/shop/agreement", "version"];
    refused(
        &cluster,
        "first",
        APPID,
        409,
        "agreement_not_accepted",
        &agreement,
    )
    .await;
    let accepted = json!({ "version": "1", "accepted_by": "operator@shop.example" });
    admin.put("/spaces/shop/agreement", accepted).await;

    refused(
        &cluster,
        "nowhere",
        APPID,
        404,
        "not_found",
        &["nowhere", "PUT /admin/v1/gateways/"],
    )
    .await;
    refused(&cluster, "first", "shop", 422, "invalid", &["wx", "16"]).await;
    let path = format!("/platform/mini-programs/{APPID}");
    let unknown = [APPID, "PUT /admin/v1/platform/mini-programs/"];
    refused(&cluster, "first", APPID, 409, "not_authorized", &unknown).await;

    let origin = cluster.origin.url();
    admin
        .put(
            &path,
            json!({ "request_domains": [origin], "versions": { "release": "1.0.0" } }),
        )
        .await;
    let trial = [APPID, "trial version", "versions.trial"];
    refused(&cluster, "first", APPID, 409, "no_trial_version", &trial).await;
    admin
        .put(&path, json!({ "versions": { "trial": "1.0.0" } }))
        .await;
    let domain = [APPID, "legal request domain", "request_domains"];
    refused(&cluster, "first", APPID, 409, "no_request_domain", &domain).await;

    admin.register(APPID, &[&origin]).await;
    let (done, said) = weir(&cluster, &["one-key-access", "first", APPID]).await;
    assert!(done, "{said}");
    for words in [
        "access domain",
        "route tag",
        "link test      ok",
        "call id",
        "What to do next:",
        "▀",
    ] {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
    let elsewhere = [APPID, "`first`", "`second`", "DELETE /admin/v1/businesses/"];
    refused(
        &cluster,
        "second",
        APPID,
        409,
        "bound_elsewhere",
        &elsewhere,
    )
    .await;

    for (page, status) in [("authorization-url", 409), ("nothing", 404)] {
        let answer = admin
            .call(Method::POST, &format!("/spaces/shop/{page}"), None)
            .await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

#[tokio::test]
async fn the_qr_code_of_an_attached_mini_program_is_written_as_a_picture() {
    let cluster = Cluster::start(1).await;
    cluster.attach(0, APPID).await;
    let gateway = format!("gw-{APPID}");
    for (name, begins) in [("code.svg", &b"<?xml"[..]), ("code.png", b"\x89PNG")] {
        let file = cluster.dir().join(name);
        let path = file.to_str().expect("text");
        let (done, said) = weir(
            &cluster,
            &[
                "one-key-access",
                &gateway,
                APPID,
                "--no-link-test",
                "--qr-code",
                path,
            ],
        )
        .await;
        assert!(done && !said.contains("link test  "), "{said}");
        let bytes = std::fs::read(&file).expect("it was written");
        assert!(bytes.starts_with(begins), "{name}: {:?}", &bytes[..8]);
    }
    let (done, said) = weir(
        &cluster,
        &["one-key-access", &gateway, APPID, "--qr-code", "code.gif"],
    )
    .await;
    assert!(!done);
    assert_clear(said.trim(), &["code.gif", ".svg"]);
}

#[tokio::test]
async fn a_link_test_tells_each_domain_that_does_not_answer_and_attaches_all_the_same() {
    let cluster = Cluster::start(1).await;
    let nobody = format!("http://{}", weir_tests::ports::free_addr());
    let origin = cluster.origin.url();
    let admin = cluster.admin(0);
    admin.register(APPID, &[&origin, &nobody]).await;
    admin.open_space("shop", APPID).await;
    admin
        .put("/gateways/first", json!({ "space": "shop" }))
        .await;
    let business = admin.one_key_access_tested("first", APPID).await;
    let test = &business.document["link_test"];
    assert_eq!(
        (&test["ok"], &test["calls"][0]["ok"]),
        (&json!(false), &json!(true)),
        "{test}"
    );
    let failed = &test["calls"][1];
    assert_eq!(
        (&failed["ok"], &failed["code"]),
        (&json!(false), &json!(-601_069)),
        "{test}"
    );
    assert_clear(failed["detail"].as_str().unwrap_or(""), &[&nobody, "port"]);
    assert!(failed["call_id"].is_string(), "{test}");
    let first = business.document["next_steps"][0].as_str().unwrap_or("");
    assert_clear(first, &["link-test"]);

    cluster.switch(&business, "disconnect").await;
    let again = cluster
        .admin(0)
        .post(&format!("/businesses/{APPID}/link-test"), None)
        .await;
    assert_clear(
        again["calls"][0]["detail"].as_str().unwrap_or(""),
        &["disconnected", "connect"],
    );
}

#[tokio::test]
async fn each_check_of_the_open_platform_refuses_with_what_to_do_and_where() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.cluster(1).await;
    let whole = platform.shop(&cluster, APPID);
    let page = [APPID, "POST /admin/v1/spaces/shop/authorization-url"];
    refused(&cluster, GATEWAY, APPID, 409, "not_authorized", &page).await;
    assert_eq!(platform.let_in(&cluster, 0, 0, APPID).await.status, 200);

    let without_trial = Program {
        trial: None,
        ..whole.clone()
    };
    platform.set_program(APPID, without_trial);
    refused(
        &cluster,
        GATEWAY,
        APPID,
        409,
        "no_trial_version",
        &[APPID, "mp.weixin.qq.com"],
    )
    .await;
    let without_domain = Program {
        in_effect: Vec::new(),
        set: Vec::new(),
        ..whole.clone()
    };
    platform.set_program(APPID, without_domain);
    refused(
        &cluster,
        GATEWAY,
        APPID,
        409,
        "no_request_domain",
        &[APPID, "mp.weixin.qq.com"],
    )
    .await;
    platform.set_program(APPID, whole.clone());

    for (errcode, errmsg, status, code, words) in [
        (
            61004,
            "access clientip is not registered",
            502,
            "platform_ip_not_allowed",
            ["white list", "open.weixin.qq.com"],
        ),
        (
            45009,
            "reach max api daily quota limit",
            503,
            "platform_rate_limited",
            ["45009", "midnight"],
        ),
        (
            61003,
            "component is not authorized by this account",
            409,
            "not_authorized",
            [APPID, "/spaces/shop/authorization-url"],
        ),
        (
            48001,
            "api unauthorized",
            409,
            "platform_permission_missing",
            ["permission set", "again"],
        ),
        (
            86002,
            "mini program have not completed init procedure",
            409,
            "platform_refused",
            ["86002", "mp.weixin.qq.com"],
        ),
        (-1, "system error", 503, "platform_busy", ["-1", "again"]),
        (
            99999,
            "what nobody documented",
            502,
            "platform_refused",
            ["99999", "what nobody documented"],
        ),
    ] {
        // By API and command line, and three times each where the call is made again.
        platform.refuse(
            "/wxa/getversioninfo",
            errcode,
            &format!("{errmsg} rid: 1-2-3"),
            if errcode == -1 { 6 } else { 2 },
        );
        refused(&cluster, GATEWAY, APPID, status, code, &words).await;
    }
    // Busy once is no refusal: it is asked again.
    platform.refuse("/wxa/getversioninfo", -1, "system error", 1);
    cluster.admin(0).one_key_access(GATEWAY, APPID).await;
}

#[tokio::test]
async fn of_more_than_twenty_domains_on_the_open_platform_the_first_ten_are_taken_and_it_says_so() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.cluster(1).await;
    let mut program = platform.shop(&cluster, APPID);
    program.in_effect = (1..=21)
        .map(|i| format!("https://api{i}.shop.example"))
        .collect();
    platform.set_program(APPID, program.clone());
    assert_eq!(platform.let_in(&cluster, 0, 0, APPID).await.status, 200);
    let path = format!("/gateways/{GATEWAY}/one-key-access?link_test=false");
    let attached = cluster
        .admin(0)
        .post(&path, Some(json!({ "appid": APPID })))
        .await;
    assert_eq!(
        attached["attached_domains"],
        json!(program.in_effect[..10]),
        "{attached}"
    );
    assert_eq!(
        attached["skipped_domains"],
        json!(program.in_effect[10..]),
        "{attached}"
    );
    let warnings = attached["warnings"].to_string();
    assert!(
        warnings.contains("21 legal domains") && warnings.contains("first 10"),
        "{warnings}"
    );
    assert!(attached["link_test"].is_null(), "{attached}");
}
