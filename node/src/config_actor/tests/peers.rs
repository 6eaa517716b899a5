use super::*;

#[actix_rt::test]
async fn what_a_peer_has_is_pulled_kept_and_published_here() {
    let (here, there) = (node_named("n1"), node_named("n2"));
    put(&there, "beijing").await.unwrap();
    show(&here, &[&there]);
    until(|| regions(&here) == ["beijing"]).await;
    assert_eq!(
        here.handle.catalog().buckets,
        there.handle.catalog().buckets
    );
    assert_eq!(
        here.store.lock().load().unwrap(),
        there.store.lock().load().unwrap()
    );
}

#[actix_rt::test]
async fn what_could_not_be_stored_is_not_published_and_is_pulled_again() {
    let (here, there) = (node_named("n1"), node_named("n2"));
    put(&there, "beijing").await.unwrap();
    put(&here, "wuhan").await.unwrap();
    here.store.lock().refuse_writes(true);
    show(&here, &[&there]);
    until(|| here.handle.health().failed_writes() > 1).await;
    assert_eq!(regions(&here), ["wuhan"]);
    here.store.lock().refuse_writes(false);
    until(|| regions(&here) == ["beijing", "wuhan"]).await;
}
