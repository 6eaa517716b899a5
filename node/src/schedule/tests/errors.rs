//! A rise pauses where too many calls fail, wherever they fail.

use super::*;
use crate::schedule::recent::SAMPLE_MS;

fn rise(over_ms: u64, resume_after_ms: Option<u64>) -> Value {
    json!({"action": "rise", "target_percent": 100.0, "from_percent": 1.0, "start": moment::text(T0), "over_ms": over_ms,
        "resume_after_ms": resume_after_ms})
}

/// A rise of ten hours under way, its counters looked at once.
async fn rising(node: &Node, resume_after_ms: Option<u64>) {
    node.schedule("warm", rise(600 * MINUTE_MS, resume_after_ms))
        .await;
    until(|| node.state("warm").0 == "running").await;
    looked_at(node).await;
}

/// Time passes until the counters are looked at again.
async fn looked_at(node: &Node) {
    node.pass(SAMPLE_MS);
    node.looks().await;
}

#[actix_rt::test]
async fn too_many_failed_calls_pause_a_rise_and_an_operator_lets_it_go_on() {
    let node = Node::with_a_business("n1").await;
    rising(&node, None).await;
    node.count(100, 10, Fault::Origin);
    node.pass(SAMPLE_MS);
    until(|| node.state("warm").0 == "paused").await;
    let (_, why) = node.state("warm");
    assert!(why.contains("10 of 100 calls failed"), "{why}");
    let share = node.percent();
    node.pass(600 * MINUTE_MS);
    node.change(|catalog, context| operation::resume_schedule(catalog, context, APPID, "warm"))
        .await;
    // The errors of before do not pause it again.
    looked_at(&node).await;
    looked_at(&node).await;
    assert_eq!(node.state("warm").0, "running");
    assert_eq!(node.percent(), share);
}

#[actix_rt::test]
async fn what_clients_do_wrong_and_a_few_failed_calls_pause_nothing() {
    let node = Node::with_a_business("n1").await;
    rising(&node, None).await;
    node.count(100, 50, Fault::Client);
    looked_at(&node).await;
    node.count(900, 40, Fault::Gateway);
    looked_at(&node).await;
    assert_eq!(node.state("warm").0, "running");
    node.count(0, 20, Fault::Gateway);
    node.pass(SAMPLE_MS);
    until(|| node.state("warm").0 == "paused").await;
}

#[actix_rt::test]
async fn calls_that_fail_on_another_node_pause_the_rise_too() {
    let (first, second) = (
        Node::with_a_business("n1").await,
        Node::with_a_business("n2").await,
    );
    first.sees(&[(&second, true)]);
    second.sees(&[(&first, true)]);
    // They agree before the schedule is set.
    first.looks().await;
    rising(&first, None).await;
    // The other has what the first has written, and counts.
    let rising = weir_config::Object::Schedule(first.scheduled("warm"));
    second.change(move |_, _| Ok(Change::put(rising))).await;
    looked_at(&second).await;
    second.count(60, 30, Fault::Origin);
    looked_at(&second).await;
    first.pass(SAMPLE_MS);
    until(|| first.state("warm").0 == "paused").await;
    assert!(first.state("warm").1.contains("30 of 60 calls failed"));
    assert_eq!(
        second.state("warm").0,
        "running",
        "that is for the first to say"
    );
}

#[actix_rt::test]
async fn a_rise_that_may_goes_on_by_itself_after_a_quiet_time() {
    let node = Node::with_a_business("n1").await;
    rising(&node, Some(MINUTE_MS)).await;
    node.count(100, 90, Fault::Origin);
    node.pass(SAMPLE_MS);
    until(|| node.state("warm").0 == "paused").await;
    looked_at(&node).await;
    assert_eq!(node.state("warm").0, "paused", "not yet");
    node.count(100, 0, Fault::Origin);
    node.pass(MINUTE_MS);
    until(|| node.state("warm").0 == "running").await;
}
