//! The figures of all nodes put together.

use std::collections::BTreeMap;

use super::view::{
    BusinessUse, LimitView, NodeUse, OverflowView, PackageUse, Rates, Told, Windows,
};
use crate::admin::fan_out::{Answered, FanOut};
use crate::admin::moment;
use weir_config::object::Gateway;

/// Businesses that are listed each by itself; in an answer of a node to another, and in the whole.
const BUSINESSES_MAX: usize = 200;
/// All the others together. No id of a business: those of mini programs begin with `wx`, and this one is kept
/// from the rest by its place, the last.
pub const OTHERS: &str = "other";

/// The whole of what the nodes said of a gateway's package.
pub fn whole(gateway: &Gateway, now_ms: u64, told: FanOut<Told>) -> PackageUse {
    let limit = limit(gateway, now_ms);
    let mut rates = Windows::<Rates>::default();
    let mut overflow = OverflowView::default();
    let mut businesses = Vec::new();
    let mut nodes = Vec::new();
    for Answered { node, answer } in told.answered {
        rates += answer.figures.used.into();
        overflow += answer.figures.overflow.into();
        businesses.extend(answer.businesses);
        nodes.push(NodeUse {
            // As this node knows it, whatever it calls itself.
            node,
            ..NodeUse::new(answer.figures, &limit)
        });
    }
    PackageUse {
        gateway: gateway.id.clone(),
        at: moment::text(now_ms),
        used: rates.map(|rates| rates.of(&limit)),
        overflow,
        businesses: most_overflow(businesses),
        peaks: None,
        forecast: None,
        nodes,
        unanswered: told.unanswered,
        limit,
    }
}

/// Those with the most overflow, each once, and the others in one; so that an answer has a limit.
pub fn most_overflow(businesses: impl IntoIterator<Item = BusinessUse>) -> Vec<BusinessUse> {
    let mut by_id: BTreeMap<String, BusinessUse> = BTreeMap::new();
    let mut others = BusinessUse {
        business: OTHERS.to_owned(),
        ..BusinessUse::default()
    };
    for business in businesses {
        if business.business == OTHERS {
            others += &business;
            continue;
        }
        match by_id.get_mut(&business.business) {
            Some(known) => *known += &business,
            None => drop(by_id.insert(business.business.clone(), business)),
        }
    }
    let mut all: Vec<BusinessUse> = by_id.into_values().collect();
    // The sort keeps the order of the ids where the figures are alike.
    all.sort_by_key(|business| {
        let (overflow, link) = (business.overflow_calls(), business.link.calls);
        std::cmp::Reverse((overflow, link))
    });
    for business in all.drain(BUSINESSES_MAX.min(all.len())..) {
        others += &business;
    }
    if others.link.calls > 0 || others.overflow_calls() > 0 {
        all.push(others);
    }
    all
}

