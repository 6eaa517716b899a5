use chitchat::{Chitchat, ChitchatId, DeletionStatus, VersionedValue};

use super::rows::{self, RowChange};
use super::tests::{chitchat, loopback, node, sealed, sees_live, until};
use super::view::Viewer;
use super::{PLAN_MAX_BYTES, ROW_MAX_BYTES};

/// Makes `node` have exactly these keys, as chitchat does with a node that lags too far behind.
fn reset(
    chitchat: &mut Chitchat,
    node: &str,
    generation: u64,
    keys: &[(&str, &str, u64)],
    gc: u64,
) {
    let id = ChitchatId::new(node, generation, loopback(2));
    let value = |&(key, value, version): &(&str, &str, u64)| {
        let value = VersionedValue {
            value: sealed(value),
            version,
            status: DeletionStatus::Set,
        };
        (key.to_owned(), value)
    };
    let newest = keys.iter().map(|(_, _, version)| *version).max();
    chitchat.reset_node_state_if_update(&id, keys.iter().map(value), newest.unwrap_or(0), gc);
}

fn told(changes: &[RowChange]) -> Vec<(&str, u64, &str, Option<&str>)> {
    let mut told: Vec<_> = changes
        .iter()
        .map(|c| {
            (
                c.node.as_str(),
                c.generation,
                c.key.as_str(),
                c.value.as_deref(),
            )
        })
        .collect();
    told.sort();
    told
}

#[test]
fn only_rows_that_changed_are_told_and_the_view_is_not_made_anew_for_them() {
    let mut chitchat = chitchat("me", 5);
    let mut viewer = Viewer::new("me".parse().unwrap(), 5);
    reset(
        &mut chitchat,
        "a",
        1,
        &[("region", "x", 1), ("q.1", "r1", 2), ("mint", "m1", 3)],
        0,
    );
    let look = viewer.look(&chitchat);
    assert_eq!(look.view.unwrap().nodes.len(), 2);
    assert_eq!(
        told(&look.rows),
        [("a", 1, "mint", Some("m1")), ("a", 1, "q.1", Some("r1"))]
    );

    reset(
        &mut chitchat,
        "a",
        1,
        &[("region", "x", 1), ("q.1", "r2", 4), ("mint", "m1", 3)],
        4,
    );
    let look = viewer.look(&chitchat);
    assert!(look.view.is_none(), "rows are not in the view");
    assert_eq!(told(&look.rows), [("a", 1, "q.1", Some("r2"))]);
    assert!(viewer.look(&chitchat).rows.is_empty());
}

#[test]
fn a_row_that_vanished_without_a_word_is_told_as_gone() {
    let mut chitchat = chitchat("me", 5);
    let mut viewer = Viewer::new("me".parse().unwrap(), 5);
    reset(
        &mut chitchat,
        "a",
        1,
        &[("q.1", "r1", 1), ("q.2", "r2", 2)],
        0,
    );
    viewer.look(&chitchat);
    reset(
        &mut chitchat,
        "a",
        1,
        &[("q.2", "r2", 2), ("q.3", "r3", 4)],
        4,
    );
    let rows = viewer.look(&chitchat).rows;
    assert_eq!(
        told(&rows),
        [("a", 1, "q.1", None), ("a", 1, "q.3", Some("r3"))]
    );
}

#[test]
fn the_rows_of_an_earlier_incarnation_are_gone_with_it() {
    let mut chitchat = chitchat("me", 5);
    let mut viewer = Viewer::new("me".parse().unwrap(), 5);
    reset(
        &mut chitchat,
        "a",
        1,
        &[("q.1", "old", 1), ("q.2", "old", 2)],
        0,
    );
    viewer.look(&chitchat);
    reset(&mut chitchat, "a", 2, &[("q.1", "new", 1)], 0);
    let rows = viewer.look(&chitchat).rows;
    assert_eq!(
        told(&rows),
        [
            ("a", 1, "q.1", None),
            ("a", 1, "q.2", None),
            ("a", 2, "q.1", Some("new"))
        ]
    );
    // Taken late, the newest of each row is what counts.
    let waiting = rows::RowChanges::default();
    waiting.add(rows);
    assert_eq!(
        told(&waiting.take()),
        [("a", 1, "q.2", None), ("a", 2, "q.1", Some("new"))]
    );
}

