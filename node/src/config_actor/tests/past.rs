use weir_config::history::{Moment, Retention};

use super::*;

fn conflicts_only() -> HistoryQuery {
    HistoryQuery {
        conflicts: true,
        ..HistoryQuery::default()
    }
}

#[actix_rt::test]
async fn a_history_marks_what_is_in_force_and_pages_back() {
    let node = node();
    rename(&node, "beijing", "first").await;
    rename(&node, "beijing", "second").await;
    let last = rename(&node, "beijing", "third").await;
    let query = HistoryQuery {
        limit: 2,
        ..HistoryQuery::default()
    };
    let page = node.handle.history(query.clone()).await.unwrap();
    let current: Vec<bool> = page.entries.iter().map(|entry| entry.current).collect();
    assert_eq!(current, [true, false]);
    assert_eq!(page.entries[0].version, last.version);
    let query = HistoryQuery {
        after: page.next,
        ..query
    };
    let rest = node.handle.history(query).await.unwrap();
    assert_eq!((rest.entries.len(), rest.next), (1, None));
    assert_eq!(rest.entries[0].action, Action::Created);
}

/// Both change the same object while they do not see each other; then they meet.
async fn after_a_partition() -> (Node, Node, [Applied<()>; 2]) {
    let (here, there) = (node_named("n1"), node_named("n2"));
    let lost = rename(&here, "beijing", "here").await;
    let mut in_force = rename(&there, "beijing", "there").await;
    while in_force.version.wall_ms <= lost.version.wall_ms {
        in_force = rename(&there, "beijing", "there").await;
    }
    show(&here, &[&there]);
    show(&there, &[&here]);
    until(|| {
        let root = |node: &Node| node.handle.catalog().buckets.root();
        root(&here) == root(&there)
    })
    .await;
    (here, there, [lost, in_force])
}

#[actix_rt::test]
async fn a_change_that_lost_unseen_is_the_same_conflict_on_every_node() {
    let (here, there, [lost, in_force]) = after_a_partition().await;
    for node in [&here, &there] {
        let page = node.handle.history(conflicts_only()).await.unwrap();
        let told: Vec<_> = page.entries.iter().map(|entry| &entry.version).collect();
        assert_eq!(told, [&lost.version], "on {}", node.id);
        assert!(page.entries[0].conflict && !page.entries[0].current);
        assert_eq!(
            node.handle.health().conflicts_found(),
            1,
            "found once on {}",
            node.id
        );
        let info = node.handle.version(&lost.version).await.unwrap().unwrap();
        assert_eq!(info.record, lost.records[0], "restorable on {}", node.id);
        let newest = node.handle.catalog();
        let newest = newest.catalog.record(&"region/beijing".parse().unwrap());
        assert_eq!(newest.map(|record| &record.stamp), Some(&in_force.version));
    }
}

#[actix_rt::test]
async fn conflicts_are_filtered_as_any_history_is() {
    let (here, _, [lost, _]) = after_a_partition().await;
    let count = async |query: HistoryQuery| here.handle.history(query).await.unwrap().entries.len();
    let object = |key: &str| HistoryQuery {
        object: Some(key.parse().unwrap()),
        ..conflicts_only()
    };
    assert_eq!(count(object("region/beijing")).await, 1);
    assert_eq!(count(object("region/wuhan")).await, 0);
    let node = |name: &str| HistoryQuery {
        node: Some(name.parse().unwrap()),
        ..conflicts_only()
    };
    assert_eq!(count(node("n1")).await, 1);
    assert_eq!(count(node("n2")).await, 0);
    let after = HistoryQuery {
        after: Some(lost.version),
        ..conflicts_only()
    };
    assert_eq!(count(after).await, 0);
}

#[actix_rt::test]
async fn the_configuration_of_a_moment_is_known_as_long_as_deletions_are_remembered() {
    let node = node();
    let first = rename(&node, "beijing", "first").await;
    rename(&node, "beijing", "second").await;
    let then = node
        .handle
        .catalog_at(Moment::Version(first.version))
        .await
        .unwrap();
    assert_eq!(then.region("beijing").unwrap().name, "first");
    let month_ago = now_ms() - 31 * 24 * 60 * 60 * 1_000;
    let refusal = node
        .handle
        .catalog_at(Moment::Ms(month_ago))
        .await
        .unwrap_err();
    assert_eq!((refusal.status, refusal.code), (410, "history_pruned"));
    assert!(refusal.detail.contains("30 days"), "{}", refusal.detail);
}

#[actix_rt::test]
async fn versions_beyond_the_number_kept_go_from_the_store_too() {
    let options = ConfigOptions {
        retention: Retention {
            keep_versions: 2,
            ..Retention::default()
        },
        ..ConfigOptions::default()
    };
    let node = node_with("n1", options, |_| {});
    let first = rename(&node, "beijing", "first").await;
    for name in ["second", "third"] {
        rename(&node, "beijing", name).await;
    }
    assert_eq!(node.store.lock().names().unwrap().len(), 2);
    assert!(node.handle.version(&first.version).await.unwrap().is_none());
    let refusal = node
        .handle
        .catalog_at(Moment::Version(first.version))
        .await
        .unwrap_err();
    assert!(
        refusal.detail.contains("of region/beijing"),
        "{}",
        refusal.detail
    );
}

#[actix_rt::test]
async fn what_has_grown_too_old_goes_when_the_node_starts() {
    let long_ago = |stamp: &str| weir_config::Record {
        key: "region/beijing".parse().unwrap(),
        stamp: stamp.parse().unwrap(),
        based_on: None,
        author: "li".to_owned(),
        request: None,
        object: None,
    };
    let node = node_with("n1", ConfigOptions::default(), |store| {
        store
            .persist(&[long_ago("0000000000010000-n1")], &[], 1)
            .unwrap();
    });
    until(|| node.store.lock().names().unwrap().is_empty()).await;
    until(|| node.handle.catalog().catalog.is_empty()).await;
}

#[actix_rt::test]
async fn a_node_notes_that_it_is_alive_and_that_its_clock_is_behind() {
    let ahead = format!("{:012x}0000-n2", now_ms() + 600_000);
    let node = node_with("n1", ConfigOptions::default(), |store| {
        let mut record = weir_config::Record {
            key: "region/beijing".parse().unwrap(),
            stamp: ahead.parse().unwrap(),
            based_on: None,
            author: "li".to_owned(),
            request: None,
            object: None,
        };
        record.object = Some(region("beijing"));
        store.persist(&[record], &[], 1).unwrap();
    });
    until(|| node.handle.health().clock_behind_ms().is_some()).await;
    assert!(node.handle.health().clock_behind_ms().unwrap() > 500_000);
    until(|| node.handle.health().flagged() == 1).await;
    let noted = node.store.lock().fact(LAST_ALIVE_MS).unwrap().unwrap();
    assert!(now_ms() - noted.parse::<u64>().unwrap() < 60_000);
}

#[actix_rt::test]
async fn a_copy_taken_while_the_node_runs_is_a_store_of_its_own() {
    let node = node();
    put(&node, "beijing").await.unwrap();
    let to = node.dir.path().join("copy.db");
    assert!(node.handle.backup(&to).await.unwrap() > 0);
    let copy = Store::open_file(&to).unwrap();
    assert_eq!(copy.load().unwrap(), node.store.lock().load().unwrap());
    let refusal = node.handle.backup(&to).await.unwrap_err();
    assert_eq!((refusal.status, refusal.code), (503, "backup_failed"));
}
