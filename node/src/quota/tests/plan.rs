//! Who mints how much.

use serde_json::json;
use weir_cluster::mesh::server;

use super::nodes::{Disk, GATEWAY, TestNode, eventually, three_nodes};
use crate::quota::MINT_PLAN;

#[test]
fn a_node_that_begins_a_cluster_mints_all_of_it_as_soon_as_it_is_started() {
    let node = TestNode::start("a", Disk::new(), &[]);
    assert!(node.mints(1.0), "{:?}", node.quota.plan());
    assert_eq!(node.quota.plan().epoch, Some(1));
    eventually("its gateway has something to spend", || {
        node.meter().balance_bytes() > 0
    });
    assert!(
        node.meter().balance_bytes() <= 500_000,
        "half a burst at most"
    );
}

#[test]
fn a_node_that_joins_mints_nothing_before_it_is_planned_in() {
    let nowhere = server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let node = TestNode::start("b", Disk::new(), &[nowhere.local_addr().unwrap()]);
    assert!(node.mints(0.0));
    assert_eq!(node.quota.plan().epoch, None);
    let figures = node.figures();
    assert_eq!((figures.minted_bytes, figures.balance_bytes), (0, 0));
}

#[test]
fn what_is_seen_of_the_plan_is_on_disk_and_a_started_node_goes_on_with_it() {
    let node = TestNode::start("a", Disk::new(), &[]);
    assert!(
        node.store
            .lock()
            .fact(MINT_PLAN)
            .unwrap()
            .unwrap()
            .starts_with("a ")
    );
    let (_, disk) = node.kill();
    // It has seeds now, and still knows that it is the only member.
    let nowhere = server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let node = TestNode::start("a", disk, &[nowhere.local_addr().unwrap()]);
    assert_eq!(node.quota.plan().epoch, Some(1));
    eventually("it mints again", || node.mints(1.0));
}

#[test]
fn the_shares_of_nodes_that_stop_or_crash_go_to_the_others() {
    let [a, b, c] = three_nodes();
    // A crash: the others wait until it cannot mint any more.
    let (addr, disk) = c.kill();
    let took = eventually("a half each", || a.mints(0.5) && b.mints(0.5));
    eprintln!("a crashed node's share went over in {took:?}");
    // It comes back with what it knew.
    let c = TestNode::start_on(server::bind(addr).unwrap(), "c", disk, &[a.addr]);
    let took = eventually("a third each", || {
        [&a, &b, &c].iter().all(|n| n.mints(1.0 / 3.0))
    });
    eprintln!("it had it back in {took:?}");
    // A stop in good order: no fence is waited for.
    drop(c.stop());
    let took = eventually("a half each again", || a.mints(0.5) && b.mints(0.5));
    eprintln!("a stopped node's share went over in {took:?}");
}

#[test]
fn a_cluster_that_was_stopped_as_a_whole_mints_again_when_it_is_back() {
    let [a, b, c] = three_nodes();
    let [c, b, a] = [c, b, a].map(TestNode::stop);
    let start = |(addr, disk): (_, Disk), id: &str, seed| {
        TestNode::start_on(server::bind(addr).unwrap(), id, disk, &[seed])
    };
    let (of_a, of_b) = (a.0, b.0);
    let nodes = [
        start(a, "a", of_b),
        start(b, "b", of_a),
        start(c, "c", of_a),
    ];
    let took = eventually("a third each", || nodes.iter().all(|n| n.mints(1.0 / 3.0)));
    eprintln!("a cluster minted again after {took:?}");
}

#[test]
fn a_node_alone_that_was_stopped_mints_again_when_it_is_back() {
    let (addr, disk) = TestNode::start("a", Disk::new(), &[]).stop();
    let node = TestNode::start_on(server::bind(addr).unwrap(), "a", disk, &[]);
    eventually("it mints all", || node.mints(1.0));
}

#[test]
fn where_every_node_has_lost_its_memory_the_lowest_begins_anew() {
    let listeners = ["a", "b"].map(|_| server::bind("127.0.0.1:0".parse().unwrap()).unwrap());
    let addresses = listeners.each_ref().map(|l| l.local_addr().unwrap());
    let [of_a, of_b] = listeners;
    let a = TestNode::start_on(of_a, "a", Disk::new(), &[addresses[1]]);
    let b = TestNode::start_on(of_b, "b", Disk::new(), &[addresses[0]]);
    assert!(a.mints(0.0) && b.mints(0.0));
    eventually("a half each", || a.mints(0.5) && b.mints(0.5));
}

