//! A giver gains nothing by lying, and an honest one is not taken for a liar.

use proptest::prelude::*;
use weir_config::NodeId;

use super::*;

const NODES: usize = 4;
const SHARE: u64 = WHOLE / 4;

fn gives(to: &Node, counter: u64) -> Entry {
    Entry {
        given: vec![(to.me, counter)],
        ..Entry::default()
    }
}

/// A node of this name in its life of this number, with this share of the minting.
#[derive(Clone)]
struct Peer(NodeId, u64, u64);

fn giver(id: u64, share: u64) -> Peer {
    Peer(format!("n{id}").parse().unwrap(), id, share)
}

/// Hears a row and credits what is covered; whether the giver was flagged by that.
fn hear(audit: &mut Audit, node: &mut Node, from: &Peer, entry: &Entry, now: Duration) -> bool {
    let Peer(name, life, share) = from;
    let from = Giver {
        node: name,
        incarnation: Incarnation(*life),
        share: *share,
    };
    let covered = audit.hear(&node.ledger, from, entry, now);
    node.ledger
        .credit_up_to(&node.purse, from.incarnation, covered.counter);
    covered.flagged
}

proptest! {
    #[test]
    fn a_liar_gains_one_burst_beyond_its_share_whatever_it_says(
        lies in prop::collection::vec((1u64..3_000, 0u64..=3 * SECOND), 1..200),
        others in prop::collection::vec(0u64..=SECOND, 1..4),
    ) {
        let mut node = Node::new(1, 4);
        let (mut audit, mut now, mut counter) = (Audit::default(), ms(0), 0u64);
        let mut first = None;
        for (step, (time, more)) in lies.into_iter().enumerate() {
            now += ms(time);
            counter += more;
            let mut entry = gives(&node, counter);
            entry.given.push((Incarnation(50), others[step % others.len()] * step as u64));
            first.get_or_insert(now);
            hear(&mut audit, &mut node, &giver(9, SHARE), &entry, now);
            let elapsed = (now - first.unwrap()).as_millis() as u64;
            let due = SECOND / 4 * elapsed / 1_000;
            // A clock that is 2 % fast, and one part a row.
            let most = SECOND + due + due / 45 + step as u64 + 1;
            let gained = node.ledger.received_from(Incarnation(9));
            prop_assert!(gained <= most, "{gained} of {most}");
        }
    }
}

#[test]
fn a_liar_that_goes_on_is_flagged_and_ignored_until_it_stops_for_a_minute() {
    let mut node = Node::new(1, 4);
    let (mut audit, mut now, mut counter) = (Audit::default(), ms(0), 0);
    let mut flagged_at = None;
    while flagged_at.is_none() && now < ms(60_000) {
        now += ms(100);
        counter += SECOND / 5;
        if hear(
            &mut audit,
            &mut node,
            &giver(9, SHARE),
            &gives(&node_like(1), counter),
            now,
        ) {
            flagged_at = Some(now);
        }
    }
    let flagged_at = flagged_at.expect("eight times its share is never flagged");
    assert!(flagged_at < ms(15_000), "{flagged_at:?}");
    assert_eq!(audit.flagged().collect::<Vec<_>>(), [&giver(9, SHARE).0]);
    let credited = node.ledger.received_from(Incarnation(9));
    for _ in 0..100 {
        now += ms(100);
        hear(
            &mut audit,
            &mut node,
            &giver(9, SHARE),
            &gives(&node_like(1), counter),
            now,
        );
    }
    assert_eq!(
        node.ledger.received_from(Incarnation(9)),
        credited,
        "ignored"
    );
    now += ms(61_000);
    hear(
        &mut audit,
        &mut node,
        &giver(9, SHARE),
        &gives(&node_like(1), counter),
        now,
    );
    assert_eq!(audit.flagged().count(), 0);
}

#[test]
fn a_liar_that_begins_anew_gains_nothing_by_it() {
    let mut node = Node::new(1, 4);
    let mut audit = Audit::default();
    for life in 0..20 {
        let lies = gives(&node, SECOND);
        let liar = Peer("liar".parse().unwrap(), 100 + life, 0);
        hear(&mut audit, &mut node, &liar, &lies, ms(10 * life));
    }
    let credited = node.ledger.figures().received_total + node.ledger.figures().lost_total;
    assert!(credited <= SECOND + 20, "{credited}");
}

