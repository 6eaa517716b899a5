//! Steps are made when they are due, by one node, and not over what a person did.

use super::*;
use crate::config_actor::HistoryQuery;

fn disconnect(at_ms: u64, until_ms: u64) -> Value {
    json!({"action": "disconnect", "at": moment::text(at_ms), "until": moment::text(until_ms)})
}

fn rise(target: f64, over_ms: u64) -> Value {
    json!({"action": "rise", "target_percent": target, "from_percent": 0.0, "start": moment::text(T0), "over_ms": over_ms})
}

/// Who changed the business, the newest first.
async fn authors(node: &Node) -> Vec<String> {
    let query = HistoryQuery {
        object: Some(format!("business/{APPID}").parse().unwrap()),
        limit: 100,
        kind: None,
        author: None,
        node: None,
        conflicts: false,
        from_ms: None,
        to_ms: None,
        after: None,
    };
    let page = node.handle.history(query).await.unwrap();
    page.entries.into_iter().map(|entry| entry.author).collect()
}

#[actix_rt::test]
async fn a_business_is_disconnected_at_a_time_and_connected_after_a_while() {
    let node = Node::with_a_business("n1").await;
    let plan = disconnect(T0 + MINUTE_MS, T0 + 2 * MINUTE_MS);
    node.schedule("night", plan).await;
    assert!(node.business().access.enabled, "not yet");
    node.pass(MINUTE_MS);
    until(|| !node.business().access.enabled).await;
    assert_eq!(node.state("night").0, "running");
    node.pass(MINUTE_MS);
    until(|| node.business().access.enabled).await;
    assert_eq!(node.state("night").0, "done");
    let by = format!("schedule:{APPID}/night");
    assert_eq!(
        authors(&node).await[..2],
        [by.clone(), by],
        "history names it"
    );
}

#[actix_rt::test]
async fn gray_rises_step_by_step_to_its_target_and_stays_there() {
    let node = Node::with_a_business("n1").await;
    node.schedule("warm", rise(50.0, MINUTE_MS)).await;
    until(|| node.state("warm").0 == "running").await;
    let mut shares = vec![node.percent()];
    while node.state("warm").0 == "running" {
        node.pass(10_000);
        let before = shares[shares.len() - 1];
        until(|| node.percent() > before).await;
        shares.push(node.percent());
    }
    assert_eq!(shares, [0.0, 8.33, 16.67, 25.0, 33.33, 41.67, 50.0]);
    assert_eq!(node.state("warm").0, "done");
}

#[actix_rt::test]
async fn a_share_that_a_person_sets_pauses_the_rise_until_he_lets_it_go_on_from_there() {
    let node = Node::with_a_business("n1").await;
    node.schedule("warm", rise(100.0, MINUTE_MS)).await;
    until(|| node.state("warm").0 == "running").await;
    node.patch(json!({"access": {"gray": {"percent": 40.0}}}))
        .await;
    until(|| node.state("warm").0 == "paused").await;
    assert!(
        node.state("warm").1.contains("40 %"),
        "{:?}",
        node.state("warm")
    );
    node.pass(MINUTE_MS * 60);
    node.change(|catalog, context| operation::resume_schedule(catalog, context, APPID, "warm"))
        .await;
    assert_eq!(node.percent(), 40.0, "nothing was written over it");
    node.pass(10_000);
    until(|| node.percent() == 50.0).await;
}

#[actix_rt::test]
async fn what_a_person_changed_meanwhile_is_not_set_back() {
    let node = Node::with_a_business("n1").await;
    let plan = json!({"action": "change", "patch": {"gray": {"percent": 30.0}}, "at": moment::text(T0),
        "until": moment::text(T0 + MINUTE_MS)});
    node.schedule("sale", plan).await;
    until(|| node.percent() == 30.0).await;
    node.patch(json!({"access": {"gray": {"percent": 35.0}}}))
        .await;
    node.pass(MINUTE_MS);
    until(|| node.state("sale").0 == "failed").await;
    assert!(node.state("sale").1.contains("Somebody has changed it"));
    assert_eq!(node.percent(), 35.0);
}

#[actix_rt::test]
async fn a_business_that_a_person_disconnects_meanwhile_stays_disconnected() {
    let node = Node::with_a_business("n1").await;
    node.schedule("night", disconnect(T0, T0 + MINUTE_MS)).await;
    until(|| !node.business().access.enabled).await;
    node.change(|catalog, _| operation::disconnect(catalog, APPID))
        .await;
    node.pass(2 * MINUTE_MS);
    node.looks().await;
    assert!(!node.business().access.enabled);
    let (name, why) = node.state("night");
    assert!(
        name == "failed" && why.contains("stays disconnected"),
        "{name}: {why}"
    );
}

#[actix_rt::test]
async fn a_disconnect_whose_time_passed_while_no_node_ran_is_not_made_up_for() {
    let node = Node::with_a_business("n1").await;
    node.schedule("night", disconnect(T0 + MINUTE_MS, T0 + 2 * MINUTE_MS))
        .await;
    node.pass(MINUTE_MS * 30);
    until(|| node.state("night").0 == "failed").await;
    assert!(
        node.state("night").1.contains("no node"),
        "{:?}",
        node.state("night")
    );
    let changed = authors(&node).await;
    assert!(changed.iter().all(|author| author == "li"), "{changed:?}");
}

#[actix_rt::test]
async fn a_node_whose_turn_it_is_not_makes_no_step_until_the_first_is_dead() {
    let (first, second) = (Node::begin("n1"), Node::with_a_business("n2").await);
    second.sees(&[(&first, true)]);
    second
        .schedule("night", disconnect(T0 + 1_000, T0 + MINUTE_MS))
        .await;
    second.schedule("soon", rise(100.0, MINUTE_MS)).await;
    second.pass(2_000);
    second.looks().await;
    assert_eq!(second.state("night").0, "waiting");
    assert_eq!(second.state("soon").0, "waiting");
    second.sees(&[(&first, false)]);
    until(|| !second.business().access.enabled).await;
}

#[actix_rt::test]
async fn two_nodes_that_make_the_same_step_write_the_same() {
    let (one, other) = (Node::with_a_business("n1").await, Node::begin("n2"));
    one.pass(1);
    // What the other has is what the one had.
    let records: Vec<_> = one.handle.catalog().catalog.records().cloned().collect();
    let objects: Vec<_> = records
        .into_iter()
        .filter_map(|record| record.object)
        .collect();
    other
        .change(move |_, _| {
            Ok(Change {
                puts: objects,
                deletes: Vec::new(),
            })
        })
        .await;
    other.pass(1);
    for node in [&one, &other] {
        node.schedule("warm", rise(50.0, MINUTE_MS)).await;
        until(|| node.state("warm").0 == "running").await;
    }
    for turn in 1..=6 {
        one.pass(10_000);
        other.pass(10_000 + turn * 100);
        for node in [&one, &other] {
            until(|| node.scheduled("warm").progress.step == u32::try_from(turn).unwrap()).await;
        }
        assert_eq!(one.business(), other.business());
        assert_eq!(one.scheduled("warm"), other.scheduled("warm"));
    }
    let request = |node: &Node| {
        let snapshot = node.handle.catalog();
        let of_business = snapshot
            .catalog
            .records()
            .find(|r| r.key.id == APPID && r.request.is_some());
        of_business.and_then(|record| record.request.clone())
    };
    assert!(request(&one).is_some());
    assert_eq!(request(&one), request(&other), "the same request by name");
}
