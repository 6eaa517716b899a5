//! `weir backup`: a consistent copy of a running node's store.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::arguments::BackupArgs;
use super::client::Client;
use super::failure::Failure;
use super::file;

/// What every SQLite file begins with (SQLite file format, 1.3).
pub const SQLITE: &[u8] = b"SQLite format 3\0";

/// Takes a copy. The file is there when it is whole, and not before.
///
/// # Errors
/// Where the file exists already or cannot be written, or the node does not give a whole copy.
pub async fn run(client: &Client, args: &BackupArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let to = &args.out;
    if to.exists() {
        // Says so before anything is copied.
        file::create(to)?;
    }
    let part = part_of(to);
    let mut copy = file::create(&part)?;
    let taken = client.download("/backup", &mut copy).await;
    let kept = taken.and_then(|bytes| {
        let unwritten = |why| Failure::Input(format!("cannot write {}: {why}.", to.display()));
        copy.sync_all().map_err(unwritten)?;
        if !begins_as_a_store(&part) {
            let detail = "What the node sent is no store. Nothing was kept.";
            return Err(Failure::Input(detail.to_owned()));
        }
        // Fails where the name has been taken meanwhile, which renaming would not.
        fs::hard_link(&part, to).map_err(unwritten)?;
        Ok(bytes)
    });
    let _ = fs::remove_file(&part);
    let bytes = kept?;
    if args.connection.json {
        writeln!(out, "{:#}", json!({"file": to, "bytes": bytes}))?;
    } else {
        writeln!(
            out,
            "{} holds a copy of the whole configuration and its history, {bytes} bytes. Whoever reads it learns the \
             digests of all tokens: keep it safe. `weir restore` takes it.",
            to.display()
        )?;
    }
    Ok(())
}

/// Whether a file begins as every SQLite file does.
pub fn begins_as_a_store(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; SQLITE.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == SQLITE
}

fn part_of(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}
