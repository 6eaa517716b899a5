use weir_config::Refusal;
use weir_config::operation::Change;

use super::*;

#[actix_rt::test]
async fn a_change_is_on_the_disk_published_and_announced_when_it_is_answered() {
    let node = node();
    let before = *node.published.changed.borrow();
    let applied = put(&node, "beijing").await.unwrap();
    assert!(applied.changed && applied.value == Some(7));
    assert_eq!(regions(&node), ["beijing"]);
    let snapshot = node.handle.catalog();
    assert_eq!(snapshot.newest, Some(applied.version.clone()));
    let stored = node.store.lock().load().unwrap();
    assert_eq!(
        (stored[0].stamp.clone(), stored[0].author.as_str()),
        (applied.version, "root")
    );
    assert!(*node.published.changed.borrow() > before);
    assert_eq!(node.announced.lock().last(), Some(&snapshot.buckets.root()));
}

#[actix_rt::test]
async fn an_operation_sees_what_the_one_before_it_wrote_and_where_the_node_stands() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let seen = node.handle.apply("root", |catalog, context| {
        let regions = catalog.regions().count();
        Ok((Change::default(), (regions, context.default_region.clone())))
    });
    let seen = seen.await.unwrap();
    assert_eq!(seen.value, Some((1, "shanghai".to_owned())));
    assert!(!seen.changed);
    assert_eq!(Some(seen.version), node.handle.catalog().newest);
}

#[actix_rt::test]
async fn a_refused_operation_changes_nothing() {
    let node = node();
    let refuse =
        |_: &_, _: &_| Err::<(Change, ()), _>(Refusal::not_found("There is no such thing."));
    let refusal = node.handle.apply("root", refuse).await.unwrap_err();
    assert_eq!(refusal.code, "not_found");
    assert!(node.store.lock().load().unwrap().is_empty());
}

#[actix_rt::test]
async fn a_store_that_takes_no_writes_refuses_the_change_whole_and_the_node_goes_on() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let announced = node.announced.lock().len();
    node.store.lock().refuse_writes(true);
    let refusal = put(&node, "wuhan").await.unwrap_err();
    assert_eq!((refusal.status, refusal.code), (503, "store_unwritable"));
    assert!(
        refusal.detail.contains("takes no writes"),
        "{}",
        refusal.detail
    );
    assert_eq!(regions(&node), ["beijing"]);
    assert_eq!(
        node.announced.lock().len(),
        announced,
        "what is not stored is not announced"
    );

    node.store.lock().refuse_writes(false);
    let applied = put(&node, "xian").await.unwrap();
    assert_eq!(
        regions(&node),
        ["beijing", "xian"],
        "nothing of the refused change has stayed"
    );
    assert_eq!(node.handle.catalog().newest, Some(applied.version));
}

#[actix_rt::test]
async fn a_panic_in_an_operation_loses_nothing_that_was_answered() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let broken = node
        .handle
        .apply("root", |_, _| -> Result<(Change, ()), Refusal> {
            panic!("broken on purpose")
        });
    let refusal = broken.await.unwrap_err();
    assert_eq!((refusal.status, refusal.code), (503, "outcome_unknown"));
    while node.actor.restarts() == 0 {
        tokio::task::yield_now().await;
    }
    put(&node, "wuhan").await.unwrap();
    assert_eq!(regions(&node), ["beijing", "wuhan"]);
    assert_eq!(node.store.lock().load().unwrap().len(), 2);
}

#[actix_rt::test]
async fn what_was_stored_but_not_published_is_published_by_the_next_incarnation() {
    let node = node();
    let beijing = put(&node, "beijing").await.unwrap();
    let mut record = node.store.lock().load().unwrap().remove(0);
    record.key.id = "wuhan".to_owned();
    record.object = Some(region("wuhan"));
    record.stamp.wall_ms = beijing.version.wall_ms + 1;
    node.store.lock().persist(&[record], &[], 1).unwrap();
    let broken = node
        .handle
        .apply("root", |_, _| -> Result<(Change, ()), Refusal> {
            panic!("again")
        });
    broken.await.unwrap_err();
    put(&node, "xian").await.ok();
    while regions(&node).len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(regions(&node).contains(&"wuhan".to_owned()));
}
