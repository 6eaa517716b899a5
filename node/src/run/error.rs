use std::io;
use std::net::SocketAddr;

use weir_cluster::mesh::MeshError;

use crate::config_actor::FirstStartError;
use crate::settings::SettingsError;
use crate::store::StoreError;

/// Why a node did not start: each one sentence for whoever started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{setting}: the address {address} is taken by another program: stop that one, or set {setting} to another"
    )]
    PortTaken {
        setting: &'static str,
        address: SocketAddr,
    },
    #[error(
        "{setting}: the address {address} cannot be listened on ({why}): set {setting} to an address of this machine"
    )]
    Port {
        setting: &'static str,
        address: SocketAddr,
        why: io::Error,
    },
    #[error(
        "{setting}: the name in {name} is not found ({why}): write a name that this machine can look up, or an address"
    )]
    Name {
        setting: &'static str,
        name: String,
        why: String,
    },
    #[error(transparent)]
    Identity(#[from] crate::identity::IdentityError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    FirstStart(#[from] FirstStartError),
    #[error(transparent)]
    Seal(#[from] crate::seal::SealError),
    #[error(transparent)]
    Mesh(#[from] MeshError),
    #[error(transparent)]
    Link(Box<crate::link::StartError>),
    #[error("the admin API cannot be served ({0}): is the limit of open files or threads too low?")]
    Admin(io::Error),
    #[error(
        "the system gives the node no thread ({0}): raise its limit of processes or its memory"
    )]
    Thread(io::Error),
    #[error(
        "the system takes no signal handlers ({0}): the node could not be stopped in good order"
    )]
    Signals(io::Error),
    #[error("the {0} did not start: the log above says why")]
    Actor(&'static str),
}

// === impl StartError ===

impl From<crate::link::StartError> for StartError {
    fn from(error: crate::link::StartError) -> Self {
        // Much larger than the others.
        StartError::Link(Box::new(error))
    }
}
