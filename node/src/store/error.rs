//! What can be wrong with a node's data directory: each one sentence with the file and the remedy.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the data directory {} cannot be used ({why}): make it writable or set node.data_dir to another", dir.display())]
    Directory { dir: PathBuf, why: String },
    #[error("another node is running on the data directory {}: stop it, or give each node its own node.data_dir", dir.display())]
    InUse { dir: PathBuf },
    #[error(
        "the store {} is broken ({why}): move it and its -wal and -shm files away and start again, \
         the node catches up from its peers",
        file.display()
    )]
    Broken { file: PathBuf, why: String },
    #[error("the store {} cannot be opened ({why}): let the node's user read and write it", file.display())]
    NoAccess { file: PathBuf, why: String },
    #[error(
        "the store {} was written by a newer weir (schema {found}, this one knows {known}): start that \
         version, or move the file away and start again, the node catches up from its peers",
        file.display()
    )]
    Newer {
        file: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("the store {} takes no writes ({why}): nothing of the change was kept; free disk space or mend the disk", file.display())]
    Unwritable { file: PathBuf, why: String },
    #[error("the store was not copied to {} ({why}): nothing is left there; name another file or free disk space", file.display())]
    Backup { file: PathBuf, why: String },
}

// === impl StoreError ===

impl StoreError {
    /// An error of opening or reading.
    pub(super) fn opening(file: &Path, error: &rusqlite::Error) -> Self {
        let (file, why) = (file.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::AuthorizationForStatementDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked,
            ) => StoreError::NoAccess { file, why },
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
                StoreError::Unwritable { file, why }
            }
            _ => StoreError::Broken { file, why },
        }
    }

    pub(super) fn writing(file: &Path, error: &rusqlite::Error) -> Self {
        StoreError::Unwritable {
            file: file.to_owned(),
            why: error.to_string(),
        }
    }
}
