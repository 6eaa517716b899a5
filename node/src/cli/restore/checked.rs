//! A backup, looked through from end to end before anything is replaced.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use weir_config::{Catalog, Stamp};

use super::super::backup::begins_as_a_store;
use super::super::failure::Failure;
use super::files::{COMPANIONS, remove, with_suffix};
use crate::quota::MINT_PLAN;
use crate::run::OWNER;
use crate::settings::Settings;
use crate::store::{STORE_FILE, Store};

/// What a store holds.
pub struct Contents {
    pub objects: usize,
    pub newest: Option<Stamp>,
}

/// Makes a store of the backup in the directory `work`, and looks through all of it.
///
/// # Errors
/// Where it is no backup that can be used.
pub fn make(settings: &Settings, work: &Path, backup: &Path) -> Result<Contents, Failure> {
    let unusable = |why: &dyn std::fmt::Display| {
        let name = backup.display();
        Failure::Input(format!(
            "{name} is no backup that can be used: {why}. Nothing was changed."
        ))
    };
    let uncopied = |why: io::Error| {
        let (from, to) = (backup.display(), work.display());
        Failure::Input(format!(
            "cannot copy {from} to {to}: {why}. Nothing was changed."
        ))
    };
    if !backup.is_file() {
        return Err(unusable(&"there is no such file"));
    }
    if !begins_as_a_store(backup) {
        return Err(unusable(&"it does not begin as a store does"));
    }
    remove(work).map_err(uncopied)?;
    fs::create_dir(work).map_err(uncopied)?;
    let file = work.join(STORE_FILE);
    fs::copy(backup, &file).map_err(uncopied)?;
    // A copy of a running node's files, not by `weir backup`, has its newest changes here.
    let log = with_suffix(backup, COMPANIONS[0]);
    if log.is_file() {
        fs::copy(&log, with_suffix(&file, COMPANIONS[0])).map_err(uncopied)?;
    }
    check_kind(&file).map_err(|why| unusable(&why))?;
    let contents = {
        let mut store = Store::open_file(&file).map_err(|why| unusable(&why))?;
        let mut catalog = Catalog::default();
        for record in store.load().map_err(|why| unusable(&why))? {
            catalog.merge(record);
        }
        store
            .set_fact(OWNER, &settings.node.id)
            // A copy may be older than what others have heard: to have forgotten it is the truth.
            .and_then(|()| store.set_fact(MINT_PLAN, ""))
            .map_err(|why| unusable(&why))?;
        Contents {
            objects: catalog.records().filter(|r| r.object.is_some()).count(),
            newest: catalog.records().map(|r| r.stamp.clone()).max(),
        }
    };
    let leftover = with_suffix(&file, COMPANIONS[0]);
    if fs::metadata(&leftover).is_ok_and(|log| log.len() > 0) {
        return Err(unusable(&"its last changes could not be worked into it"));
    }
    File::open(&file)
        .and_then(|file| file.sync_all())
        .map_err(uncopied)?;
    Ok(contents)
}

/// That this is a store of Weir's, before anything of it is brought up to date: an empty or foreign file
/// would become an empty store.
fn check_kind(file: &Path) -> Result<(), String> {
    let connection = rusqlite::Connection::open(file).map_err(|error| error.to_string())?;
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| error.to_string())?;
    let tables = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('meta', 'records', 'versions')",
        [],
        |row| row.get::<_, i64>(0),
    );
    let tables = tables.map_err(|error| error.to_string())?;
    if version >= 1 && tables >= 2 {
        Ok(())
    } else {
        Err("it is an SQLite file, but not a store of weir".to_owned())
    }
}
