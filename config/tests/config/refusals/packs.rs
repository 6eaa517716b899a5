//! Elastic packs of a gateway.

use serde_json::{Value, json};

use super::{Row, conflict, invalid, not_found};
use crate::fixture::{Cluster, NOW_MS, context};
use weir_config::Refusal;
use weir_config::moment;
use weir_config::operation::document::{Document, export, plan};
use weir_config::operation::{Change, PACKS_MAX, delete_elastic_pack, put_elastic_pack};

fn put(cluster: &Cluster, gateway: &str, id: &str, input: Value) -> Result<Change, Refusal> {
    let input = serde_json::from_value(input).unwrap();
    put_elastic_pack(&cluster.catalog, &context(), gateway, id, input)
}

fn pack() -> Value {
    json!({"bandwidth_bps": 8_000, "until": moment::text(NOW_MS + 60_000)})
}

fn with(field: &str, value: Value) -> Value {
    let mut pack = pack();
    pack[field] = value;
    pack
}

pub fn rows() -> Vec<Row> {
    let attached = Cluster::attached();
    let refused = |field: &str, input: Value| invalid(field, put(&attached, "main", "sale", input));
    let mut full = Cluster::attached();
    for i in 0..PACKS_MAX {
        let input = serde_json::from_value(pack()).unwrap();
        full.write(|c| put_elastic_pack(c, &context(), "main", &format!("p{i}"), input));
    }
    let documented = |count: usize, id: &str| {
        let mut document = serde_json::to_value(export(&full.catalog)).unwrap();
        let packs = document["gateways"][0]["elastic_packs"]
            .as_array_mut()
            .unwrap();
        let first = packs[0].clone();
        packs.resize(count, first);
        packs[1]["id"] = json!(id);
        plan(&full.catalog, NOW_MS, &Document::read(&document)?, false)
    };
    vec![
        not_found(put(&attached, "none", "sale", pack())),
        invalid("pack", put(&attached, "main", "Big Sale", pack())),
        refused("until", json!({"bandwidth_bps": 8_000})),
        refused("until", with("until", json!("soon"))),
        refused("from", with("from", json!("soon"))),
        refused("until", with("from", json!(moment::text(NOW_MS + 60_000)))),
        refused("bandwidth_bps", with("bandwidth_bps", json!(7))),
        refused("qps", with("qps", json!(0))),
        refused(
            "until",
            json!({"bandwidth_bps": 8_000, "from": moment::text(NOW_MS - 2), "until": moment::text(NOW_MS - 1)}),
        ),
        conflict("too_many_packs", put(&full, "main", "one-more", pack())),
        not_found(delete_elastic_pack(
            &full.catalog,
            &context(),
            "main",
            "none",
        )),
        invalid("gateways[0].elastic_packs", documented(PACKS_MAX + 1, "p1")),
        invalid(
            "gateways[0].elastic_packs[1].id",
            documented(PACKS_MAX, "p0"),
        ),
    ]
}
