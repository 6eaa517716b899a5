//! `weir restore`: gives a stopped node its store back, from a backup or from its peers.
//!
//! The new store is made and checked beside the old one first; the old one is kept aside, never deleted.

mod checked;
mod files;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use super::arguments::RestoreArgs;
use super::failure::Failure;
use crate::settings::{self, Settings};
use crate::store::{DataDir, STORE_FILE, StoreError};
use files::{ASIDE, replace};

/// Where the new store is made, in the data directory.
const WORK: &str = "restore.tmp";

/// Time for a peer to take a connection.
const PEER_TIMEOUT: Duration = Duration::from_secs(3);

/// Restores as the arguments say.
///
/// # Errors
/// Where a node runs on the data directory, the backup is none, or no peer is there: nothing is replaced.
pub fn run(args: &RestoreArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = settings::load(args.config.as_deref()).map_err(Failure::start)?;
    let dir = DataDir::lock(&settings.node.data_dir).map_err(|error| match error {
        StoreError::InUse { dir } => Failure::Input(format!(
            "a node is running on the data directory {}: stop it first, then restore. Nothing was changed.",
            dir.display()
        )),
        other => Failure::start(other),
    })?;
    let told = match &args.from {
        Some(backup) => from_backup(&settings, &dir, backup)?,
        None => from_peers(&settings, &dir)?,
    };
    Ok(write!(out, "{told}")?)
}

/// Puts a backup in the store's place.
///
/// # Errors
/// As [`run`].
fn from_backup(settings: &Settings, dir: &DataDir, backup: &Path) -> Result<String, Failure> {
    let store = dir.path().join(STORE_FILE);
    if let (Ok(given), Ok(own)) = (backup.canonicalize(), store.canonicalize())
        && given == own
    {
        let detail = format!(
            "{} is this node's own store; name a backup.",
            backup.display()
        );
        return Err(Failure::Input(detail));
    }
    let work = dir.path().join(WORK);
    let made = checked::make(settings, &work, backup);
    let contents = made.inspect_err(|_| {
        let _ = fs::remove_dir_all(&work);
    })?;
    let kept = replace(dir, Some(&work.join(STORE_FILE))).map_err(|why| unmoved(dir, &why))?;
    let _ = fs::remove_dir_all(&work);
    let newest = contents.newest.map_or_else(String::new, |newest| {
        format!(", the newest version {newest}")
    });
    let mut told = format!(
        "Restored {} object(s){newest}, from {} to {}.\n{}",
        contents.objects,
        backup.display(),
        dir.path().display(),
        kept_aside(kept.as_deref()),
    );
    if !settings.mesh.seeds.is_empty() {
        told.push_str(
            "What its peers have besides comes back when the node starts; to take the whole cluster back in time, \
             use `weir history restore --at`.\n",
        );
    }
    Ok(told)
}

/// Sets the store aside, so that the node begins with nothing and takes everything from its peers.
///
/// # Errors
/// As [`run`].
fn from_peers(settings: &Settings, dir: &DataDir) -> Result<String, Failure> {
    let seeds = &settings.mesh.seeds;
    if seeds.is_empty() {
        let detail = "the settings name no peers (mesh.seeds), so there is nobody to take the configuration from. \
                      Name one, or restore from a backup with --from FILE. Nothing was changed.";
        return Err(Failure::Input(detail.to_owned()));
    }
    let Some(there) = seeds.iter().find(|seed| answers(seed)) else {
        let detail = format!(
            "no peer takes a connection: {}. Start one, or restore from a backup with --from FILE. Nothing was changed.",
            seeds.join(", ")
        );
        return Err(Failure::Input(detail));
    };
    let kept = replace(dir, None).map_err(|why| unmoved(dir, &why))?;
    Ok(format!(
        "The node begins with nothing: when it starts, it takes the configuration from its peers ({there} is there).\n{}",
        kept_aside(kept.as_deref())
    ))
}

fn kept_aside(kept: Option<&Path>) -> String {
    kept.map_or_else(
        || "There was no store before.\n".to_owned(),
        |kept| {
            let kept = kept.display();
            format!("The store before is kept in {kept}; delete it when nobody needs it.\n")
        },
    )
}

fn answers(seed: &str) -> bool {
    let addrs = seed.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let addrs = addrs.unwrap_or_default();
    addrs
        .iter()
        .any(|addr| TcpStream::connect_timeout(addr, PEER_TIMEOUT).is_ok())
}

fn unmoved(dir: &DataDir, why: &io::Error) -> Failure {
    let name = dir.path().display();
    Failure::Input(format!(
        "the files in {name} cannot be moved: {why}. Look into that directory before the node is started: what was \
         the store is there, or in a directory that begins with {ASIDE}."
    ))
}
