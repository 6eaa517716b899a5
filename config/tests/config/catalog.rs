//! What must hold of any records, calls and domains.

use proptest::prelude::*;

use crate::fixture::{APPID, Cluster};
use weir_config::access::{AccessTable, Admission, CallFacts, decide};
use weir_config::digest::Buckets;
use weir_config::domain::Origin;
use weir_config::object::Region;
use weir_config::{Catalog, Object, Record, Stamp};

/// Records of few objects and few stamps, so that they meet. What a record says follows from its stamp, as it
/// does in a cluster: no two changes have the same.
fn record() -> impl Strategy<Value = Record> {
    (0u8..6, 0u64..4, 0u16..3, 0u8..3).prop_map(|(id, wall_ms, counter, node)| {
        let stamp = Stamp {
            wall_ms,
            counter,
            node: format!("n{node}").parse().unwrap(),
        };
        let region = Region {
            id: format!("r{id}"),
            name: stamp.to_string(),
            ..Region::default()
        };
        let key = Object::Region(region.clone()).key();
        let deleted = (wall_ms + u64::from(counter)) % 3 == 0;
        Record {
            key,
            stamp,
            based_on: None,
            request: None,
            author: format!("author-{node}"),
            object: (!deleted).then_some(Object::Region(region)),
        }
    })
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    prop::collection::vec(record(), 0..24)
}

fn merged<'r>(records: impl IntoIterator<Item = &'r Record>) -> Catalog {
    let mut catalog = Catalog::default();
    for record in records {
        catalog.merge(record.clone());
    }
    catalog
}

fn listed(catalog: &Catalog) -> Vec<Record> {
    catalog.records().cloned().collect()
}

fn joined(a: &Catalog, b: &Catalog) -> Catalog {
    merged(a.records().chain(b.records()))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        prop::sample::select(vec![
            "",
            "/",
            "*",
            "?",
            "REROUTE",
            "ENVELOPE",
            "trial",
            "wx_devtools",
            "3.1.5",
            "https://api.shop.example",
            "/https://api.shop.example/v1",
            "/https%3A%2F%2Fapi.shop.example%2Fv1",
            "/https%3A%2F%2F%",
            "[::1",
            "%C3",
        ])
        .prop_map(str::to_owned),
    ]
}

fn domain() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-zA-Z][a-zA-Z0-9]{0,7}(\\.[a-zA-Z][a-zA-Z0-9]{0,8}){0,4}\\.?",
        any::<std::net::Ipv4Addr>().prop_map(|a| a.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|a| format!("[{a}]")),
    ];
    let scheme = prop::sample::select(vec!["", "http://", "https://", "HTTPS://"]);
    (scheme, host, prop::option::of(1u16..)).prop_map(|(scheme, host, port)| match port {
        Some(port) => format!("{scheme}{host}:{port}"),
        None => format!("{scheme}{host}"),
    })
}

proptest! {
    #[test]
    fn merging_does_not_depend_on_order_or_repetition(a in records(), b in records()) {
        let forth = merged(a.iter().chain(&b));
        let back = merged(b.iter().rev().chain(a.iter().rev()).chain(&a));
        prop_assert_eq!(listed(&forth), listed(&back));
    }

    #[test]
    fn merging_catalogs_is_commutative_associative_and_idempotent(
        a in records(), b in records(), c in records(),
    ) {
        let (a, b, c) = (merged(&a), merged(&b), merged(&c));
        prop_assert_eq!(listed(&joined(&a, &b)), listed(&joined(&b, &a)));
        prop_assert_eq!(listed(&joined(&joined(&a, &b), &c)), listed(&joined(&a, &joined(&b, &c))));
        prop_assert_eq!(listed(&joined(&a, &a)), listed(&a));
    }

    #[test]
    fn digests_are_equal_exactly_where_the_records_are(a in records(), b in records()) {
        let (one, other) = (merged(&a), merged(&b));
        let digest = |catalog: &Catalog| Buckets::of(catalog);
        let agree = listed(&one) == listed(&other);
        prop_assert_eq!(digest(&one) == digest(&other), agree);
        prop_assert_eq!(digest(&one).root() == digest(&other).root(), agree);
        prop_assert_eq!(digest(&one).differing(&digest(&other)).next().is_none(), agree);
        prop_assert_eq!(digest(&one), digest(&merged(a.iter().rev())));
    }

    #[test]
    fn a_digest_kept_up_to_date_step_by_step_is_that_of_the_whole(records in records()) {
        let mut catalog = Catalog::default();
        let mut kept = Buckets::default();
        for record in records {
            let before = catalog.record(&record.key).map(|known| known.stamp.clone());
            let (key, stamp) = (record.key.clone(), record.stamp.clone());
            if catalog.merge(record) {
                if let Some(before) = before {
                    kept.toggle(&key, &before);
                }
                kept.toggle(&key, &stamp);
            }
        }
        prop_assert_eq!(kept, Buckets::of(&catalog));
    }

    #[test]
    fn the_decision_survives_any_text(
        host in text(), ours in any::<bool>(), path in text(),
        headers in prop::array::uniform8(prop::option::of(text())),
    ) {
        let cluster = Cluster::attached();
        let table = AccessTable::compile(&cluster.catalog, "weir.localhost");
        let access_domain = cluster.business().access_domain("weir.localhost");
        let header = |i: usize| headers[i].as_deref();
        let facts = CallFacts {
            host: if ours { &access_domain } else { &host },
            path_and_query: &path,
            target: header(0),
            http_mode: header(1),
            env_version: header(2),
            source: header(3),
            sdk_version: header(4),
            devtools_version: header(5),
            user: header(6),
            conf_version: header(7),
        };
        let decision = decide(&table, &facts, |_| Admission::Admitted);
        if let weir_config::access::Decision::Link(call) = decision {
            prop_assert_eq!(&call.route.appid, APPID);
            prop_assert!(!call.url().contains(['\r', '\n', ' ']));
        }
    }

    #[test]
    fn a_domain_and_its_text_form_are_the_same_origin(text in domain()) {
        let origin = Origin::parse(&text).unwrap();
        let again = Origin::parse(&origin.to_string()).unwrap();
        prop_assert!(origin.borrowed().is(&again));
        prop_assert_eq!(origin, again);
    }

    #[test]
    fn no_text_makes_the_domain_parser_panic(text in "\\PC{0,60}|[a-z:/@\\[\\].*0-9-]{0,40}") {
        if let Ok(origin) = Origin::parse(&text) {
            prop_assert_eq!(Origin::parse(&origin.to_string()), Ok(origin));
        }
    }
}
