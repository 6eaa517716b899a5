//! Membership over real sockets.

mod nodes;

use std::time::{Duration, Instant};

use nodes::{TestNode, eventually, three_nodes};
use weir_cluster::mesh::server;
use weir_config::digest::Buckets;
use weir_config::{Kind, ObjectKey, Stamp};

fn some_config(stamp: &str) -> (Buckets, Stamp) {
    let stamp: Stamp = stamp.parse().unwrap();
    let mut buckets = Buckets::default();
    buckets.toggle(&ObjectKey::new(Kind::Space, "s"), &stamp);
    (buckets, stamp)
}

#[test]
fn a_change_is_seen_by_all_nodes() {
    let nodes = three_nodes();
    for n in 1..=5u64 {
        let (buckets, stamp) = some_config(&format!("{n:012x}0000-b"));
        nodes[1]
            .membership
            .publish_config(&buckets, &buckets.root(), Some(&stamp));
        let took = eventually("the change is seen by all", || {
            nodes.iter().all(|node| {
                node.sees("b").is_some_and(|b| {
                    b.newest.as_ref() == Some(&stamp)
                        && b.config_root == Some(buckets.root())
                        && b.config_buckets.as_ref() == Some(&buckets)
                })
            })
        });
        eprintln!("change {n} seen by all in {took:?}");
    }
}

#[test]
fn a_killed_node_is_seen_dead_and_its_return_is_one_node_with_a_higher_generation() {
    let [a, b, c] = three_nodes();
    let before = a.sees("c").unwrap();
    let addr = c.kill();
    let took = eventually("the killed node is seen dead", || {
        [&a, &b].iter().all(|node| !node.sees_live("c"))
    });
    eprintln!("killed node seen dead in {took:?}");
    assert!(a.sees("c").is_some(), "a dead node stays listed");
    assert!(a.sees_live("b") && b.sees_live("a"), "the others live on");

    let c = TestNode::start("c", server::bind(addr).unwrap(), &[a.addr]);
    let (buckets, stamp) = some_config("0000000000010000-c");
    c.membership
        .publish_config(&buckets, &buckets.root(), Some(&stamp));
    let took = eventually("it is back with what it publishes", || {
        [&a, &b].iter().all(|node| {
            node.sees("c").is_some_and(|c| {
                c.live && c.generation > before.generation && c.newest.as_ref() == Some(&stamp)
            })
        })
    });
    eprintln!("returned node seen live in {took:?}");
    for node in [&a, &b, &c] {
        let view = node.view();
        let ids: Vec<&str> = view.nodes.iter().map(|node| node.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }
}

#[test]
fn the_node_that_began_the_cluster_may_die_and_return() {
    let [a, b, c] = three_nodes();
    let addr = a.kill();
    eventually("its death is seen", || {
        !b.sees_live("a") && !c.sees_live("a")
    });
    let a = TestNode::start("a", server::bind(addr).unwrap(), &[]);
    eventually("it is found again by the others", || {
        b.sees_live("a") && c.sees_live("a") && a.sees_live("b") && a.sees_live("c")
    });
}

#[test]
fn a_node_that_leaves_says_so() {
    let [a, b, c] = three_nodes();
    let leaving = c.membership.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(leaving.leave());
    });
    eventually("its peers know that it leaves", || {
        [&a, &b]
            .iter()
            .all(|node| node.sees("c").is_some_and(|c| c.leaving))
    });
    eventually("it is gone", || !a.sees_live("c") && !b.sees_live("c"));
    let _ = c.kill();
}

#[test]
fn a_node_that_is_cut_off_is_seen_dead_and_comes_back_as_itself() {
    let [a, b, c] = three_nodes();
    let generation = a.sees("c").unwrap().generation;
    c.mesh.cut().cut_all();
    eventually("both sides see each other dead", || {
        !a.sees_live("c") && !b.sees_live("c") && !c.sees_live("a") && !c.sees_live("b")
    });
    assert!(a.sees_live("b"));
    c.mesh.cut().heal();
    let took = eventually("all are live again", || {
        a.sees_live("c") && b.sees_live("c") && c.sees_live("a") && c.sees_live("b")
    });
    eprintln!("healed in {took:?}");
    assert_eq!(a.sees("c").unwrap().generation, generation);
}

#[test]
fn nodes_that_gossip_a_lot_are_not_taken_for_dead_afterwards() {
    let [a, b, c] = three_nodes();
    for n in 1..=60u64 {
        let (buckets, stamp) = some_config(&format!("{n:012x}0000-b"));
        b.membership
            .publish_config(&buckets, &buckets.root(), Some(&stamp));
        eventually("the change arrives", || {
            a.sees("b")
                .is_some_and(|b| b.newest.as_ref() == Some(&stamp))
        });
    }
    let mut views = [a.membership.view(), c.membership.view()];
    // Longer than a dead node takes to be noticed.
    let quiet = Instant::now() + Duration::from_secs(2);
    while Instant::now() < quiet {
        for view in &mut views {
            assert!(view.borrow_and_update().nodes.iter().all(|node| node.live));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
