use serde_json::json;
use weir_config::domain::Origin;

use super::*;
use crate::forward::ConfiguredOrigins;

/// The table of what is configured, in service.
fn in_service(admin: &Admin) -> Arc<RoutingTable> {
    let snapshot = admin.state.config.catalog();
    let before = RoutingTable::default();
    let origins = ConfiguredOrigins::compile(&snapshot.catalog, &before.origins);
    let table = RoutingTable::new(AccessTable::default(), Vec::new(), origins, &before);
    let table = Arc::new(table);
    admin.state.routing.store(table.clone());
    table
}

#[actix_web::test]
async fn the_state_of_each_address_is_shown_and_summed_up_for_metrics() {
    let admin = Admin::with_a_business().await;
    let origin = json!({
        "domain": "api.shop.example",
        "addresses": [{"address": "10.0.0.1:443", "weight": 3}, {"address": "10.0.0.2:443"}],
        "health": {"path": "/health"}
    });
    admin
        .patch(
            &format!("/admin/v1/businesses/{APPID}"),
            json!({"origins": [origin]}),
        )
        .await
        .expect(200);
    let table = in_service(&admin);
    let origin = Origin::parse("api.shop.example").unwrap();
    let state = table.origins.find(APPID, &origin).unwrap();
    state.failed(0);
    state.checked(1, false, "status 503".to_owned(), Some(false));

    let path = format!("/admin/v1/businesses/{APPID}/origins");
    let shown = admin.get(&path).await.body;
    assert_eq!(shown["node"], "n1");
    let origin = &shown["origins"][0];
    assert_eq!(
        (&origin["domain"], &origin["checked"]),
        (&json!("api.shop.example"), &json!(true))
    );
    let [first, second] = [&origin["addresses"][0], &origin["addresses"][1]];
    assert_eq!(
        (
            &first["condition"],
            &first["failed_calls"],
            &first["weight"]
        ),
        (&json!("healthy"), &json!(1), &json!(3))
    );
    assert_eq!(second["condition"], "unhealthy");
    assert_eq!(second["last_check"]["said"], "status 503");

    let metrics = admin.get("/metrics").await.text;
    for line in [
        "weir_origin_addresses{condition=\"healthy\"} 1",
        "weir_origin_addresses{condition=\"unhealthy\"} 1",
        "weir_origin_addresses{condition=\"ejected\"} 0",
        "weir_origin_failed_calls 1",
        "weir_origin_failed_checks 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[actix_web::test]
async fn a_business_that_is_not_there_has_no_origins_and_no_clients() {
    let admin = Admin::begin().await;
    for what in ["origins", "clients"] {
        let answer = admin
            .get(&format!("/admin/v1/businesses/nobody/{what}"))
            .await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("not_found"))
        );
    }
}

#[actix_web::test]
async fn a_business_without_calls_has_clients_of_no_version() {
    let admin = Admin::with_a_business().await;
    let shown = admin
        .get(&format!("/admin/v1/businesses/{APPID}/clients"))
        .await
        .body;
    assert_eq!(shown["versions"], json!([]));
    assert_eq!(
        shown["none"],
        json!({"calls": 0, "recent_calls": 0, "last_at": null})
    );
    assert_eq!(shown["nodes"], json!(["n1"]));
}
