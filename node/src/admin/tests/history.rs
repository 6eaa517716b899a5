use actix_web::test::TestRequest;
use serde_json::{Value, json};
use weir_config::object::Space;
use weir_config::{Object, Record, Stamp};

use super::{APPID, Admin};

/// Versions of one space: the first, and what two nodes made of it, neither knowing of the other.
struct Partition {
    admin: Admin,
    first: String,
    left: String,
}

/// A space as it was written an hour ago by `node`, which had `based_on`.
fn space(name: &str, counter: u16, node: &str, based_on: Option<&Record>) -> Record {
    let object = Object::Space(Space {
        id: "acme".to_owned(),
        name: name.to_owned(),
        ..Space::default()
    });
    Record {
        key: object.key(),
        stamp: Stamp {
            wall_ms: HOUR_AGO.with(|ago| *ago),
            counter,
            node: node.parse().unwrap(),
        },
        based_on: based_on.map(|record| record.stamp.clone()),
        author: format!("someone on {node}"),
        request: None,
        object: Some(object),
    }
}

thread_local! {
    static HOUR_AGO: u64 = crate::config_actor::now_ms() - 60 * 60 * 1_000;
}

async fn after_a_partition() -> Partition {
    let first = space("Acme", 0, "n1", None);
    let left = space("Left", 1, "n1", Some(&first));
    let right = space("Right", 2, "n2", Some(&first));
    let [first_stamp, left_stamp] = [&first, &left].map(|record| record.stamp.to_string());
    Partition {
        admin: Admin::with_records(&[first, left, right]).await,
        first: first_stamp,
        left: left_stamp,
    }
}

fn versions(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["version"].as_str().unwrap())
        .collect()
}

#[actix_web::test]
async fn every_change_is_listed_newest_first_with_who_when_where_and_what() {
    let admin = Admin::begin().await;
    let path = "/admin/v1/spaces/acme";
    let first = admin.put(path, json!({"name": "one"})).await.expect(201);
    let second = admin.put(path, json!({"name": "two"})).await.expect(200);
    let page = admin
        .get("/admin/v1/history?object=space/acme")
        .await
        .expect(200)
        .body;
    assert_eq!(
        versions(&page),
        [
            second.body["version"].as_str().unwrap(),
            first.body["version"].as_str().unwrap()
        ]
    );
    let [newest, oldest] = [&page["items"][0], &page["items"][1]];
    assert_eq!(
        (&newest["action"], &oldest["action"]),
        (&json!("changed"), &json!("created"))
    );
    assert_eq!(
        (&newest["author"], &newest["node"]),
        (&json!("tests"), &json!("n1"))
    );
    assert_eq!(
        (&newest["based_on"], &oldest["based_on"]),
        (&oldest["version"], &json!(null))
    );
    assert_eq!(
        (&newest["current"], &oldest["current"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&newest["conflict"], &oldest["conflict"]),
        (&json!(false), &json!(false))
    );
    assert!(newest["at"].as_str().unwrap().ends_with('Z'));
}

#[actix_web::test]
async fn a_version_tells_the_object_as_it_was_and_what_had_changed() {
    let admin = Admin::begin().await;
    let path = "/admin/v1/spaces/acme";
    admin.put(path, json!({"name": "one"})).await.expect(201);
    let second = admin.put(path, json!({"name": "two"})).await.expect(200);
    admin.put(path, json!({"name": "three"})).await.expect(200);
    let version = second.body["version"].as_str().unwrap();
    let told = admin
        .get(&format!("/admin/v1/history/{version}"))
        .await
        .expect(200)
        .body;
    assert_eq!(told["document"]["name"], "two");
    assert_eq!(
        told["diff"],
        json!([{"path": "name", "before": "one", "after": "two"}])
    );
    assert_eq!(
        (&told["object"], &told["current"]),
        (&json!("space/acme"), &json!(false))
    );
}

#[actix_web::test]
async fn a_token_shows_in_the_history_without_its_digest() {
    let admin = Admin::begin().await;
    let page = admin
        .get("/admin/v1/history?object=token")
        .await
        .expect(200)
        .body;
    let version = versions(&page)[0].to_owned();
    let told = admin
        .get(&format!("/admin/v1/history/{version}"))
        .await
        .expect(200);
    assert_eq!(told.body["document"]["id"], "tests");
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(super::TOKEN));
    assert!(!told.text.contains(&digest), "{}", told.text);
}

