//! Elastic packs.

use serde_json::json;

use super::{Row, conflict, invalid, not_found};
use crate::fixture::{Cluster, NOW_MS, context, gateway_input};
use weir_config::moment;
use weir_config::operation::document::{Document, export, plan};
use weir_config::operation::{
    ElasticPackInput, PACKS_MAX, delete_elastic_pack, put_elastic_pack, put_gateway,
};

const HOUR_MS: u64 = 3_600_000;

fn pack(bandwidth_bps: u64, until: &str) -> ElasticPackInput {
    ElasticPackInput {
        bandwidth_bps: Some(bandwidth_bps),
        qps: None,
        from: None,
        until: Some(until.to_owned()),
    }
}

pub fn rows() -> Vec<Row> {
    let later = moment::text(NOW_MS + HOUR_MS);
    let mut cluster = Cluster::ready();
    cluster.write(|c| put_gateway(c, "metered", gateway_input("acme")));
    let mut full = Cluster::ready();
    full.write(|c| put_gateway(c, "metered", gateway_input("acme")));
    for i in 0..PACKS_MAX {
        let input = pack(1_000_000, &later);
        full.write(|c| put_elastic_pack(c, &context(), "metered", &format!("p{i}"), input));
    }
    let put = |cluster: &Cluster, gateway: &str, id: &str, input: ElasticPackInput| {
        put_elastic_pack(&cluster.catalog, &context(), gateway, id, input)
    };
    let until = |until: &str| put(&cluster, "metered", "p", pack(1_000_000, until));
    let before_it_begins = ElasticPackInput {
        from: Some(moment::text(NOW_MS + 2 * HOUR_MS)),
        ..pack(1_000_000, &later)
    };
    let over = ElasticPackInput {
        from: Some(moment::text(NOW_MS - 2 * HOUR_MS)),
        ..pack(1_000_000, &moment::text(NOW_MS - HOUR_MS))
    };
    let mut document = serde_json::to_value(export(&full.catalog)).unwrap();
    let packs = document["gateways"][1]["elastic_packs"].as_array_mut();
    let packs = packs.unwrap();
    let mut one_more = packs[0].clone();
    one_more["id"] = json!("more");
    packs.push(one_more);
    let document = Document::read(&document).unwrap();
    let endless = ElasticPackInput {
        until: None,
        ..pack(1_000_000, &later)
    };
    let delete = delete_elastic_pack(&cluster.catalog, &context(), "metered", "p");
    vec![
        not_found(put(&cluster, "none", "p", pack(1_000_000, &later))),
        not_found(delete),
        invalid(
            "pack",
            put(&cluster, "metered", "P 1", pack(1_000_000, &later)),
        ),
        invalid(
            "bandwidth_bps",
            put(&cluster, "metered", "p", pack(1, &later)),
        ),
        invalid("until", until("tonight")),
        invalid("until", until(&moment::text(NOW_MS - HOUR_MS))),
        invalid("until", put(&cluster, "metered", "p", before_it_begins)),
        invalid("until", put(&cluster, "metered", "p", endless)),
        invalid("until", put(&cluster, "metered", "p", over)),
        invalid(
            "gateways[1].elastic_packs",
            plan(&full.catalog, NOW_MS, &document, false),
        ),
        conflict(
            "too_many_packs",
            put(&full, "metered", "more", pack(1_000_000, &later)),
        ),
    ]
}
