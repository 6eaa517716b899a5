//! Files that hold a secret.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes a file whole, readable by its owner alone from its first byte on: aside first, then renamed, so that a
/// crash leaves no half of it.
///
/// # Errors
/// What the disk said; the file is then as it was.
pub(crate) fn write(file: &Path, text: &str) -> io::Result<()> {
    let aside = file.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut writing = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)?;
    writing.write_all(text.as_bytes())?;
    writing.write_all(b"\n")?;
    writing.sync_all()?;
    fs::rename(&aside, file)
}
