//! The store's files while one store takes the place of another.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::{DataDir, STORE_FILE};

/// What the directory of a store that was kept aside begins with.
pub const ASIDE: &str = "before-restore-";

/// What SQLite keeps beside its file: the write-ahead log and its index.
pub const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// Sets the store aside and puts another in its place, or none. At every moment but within the last step the
/// directory holds a whole store.
pub fn replace(dir: &DataDir, new: Option<&Path>) -> io::Result<Option<PathBuf>> {
    let store = dir.path().join(STORE_FILE);
    let mut kept = None;
    if store.exists() {
        let aside = make_aside(dir.path())?;
        fs::hard_link(&store, aside.join(STORE_FILE))?;
        // The log of the old store must not be taken for the new one's.
        for companion in COMPANIONS {
            let from = with_suffix(&store, companion);
            if from.exists() {
                fs::rename(from, aside.join(format!("{STORE_FILE}{companion}")))?;
            }
        }
        sync_dir(&aside)?;
        kept = Some(aside);
    }
    match new {
        Some(new) => fs::rename(new, &store)?,
        None if store.exists() => fs::remove_file(&store)?,
        None => {}
    }
    sync_dir(dir.path())?;
    Ok(kept)
}

/// A new directory for the old store, named by the time.
fn make_aside(dir: &Path) -> io::Result<PathBuf> {
    let now = time::OffsetDateTime::now_utc();
    let (date, clock) = (now.date(), now.time());
    let stamp = format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    );
    for attempt in 0..100 {
        let name = match attempt {
            0 => format!("{ASIDE}{stamp}"),
            more => format!("{ASIDE}{stamp}-{more}"),
        };
        match fs::create_dir(dir.join(&name)) {
            Ok(()) => return Ok(dir.join(name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("a hundred restores in this very second"))
}

/// A path with something after its name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes a directory, if it is there.
pub fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
