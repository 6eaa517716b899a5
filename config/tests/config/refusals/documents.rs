//! Whole documents, and what comes back from history.

use serde_json::{Value, json};

use super::{Row, conflict, invalid};
use crate::fixture::{APPID, Cluster, NOW_MS, context};
use weir_config::object::{SchedulePlan, ScheduledDisconnect};
use weir_config::operation::document::{Document, Plan, export, plan};
use weir_config::operation::{
    create_token, delete_business, put_platform_secret, put_schedule, restore,
};
use weir_config::{Record, Refusal};

/// The plan for a configuration's own document after an edit.
fn planned(cluster: &Cluster, edit: impl FnOnce(&mut Value)) -> Result<Plan, Refusal> {
    let mut document = serde_json::to_value(export(&cluster.catalog)).unwrap();
    edit(&mut document);
    plan(&cluster.catalog, NOW_MS, &Document::read(&document)?, true)
}

fn version(cluster: &Cluster, key: &str) -> Record {
    cluster
        .catalog
        .record(&key.parse().unwrap())
        .unwrap()
        .clone()
}

pub fn rows() -> Vec<Row> {
    let mini = Cluster::attached();
    let web = Cluster::with_web();
    let of_mini = |field: &str, edit: fn(&mut Value)| invalid(field, planned(&mini, edit));
    let mut tokened = Cluster::attached();
    tokened.write(|_| create_token(&context(), "ann", &"a".repeat(64)));
    tokened.write(|c| {
        let at_once = ScheduledDisconnect {
            at_ms: NOW_MS,
            until_ms: None,
        };
        put_schedule(
            c,
            &context(),
            APPID,
            "night",
            SchedulePlan::Disconnect(at_once),
            "ann",
        )
    });
    tokened.write(|_| put_platform_secret(&context(), "ticket", "v1.sealed"));
    let restored = |key: &str| restore(&tokened.catalog, NOW_MS, &version(&tokened, key));
    vec![
        Row::new(422, "invalid", None, Document::read(&json!([]))),
        of_mini("tokens", |d| d["tokens"] = json!([])),
        of_mini("spaces", |d| d["spaces"] = json!({})),
        of_mini("spaces[0]", |d| d["spaces"][0]["id"] = json!(7)),
        of_mini("spaces[0].nme", |d| d["spaces"][0]["nme"] = json!("x")),
        of_mini("regions[1]", |d| d["regions"][1] = d["regions"][0].clone()),
        of_mini("businesses[0].appid", |d| {
            d["businesses"][0]["appid"] = json!("wx1")
        }),
        of_mini("businesses[0].gateway", |d| {
            d["spaces"][0]["agreement"] = Value::Null;
        }),
        of_mini("businesses[0].gateway", |d| {
            d["spaces"][0]["mini_programs"] = json!([]);
        }),
        of_mini("businesses[0].attached_domains", |d| {
            let many: Vec<String> = (0..201).map(|i| format!("d{i}.example")).collect();
            d["businesses"][0]["attached_domains"] = json!(many);
        }),
        of_mini("businesses[0].attached_domains[0]", |d| {
            d["businesses"][0]["attached_domains"] = json!(["evil.example"]);
        }),
        of_mini("businesses[0].attached_domains[1]", |d| {
            d["businesses"][0]["attached_domains"] =
                json!(["api.shop.example", "API.shop.example"]);
        }),
        of_mini("businesses[0].attached_domains", |d| {
            d["businesses"][0]["attached_domains"] = json!(["api.shop.example"]);
        }),
        Row::new(
            422,
            "reference_missing",
            Some("gateways[0].space"),
            planned(&mini, |d| d["gateways"][0]["space"] = json!("gone")),
        ),
        conflict(
            "access_label_taken",
            planned(&web, |d| {
                let mut second = d["businesses"][0].clone();
                (second["id"], second["appid"]) = (json!("second"), json!("second"));
                d["businesses"].as_array_mut().unwrap().push(second);
            }),
        ),
        conflict("still_in_use", {
            let mut gone = version(&mini, "gateway/main");
            gone.object = None;
            restore(&mini.catalog, NOW_MS, &gone)
        }),
        conflict("agreement_not_accepted", {
            // Taken off, then a newer text came into force: to bring it back is to attach it.
            let mut cluster = Cluster::attached();
            let attached = version(&cluster, &format!("business/{APPID}"));
            cluster.write(|c| delete_business(c, APPID));
            cluster.newer_agreement("2");
            restore(&cluster.catalog, NOW_MS, &attached)
        }),
        conflict("not_restorable", restored("token/ann")),
        conflict("not_restorable", restored("platform_secret/ticket")),
        conflict(
            "not_restorable",
            restored(&format!("schedule/{APPID}/night")),
        ),
    ]
}