fn limit(gateway: &Gateway, now_ms: u64) -> LimitView {
    let limit = gateway.limit_at(now_ms);
    LimitView {
        package: gateway.package,
        elastic_packs: gateway.packs_in_force(now_ms).cloned().collect(),
        bandwidth_bps: limit.bandwidth_bps,
        bytes_per_second: limit.bytes_per_second(),
        qps: limit.qps,
        changes_at: gateway.limit_changes_at(now_ms).map(moment::text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admin::fan_out::Unanswered;
    use crate::admin::package::view::Carried;
    use crate::quota::{PackageFigures, UseFigures, UsedFigures};

    fn gateway() -> Gateway {
        let gateway = json!({"id": "shop", "space": "acme",
            "package": {"name": "custom", "bandwidth_bps": 8_000_000, "qps": 100},
            "elastic_packs": [
                {"id": "sale", "bandwidth_bps": 8_000_000, "qps": 100, "from": "2026-01-01T00:00:00Z",
                 "until": "2026-01-02T00:00:00Z"},
                {"id": "later", "bandwidth_bps": 8_000_000, "from": "2026-03-01T00:00:00Z",
                 "until": "2026-03-02T00:00:00Z"}]});
        serde_json::from_value(gateway).unwrap()
    }

    fn business(id: &str, link: u64, overflow: u64) -> BusinessUse {
        let carried = |calls| Carried {
            calls,
            bytes: calls * 10,
        };
        BusinessUse {
            business: id.to_owned(),
            link: carried(link),
            beyond_bandwidth: carried(overflow),
            beyond_qps: Carried::default(),
        }
    }

    /// A node that has half of the minting, and in the last minute used so many bytes a second.
    fn answered(node: &str, bytes_per_second: u64) -> Answered<Told> {
        let figures = json!({"node": node, "region": "shanghai", "share": 0.5, "minting": true, "fenced": null,
            "limit": {"bytes_per_second": 1, "qps": null}, "balance_bytes": -5, "balance_requests": 3,
            "rate_bytes_per_second": 1_000_000, "rate_requests_per_second": 100.0,
            "refill_bytes_per_second": 0, "refill_requests_per_second": null,
            "demand_bytes_per_second": 7, "demand_requests_per_second": 1.5,
            "need_bytes": 1, "surplus_bytes": 2, "minted_bytes": 3, "given_bytes": 4, "received_bytes": 5,
            "lost_bytes": 6, "charged_bytes": 0, "admitted_calls": 0,
            "overflow": {"calls": 9, "bytes": 700, "package_qps": 1, "package_bandwidth": 2},
            "use": UseFigures::default()});
        let mut figures: PackageFigures = serde_json::from_value(figures).unwrap();
        figures.used.last_minute = UsedFigures {
            bytes: bytes_per_second * 60,
            calls: 25 * 60,
            overflow_calls: 60,
            overflow_bytes: 600,
        };
        Answered {
            node: node.to_owned(),
            answer: Told {
                figures,
                businesses: vec![business("wx1", 5, 1)],
            },
        }
    }

    #[test]
    fn the_use_of_all_nodes_is_summed_against_the_limit_of_this_moment() {
        let told = FanOut {
            answered: vec![answered("n1", 500_000), answered("n2", 1_000_000)],
            unanswered: vec![Unanswered {
                node: "n3".to_owned(),
                region: "tianjin".to_owned(),
                reason: "gone".to_owned(),
            }],
        };
        let at = moment::parse("2026-01-01T12:00:00Z").unwrap();
        let whole = whole(&gateway(), at, told);
        let limit = &whole.limit;
        assert_eq!((limit.bandwidth_bps, limit.qps), (16_000_000, Some(200)));
        assert_eq!(limit.elastic_packs.len(), 1);
        assert_eq!(limit.changes_at.as_deref(), Some("2026-01-02T00:00:00Z"));
        let used = whole.used.last_1_min;
        assert_eq!((used.mbps, used.percent), (12.0, 75.0));
        assert_eq!(
            (used.calls_per_second, used.calls_percent),
            (50.0, Some(25.0))
        );
        assert_eq!(used.overflow_calls_per_second, 2.0);
        assert_eq!(whole.used.now.percent, 0.0);
        let overflow = OverflowView {
            bandwidth_calls: 4,
            qps_calls: 2,
            relayed_bytes: 1_400,
        };
        assert_eq!(whole.overflow, overflow);
        assert_eq!(whole.businesses, [business("wx1", 10, 2)]);
        assert_eq!(whole.nodes[0].used.last_1_min.percent, 25.0);
        assert_eq!(whole.nodes[1].bytes.balance, -5);
        assert_eq!(whole.unanswered[0].node, "n3");
    }

    #[test]
    fn of_many_businesses_those_with_the_most_overflow_are_named_and_the_rest_counted() {
        let many = (0..300).map(|i| business(&format!("wx{i}"), 1, i));
        let listed = most_overflow(many);
        assert_eq!(listed.len(), BUSINESSES_MAX + 1);
        assert_eq!(
            (listed[0].business.as_str(), listed[0].overflow_calls()),
            ("wx299", 299)
        );
        let others = listed.last().unwrap();
        assert_eq!((others.business.as_str(), others.link.calls), (OTHERS, 100));
        // What two nodes could not name goes together.
        let twice = most_overflow(listed.iter().chain(&listed).cloned());
        assert_eq!(twice.len(), BUSINESSES_MAX + 1);
        assert_eq!(twice.last().unwrap().link.calls, 200);
        let all: u64 = twice.iter().map(|business| business.overflow_calls()).sum();
        assert_eq!(all, 2 * (0..300).sum::<u64>());
    }
}
