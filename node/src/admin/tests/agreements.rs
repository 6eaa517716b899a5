use serde_json::json;

use super::{APPID, Admin};

#[actix_web::test]
async fn texts_are_set_read_and_listed_in_the_order_in_which_they_take_effect() {
    let admin = Admin::begin().await;
    let listed = admin.get("/admin/v1/agreements").await.expect(200);
    assert_eq!(listed.body["items"][0]["id"], "1");
    assert_eq!(listed.body["items"][0]["required"], true);
    assert!(
        listed.body["items"][0].get("version").is_none(),
        "{}",
        listed.text
    );

    let text = json!({"title": "Terms", "text": "What is agreed.", "effective_at": "1970-01-02T00:00:00Z"});
    let set = admin
        .put("/admin/v1/agreements/2026-02", text.clone())
        .await
        .expect(201);
    assert_eq!(
        (&set.body["id"], &set.body["required"]),
        (&json!("2026-02"), &json!(true))
    );
    assert_eq!(
        set.header("etag"),
        format!("\"{}\"", set.body["version"].as_str().unwrap())
    );
    let again = admin
        .put("/admin/v1/agreements/2026-02", text)
        .await
        .expect(200);
    assert_eq!(again.header("x-weir-changed"), "false");

    let listed = admin.get("/admin/v1/agreements?limit=1").await.expect(200);
    assert_eq!(
        (&listed.body["items"][0]["required"], &listed.body["next"]),
        (&json!(false), &json!("1"))
    );
    let rest = admin
        .get("/admin/v1/agreements?limit=1&after=1")
        .await
        .expect(200);
    assert_eq!(
        (&rest.body["items"][0]["id"], &rest.body["next"]),
        (&json!("2026-02"), &json!(null))
    );
    let built_in = admin.get("/admin/v1/agreements/1").await.expect(200);
    let words = built_in.body["text"].as_str().unwrap();
    assert!(words.contains("quick disconnect"), "{words}");
}

#[actix_web::test]
async fn a_space_keeps_every_acceptance_and_needs_the_newest_for_attaching() {
    let admin = Admin::with_a_gateway().await;
    let text = json!({"title": "Terms", "text": "What is agreed."});
    admin.put("/admin/v1/agreements/2", text).await.expect(201);
    let one_key = "/admin/v1/gateways/shop/one-key-access";
    let refused = admin.post(one_key, json!({"appid": APPID})).await;
    let refused = refused.expect_problem(409, "agreement_not_accepted");
    assert!(
        refused.detail().contains("/admin/v1/agreements/2"),
        "{}",
        refused.detail()
    );
    let agreement = "/admin/v1/spaces/acme/agreement";
    let accepted = json!({"version": "2", "accepted_by": "han.mei"});
    let space = admin.put(agreement, accepted).await.expect(200);
    let who: Vec<_> = space.body["acceptances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["accepted_by"])
        .collect();
    assert_eq!(who, ["li.lei", "han.mei"]);
    admin
        .post(one_key, json!({"appid": APPID}))
        .await
        .expect(201);
}

#[actix_web::test]
async fn what_cannot_be_agreed_to_is_refused_by_name() {
    let admin = Admin::with_a_gateway().await;
    let accepted = json!({"version": "2030-01", "accepted_by": "li.lei"});
    let refused = admin.put("/admin/v1/spaces/acme/agreement", accepted).await;
    let refused = refused.expect_problem(422, "unknown_agreement");
    assert_eq!(refused.body["field"], "version");
    assert!(
        refused.detail().contains("The versions are: 1;"),
        "{}",
        refused.detail()
    );

    let other = json!({"title": "Terms", "text": "Other words."});
    let refused = admin.put("/admin/v1/agreements/1", other).await;
    refused.expect_problem(409, "agreement_accepted");
    let empty = json!({"title": "Terms", "text": ""});
    let refused = admin.put("/admin/v1/agreements/2", empty).await;
    assert_eq!(refused.expect_problem(422, "invalid").body["field"], "text");
    let refused = admin
        .put("/admin/v1/agreements/2", json!({"title": "Terms"}))
        .await;
    assert_eq!(
        refused.expect_problem(422, "missing_field").body["field"],
        "text"
    );
    admin
        .get("/admin/v1/agreements/9")
        .await
        .expect_problem(404, "not_found");
}
