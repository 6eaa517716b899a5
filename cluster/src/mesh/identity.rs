//! Who calls: the headers every mesh request carries.

use std::net::SocketAddr;

use actix_web::http::header::HeaderMap;
use weir_config::NodeId;

pub(super) const CLUSTER: &str = "x-weir-cluster";
pub(super) const NODE: &str = "x-weir-node";
/// The mesh address at which the caller is to be dialled.
pub(super) const MESH_ADDR: &str = "x-weir-mesh-addr";

/// A node as it names itself to others.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub cluster: String,
    pub node: NodeId,
    pub mesh_addr: SocketAddr,
}

/// Why a caller was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotAPeer {
    /// A header is missing or malformed.
    Unnamed(&'static str),
    OtherCluster(String),
    /// The caller names itself as this node does.
    Namesake,
}

// === impl Identity ===

impl Identity {
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            (CLUSTER, self.cluster.clone()),
            (NODE, self.node.to_string()),
            (MESH_ADDR, self.mesh_addr.to_string()),
        ]
    }

    /// Where a caller says it is dialled.
    pub fn address(headers: &HeaderMap) -> Option<SocketAddr> {
        headers.get(MESH_ADDR)?.to_str().ok()?.parse().ok()
    }

    /// The caller, where it is another node of this cluster.
    pub fn admit(&self, headers: &HeaderMap) -> Result<Identity, NotAPeer> {
        let text = |name: &'static str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or(NotAPeer::Unnamed(name))
        };
        let cluster = text(CLUSTER)?;
        if cluster != self.cluster {
            return Err(NotAPeer::OtherCluster(cluster.chars().take(64).collect()));
        }
        let node: NodeId = text(NODE)?.parse().map_err(|_| NotAPeer::Unnamed(NODE))?;
        let mesh_addr = Self::address(headers).ok_or(NotAPeer::Unnamed(MESH_ADDR))?;
        if node == self.node || mesh_addr == self.mesh_addr {
            return Err(NotAPeer::Namesake);
        }
        Ok(Identity {
            cluster: self.cluster.clone(),
            node,
            mesh_addr,
        })
    }
}
