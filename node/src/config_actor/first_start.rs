//! The first admin token of a new cluster.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use weir_config::history::Retention;
use weir_config::object::Token;
use weir_config::operation::Change;
use weir_config::{NodeId, Object};

use super::{now_ms, open_replica};
use crate::private_file;
use crate::store::{Store, StoreError};

/// The file of the first token, in the data directory, for the node's user only.
pub const ADMIN_TOKEN_FILE: &str = "admin-token";

/// The name of the first token, and the author of what is done with it.
const ROOT: &str = "root";
/// The author of what a node does by itself.
const SYSTEM: &str = "system";

/// Why the first token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the admin token could not be written to {} ({why}): let the node's user write there", file.display())]
    TokenFile { file: PathBuf, why: io::Error },
}

/// Makes the root token of a cluster that this node begins: where it has no seeds and knows no token.
/// Returns the file it is in. A node with seeds gets its tokens by replication.
pub fn ensure_admin_token(
    store: &mut Store,
    data_dir: &Path,
    node: &NodeId,
    has_seeds: bool,
) -> Result<Option<PathBuf>, FirstStartError> {
    let mut replica = open_replica(node, Retention::default(), store)?;
    if has_seeds || replica.state().catalog.tokens().next().is_some() {
        return Ok(None);
    }
    let secret: [u8; 32] = rand::random();
    let token = format!("weir_{}", URL_SAFE_NO_PAD.encode(secret));
    let file = data_dir.join(ADMIN_TOKEN_FILE);
    // The file first: a token without a record is made anew, a record without its token is lost.
    private_file::write(&file, &token).map_err(|why| FirstStartError::TokenFile {
        file: file.clone(),
        why,
    })?;
    let now_ms = now_ms();
    let change = Change::put(Object::Token(Token {
        id: ROOT.to_owned(),
        sha256: hex::encode(Sha256::digest(token.as_bytes())),
        created_at_ms: now_ms,
    }));
    let written = replica.write(now_ms, SYSTEM, None, change);
    store.persist(&written.records, &[], now_ms)?;
    Ok(Some(file))
}
