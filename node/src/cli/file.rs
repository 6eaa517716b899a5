//! Files: read up to a limit; written never over another, and for their owner only.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
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

/// `-` stands for the standard input.
pub fn is_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// Reads a file, or the standard input.
///
/// # Errors
/// Where it cannot be read, or is larger than `max_bytes`.
pub fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, Failure> {
    let name = if is_input(path) {
        "the standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let unread = |why: io::Error| Failure::Input(format!("cannot read {name}: {why}."));
    let source: Box<dyn Read> = if is_input(path) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(unread)?)
    };
    let mut bytes = Vec::new();
    source
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(unread)?;
    if bytes.len() as u64 > max_bytes {
        let detail = format!("{name} is larger than {max_bytes} bytes. Split it.");
        return Err(Failure::Input(detail));
    }
    Ok(bytes)
}

/// Reads a file, or the standard input, as text.
///
/// # Errors
/// As [`read`], and where it is no UTF-8.
pub fn read_text(path: &Path, max_bytes: u64) -> Result<String, Failure> {
    String::from_utf8(read(path, max_bytes)?).map_err(|_| {
        let name = path.display();
        Failure::Input(format!("{name} is no text: it has to be UTF-8."))
    })
}