/// All of the demand is on one node, and every row arrives.
#[test]
fn what_honest_nodes_give_is_credited_at_once() {
    let mut nodes: Vec<Audited> = (1..=NODES as u64)
        .map(|id| audited(id, 1_000, 1_000_000))
        .collect();
    let hot = Second {
        offered: [2_000, 0, 0, 0],
        ..quiet()
    };
    let mut now = Duration::ZERO;
    for _ in 0..200 {
        now += ms(100);
        // Interval 0: the demand stays where it is.
        turns(&mut nodes, &hot, 0, now);
        exchange(&mut nodes, &hot, 0, now, &mut [0; NODES]).unwrap();
    }
    let received = nodes[0].node.ledger.figures().received_total;
    assert!(received > 12 * SECOND, "{received}");
    let others = nodes[1..]
        .iter()
        .map(|other| other.node.ledger.given_to(Incarnation(1)));
    let seen = (2..=NODES as u64).map(|id| nodes[0].node.ledger.received_from(Incarnation(id)));
    assert_eq!(seen.sum::<u64>(), others.sum::<u64>());
}

fn node_like(id: u64) -> Node {
    Node::new(id, 4)
}

#[test]
fn what_a_giver_was_given_itself_is_its_to_give() {
    let mut node = Node::new(1, 4);
    let mut audit = Audit::default();
    let (x, m) = (giver(8, WHOLE / 2), giver(9, 0));
    let of_m = Incarnation(9);
    // Everyone is met, and X gives all it has to M, which gives it on at once.
    let empty = Entry::default();
    for who in [&x, &m] {
        hear(&mut audit, &mut node, who, &empty, ms(0));
    }
    let to_m = |counter| Entry {
        given: vec![(of_m, counter)],
        ..Entry::default()
    };
    // Listed with nothing: from now on what is added is known to be new.
    hear(&mut audit, &mut node, &x, &to_m(0), ms(10));
    let first = gives(&node, SECOND);
    hear(&mut audit, &mut node, &m, &first, ms(20));
    assert_eq!(node.ledger.received_from(of_m), SECOND, "its burst");
    let second = gives(&node, SECOND * 5 / 4);
    hear(&mut audit, &mut node, &m, &second, ms(30));
    let covered = node.ledger.received_from(of_m);
    assert!(
        covered < SECOND + SECOND / 100,
        "nothing explains it yet: {covered}"
    );
    hear(&mut audit, &mut node, &x, &to_m(SECOND / 4), ms(40));
    hear(&mut audit, &mut node, &m, &second, ms(50));
    assert_eq!(node.ledger.received_from(of_m), SECOND * 5 / 4);
}

/// A node of a small cluster, with an audit of the others.
struct Audited {
    node: Node,
    audit: Audit,
    heard: Vec<Option<(Incarnation, Entry)>>,
    limit: u64,
    /// In millionths.
    clock: u32,
}

#[derive(Clone, Debug)]
struct Second {
    /// Offered to each node in tokens.
    offered: [u64; NODES],
    /// Rows that are lost, one bit a pair.
    lost: u16,
    restart: Option<usize>,
    /// A new limit, and who hears of it so many intervals late.
    limit: Option<(u64, usize, usize)>,
}

fn second() -> impl Strategy<Value = Second> {
    let limit = (200u64..3_000, 0..NODES, 0usize..30);
    (
        prop::array::uniform4(prop_oneof![3 => Just(0u64), 2 => 0u64..400]),
        any::<u16>(),
        prop::option::weighted(0.05, 0..NODES),
        prop::option::weighted(0.1, limit),
    )
        .prop_map(|(offered, lost, restart, limit)| Second {
            offered,
            lost,
            restart,
            limit,
        })
}

