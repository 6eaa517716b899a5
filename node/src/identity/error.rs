use std::path::PathBuf;

use weir_cluster::mesh::JoinError;
use weir_cluster::trust::{BadToken, NotTrusted, TrustError};

use crate::seal::SealError;

/// Why this process is no node of a cluster: each one sentence for whoever started it. None shows a key or a token.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(
        "this node has no certificate of the cluster, and its settings name seeds to join: make a token on a running node \
         (weir token join) and start this one once with --join TOKEN@HOST:PORT"
    )]
    NotJoined,
    #[error(
        "the store of this node is of a cluster that has keys, and this node's own are lost: join the others with a token \
         (weir token join, then --join TOKEN@HOST:PORT). Only if nothing of that cluster runs any more, start this node \
         once with --begin-anew: it makes new keys, and every other node has to join it"
    )]
    KeysLost,
    #[error("mesh.join: {0}")]
    Token(#[from] BadToken),
    #[error("mesh.join: {0}")]
    Join(#[from] JoinError),
    #[error(
        "the files under {} are of node {found}, and node.id is {wanted}: give each node its own data directory, or move \
         {} away and join anew with a token (weir token join)", dir.display(), dir.display()
    )]
    OtherNode {
        dir: PathBuf,
        found: String,
        wanted: String,
    },
    #[error(
        "node.cluster is {wanted}, and the certificate of this node is of cluster {found}: take node.cluster out of the \
         settings, or join that cluster from an empty data directory"
    )]
    OtherCluster { found: String, wanted: String },
    #[error(
        "the certificate in {} is not believed: {why}", dir.display()
    )]
    NotTrusted { dir: PathBuf, why: NotTrusted },
    #[error(
        "the certificate of this node has expired: is the clock right? If it was off for that long, make a token on a \
         running node (weir token join) and start this one once with --join TOKEN@HOST:PORT"
    )]
    Expired,
    #[error("{} cannot be read ({why}): let the node's user read it, or join anew with a token (weir token join)", file.display())]
    Unreadable { file: PathBuf, why: String },
    #[error("{} cannot be written ({why}): let the node's user write there", file.display())]
    Unwritable { file: PathBuf, why: String },
    #[error("{} is sealed, and no seal key is given: set seal.key (WEIR_SEAL_KEY) or seal.key_file as before", file.display())]
    Sealed { file: PathBuf },
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("{0}")]
    Store(#[from] crate::store::StoreError),
}
