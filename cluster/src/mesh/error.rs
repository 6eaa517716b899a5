use std::io;
use std::net::SocketAddr;

/// What went wrong on the mesh.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    #[error(
        "the mesh port {addr} could not be opened: {source}. Free it or set mesh.listen to another"
    )]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("the mesh's TLS could not be set up: {0}")]
    Tls(rustls::Error),
    #[error("the mesh thread could not be started: {0}")]
    Thread(io::Error),
    #[error("node {addr} did not answer on the mesh within {after_ms} ms")]
    Deadline { addr: SocketAddr, after_ms: u64 },
    #[error("node {addr} cannot be reached on the mesh: {reason}")]
    Unreachable { addr: SocketAddr, reason: String },
    #[error("node {addr} refused with status {status}: {reason}")]
    Refused {
        addr: SocketAddr,
        status: u16,
        reason: String,
    },
    #[error("node {addr} answered what cannot be read: {reason}")]
    Unreadable { addr: SocketAddr, reason: String },
    #[error("the mesh to {0} is cut")]
    Cut(SocketAddr),
    #[error("the mesh has stopped")]
    Stopped,
}
