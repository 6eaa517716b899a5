use super::*;

fn request(author: &str, request: &str) -> WriteOptions {
    WriteOptions {
        request: Some(request.to_owned()),
        ..WriteOptions::by(author)
    }
}

#[actix_rt::test]
async fn a_request_made_again_changes_nothing_and_names_what_it_made_the_first_time() {
    let node = node();
    let first = put_with(&node, request("li", "k#1"), "beijing")
        .await
        .unwrap();
    assert!(!first.replayed && first.value == Some(7));
    rename(&node, "beijing", "Beijing").await;
    let root = node.handle.catalog().buckets.root();
    let again = put_with(&node, request("li", "k#1"), "beijing")
        .await
        .unwrap();
    assert!(again.replayed && again.changed && again.value.is_none());
    assert_eq!(
        (again.version, again.records),
        (first.version, first.records)
    );
    assert_eq!(
        node.handle.catalog().buckets.root(),
        root,
        "nothing was written"
    );
}

#[actix_rt::test]
async fn another_request_under_the_same_key_is_refused_and_another_author_has_keys_of_his_own() {
    let node = node();
    put_with(&node, request("li", "k#1"), "beijing")
        .await
        .unwrap();
    let refusal = put_with(&node, request("li", "k#2"), "wuhan")
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code),
        (422, "idempotency_key_reused")
    );
    assert!(
        refusal.detail.contains("The Idempotency-Key k was used"),
        "{}",
        refusal.detail
    );
    assert_eq!(regions(&node), ["beijing"]);
    let other = put_with(&node, request("wang", "k#2"), "wuhan")
        .await
        .unwrap();
    assert!(!other.replayed);
}

#[actix_rt::test]
async fn a_request_made_again_on_another_node_or_after_a_restart_is_known() {
    let (here, there) = (node_named("n1"), node_named("n2"));
    meet(&[&here, &there]).await;
    let options = WriteOptions {
        ack: Ack::All,
        ..request("li", "k#1")
    };
    let first = put_with(&here, options.clone(), "beijing").await.unwrap();
    rename(&here, "beijing", "Beijing").await;
    let again = put_with(&there, options.clone(), "beijing").await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.version, first.version);
    assert!(again.ack_reached, "the first node says it has it");
    assert_eq!(again.stored_on.len(), 2);

    here.handle
        .apply("root", |_, _| -> Result<(Change, ()), Refusal> {
            panic!("broken on purpose")
        })
        .await
        .unwrap_err();
    until(|| here.actor.restarts() == 1).await;
    let again = put_with(&here, options, "beijing").await.unwrap();
    assert_eq!(
        (again.replayed, again.version),
        (true, first.version),
        "from its store"
    );
}

#[actix_rt::test]
async fn a_refused_request_may_be_made_again_under_its_key() {
    let node = node();
    node.store.lock().refuse_writes(true);
    put_with(&node, request("li", "k#1"), "beijing")
        .await
        .unwrap_err();
    node.store.lock().refuse_writes(false);
    let made = put_with(&node, request("li", "k#1"), "beijing")
        .await
        .unwrap();
    assert!(!made.replayed && made.changed);
}
