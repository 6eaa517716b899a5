use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::object::{Kind, Object, Record};
use crate::operation::{Change, referential::Outcome};
use crate::refusal::Refusal;

/// Writes what an earlier version says once more, as a new version. An object deleted since is created again;
/// a version that is itself a deletion deletes.
///
/// # Errors
/// `not_restorable` (409) for tokens, schedules and nodes. As for a whole document where the version no longer fits the
/// configuration: `reference_missing` (422) where its gateway is gone, `still_in_use` (409), and others.
pub fn restore(catalog: &Catalog, now_ms: u64, version: &Record) -> Result<Change, Refusal> {
    if version.key.kind == Kind::Schedule {
        return Err(Refusal::conflict(
            "not_restorable",
            "A schedule is not restored: its time may have passed, and it would begin anew. Create a new one.",
        ));
    }
    if version.key.kind == Kind::Token {
        return Err(Refusal::conflict(
            "not_restorable",
            "A token is not restored: it may have been taken away because others had it. Create a new one.",
        ));
    }
    if version.key.kind == Kind::PlatformSecret {
        return Err(Refusal::conflict(
            "not_restorable",
            "What a platform entrusted to us is not restored: it is out of date, and is renewed by itself.",
        ));
    }
    if matches!(version.key.kind, Kind::Node | Kind::Authority) {
        return Err(Refusal::conflict(
            "not_restorable",
            "Whom the cluster lets in is not restored: join the node again with a token (`weir token join`), or revoke \
             it (`weir cluster revoke`).",
        ));
    }
    if version.key.kind == Kind::AlarmReceiver {
        return Err(Refusal::conflict(
            "not_restorable",
            "A receiver of alarms is not restored: its URL may have been changed because others had it. Set it anew.",
        ));
    }
    let change = match &version.object {
        Some(object) => Change::put_if_new(catalog, object.clone()),
        None if catalog.object(&version.key).is_some() => Change::delete(version.key.clone()),
        None => Change::default(),
    };
    check_change(catalog, now_ms, &change)?;
    Ok(change)
}

/// Makes the whole configuration what it was: `then` is from
/// [`catalog_at`](crate::history::catalog_at). Tokens and schedules stay as they are now.
///
/// # Errors
/// As [`restore`], where something that stays would not fit.
pub fn restore_catalog(catalog: &Catalog, now_ms: u64, then: &Catalog) -> Result<Change, Refusal> {
    let mut change = Change::default();
    let keys = catalog.records().chain(then.records());
    let keys: BTreeSet<_> = keys.map(|record| &record.key).collect();
    for key in keys
        .into_iter()
        .filter(|key| !key.kind.is_secret() && key.kind != Kind::Schedule)
    {
        match (catalog.object(key), then.object(key)) {
            (now, then) if now == then => {}
            (_, Some(object)) => change.puts.push(object.clone()),
            (_, None) => change.deletes.push(key.clone()),
        }
    }
    check_change(catalog, now_ms, &change)?;
    Ok(change)
}

/// Checks all that a change writes against the whole outcome, and that nothing else loses what it refers to.
fn check_change(catalog: &Catalog, now_ms: u64, change: &Change) -> Result<(), Refusal> {
    let after = change.applied_to(catalog);
    let puts = change.puts.iter().map(Object::key);
    let touched: BTreeSet<_> = puts.chain(change.deletes.iter().cloned()).collect();
    let outcome = Outcome::new(catalog, &after, now_ms);
    for object in &change.puts {
        outcome
            .check(object)
            .map_err(|refusal| match change.puts.len() {
                1 => refusal,
                _ => refusal.within(&object.key().to_string()),
            })?;
    }
    outcome.check_rest(&touched)
}
