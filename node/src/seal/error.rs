use std::path::PathBuf;

/// Why something cannot be sealed or opened. No message shows a secret or a key.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(
        "{setting} is no seal key: give 32 bytes as 64 hexadecimal digits or as base64, for instance what \
         `openssl rand -hex 32` prints"
    )]
    NoKey { setting: &'static str },
    #[error("seal.key and seal.key_file are both set: keep one of them")]
    Both,
    #[error("seal.key_file: {} cannot be read ({why}): name the file that holds the seal key", file.display())]
    Unreadable { file: PathBuf, why: String },
    #[error(
        "seal.key_file: {} can be read by others (mode {mode:03o}): chmod 600 it, it opens every sealed secret",
        file.display()
    )]
    Open { file: PathBuf, mode: u32 },
    #[error("the seal key could not be written to {} ({why}): let the node's user write there", file.display())]
    Unwritable { file: PathBuf, why: String },
    /// A sealed value of another key.
    #[error(
        "{what} was sealed with another seal key ({sealed_by}) than this node's ({mine}): give every node the same \
         seal.key (WEIR_SEAL_KEY) or seal.key_file"
    )]
    OtherKey {
        what: String,
        sealed_by: String,
        mine: String,
    },
    /// A value that nobody sealed so, or that was changed since.
    #[error(
        "{what} is no sealed value, or was changed after it was sealed: it has to be made anew"
    )]
    Broken { what: String },
    /// The random source or the cipher failed.
    #[error("{what} could not be sealed: the cipher of this system failed")]
    Cipher { what: String },
}