#[actix_web::test]
async fn the_history_is_paged_to_its_end() {
    let admin = Admin::begin().await;
    for i in 0..5 {
        admin
            .put("/admin/v1/spaces/acme", json!({"name": format!("{i}")}))
            .await;
    }
    let (mut seen, mut path) = (0, "/admin/v1/history?object=space/acme&limit=2".to_owned());
    loop {
        let page = admin.get(&path).await.expect(200).body;
        seen += versions(&page).len();
        match page["next"].as_str() {
            Some(next) => {
                path = format!("/admin/v1/history?object=space/acme&limit=2&after={next}")
            }
            None => break,
        }
    }
    assert_eq!(seen, 5);
}

#[actix_web::test]
async fn what_lost_unseen_in_a_partition_is_a_conflict_and_can_be_restored() {
    let Partition { admin, left, .. } = after_a_partition().await;
    assert_eq!(
        admin.get("/admin/v1/spaces/acme").await.body["name"],
        "Right"
    );
    let conflicts = admin
        .get("/admin/v1/history?conflicts=true")
        .await
        .expect(200)
        .body;
    assert_eq!(versions(&conflicts), std::slice::from_ref(&left));
    assert_eq!(conflicts["items"][0]["author"], "someone on n1");
    assert_eq!(admin.get("/admin/v1/cluster").await.body["conflicts"], 1);

    let restored = admin
        .post(&format!("/admin/v1/history/{left}/restore"), json!({}))
        .await
        .expect(200);
    assert_eq!(restored.body["name"], "Left");
    assert_ne!(restored.body["version"], left, "a new version");
    assert_eq!(admin.get("/admin/v1/spaces/acme").await.body, restored.body);
}

#[actix_web::test]
async fn a_restore_brings_back_a_deleted_business() {
    let admin = Admin::with_a_business().await;
    let path = format!("/admin/v1/businesses/{APPID}");
    let before = admin.get(&path).await.expect(200).body;
    admin
        .send(TestRequest::delete().uri(&path))
        .await
        .expect(204);
    let restore = format!(
        "/admin/v1/history/{}/restore",
        before["version"].as_str().unwrap()
    );

    let plan = admin
        .post(&format!("{restore}?dry_run=true"), json!({}))
        .await
        .expect(200);
    assert_eq!(plan.body["changes"][0]["action"], "create");
    admin.get(&path).await.expect_problem(404, "not_found");

    let restored = admin.post(&restore, json!({})).await.expect(201);
    let mut expected = before.clone();
    expected["version"] = restored.body["version"].clone();
    assert_eq!(restored.body, expected);
    assert_eq!(admin.get(&path).await.expect(200).body, expected);
    let again = admin.post(&restore, json!({})).await.expect(200);
    assert_eq!(again.header("x-weir-changed"), "false");
}

#[actix_web::test]
async fn a_restore_of_a_deletion_deletes_again() {
    let admin = Admin::with_a_business().await;
    let path = format!("/admin/v1/businesses/{APPID}");
    let version = admin.get(&path).await.body["version"]
        .as_str()
        .unwrap()
        .to_owned();
    let gone = admin
        .send(TestRequest::delete().uri(&path))
        .await
        .expect(204);
    let deletion = gone.header("x-wx-conf-version").to_owned();
    let restore = |version: &str| format!("/admin/v1/history/{version}/restore");
    admin.post(&restore(&version), json!({})).await.expect(201);
    admin.post(&restore(&deletion), json!({})).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not_found");
}

#[actix_web::test]
async fn a_restore_based_on_an_old_version_changes_nothing() {
    let Partition { admin, first, left } = after_a_partition().await;
    let request = TestRequest::post()
        .uri(&format!("/admin/v1/history/{left}/restore"))
        .insert_header(("if-match", format!("\"{first}\"")));
    let refused = admin
        .send(request)
        .await
        .expect_problem(412, "version_mismatch");
    assert_eq!(refused.body["current"]["name"], "Right");
}