fn audited(id: u64, limit: u64, clock: u32) -> Audited {
    let mut node = Node::new(id, NODES as u64);
    node.ledger.set_limit(&node.purse, limit);
    Audited {
        node,
        audit: Audit::default(),
        heard: vec![None; NODES],
        limit,
        clock,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_honest_node_is_never_flagged(seconds in prop::collection::vec(second(), 1..40)) {
        let clocks = [1_010_000, 990_000, 1_000_000, 1_005_000];
        let mut nodes: Vec<Audited> = (0..NODES)
            .map(|i| audited(i as u64 + 1, 1_000, clocks[i]))
            .collect();
        let (mut now, mut next_id, mut credited) = (Duration::ZERO, 100, [0u64; NODES]);
        let mut late: Vec<(usize, usize, u64)> = Vec::new();
        let mut limits_change = false;
        for second in seconds {
            if let Some(who) = second.restart {
                next_id += 1;
                nodes[who] = audited(next_id, nodes[who].limit, clocks[who]);
                nodes[who].node.now = now;
            }
            if let Some((limit, slow, intervals)) = second.limit {
                limits_change = true;
                late.extend((0..NODES).map(|i| (i, if i == slow { intervals } else { 0 }, limit)));
            }
            for interval in 0..10 {
                now += ms(100);
                for (who, left, limit) in &mut late {
                    if *left == 0 {
                        let node = &mut nodes[*who];
                        node.limit = *limit;
                        node.node.ledger.set_limit(&node.node.purse, *limit);
                    }
                    *left = left.wrapping_sub(1);
                }
                late.retain(|(_, left, _)| *left < usize::MAX / 2);
                turns(&mut nodes, &second, interval, now);
                exchange(&mut nodes, &second, interval, now, &mut credited)?;
            }
        }
        // Without another limit all that is heard is covered in the end.
        if !limits_change {
            for _ in 0..3 {
                now += ms(2_500);
                exchange(&mut nodes, &quiet(), 0, now, &mut credited)?;
            }
            for node in &nodes {
                for heard in node.heard.iter().flatten() {
                    let given = heard.1.given_to(node.node.me).unwrap_or(0);
                    prop_assert!(node.node.ledger.received_from(heard.0) >= given);
                }
            }
        }
    }
}

fn quiet() -> Second {
    Second {
        offered: [0; NODES],
        lost: 0,
        restart: None,
        limit: None,
    }
}

/// Mints, spends and gives.
fn turns(nodes: &mut [Audited], second: &Second, interval: usize, now: Duration) {
    for (i, audited) in nodes.iter_mut().enumerate() {
        let elapsed = ms(100) * audited.clock / 1_000_000;
        let node = &mut audited.node;
        node.now = now;
        node.ledger.mint(&node.purse, SHARE, elapsed);
        let offered = second.offered[(i + interval / 5) % NODES] / 10 * PARTS;
        let spent = node.purse.get().max(0).min(offered as i64);
        node.purse.set(node.purse.get() - spent);
        let peers: Vec<_> = audited
            .heard
            .iter()
            .flatten()
            .map(|(peer, entry)| (*peer, entry))
            .collect();
        let turn = node.ledger.turn(&node.purse, now, SHARE, offered, &peers);
        audited.heard[i] = turn.entry.map(|entry| (node.me, entry));
    }
    // A node does not hear itself.
    let own: Vec<_> = (0..NODES).map(|i| nodes[i].heard[i].take()).collect();
    for (i, row) in own.into_iter().enumerate() {
        if let Some((_, entry)) = row {
            nodes[i].node.published = Some(entry);
        }
    }
}

/// Rows go round, some are lost; whoever hears one hears what its node had heard before too, as gossip has it.
fn exchange(
    nodes: &mut [Audited],
    second: &Second,
    interval: usize,
    now: Duration,
    credited: &mut [u64; NODES],
) -> Result<(), TestCaseError> {
    let rows: Vec<Option<(Incarnation, Entry)>> = nodes
        .iter()
        .map(|audited| {
            audited
                .node
                .published
                .clone()
                .map(|entry| (audited.node.me, entry))
        })
        .collect();
    for to in 0..NODES {
        let lost =
            |from: usize| second.lost.rotate_left(interval as u32) >> (from * NODES + to) & 1 == 1;
        for from in (0..NODES).filter(|from| *from != to && !lost(*from)) {
            let Some((incarnation, entry)) = rows[from].clone() else {
                continue;
            };
            let Audited { node, audit, .. } = &mut nodes[to];
            let flagged = hear(
                audit,
                node,
                &Peer(format!("n{from}").parse().unwrap(), incarnation.0, SHARE),
                &entry,
                now,
            );
            prop_assert!(!flagged, "node {from} is flagged by {to} at {now:?}");
            prop_assert_eq!(audit.flagged().count(), 0);
            credited[to] += 1;
            nodes[to].heard[from] = Some((incarnation, entry));
        }
    }
    Ok(())
}
