//! All gateways of one node, without gossip.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use weir_cluster::ledger::{
    Entry, GatewayRow, Incarnation, Meter, PARTS, Terms, WHOLE, gateway_key,
};
use weir_cluster::membership::RowChange;
use weir_config::NodeId;

use crate::quota::figures::LimitFigures;
use crate::quota::gateways::{Boards, Gateways, RowsToPublish};

const GENERATION: u64 = 1_700_000_000_000;

pub struct Bench {
    gateways: Gateways,
    boards: Boards,
    now: Duration,
}

fn limit(bytes_per_second: u64, qps: Option<u64>) -> LimitFigures {
    LimitFigures {
        bytes_per_second,
        qps,
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    fn with(limits: &[(&str, LimitFigures)]) -> Self {
        let mut bench = Bench {
            gateways: Gateways::new("me".parse().unwrap(), GENERATION, Terms::default()),
            boards: Boards::new(),
            now: Duration::from_secs(100),
        };
        bench.gateways.set_share(WHOLE, bench.now);
        bench
            .gateways
            .peers
            .set_live(BTreeSet::from(["peer".parse().unwrap()]));
        bench.set(limits);
        bench
    }

    fn set(&mut self, limits: &[(&str, LimitFigures)]) -> RowsToPublish {
        let named = limits.iter().map(|(id, limit)| (*id, *limit));
        let (boards, ended) = self.gateways.set_limits(named, &self.boards, self.now);
        self.boards = boards;
        ended
    }

    /// Gateways with a million bytes a second each.
    pub fn of(ids: &[String]) -> Self {
        let limits: Vec<_> = ids
            .iter()
            .map(|id| (id.as_str(), limit(1_000_000, None)))
            .collect();
        Bench::with(&limits)
    }

    pub fn pass_ms(&mut self, time: u64) {
        self.pass(ms(time));
    }

    pub fn end_second(&mut self, second: u64) {
        self.gateways.end_second(second);
    }

    pub fn meter(&self, id: &str) -> Arc<Meter> {
        self.boards[id].meter.clone()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.gateways.mint(time);
    }

    pub fn turn(&mut self) -> RowsToPublish {
        self.gateways.turn(self.now)
    }

    /// What the peer says of a gateway.
    fn hear(&mut self, gateway: &str, need: u64, given: &[(Incarnation, u64)]) -> Option<String> {
        let helps = self.told(gateway, need, given);
        helps.map(|(id, _)| id)
    }

    fn told(
        &mut self,
        gateway: &str,
        need: u64,
        given: &[(Incarnation, u64)],
    ) -> Option<(String, NodeId)> {
        let entry = Entry {
            need,
            given: given.to_vec(),
            ..Entry::default()
        };
        let row = GatewayRow {
            incarnation: Incarnation(7),
            bytes: Some(entry),
            requests: None,
        };
        let change = RowChange {
            node: "peer".parse().unwrap(),
            generation: 1,
            key: gateway_key(gateway),
            value: Some(row.encode()),
        };
        self.gateways.hear(&change, self.now)
    }
}

fn me(removals: u64) -> Incarnation {
    Incarnation::of(&"me".parse().unwrap(), GENERATION + (removals << 44))
}

#[test]
fn a_new_gateway_begins_with_nothing_and_fills_to_half_a_burst() {
    let mut bench = Bench::with(&[("shop", limit(1_000, Some(10)))]);
    let meter = bench.meter("shop");
    assert_eq!(
        (meter.balance_bytes(), meter.balance_requests()),
        (0, Some(0))
    );
    bench.pass(ms(100));
    bench.gateways.mint_all();
    assert_eq!(
        (meter.balance_bytes(), meter.balance_requests()),
        (100, Some(1))
    );
    bench.pass(Duration::from_secs(60));
    bench.gateways.mint_all();
    assert_eq!(
        (meter.balance_bytes(), meter.balance_requests()),
        (500, Some(5))
    );
}

#[test]
fn nothing_is_minted_without_a_share_and_a_share_counts_from_when_it_is_given() {
    let mut bench = Bench::with(&[("shop", limit(1_000, None))]);
    bench.gateways.set_share(0, bench.now);
    bench.pass(Duration::from_secs(10));
    bench.gateways.set_share(WHOLE / 2, bench.now);
    bench.gateways.mint_all();
    assert_eq!(bench.meter("shop").balance_bytes(), 0);
    bench.pass(ms(100));
    bench.gateways.set_share(WHOLE / 4, bench.now);
    assert_eq!(
        bench.meter("shop").balance_bytes(),
        50,
        "minted under the share before"
    );
}

#[test]
fn a_new_package_gives_nothing_and_a_lower_one_takes_what_is_too_much() {
    let mut bench = Bench::with(&[("shop", limit(1_000, Some(10)))]);
    let meter = bench.meter("shop");
    bench.pass(Duration::from_secs(1));
    bench.gateways.mint_all();
    bench.set(&[("shop", limit(10_000, Some(100)))]);
    assert_eq!(
        (meter.balance_bytes(), meter.balance_requests()),
        (500, Some(5))
    );
    bench.pass(ms(100));
    bench.gateways.mint_all();
    assert_eq!(
        (meter.balance_bytes(), meter.balance_requests()),
        (1_500, Some(15))
    );
    bench.set(&[("shop", limit(100, None))]);
    assert!(
        Arc::ptr_eq(&bench.meter("shop"), &meter),
        "calls keep their meter"
    );
    assert_eq!(
        (meter.balance_bytes(), meter.balance_requests()),
        (50, None)
    );
    bench.set(&[("shop", limit(100, Some(10)))]);
    assert_eq!(
        meter.balance_requests(),
        Some(0),
        "a limit that comes back begins with nothing"
    );
}

#[test]
fn an_incarnation_that_begins_keeps_the_debt_and_nothing_else() {
    let mut bench = Bench::with(&[("rich", limit(1_000, None)), ("poor", limit(1_000, None))]);
    bench.pass(Duration::from_secs(1));
    bench.gateways.mint_all();
    bench.meter("poor").admit(0).unwrap().add(800);
    let mut next = Gateways::new("me".parse().unwrap(), GENERATION + 1, Terms::default());
    let limits = [("rich", limit(1_000, None)), ("poor", limit(1_000, None))];
    let (boards, _) = next.set_limits(limits.into_iter(), &bench.boards, bench.now);
    assert!(Arc::ptr_eq(&boards["rich"].meter, &bench.meter("rich")));
    assert_eq!(bench.meter("rich").balance_bytes(), 0);
    assert_eq!(bench.meter("poor").balance_bytes(), -300);
}

#[test]
fn a_gateway_that_is_made_again_is_not_given_what_the_first_one_was() {
    let shop = [("shop", limit(1_000, None))];
    let mut bench = Bench::with(&shop);
    bench.hear("shop", 0, &[(me(0), 100 * PARTS)]);
    assert_eq!(bench.meter("shop").balance_bytes(), 100);
    bench.hear("shop", 0, &[(me(0), 100 * PARTS)]);
    assert_eq!(
        bench.meter("shop").balance_bytes(),
        100,
        "a counter counts once"
    );
    bench.set(&[]);
    bench.set(&shop);
    bench.hear("shop", 1, &[(me(0), 150 * PARTS)]);
    assert_eq!(bench.meter("shop").balance_bytes(), 0);
    bench.hear("shop", 2, &[(me(1), 30 * PARTS)]);
    assert_eq!(bench.meter("shop").balance_bytes(), 30);
}

#[test]
fn a_peer_in_need_is_given_to_and_told_so_in_an_early_turn() {
    let mut bench = Bench::with(&[("shop", limit(1_000, None))]);
    bench.pass(Duration::from_secs(1));
    bench.gateways.end_second(1);
    assert!(bench.turn().is_empty());
    bench.pass(ms(50));
    let early = bench.hear("shop", 200 * PARTS, &[]).expect("it can help");
    let rows = bench.gateways.turn_early(&[early], bench.now);
    let [(key, Some(text))] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(*key, gateway_key("shop"));
    let entry = GatewayRow::decode(text).unwrap().bytes.unwrap();
    assert_eq!(entry.given, [(Incarnation(7), 200 * PARTS)]);
    assert_eq!(bench.meter("shop").balance_bytes(), 300);
}

#[test]
fn a_gateway_nobody_uses_sleeps_says_nothing_and_is_minted_for_all_the_same() {
    let ids: Vec<String> = (0..10_000).map(|n| format!("g{n}")).collect();
    let limits: Vec<_> = ids
        .iter()
        .map(|id| (id.as_str(), limit(1_000, None)))
        .collect();
    let mut bench = Bench::with(&limits);
    for _ in 0..12 {
        bench.pass(ms(100));
        assert!(
            bench.turn().is_empty(),
            "nothing is said of what nobody uses"
        );
    }
    assert_eq!(bench.gateways.awake(), 0);
    bench.gateways.end_second(1);
    assert!(ids.iter().all(|id| bench.meter(id).balance_bytes() == 500));
    // One is used: it alone wakes up, says so, and sleeps again some seconds later.
    bench.meter("g7").admit(0).unwrap().add(100);
    let rows = bench.turn();
    assert_eq!(rows.len(), 1);
    assert_eq!(bench.gateways.awake(), 1);
    let mut said = Vec::new();
    for _ in 0..120 {
        bench.pass(ms(100));
        said.extend(bench.turn());
    }
    assert_eq!(
        said.last(),
        Some(&(gateway_key("g7"), None)),
        "its row is taken away"
    );
    assert_eq!(bench.gateways.awake(), 0);
}

#[test]
fn a_gateway_that_goes_takes_its_row_with_it() {
    let mut bench = Bench::with(&[("shop", limit(1_000, None))]);
    bench.pass(ms(100));
    bench.gateways.mint_all();
    bench.meter("shop").admit(0).unwrap().add(10);
    assert_eq!(bench.turn().len(), 1);
    assert_eq!(bench.set(&[]), [(gateway_key("shop"), None)]);
    assert!(bench.turn().is_empty());
}

#[test]
fn a_node_that_stops_gives_what_is_left_to_those_in_need() {
    let mut bench = Bench::with(&[("shop", limit(1_000, None))]);
    bench.pass(Duration::from_secs(1));
    bench.gateways.mint_all();
    bench.meter("shop").admit(0).unwrap().add(100);
    bench.turn();
    bench.hear("shop", 300 * PARTS, &[]);
    let before = bench.meter("shop").balance_bytes();
    bench.gateways.give_all(bench.now);
    let given = before - bench.meter("shop").balance_bytes();
    assert!(given >= 290, "{given} of {before}");
}
