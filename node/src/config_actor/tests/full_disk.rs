use super::*;

/// A region with a name too large for a disk that is nearly full.
async fn put_large(node: &Node, id: &'static str) -> Result<Applied<()>, Refusal> {
    let large = Object::Region(Region {
        id: id.to_owned(),
        name: "x".repeat(1 << 20),
        ..Region::default()
    });
    let operation = move |_: &_, _: &_| Ok((Change::put(large), ()));
    node.handle.apply("root", operation).await
}

#[actix_rt::test]
async fn a_full_disk_refuses_changes_in_clear_words_and_keeps_what_is_in_force() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let before = node.handle.catalog();
    node.store.lock().leave_pages(Some(0));
    for attempt in 1..=3 {
        let refusal = put_large(&node, "wuhan").await.unwrap_err();
        assert_eq!((refusal.status, refusal.code), (503, "store_unwritable"));
        for word in [
            "On node n1",
            "database or disk is full",
            "Nothing was changed",
        ] {
            assert!(refusal.detail.contains(word), "{}", refusal.detail);
        }
        assert_eq!(node.handle.health().failed_writes(), attempt);
    }
    let health = node.handle.health();
    assert!(health.unwritable().unwrap().contains("disk is full"));
    let after = node.handle.catalog();
    assert_eq!(after.buckets, before.buckets, "what is in force stays so");
    assert_eq!(node.actor.restarts(), 0);
    assert_eq!(node.store.lock().names().unwrap().len(), 1);

    node.store.lock().leave_pages(None);
    put_large(&node, "wuhan").await.unwrap();
    assert_eq!(regions(&node), ["beijing", "wuhan"]);
    assert_eq!(node.handle.health().unwritable(), None, "and it says so");
}

#[actix_rt::test]
async fn histories_and_requests_made_before_are_answered_from_a_store_that_takes_no_writes() {
    let node = node();
    let request = WriteOptions {
        request: Some("k#1".to_owned()),
        ..WriteOptions::by("li")
    };
    let first = put_with(&node, request.clone(), "beijing").await.unwrap();
    node.store.lock().refuse_writes(true);
    put(&node, "wuhan").await.unwrap_err();
    put(&node, "wuhan").await.unwrap_err();
    let history = node.handle.history(HistoryQuery::default()).await.unwrap();
    assert_eq!(history.entries.len(), 1);
    let again = put_with(&node, request, "beijing").await.unwrap();
    assert_eq!((again.replayed, again.version), (true, first.version));
    let nothing = node
        .handle
        .apply("root", |_, _| Ok((Change::default(), ())));
    assert!(
        !nothing.await.unwrap().changed,
        "what changes nothing needs no disk"
    );
}

#[actix_rt::test]
async fn a_node_on_a_full_disk_catches_up_once_there_is_room() {
    let (here, there) = (node_named("n1"), node_named("n2"));
    put(&here, "beijing").await.unwrap();
    put_large(&there, "wuhan").await.unwrap();
    here.store.lock().leave_pages(Some(0));
    show(&here, &[&there]);
    until(|| here.handle.health().failed_writes() > 2).await;
    assert_eq!(regions(&here), ["beijing"]);
    here.store.lock().leave_pages(None);
    until(|| regions(&here) == ["beijing", "wuhan"]).await;
}
