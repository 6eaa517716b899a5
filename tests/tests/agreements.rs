//! The service agreement: nothing is attached before it is accepted, and nothing that is attached stops for a new
//! text.

use std::time::{SystemTime, UNIX_EPOCH};

use http::Method;
use serde_json::{Value, json};
use weir_tests::command::weir;
use weir_tests::{Admin, Answer, Cluster};

const APPID: &str = "wx00000000000000c1";
const OTHER: &str = "wx00000000000000c2";

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(now.expect("after 1970").as_millis()).expect("before the year 584,556,019")
}

fn refused(answer: &Answer, status: u16, code: &str, words: &[&str]) {
    let problem = answer.json();
    assert_eq!(answer.status, status, "{problem}");
    assert_eq!(problem["code"], code, "{problem}");
    let detail = problem["detail"].as_str().unwrap_or("");
    for word in words {
        assert!(detail.contains(word), "no `{word}`: {detail}");
    }
}

/// A space without an accepted agreement, with two mini programs on the platform and a gateway.
async fn prepared(cluster: &Cluster) -> Admin {
    let admin = cluster.admin(0);
    for appid in [APPID, OTHER] {
        admin.register(appid, &[&cluster.origin.url()]).await;
    }
    admin.put("/spaces/acme", json!({})).await;
    admin.put("/gateways/shop", json!({"space": "acme"})).await;
    admin
}

async fn attach(admin: &Admin, appid: &str) -> Answer {
    let path = "/gateways/shop/one-key-access";
    admin
        .call(Method::POST, path, Some(&json!({"appid": appid})))
        .await
}

async fn accept(admin: &Admin, version: &str, by: &str) -> Answer {
    let body = json!({"version": version, "accepted_by": by});
    admin
        .call(Method::PUT, "/spaces/acme/agreement", Some(&body))
        .await
}

#[tokio::test]
async fn nothing_is_attached_before_the_agreement_is_accepted() {
    let cluster = Cluster::start(1).await;
    let admin = prepared(&cluster).await;
    let words = ["`acme`", "version 1", "/admin/v1/agreements/1"];
    refused(
        &attach(&admin, APPID).await,
        409,
        "agreement_not_accepted",
        &words,
    );
    let page = json!({"type": "web", "origins": [cluster.origin.url()]});
    let by_hand = admin
        .call(Method::POST, "/gateways/shop/businesses", Some(&page))
        .await;
    refused(&by_hand, 409, "agreement_not_accepted", &words);

    let unknown = accept(&admin, "2024-01", "li.lei").await;
    refused(
        &unknown,
        422,
        "unknown_agreement",
        &["`2024-01`", "The versions are: 1"],
    );
    let text = admin.get("/agreements/1").await;
    assert!(
        text["text"].as_str().is_some_and(|text| text.len() > 500),
        "{text}"
    );
    assert_eq!(text["required"], true, "{text}");

    let accepted = accept(&admin, "1", "li.lei").await;
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    admin.one_key_access("shop", APPID).await;
}

