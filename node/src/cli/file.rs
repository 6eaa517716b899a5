//! Files that a command writes: never over another, and for their owner only.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::failure::Failure;

/// Makes a file that does not exist yet, readable by its owner only.
///
/// # Errors
/// Where it exists, or cannot be made.
pub fn create(path: &Path) -> Result<File, Failure> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map_err(|why| {
        let name = path.display();
        Failure::Input(if why.kind() == io::ErrorKind::AlreadyExists {
            format!(
                "{name} exists already and is left as it is. Choose another name, or move it away."
            )
        } else {
            format!("cannot make {name}: {why}.")
        })
    })
}