#[test]
fn this_nodes_own_rows_are_not_told() {
    let mut chitchat = chitchat("me", 5);
    chitchat.self_node_state().set("q.1", "mine");
    let mut viewer = Viewer::new("me".parse().unwrap(), 5);
    assert!(viewer.look(&chitchat).rows.is_empty());
    chitchat.self_node_state().set("q.1", "mine again");
    let look = viewer.look(&chitchat);
    assert!(look.rows.is_empty() && look.view.is_none());
}

#[test]
fn only_the_ledgers_keys_with_short_visible_values_are_rows() {
    for key in ["mint", "plan", "q.x", "q.0123456789-"] {
        assert!(rows::is_row(key), "{key}");
    }
    for key in [
        "q.",
        "q",
        "Mint",
        "region",
        "q.\u{e9}",
        "q.0123456789012345678901234567890123",
    ] {
        assert!(!rows::is_row(key), "{key}");
    }
    assert!(rows::is_legal("q.x", &"x".repeat(ROW_MAX_BYTES)));
    assert!(!rows::is_legal("q.x", &"x".repeat(ROW_MAX_BYTES + 1)));
    assert!(rows::is_legal("plan", &"x".repeat(PLAN_MAX_BYTES)));
    assert!(!rows::is_legal("plan", &"x".repeat(PLAN_MAX_BYTES + 1)));
    assert!(!rows::is_legal("mint", "a b"));
}

#[actix_web::test]
async fn rows_travel_with_and_without_a_push_and_are_taken_away_again() {
    let (a, a_addr) = node("a", &[]);
    let (b, _) = node("b", &[a_addr]);
    until("they meet", || sees_live(&a, "b") && sees_live(&b, "a")).await;
    for (n, push) in [(1, false), (2, true), (3, false)] {
        let rows = [
            ("mint".to_owned(), Some(format!("m{n}"))),
            ("q.shop".to_owned(), Some(format!("r{n}"))),
            ("elsewhere".to_owned(), Some("no row".to_owned())),
        ];
        a.publish_rows(rows, push);
        let mut came = Vec::new();
        until("both rows come", || {
            came.extend(b.take_rows());
            came.len() >= 2
        })
        .await;
        let came: Vec<_> = came
            .iter()
            .map(|c| (c.key.as_str(), c.value.clone()))
            .collect();
        assert_eq!(
            came,
            [
                ("mint", Some(format!("m{n}"))),
                ("q.shop", Some(format!("r{n}")))
            ]
        );
    }
    a.publish_rows([("q.shop".to_owned(), None)], false);
    let mut came = Vec::new();
    until("the row is taken away", || {
        came.extend(b.take_rows());
        came.iter().any(|c: &RowChange| c.key == "q.shop")
    })
    .await;
    assert_eq!(came[0].value, None);
    assert!(
        a.desired
            .begin()
            .iter()
            .all(|(key, _)| key != "q.shop" && key != "elsewhere")
    );
}

#[actix_web::test]
async fn a_push_to_some_reaches_them() {
    let (a, a_addr) = node("a", &[]);
    let (b, _) = node("b", &[a_addr]);
    until("they meet", || sees_live(&a, "b") && sees_live(&b, "a")).await;
    a.publish_rows([("q.shop".to_owned(), Some("r".to_owned()))], false);
    a.push_to(["b".parse().unwrap(), "nobody".parse().unwrap()]);
    until("the row comes", || !b.take_rows().is_empty()).await;
}
