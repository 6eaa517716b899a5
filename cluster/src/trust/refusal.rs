use weir_config::NodeId;

/// Why a certificate is not believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotTrusted {
    #[error("what it shows is no certificate that can be read")]
    Unreadable,
    #[error(
        "its certificate is not issued by an authority of this cluster: it is of another cluster, signed itself, or was \
         away while the cluster's keys were rotated (weir token join makes a token to join anew)"
    )]
    UnknownAuthority,
    #[error("its certificate is of cluster {0}: every cluster has certificates of its own")]
    OtherCluster(String),
    #[error("its certificate names no node of a cluster")]
    NoMember,
    #[error(
        "its certificate has expired: let its clock be right; a node that was off for longer than its certificate joins \
         anew with a token (weir token join)"
    )]
    Expired,
    #[error("its certificate is not valid yet: let the clocks of both nodes be right")]
    NotYetValid,
    #[error("node {0} was revoked: it joins anew with a token, if at all (weir token join)")]
    Revoked(NodeId),
    #[error("node {0} is another machine: the cluster knows another key under this name")]
    OtherKey(NodeId),
    #[error("its certificate or its signature does not hold")]
    Invalid,
}

/// Why a key, a certificate or a request cannot be made or used. No message shows a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TrustError {
    #[error("no key could be made: does the system have randomness?")]
    NoKey,
    #[error("this is no private key: an Ed25519 key in PKCS#8, PEM, was expected")]
    Key,
    #[error("this is no public key: 64 hexadecimal digits were expected")]
    PublicKey,
    #[error("this is no certificate of an authority")]
    Certificate,
    #[error("the private key is not the one of the certificate")]
    OtherKey,
    #[error("this is no request for a certificate, or was not signed with its key")]
    Request,
    #[error("the certificate could not be issued: is the clock right?")]
    NotIssued,
}

// === impl NotTrusted ===

impl NotTrusted {
    /// Every reason by its name in `/metrics`.
    pub const NAMES: [&'static str; 9] = [
        "unreadable_certificate",
        "unknown_authority",
        "other_cluster",
        "no_member",
        "expired",
        "not_yet_valid",
        "revoked",
        "other_key",
        "invalid_signature",
    ];

    /// The reason's name in `/metrics`.
    pub fn name(&self) -> &'static str {
        let [
            unreadable,
            unknown,
            cluster,
            no_member,
            expired,
            early,
            revoked,
            key,
            invalid,
        ] = Self::NAMES;
        match self {
            NotTrusted::Unreadable => unreadable,
            NotTrusted::UnknownAuthority => unknown,
            NotTrusted::OtherCluster(_) => cluster,
            NotTrusted::NoMember => no_member,
            NotTrusted::Expired => expired,
            NotTrusted::NotYetValid => early,
            NotTrusted::Revoked(_) => revoked,
            NotTrusted::OtherKey(_) => key,
            NotTrusted::Invalid => invalid,
        }
    }
}
