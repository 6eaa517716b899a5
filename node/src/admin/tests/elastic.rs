use actix_web::test::TestRequest;
use serde_json::json;

use super::Admin;

const PACK: &str = "/admin/v1/gateways/shop/elastic-packs/sale";

#[actix_web::test]
async fn an_elastic_pack_is_put_shown_kept_and_taken_away() {
    let admin = Admin::with_a_gateway().await;
    let pack = json!({"bandwidth_bps": 5_000_000, "from": "2026-01-01T08:00:00+08:00",
        "until": "2126-01-01T00:00:00Z"});
    let put = admin.put(PACK, pack.clone()).await.expect(200);
    let shown = json!([{"id": "sale", "bandwidth_bps": 5_000_000, "from": "2026-01-01T00:00:00Z",
        "until": "2126-01-01T00:00:00Z"}]);
    assert_eq!(put.body["elastic_packs"], shown);
    assert_eq!(put.header("x-weir-changed"), "true");
    let again = admin.put(PACK, pack).await.expect(200);
    assert_eq!(again.header("x-weir-changed"), "false");

    let gateway = json!({"space": "acme", "package": {"name": "standard"}});
    let put = admin.put("/admin/v1/gateways/shop", gateway).await;
    assert_eq!(put.expect(200).body["elastic_packs"], shown);
    let export = admin.get("/admin/v1/export").await.expect(200);
    assert_eq!(export.body["gateways"][0]["elastic_packs"], shown);

    let gone = admin.send(TestRequest::delete().uri(PACK)).await;
    assert_eq!(gone.expect(200).body["elastic_packs"], json!([]));
    let none = admin.send(TestRequest::delete().uri(PACK)).await;
    let none = none.expect_problem(404, "not_found");
    assert!(none.detail().contains("it has none"), "{}", none.text);
}

#[actix_web::test]
async fn an_elastic_pack_is_planned_in_a_dry_run() {
    let admin = Admin::with_a_gateway().await;
    let pack = json!({"bandwidth_bps": 5_000_000, "until": "2126-01-01T00:00:00Z"});
    let plan = admin.put(&format!("{PACK}?dry_run=true"), pack).await;
    let plan = plan.expect(200).body;
    assert_eq!(plan["changes"][0]["object"], "gateway/shop");
    let gateway = admin.get("/admin/v1/gateways/shop").await.expect(200);
    assert_eq!(gateway.body["elastic_packs"], json!([]));
}

#[actix_web::test]
async fn an_elastic_pack_that_cannot_be_is_refused_in_words() {
    let admin = Admin::with_a_gateway().await;
    let until = "2126-01-01T00:00:00Z";
    for (pack, field, words) in [
        (json!({"until": until}), "bandwidth_bps", "out of range"),
        (
            json!({"bandwidth_bps": 8}),
            "until",
            "An elastic pack needs its end",
        ),
        (
            json!({"bandwidth_bps": 8, "until": "soon"}),
            "until",
            "`soon` is no moment",
        ),
        (
            json!({"bandwidth_bps": 8, "until": "2001-01-01T00:00:00Z", "from": "2000-01-01T00:00:00Z"}),
            "until",
            "is over already",
        ),
        (
            json!({"bandwidth_bps": 8, "from": until, "until": until}),
            "until",
            "not after its beginning",
        ),
        (
            json!({"bandwidth_bps": 8, "qps": 0, "until": until}),
            "qps",
            "out of range",
        ),
    ] {
        let refused = admin.put(PACK, pack).await.expect_problem(422, "invalid");
        assert_eq!(refused.body["field"], field, "{}", refused.text);
        assert!(refused.detail().contains(words), "{}", refused.text);
    }
    let unknown = json!({"bandwidth_bps": 8, "until": until, "qsp": 4});
    let refused = admin.put(PACK, unknown).await;
    refused.expect_problem(422, "unknown_field");
    let nowhere = "/admin/v1/gateways/none/elastic-packs/sale";
    let pack = json!({"bandwidth_bps": 8, "until": until});
    let refused = admin.put(nowhere, pack.clone()).await;
    refused.expect_problem(404, "not_found");
    for i in 0..16 {
        let path = format!("/admin/v1/gateways/shop/elastic-packs/p{i}");
        admin.put(&path, pack.clone()).await.expect(200);
    }
    let refused = admin.put(PACK, pack).await;
    let refused = refused.expect_problem(409, "too_many_packs");
    assert!(refused.detail().contains("Remove one"), "{}", refused.text);
}
