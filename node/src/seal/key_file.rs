//! The file that holds a seal key: its owner's alone.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{SealError, Secret};
use crate::private_file;

/// The file of the node's own key, in its data directory.
pub(super) const NODE_KEY_FILE: &str = "seal-key";
/// The largest file that is read, bytes.
const FILE_MAX_BYTES: u64 = 1024;

/// The text of a key file.
///
/// # Errors
/// Where it cannot be read, or others could read it too.
pub(super) fn read(file: &Path) -> Result<Secret, SealError> {
    let unreadable = |error: io::Error| SealError::Unreadable {
        file: file.to_owned(),
        why: error.to_string(),
    };
    let opened = fs::File::open(file).map_err(unreadable)?;
    let mode = opened.metadata().map_err(unreadable)?.mode() & 0o777;
    // A group may be let in by mounts of secrets; the world may not.
    if mode & 0o007 != 0 {
        return Err(SealError::Open {
            file: file.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    let mut limited = opened.take(FILE_MAX_BYTES);
    limited.read_to_string(&mut text).map_err(unreadable)?;
    Ok(Secret::new(text))
}

/// The text of the node's own key file, made first where it is not there.
///
/// # Errors
/// Where it cannot be read or made.
pub(super) fn load_or_make(data_dir: &Path) -> Result<Secret, SealError> {
    let file = data_dir.join(NODE_KEY_FILE);
    if !file.exists() {
        let key: [u8; 32] = rand::random();
        private_file::write(&file, &hex::encode(key)).map_err(|error| SealError::Unwritable {
            file: file.clone(),
            why: error.to_string(),
        })?;
    }
    read(&file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::seal::SealKey;

    #[test]
    fn the_nodes_own_key_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = SealKey::of_node(dir.path()).unwrap();
        let mode = fs::metadata(dir.path().join(NODE_KEY_FILE)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(SealKey::of_node(dir.path()).unwrap().id(), first.id());
    }

    #[test]
    fn a_key_file_that_the_world_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        fs::write(&file, hex::encode([1; 32])).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = SealKey::of_settings(None, Some(&file))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("chmod 600") && refused.contains("644"),
            "{refused}"
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(SealKey::of_settings(None, Some(&file)).unwrap().is_some());
    }

    #[test]
    fn a_key_file_that_is_not_there_is_named_with_its_setting() {
        let refused = SealKey::of_settings(None, Some(Path::new("/nowhere/key"))).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("seal.key_file") && refused.contains("/nowhere/key"),
            "{refused}"
        );
    }
}
