//! Versions, as they are told to an operator.

use proptest::prelude::*;
use serde_json::json;

use crate::fixture::{APPID, Cluster};
use weir_config::history::{
    FieldChange, Moment, Retention, Version, catalog_at, conflicts, diff, lineage,
};
use weir_config::object::Token;
use weir_config::operation::{SpaceInput, disconnect, put_space};
use weir_config::{Object, Record, Stamp};

fn stamp(n: u64, node: &str) -> Stamp {
    format!("{n:012x}0000-{node}").parse().unwrap()
}

/// A time and a node.
type Made = (u64, &'static str);

/// Versions as `(time, node, time and node it was based on)`.
fn versions(of: &[(u64, &str, Option<Made>)]) -> Vec<Version> {
    let version = |(n, node, before): &(u64, &str, Option<Made>)| Version {
        stamp: stamp(*n, node),
        based_on: before.map(|(n, node)| stamp(n, node)),
    };
    of.iter().map(version).collect()
}

#[test]
fn versions_in_one_line_are_no_conflict() {
    let line = versions(&[
        (1, "a", None),
        (2, "b", Some((1, "a"))),
        (3, "a", Some((2, "b"))),
    ]);
    assert_eq!(conflicts(&line), []);
    let line: Vec<_> = lineage(&line).into_iter().cloned().collect();
    assert_eq!(line, [stamp(3, "a"), stamp(2, "b"), stamp(1, "a")]);
}

#[test]
fn of_two_sides_the_older_has_lost() {
    let sides = versions(&[
        (1, "a", None),
        (2, "a", Some((1, "a"))),
        (3, "b", Some((1, "a"))),
    ]);
    assert_eq!(conflicts(&sides), [stamp(2, "a")]);
}

#[test]
fn of_two_that_both_began_the_object_the_older_has_lost() {
    let sides = versions(&[(2, "a", None), (3, "b", None)]);
    assert_eq!(conflicts(&sides), [stamp(2, "a")]);
}

#[test]
fn of_three_sides_two_have_lost() {
    let base = Some((1, "a"));
    let sides = versions(&[
        (1, "a", None),
        (2, "a", base),
        (3, "b", base),
        (4, "c", base),
    ]);
    assert_eq!(conflicts(&sides), [stamp(2, "a"), stamp(3, "b")]);
}

#[test]
fn a_whole_chain_loses_against_a_chain() {
    let sides = versions(&[
        (1, "a", None),
        (2, "a", Some((1, "a"))),
        (3, "b", Some((1, "a"))),
        (4, "a", Some((2, "a"))),
        (5, "b", Some((3, "b"))),
    ]);
    assert_eq!(conflicts(&sides), [stamp(2, "a"), stamp(4, "a")]);
}

#[test]
fn versions_older_than_the_end_of_a_pruned_line_are_no_conflict() {
    let pruned = versions(&[
        (2, "a", Some((1, "a"))),
        (4, "b", Some((3, "b"))), // 3 is not retained any more.
        (5, "a", Some((4, "b"))),
        (6, "b", Some((4, "b"))),
    ]);
    assert_eq!(conflicts(&pruned), [stamp(5, "a")]);
}

#[test]
fn what_was_restored_after_a_conflict_is_a_new_version_and_the_loser_stays_listed() {
    let restored = versions(&[
        (1, "a", None),
        (2, "a", Some((1, "a"))),
        (3, "b", Some((1, "a"))),
        (4, "a", Some((3, "b"))), // Says what 2 said.
    ]);
    assert_eq!(conflicts(&restored), [stamp(2, "a")]);
}

#[test]
fn a_version_that_names_a_later_one_as_its_origin_is_no_endless_walk() {
    let circle = versions(&[(1, "a", Some((2, "a"))), (2, "a", Some((1, "a")))]);
    assert_eq!(lineage(&circle).len(), 2);
    assert_eq!(conflicts(&circle), []);
}

#[test]
fn a_diff_names_each_field_by_its_path() {
    let cluster = Cluster::attached();
    let before = Object::Business(cluster.business().clone());
    let mut after = cluster.business().clone();
    after.access.enabled = false;
    after.access.urls[1].paths = vec!["/v1".to_owned()];
    after.access.manual_domains = vec!["api.shop.example".to_owned()];
    let change = |path: &str, before, after| FieldChange {
        path: path.to_owned(),
        before: Some(before),
        after: Some(after),
    };
    assert_eq!(
        diff(Some(&before), Some(&Object::Business(after))),
        [
            change("access.enabled", json!(true), json!(false)),
            change(
                "access.manual_domains",
                json!([]),
                json!(["api.shop.example"])
            ),
            change("access.urls[1].paths", json!([]), json!(["/v1"])),
        ]
    );
    assert_eq!(diff(Some(&before), Some(&before)), []);
    let created = diff(None, Some(&before));
    assert!(created.iter().all(|change| change.before.is_none()));
    assert!(created.iter().any(|change| change.path == "gateway"));
}

#[test]
fn a_diff_never_shows_the_digest_of_a_token() {
    let token = |digit: &str| {
        Object::Token(Token {
            id: "ann".to_owned(),
            sha256: digit.repeat(64),
            created_at_ms: 1,
        })
    };
    let (one, other) = (token("1"), token("2"));
    for change in [
        diff(None, Some(&one)),
        diff(Some(&one), Some(&other)),
        diff(Some(&other), None),
    ] {
        assert!(change.iter().any(|change| change.path == "sha256"));
        let shown = serde_json::to_string(&change).unwrap();
        assert!(
            !shown.contains("1111") && !shown.contains("2222"),
            "{shown}"
        );
    }
}

#[test]
fn the_configuration_of_a_moment_is_what_was_written_until_then() {
    let mut cluster = Cluster::attached();
    let mut versions: Vec<Record> = cluster.catalog.records().cloned().collect();
    let moment = versions.iter().map(|r| r.stamp.clone()).max().unwrap();
    cluster.write(|c| disconnect(c, APPID));
    cluster.write(|c| put_space(c, "later", SpaceInput::default()));
    versions.extend(cluster.catalog.records().cloned());

    let then = catalog_at(versions.clone(), &Moment::Version(moment.clone()));
    assert!(then.business(APPID).unwrap().access.enabled);
    assert!(then.space("later").is_none());
    let now = catalog_at(versions.clone(), &Moment::Ms(moment.wall_ms));
    assert!(now.space("later").is_some(), "the whole millisecond counts");
    assert!(catalog_at(versions, &Moment::Ms(moment.wall_ms - 1)).is_empty());
}

#[test]
fn a_record_of_the_first_store_still_reads() {
    let old =
        json!({"key": "space/s", "stamp": "0000000000010000-a", "author": "x", "object": null});
    let record: Record = serde_json::from_value(old.clone()).unwrap();
    assert_eq!((&record.based_on, &record.request), (&None, &None));
    assert_eq!(serde_json::to_value(&record).unwrap(), old);
}

#[test]
fn a_version_is_kept_for_a_time_after_another_took_its_place() {
    let retention = Retention {
        keep_versions: 3,
        keep_ms: 100,
        tombstone_keep_ms: 50,
    };
    let stamps: Vec<Stamp> = [1_000, 900, 890, 880, 1].map(|n| stamp(n, "a")).into();
    let kept = |deleted, now_ms| retention.kept(&stamps, deleted, now_ms);
    assert_eq!(kept(false, 900), 3, "no more than three");
    assert_eq!(
        kept(false, 1_001),
        2,
        "890 was replaced by 900, too long ago"
    );
    assert_eq!(kept(false, 1_101), 1);
    assert_eq!(kept(false, u64::MAX), 1, "the newest stays");
    assert_eq!(kept(true, 1_050), 2);
    assert_eq!(
        kept(true, 1_051),
        0,
        "a deletion is forgotten with all that was before"
    );
}

proptest! {
    /// What makes nodes with different parts of a history end up with the same.
    #[test]
    fn what_is_retained_of_two_parts_together_is_what_is_retained_of_the_whole(
        a in prop::collection::btree_set(0u64..200, 0..12),
        b in prop::collection::btree_set(0u64..200, 0..12),
        keep_versions in 1usize..6, keep_ms in 0u64..200,
    ) {
        let retention = Retention { keep_versions, keep_ms, tombstone_keep_ms: 1_000 };
        let kept = |set: &std::collections::BTreeSet<u64>| {
            let stamps: Vec<Stamp> = set.iter().rev().map(|&n| stamp(n, "a")).collect();
            let kept = retention.kept(&stamps, false, 200);
            set.iter().rev().take(kept).copied().collect::<std::collections::BTreeSet<u64>>()
        };
        prop_assert_eq!(kept(&(&kept(&a) | &kept(&b))), kept(&(&a | &b)));
    }
}
