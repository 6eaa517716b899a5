use super::*;

fn asking(ack: Ack) -> WriteOptions {
    WriteOptions {
        ack,
        ..WriteOptions::by("root")
    }
}

fn names(nodes: &[NodeId]) -> Vec<&str> {
    nodes.iter().map(NodeId::as_str).collect()
}

fn slow() -> ConfigOptions {
    ConfigOptions {
        ack_timeout: Duration::from_secs(30),
        ..ConfigOptions::default()
    }
}

#[actix_rt::test]
async fn a_node_alone_is_all_there_is_to_acknowledge() {
    let node = node();
    for ack in Ack::ALL {
        let applied = put_with(&node, asking(ack), "beijing").await.unwrap();
        assert!(applied.ack_reached, "{ack}");
        assert_eq!(names(&applied.stored_on), ["n1"]);
    }
}

#[actix_rt::test]
async fn an_acknowledged_change_is_on_the_disks_of_the_nodes_named() {
    let nodes = [node_named("n1"), node_named("n2"), node_named("n3")];
    meet(&[&nodes[0], &nodes[1], &nodes[2]]).await;
    let applied = put_with(&nodes[0], asking(Ack::All), "beijing")
        .await
        .unwrap();
    assert!(applied.ack_reached);
    assert_eq!(names(&applied.stored_on), ["n1", "n2", "n3"]);
    for node in &nodes {
        let stored = node.store.lock().load().unwrap();
        assert_eq!(stored, applied.records, "on {}", node.id);
        assert_eq!(regions(node), ["beijing"], "and in force");
    }

    for (ack, least) in [(Ack::One, 2), (Ack::Majority, 2)] {
        let id = ack.as_str();
        let applied = put_with(&nodes[0], asking(ack), id).await.unwrap();
        assert!(
            applied.ack_reached && applied.stored_on.len() >= least,
            "{applied:?}"
        );
    }
}

#[actix_rt::test]
async fn too_few_live_nodes_are_told_at_once_and_the_change_is_kept() {
    let (here, there) = (node_with("n1", slow(), |_| {}), node_named("n2"));
    show_nodes(&here, vec![seen(&there, false)]);
    let applied = put_with(&here, asking(Ack::One), "beijing").await.unwrap();
    assert!(!applied.ack_reached);
    assert_eq!(names(&applied.stored_on), ["n1"]);
    assert_eq!(regions(&here), ["beijing"]);
}

#[actix_rt::test]
async fn a_peer_that_does_not_answer_is_waited_for_until_the_deadline_and_no_longer() {
    let options = ConfigOptions {
        ack_timeout: Duration::from_millis(50),
        ..ConfigOptions::default()
    };
    let here = node_with("n1", options, |_| {});
    let there = node_named("n2");
    // Takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut view = seen(&there, true);
    view.mesh_addr = silent.local_addr().unwrap();
    show_nodes(&here, vec![view]);
    let applied = put_with(&here, asking(Ack::Majority), "beijing")
        .await
        .unwrap();
    assert!(!applied.ack_reached);
    assert_eq!(names(&applied.stored_on), ["n1"]);
    let applied = put_with(&here, asking(Ack::Local), "wuhan").await.unwrap();
    assert!(applied.ack_reached, "nobody is asked");
}

#[actix_rt::test]
async fn other_changes_and_reads_do_not_wait_for_one_that_waits_for_its_acknowledgement() {
    let here = node_with("n1", slow(), |_| {});
    let there = node_named("n2");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut view = seen(&there, true);
    view.mesh_addr = silent.local_addr().unwrap();
    show_nodes(&here, vec![view]);
    let handle = here.handle.clone();
    let waiting = actix_rt::spawn(async move {
        let operation = |_: &_, _: &_| Ok((Change::put(region("beijing")), ()));
        handle.apply(asking(Ack::All), operation).await
    });
    until(|| regions(&here) == ["beijing"]).await;
    put_with(&here, asking(Ack::Local), "wuhan").await.unwrap();
    assert_eq!(
        here.handle
            .history(HistoryQuery::default())
            .await
            .unwrap()
            .entries
            .len(),
        2
    );
    assert!(!waiting.is_finished());

    // The peer leaves: nobody is left to wait for.
    show_nodes(&here, Vec::new());
    let applied = waiting.await.unwrap().unwrap();
    assert!(applied.ack_reached);
}

#[actix_rt::test]
async fn a_peer_whose_store_takes_no_writes_does_not_acknowledge() {
    let options = ConfigOptions {
        ack_timeout: Duration::from_millis(200),
        ..ConfigOptions::default()
    };
    let (here, there) = (node_with("n1", options, |_| {}), node_named("n2"));
    meet(&[&here, &there]).await;
    there.store.lock().refuse_writes(true);
    let applied = put_with(&here, asking(Ack::One), "beijing").await.unwrap();
    assert!(!applied.ack_reached, "{applied:?}");
    assert!(there.handle.health().unwritable().is_some());
    assert!(regions(&there).is_empty(), "nor is it in force there");
}

#[actix_rt::test]
async fn a_version_is_found_on_the_nodes_that_have_it_with_the_time_they_stored_it() {
    let (here, there) = (node_named("n1"), node_named("n2"));
    meet(&[&here, &there]).await;
    let applied = put_with(&here, asking(Ack::All), "beijing").await.unwrap();
    let mut gone = seen(&there, false);
    gone.id = "n3".parse().unwrap();
    show_nodes(&here, vec![seen(&there, true), gone]);
    let nodes = here.handle.version_on_nodes(&applied.version).await;
    let told: Vec<_> = nodes
        .iter()
        .map(|node| (node.node.as_str(), node.has))
        .collect();
    assert_eq!(told, [("n1", Some(true)), ("n2", Some(true)), ("n3", None)]);
    let now = now_ms();
    for node in &nodes[..2] {
        let since = node.since_ms.unwrap();
        assert!(since <= now && now - since < 60_000, "{since}");
    }
    let unknown = "0000000000010000-n1".parse().unwrap();
    let nodes = here.handle.version_on_nodes(&unknown).await;
    let told: Vec<_> = nodes.iter().map(|node| node.has).collect();
    assert_eq!(told, [Some(false), Some(false), None]);
}
