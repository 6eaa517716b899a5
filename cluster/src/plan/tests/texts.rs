//! Rows and plans as texts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weir_config::NodeId;

use crate::ledger::WHOLE;
use crate::plan::*;

fn plan_of(nodes: usize) -> Plan {
    plan_of_names(nodes, "region-")
}

fn plan_of_names(nodes: usize, prefix: &str) -> Plan {
    let node = |n: usize| -> NodeId { format!("{prefix}{n:04}").parse().unwrap() };
    let memory = |n: usize| 1_790_000_000_000 + 86_400_000 * n as u64 % 10_000_000_000;
    let id = |epoch| PlanId {
        epoch,
        proposer: node(0),
        memory: memory(0),
    };
    let weight = WHOLE / nodes as u64;
    let seats = (0..nodes).map(|n| {
        (
            node(n),
            Seat {
                weight,
                memory: memory(n),
            },
        )
    });
    Plan {
        id: id(400),
        settled: id(399),
        seats: seats.collect(),
        over: vec![Replaced {
            id: id(399),
            members: (1..=nodes).map(|n| (node(n), memory(n))).collect(),
        }],
        forgotten: BTreeSet::new(),
    }
}

fn row_of(nodes: usize) -> MintRow {
    MintRow {
        incarnation: 1_790_000_000_000,
        memory: 1_780_000_000_000,
        counter: 86_400,
        seen: Some(plan_of(nodes).id),
        complete: true,
        agreed: true,
        left: false,
        share: WHOLE / nodes as u64,
        echoes: (0..nodes as u64).map(|n| Tag::of(n, n)).collect(),
    }
}

#[test]
fn rows_and_plans_of_a_thousand_members_fit_their_limits() {
    for nodes in [3, 10, 100, 1_000, MEMBERS_MAX] {
        let (plan, row) = (plan_of(nodes), row_of(nodes));
        let (plan_text, row_text) = (plan.encode(), row.encode());
        eprintln!(
            "{nodes} members: a row of {} bytes, a plan of {} bytes",
            row_text.len(),
            plan_text.len()
        );
        assert!(
            plan_text.len() <= PLAN_MAX_BYTES,
            "{nodes}: {}",
            plan_text.len()
        );
        assert!(
            row_text.len() <= MINT_ROW_MAX_BYTES,
            "{nodes}: {}",
            row_text.len()
        );
        assert_eq!(Plan::decode(&plan_text).unwrap(), plan);
        assert_eq!(MintRow::decode(&row_text).unwrap(), row);
    }
}

#[test]
fn a_plan_of_half_a_thousand_members_with_the_longest_names_fits() {
    let prefix = "a".repeat(28);
    let fits = |nodes: &usize| plan_of_names(*nodes, &prefix).encode().len() <= PLAN_MAX_BYTES;
    let most = (1..=MEMBERS_MAX).rev().find(fits).unwrap();
    eprintln!("{most} members with names of 32 letters");
    assert!(most >= 500);
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    type Spoil = fn(&mut Plan);
    let spoilt: [(&str, Spoil); 7] = [
        ("weights above the whole", |plan| {
            plan.seats
                .values_mut()
                .for_each(|seat| seat.weight = WHOLE / 2)
        }),
        ("weights that overflow", |plan| {
            plan.seats
                .values_mut()
                .for_each(|seat| seat.weight = u64::MAX / 2)
        }),
        ("nobody in it", |plan| plan.seats.clear()),
        ("it replaces nothing, and is not the first", |plan| {
            plan.over.clear();
            plan.id.epoch = 0;
        }),
        ("it replaces a newer one", |plan| {
            plan.over[0].id.epoch = 401
        }),
        ("it replaces too many", |plan| {
            let mut over = plan.over.remove(0);
            plan.over = (0..=OVER_MAX as u64)
                .map(|n| {
                    over.id.epoch = 100 + n;
                    over.clone()
                })
                .collect();
        }),
        ("it replaces an empty one", |plan| {
            plan.over[0].members = BTreeMap::new()
        }),
    ];
    for (what, spoil) in spoilt {
        let mut plan = plan_of(3);
        spoil(&mut plan);
        assert!(Plan::decode(&plan.encode()).is_err(), "{what}");
    }
}

#[test]
fn a_row_that_claims_more_than_the_whole_is_refused() {
    let mut row = row_of(3);
    row.share = WHOLE + 1;
    assert!(MintRow::decode(&row.encode()).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_them_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes);
        let _ = (Plan::decode(&text), MintRow::decode(&text), Kept::decode(&text));
    }

    /// Damage to what was once sound comes further than noise does.
    #[test]
    fn no_damage_makes_them_panic(at in 0usize..400, to in 0u8..64, nodes in 1usize..6) {
        use base64::engine::general_purpose::STANDARD_NO_PAD;
        use base64::Engine;
        for text in [plan_of(nodes).encode(), row_of(nodes).encode()] {
            let mut bytes = STANDARD_NO_PAD.decode(&text).unwrap();
            let at = at % bytes.len();
            bytes[at] = bytes[at].wrapping_add(to);
            let text = STANDARD_NO_PAD.encode(&bytes);
            if let Ok(plan) = Plan::decode(&text) {
                prop_assert!(plan.seats.values().map(|seat| seat.weight).sum::<u64>() <= WHOLE);
                prop_assert_eq!(Plan::decode(&plan.encode()).unwrap(), plan);
            }
            let _ = MintRow::decode(&text);
        }
    }
}
