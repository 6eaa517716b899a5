//! Who calls: the node by its certificate, never by what it says; where it is dialled by a header, which nothing else
//! can tell.

use std::net::SocketAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use weir_config::NodeId;

use super::directory::Directory;
use super::door::Caller;
use crate::trust::{Member, NotTrusted, Trust};

/// The mesh address at which the caller is to be dialled.
pub(super) const MESH_ADDR: &str = "x-weir-mesh-addr";

/// A node as it names itself to others.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub node: NodeId,
    pub mesh_addr: SocketAddr,
}

/// Another node of this cluster.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    pub member: Member,
    pub mesh_addr: SocketAddr,
}

/// Why a caller was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotAPeer {
    NoCertificate,
    /// It was believed when it connected.
    NotTrusted(NotTrusted),
    /// The header is missing or malformed.
    NoMeshAddress,
    /// The caller is this node, or says it is dialled where this node is.
    Namesake,
    /// The caller says it is dialled where another node is.
    AddressOfAnother,
}

/// The node of this cluster that calls.
pub(super) fn member<'r>(
    request: &'r HttpRequest,
    trust: &Trust,
    now_ms: u64,
) -> Result<&'r Member, NotAPeer> {
    let caller = request.conn_data::<Caller>();
    let member = caller.and_then(|caller| caller.member.as_ref());
    let member = member.ok_or(NotAPeer::NoCertificate)?;
    let trusted = trust.still_trusts(member, now_ms);
    trusted.map_err(NotAPeer::NotTrusted)?;
    Ok(member)
}

// === impl Identity ===

impl Identity {
    pub fn headers(&self) -> [(&'static str, String); 1] {
        [(MESH_ADDR, self.mesh_addr.to_string())]
    }

    /// Where a caller says it is dialled.
    pub fn address(headers: &HeaderMap) -> Option<SocketAddr> {
        headers.get(MESH_ADDR)?.to_str().ok()?.parse().ok()
    }

    /// The caller, where it is another node.
    pub fn admit(
        &self,
        member: &Member,
        headers: &HeaderMap,
        directory: &Directory,
    ) -> Result<Admitted, NotAPeer> {
        let mesh_addr = Self::address(headers).ok_or(NotAPeer::NoMeshAddress)?;
        if member.node == self.node || mesh_addr == self.mesh_addr {
            return Err(NotAPeer::Namesake);
        }
        if !directory.may_be(mesh_addr, &member.node) {
            return Err(NotAPeer::AddressOfAnother);
        }
        Ok(Admitted {
            member: member.clone(),
            mesh_addr,
        })
    }
}