#[test]
fn a_broken_actor_is_made_again_with_its_debt_its_plan_and_nothing_to_spend() {
    let a = TestNode::start("a", Disk::new(), &[]);
    let b = TestNode::start("b", Disk::new(), &[a.addr]);
    eventually("a half each", || a.mints(0.5) && b.mints(0.5));
    let meter = a.meter();
    eventually("it has something to spend", || meter.balance_bytes() > 0);
    meter.admit(0).unwrap().add(100_000_000);
    let history = || a.quota.history(GATEWAY).unwrap().len();
    eventually("its use is noted", || history() > 0);
    a.quota.break_actor();
    eventually("it is made again", || {
        a.quota.restarts() == 1 && a.mints(0.5)
    });
    assert!(std::sync::Arc::ptr_eq(&a.meter(), &meter));
    assert!(
        meter.balance_bytes() < -90_000_000,
        "{}",
        meter.balance_bytes()
    );
    assert!(history() > 0);
    let before = meter.balance_bytes();
    eventually("it mints", || meter.balance_bytes() > before);
    // And it is still of one mind with the other.
    let c = TestNode::start("c", Disk::new(), &[a.addr]);
    eventually("a third each", || {
        [&a, &b, &c].iter().all(|n| n.mints(1.0 / 3.0))
    });
}

#[test]
fn an_elastic_pack_is_in_force_for_its_time_and_no_longer() {
    let mut node = TestNode::start("a", Disk::new(), &[]);
    let bytes_per_second = |node: &TestNode| node.figures().limit.bytes_per_second;
    node.config
        .add_pack(8_000_000, crate::config_actor::now_ms() + 1_500);
    eventually("the pack is in force", || {
        bytes_per_second(&node) == 2_000_000
    });
    eventually("it has ended by itself", || {
        bytes_per_second(&node) == 1_000_000
    });
    assert!(node.meter().balance_bytes() <= 500_000);
}

#[test]
fn a_store_that_cannot_write_keeps_the_old_plan_until_it_can() {
    let a = TestNode::start("a", Disk::new(), &[]);
    a.store.lock().refuse_writes(true);
    let b = TestNode::start("b", Disk::new(), &[a.addr]);
    eventually("they see each other", || {
        let view = b.membership.view();
        let view = view.borrow();
        view.node(&a.id).is_some_and(|node| node.live)
    });
    eventually("b has heard of the old plan, and of no other", || {
        assert_eq!(
            a.quota.plan().epoch,
            Some(1),
            "what is not kept is not acted on"
        );
        assert!(b.mints(0.0));
        b.quota.plan().epoch == Some(1)
    });
    a.store.lock().refuse_writes(false);
    eventually("a half each", || a.mints(0.5) && b.mints(0.5));
}

#[test]
fn a_node_that_is_gone_for_ever_is_forgotten_when_an_operator_says_so() {
    let a = TestNode::start("a", Disk::new(), &[]);
    let b = TestNode::start("b", Disk::new(), &[a.addr]);
    eventually("a half each", || a.mints(0.5) && b.mints(0.5));
    let forget = |id: &str| {
        let (quota, id) = (a.quota.clone(), id.parse().unwrap());
        let runtime = actix_rt::System::new();
        runtime.block_on(async move { quota.forget(&id).await.map_err(|e| e.to_string()) })
    };
    assert!(forget("b").unwrap_err().contains("`b` is live"));
    assert!(forget("z").unwrap_err().contains("not in the mint plan"));
    drop(b.kill());
    eventually("b is seen dead", || {
        let view = a.membership.view();
        let view = view.borrow();
        !view
            .node(&"b".parse().unwrap())
            .is_some_and(|node| node.live)
    });
    eventually("b is forgotten", || forget("b").is_ok());
    eventually("all is a's", || a.mints(1.0));
}

#[test]
fn a_change_of_package_is_in_force_everywhere_and_brings_no_burst() {
    let mut nodes = three_nodes();
    eventually("every node holds what it may", || {
        nodes
            .iter()
            .all(|node| node.meter().balance_bytes() > 150_000)
    });
    for node in &mut nodes {
        node.config
            .set_package(json!({"bandwidth_bps": 800_000, "qps": 30}));
    }
    eventually("a tenth of the package is in force", || {
        nodes
            .iter()
            .all(|node| node.figures().limit.bytes_per_second == 100_000)
    });
    for node in &nodes {
        let figures = node.figures();
        assert_eq!(figures.rate_bytes_per_second, 33_333);
        assert!(figures.balance_bytes <= 16_667, "{}", figures.balance_bytes);
        assert!(
            figures
                .balance_requests
                .is_some_and(|requests| requests <= 5)
        );
    }
    for node in &mut nodes {
        node.config
            .set_package(json!({"bandwidth_bps": 80_000_000}));
    }
    let meters = nodes.each_ref().map(TestNode::meter);
    eventually("ten times the package is in force", || {
        nodes
            .iter()
            .all(|node| node.figures().limit.bytes_per_second == 10_000_000)
    });
    // What is there now was minted since, and not given with the change.
    for (node, meter) in nodes.iter().zip(&meters) {
        assert_eq!(meter.balance_requests(), None);
        let figures = node.figures();
        assert_eq!(figures.rate_bytes_per_second, 3_333_333);
        assert!(figures.balance_bytes <= 1_666_667);
        assert!(node.quota.figures(GATEWAY).is_some());
    }
}