#[actix_web::test]
async fn everything_is_again_as_it_was_at_a_version() {
    let admin = Admin::with_a_gateway().await;
    let then = admin.get("/admin/v1/export").await.expect(200).body;
    let gateway = admin.get("/admin/v1/gateways/shop").await.body["version"].clone();
    let path = "/admin/v1/gateways/shop/one-key-access?link_test=false";
    admin.post(path, json!({"appid": APPID})).await.expect(201);
    admin
        .put("/admin/v1/spaces/late", json!({}))
        .await
        .expect(201);
    admin
        .put(
            "/admin/v1/gateways/shop",
            json!({"space": "acme", "name": "Renamed"}),
        )
        .await
        .expect(200);

    let restore = format!("/admin/v1/history/restore?at={}", gateway.as_str().unwrap());
    let plan = admin
        .post(&format!("{restore}&dry_run=true"), json!({}))
        .await
        .expect(200);
    let of = |change: &Value| {
        format!(
            "{} {}",
            change["action"].as_str().unwrap(),
            change["object"].as_str().unwrap()
        )
    };
    let mut actions: Vec<String> = plan.body["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(of)
        .collect();
    actions.sort();
    let business = format!("delete business/{APPID}");
    assert_eq!(
        actions,
        [
            "change gateway/shop",
            "change space/acme",
            &business,
            "delete space/late"
        ]
    );
    assert_ne!(
        admin.get("/admin/v1/export").await.body,
        then,
        "a dry run changes nothing"
    );

    let done = admin.post(&restore, json!({})).await.expect(200);
    assert_eq!(
        (&done.body["dry_run"], done.header("x-weir-changed")),
        (&json!(false), "true")
    );
    assert_eq!(admin.get("/admin/v1/export").await.body, then);
    let again = admin.post(&restore, json!({})).await.expect(200);
    assert_eq!(
        (&again.body["changes"], again.header("x-weir-changed")),
        (&json!([]), "false")
    );
}

#[actix_web::test]
async fn everything_is_again_as_it_was_at_a_moment() {
    let admin = Admin::begin().await;
    let first = admin
        .put("/admin/v1/spaces/acme", json!({"name": "one"}))
        .await
        .expect(201);
    let version = first.body["version"].as_str().unwrap();
    let at = admin
        .get(&format!("/admin/v1/history/{version}"))
        .await
        .body["at"]
        .clone();
    // A change of the same millisecond belongs to that moment.
    let made: Stamp = version.parse().unwrap();
    while crate::config_actor::now_ms() <= made.wall_ms {
        tokio::task::yield_now().await;
    }
    admin
        .put("/admin/v1/spaces/acme", json!({"name": "two"}))
        .await
        .expect(200);
    let restore = format!("/admin/v1/history/restore?at={}", at.as_str().unwrap());
    admin.post(&restore, json!({})).await.expect(200);
    assert_eq!(admin.get("/admin/v1/spaces/acme").await.body["name"], "one");
    admin.get("/admin/v1/cluster").await.expect(200);
}

#[actix_web::test]
async fn what_is_no_version_and_no_moment_is_refused_with_how_to_write_one() {
    let admin = Admin::begin().await;
    for path in [
        "/admin/v1/history/latest",
        "/admin/v1/cluster/config/latest",
    ] {
        let refused = admin.get(path).await.expect_problem(400, "invalid_version");
        assert!(
            refused.detail().contains("`latest`"),
            "{}",
            refused.detail()
        );
    }
    let unknown = "/admin/v1/history/0190000000000000-n9";
    admin
        .get(unknown)
        .await
        .expect_problem(404, "version_not_found");
    for at in ["yesterday", "2999-01-01T00:00:00Z"] {
        let path = format!("/admin/v1/history/restore?at={at}");
        let refused = admin
            .post(&path, json!({}))
            .await
            .expect_problem(400, "invalid_query");
        assert_eq!(refused.body["field"], "at");
    }
    let path = "/admin/v1/history/restore?at=0190000000000000-n9";
    admin
        .post(path, json!({}))
        .await
        .expect_problem(404, "version_not_found");
    admin
        .post("/admin/v1/history/restore", json!({}))
        .await
        .expect_problem(400, "invalid_query");
}

#[actix_web::test]
async fn a_parameter_of_the_history_that_cannot_be_used_is_named() {
    let admin = Admin::begin().await;
    for (query, field) in [
        ("object=shop/", "object"),
        ("object=shop", "object"),
        ("node=N+1", "node"),
        ("from=today", "from"),
        ("to=today", "to"),
        ("limit=0", "limit"),
        ("after=first", "after"),
        ("who=me", "who"),
    ] {
        let refused = admin.get(&format!("/admin/v1/history?{query}")).await;
        let refused = refused.expect_problem(400, "invalid_query");
        assert_eq!(refused.body["field"], field, "{query}");
    }
}

#[actix_web::test]
async fn a_token_is_not_restored() {
    let admin = Admin::begin().await;
    let page = admin
        .get("/admin/v1/history?object=token/tests")
        .await
        .expect(200)
        .body;
    let path = format!("/admin/v1/history/{}/restore", versions(&page)[0]);
    admin
        .post(&path, json!({}))
        .await
        .expect_problem(409, "not_restorable");
}
