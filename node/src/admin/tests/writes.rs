use actix_web::test::TestRequest;
use serde_json::json;

use super::{APPID, Admin};

#[actix_web::test]
async fn an_object_is_created_read_changed_and_left_alone() {
    let admin = Admin::begin().await;
    let path = "/admin/v1/spaces/acme";
    let created = admin.put(path, json!({"name": "Acme"})).await.expect(201);
    let version = created.body["version"].as_str().unwrap().to_owned();
    assert_eq!(created.header("etag"), format!("\"{version}\""));
    assert_eq!(created.header("x-wx-conf-version"), version);
    assert_eq!(created.header("x-weir-changed"), "true");

    let read = admin.get(path).await.expect(200);
    assert_eq!(
        (&read.body, read.header("etag")),
        (&created.body, created.header("etag"))
    );

    let again = admin.put(path, json!({"name": "Acme"})).await.expect(200);
    assert_eq!(again.header("x-weir-changed"), "false");
    assert_eq!(again.body["version"], version);

    let renamed = admin
        .put(path, json!({"name": "Acme Ltd"}))
        .await
        .expect(200);
    assert_eq!(renamed.header("x-weir-changed"), "true");
    assert!(renamed.body["version"].as_str().unwrap() > version.as_str());
}

#[actix_web::test]
async fn a_write_based_on_an_old_version_gets_the_current_object_and_changes_nothing() {
    let admin = Admin::begin().await;
    let path = "/admin/v1/spaces/acme";
    let first = admin.put(path, json!({"name": "one"})).await.expect(201);
    admin.put(path, json!({"name": "two"})).await.expect(200);
    let put = |etag: &str| {
        let body = json!({"name": "three"});
        TestRequest::put()
            .uri(path)
            .insert_header(("if-match", etag))
            .set_json(body)
    };
    let stale = admin
        .send(put(first.header("etag")))
        .await
        .expect_problem(412, "version_mismatch");
    assert_eq!(stale.body["current"]["name"], "two");
    let current = format!("\"{}\"", stale.body["current"]["version"].as_str().unwrap());
    admin.send(put(&current)).await.expect(200);
    assert_eq!(admin.get(path).await.body["name"], "three");
}

#[actix_web::test]
async fn if_match_any_asks_that_the_object_exists() {
    let admin = Admin::begin().await;
    let put = || {
        let request = TestRequest::put().uri("/admin/v1/spaces/acme");
        request.insert_header(("if-match", "*")).set_json(json!({}))
    };
    admin
        .send(put())
        .await
        .expect_problem(412, "version_mismatch");
    admin
        .put("/admin/v1/spaces/acme", json!({}))
        .await
        .expect(201);
    admin.send(put()).await.expect(200);
}

#[actix_web::test]
async fn a_dry_run_answers_what_would_change_and_changes_nothing() {
    let admin = Admin::begin().await;
    let path = "/admin/v1/spaces/acme";
    let dry_run = format!("{path}?dry_run=true");
    let plan = admin
        .put(&dry_run, json!({"name": "Acme"}))
        .await
        .expect(200);
    assert_eq!(plan.body["dry_run"], true);
    let change = &plan.body["changes"][0];
    assert_eq!(change["object"], "space/acme");
    assert_eq!(change["action"], "create");
    assert_eq!(change["before_version"], json!(null));
    assert!(
        plan.text.contains(r#"{"path":"name","after":"Acme"}"#),
        "{}",
        plan.text
    );
    assert_eq!(
        (plan.header("etag"), plan.header("x-wx-conf-version")),
        ("", "")
    );
    admin.get(path).await.expect_problem(404, "not_found");

    let there = admin.put(path, json!({"name": "Acme"})).await.expect(201);
    let plan = admin.put(&dry_run, json!({"name": "B"})).await.expect(200);
    assert_eq!(
        plan.body["changes"],
        json!([{"object": "space/acme", "action": "change", "before_version": there.body["version"],
                "diff": [{"path": "name", "before": "Acme", "after": "B"}]}])
    );
    let plan = admin.put(&dry_run, json!({"name": "Acme"})).await;
    assert_eq!(plan.expect(200).body["changes"], json!([]));
}

#[actix_web::test]
async fn a_dry_run_is_refused_as_the_change_would_be() {
    let admin = Admin::begin().await;
    let answer = admin
        .put(
            "/admin/v1/gateways/shop?dry_run=true",
            json!({"space": "none"}),
        )
        .await;
    assert!((400..500).contains(&answer.status), "{}", answer.text);
}

#[actix_web::test]
async fn a_list_is_paged_to_its_end_without_repeating_or_leaving_out() {
    let admin = Admin::begin().await;
    for i in 0..5 {
        admin
            .put(&format!("/admin/v1/spaces/s{i}"), json!({}))
            .await
            .expect(201);
    }
    let (mut seen, mut path) = (Vec::new(), "/admin/v1/spaces?limit=2".to_owned());
    loop {
        let page = admin.get(&path).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        assert!((1..=2).contains(&items.len()));
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/admin/v1/spaces?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4"]);
}

#[actix_web::test]
async fn a_full_last_page_has_no_next() {
    let admin = Admin::begin().await;
    for i in 0..2 {
        admin
            .put(&format!("/admin/v1/spaces/s{i}"), json!({}))
            .await
            .expect(201);
    }
    let page = admin.get("/admin/v1/spaces?limit=2").await.expect(200);
    assert_eq!(
        (
            page.body["items"].as_array().unwrap().len(),
            &page.body["next"]
        ),
        (2, &json!(null))
    );
}

#[actix_web::test]
async fn a_limit_out_of_range_is_refused() {
    let admin = Admin::begin().await;
    for limit in ["0", "501"] {
        let answer = admin.get(&format!("/admin/v1/spaces?limit={limit}")).await;
        assert_eq!(
            answer.expect_problem(400, "invalid_query").body["field"],
            "limit"
        );
    }
}

#[actix_web::test]
async fn a_deleted_business_is_gone_from_answers_and_lists() {
    let admin = Admin::with_a_business().await;
    let path = format!("/admin/v1/businesses/{APPID}");
    let etag = admin.get(&path).await.expect(200).header("etag").to_owned();
    let delete = |etag: &str| {
        TestRequest::delete()
            .uri(&path)
            .insert_header(("if-match", etag))
    };
    admin
        .send(delete("\"old\""))
        .await
        .expect_problem(412, "version_mismatch");
    let gone = admin.send(delete(&etag)).await.expect(204);
    assert_eq!(gone.text, "");
    admin.get(&path).await.expect_problem(404, "not_found");
    assert_eq!(
        admin.get("/admin/v1/businesses").await.body["items"],
        json!([])
    );
}