#[tokio::test]
async fn a_newer_text_stops_no_business_and_is_needed_for_new_ones_on_every_node() {
    let cluster = Cluster::start(3).await;
    let admin = prepared(&cluster).await;
    let began_ms = now_ms();
    accept(&admin, "1", "li.lei").await;
    let business = admin.one_key_access("shop", APPID).await;
    cluster.carries(&business).await;

    let text = json!({"title": "Terms", "text": "Be kind to origins."});
    admin.put("/agreements/2", text).await;
    cluster.agree().await;
    for node in 0..3 {
        let answer = cluster.call(node, &business, "/hello").send().await;
        assert_eq!(
            answer.status,
            200,
            "what is attached goes on: {}",
            answer.text()
        );
        let words = ["has accepted version 1", "version 2 is in force"];
        refused(
            &attach(&cluster.admin(node), OTHER).await,
            409,
            "agreement_not_accepted",
            &words,
        );
    }
    accept(&cluster.admin(1), "2", "han.meimei").await;
    cluster.agree().await;
    let attached = attach(&cluster.admin(2), OTHER).await;
    assert_eq!(attached.status, 201, "{}", attached.text());

    for node in 0..3 {
        let space = cluster.admin(node).get("/spaces/acme").await;
        let accepted = space["acceptances"].as_array().expect("all of them");
        let who = |one: &Value| (one["version"].clone(), one["accepted_by"].clone());
        let who: Vec<_> = accepted.iter().map(who).collect();
        assert_eq!(
            who,
            [
                (json!("1"), json!("li.lei")),
                (json!("2"), json!("han.meimei"))
            ]
        );
        for one in accepted {
            let at_ms = one["accepted_at_ms"].as_u64().expect("when");
            assert!((began_ms..=now_ms()).contains(&at_ms), "{one}");
        }
        assert_eq!(space["agreement"]["version"], "2", "{space}");
    }
}

#[tokio::test]
async fn a_text_is_needed_from_its_time_on_and_accepted_words_stay_as_they_are() {
    let cluster = Cluster::start(1).await;
    let admin = prepared(&cluster).await;
    accept(&admin, "1", "li.lei").await;
    let text =
        json!({"title": "Terms", "text": "From later on.", "effective_at": "2099-01-01T00:00:00Z"});
    admin.put("/agreements/later", text).await;
    assert_eq!(
        attach(&admin, APPID).await.status,
        201,
        "it is not in force yet"
    );

    let other_words = json!({"title": "Service agreement", "text": "We never said that."});
    let answer = admin
        .call(Method::PUT, "/agreements/1", Some(&other_words))
        .await;
    refused(&answer, 409, "agreement_accepted", &["`acme`", "version 1"]);
    let bad_name = admin
        .call(Method::PUT, "/agreements/a%20b", Some(&other_words))
        .await;
    refused(&bad_name, 422, "invalid", &["cannot name a version"]);
}

#[tokio::test]
async fn the_command_line_sets_shows_and_accepts_texts_and_tells_every_refusal() {
    let cluster = Cluster::start(1).await;
    prepared(&cluster).await;
    let attach = ["one-key-access", "shop", APPID];
    weir(&cluster, 0, &attach).refused("agreement_not_accepted", &["version 1", "/agreements/1"]);
    let unknown = ["agreement", "accept", "acme", "7", "--by", "li.lei"];
    weir(&cluster, 0, &unknown).refused("unknown_agreement", &["field `version`", "are: 1"]);
    let nowhere = ["agreement", "accept", "nowhere", "1", "--by", "li.lei"];
    weir(&cluster, 0, &nowhere).refused("not_found", &["`nowhere`"]);

    let file = cluster.dir().join("terms.md");
    std::fs::write(&file, "Be kind.\n").expect("a test's own directory");
    let file = file.to_str().expect("text");
    let put = ["agreement", "put", "2", "--title", "Terms", "--file", file];
    assert!(
        weir(&cluster, 0, &put)
            .done()
            .contains("Version 2 of the service agreement is set")
    );
    assert!(
        weir(&cluster, 0, &["agreement", "show", "2"])
            .done()
            .ends_with("Be kind.\n")
    );
    let accept = ["agreement", "accept", "acme", "2", "--by", "li.lei"];
    let said = weir(&cluster, 0, &accept).done();
    assert_eq!(
        said,
        "Space acme has accepted version 2 of the service agreement, by li.lei.\n"
    );
    let list = weir(&cluster, 0, &["agreement", "list"]).done();
    let required: Vec<&str> = list.lines().filter(|line| line.ends_with("yes")).collect();
    assert!(
        required.len() == 1 && required[0].starts_with('2'),
        "{list}"
    );
    weir(&cluster, 0, &attach).done();
}
