/// Why a frame, or a part of one, is not given to chitchat.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    #[error("the frame is longer than any frame")]
    Oversized,
    #[error("the bytes are no frame of gossip")]
    NoFrame,
    #[error("the frame ends too early")]
    Truncated,
    #[error("bytes are left over behind the frame")]
    LeftOver,
    #[error("a block does not unpack")]
    Block,
    #[error("the frame unpacks to more than any frame does")]
    Bomb,
    #[error("the frame says that this node is of another cluster, which the mesh has ruled out")]
    BadCluster,
    #[error("the frame is of another cluster")]
    OtherCluster,
    #[error("a node's id is not one")]
    NodeName,
    #[error("a node's address is none that can be dialled")]
    Address,
    #[error("a heartbeat is beyond what time allows")]
    Heartbeat,
    #[error("a version is beyond what time allows")]
    Version,
    #[error("a generation is beyond what time allows")]
    Generation,
    #[error("more nodes than a cluster has")]
    TooManyNodes,
    #[error("a node is named twice")]
    Twice,
    #[error("more values than a frame has")]
    TooManyValues,
    #[error("versions of values do not ascend")]
    Order,
    #[error("a key is not one that nodes publish")]
    Key,
    #[error("a value is longer than its key's values are, or not printable")]
    Value,
    #[error("a value is deleted, which nodes say by a signed one that is empty")]
    Deletion,
    #[error("a node is to be begun anew, which nodes never ask for")]
    Reset,
    #[error("a value of this node itself comes from another")]
    Own,
    #[error("a node that has not been vouched for by a certificate")]
    Unproven,
    #[error("a certificate that is not valid here for the node that shows it")]
    Certificate,
    #[error("a value that its node did not sign")]
    Signature,
    #[error("values of a node are left out")]
    Gap,
    #[error("a node publishes more than a node may")]
    TooMuch,
    #[error("a peer whose last frame killed gossip")]
    Barred,
}

/// All reasons, in the order of their numbers.
pub const REFUSALS: [Refusal; 28] = [
    Refusal::Oversized,
    Refusal::NoFrame,
    Refusal::Truncated,
    Refusal::LeftOver,
    Refusal::Block,
    Refusal::Bomb,
    Refusal::BadCluster,
    Refusal::OtherCluster,
    Refusal::NodeName,
    Refusal::Address,
    Refusal::Heartbeat,
    Refusal::Version,
    Refusal::Generation,
    Refusal::TooManyNodes,
    Refusal::Twice,
    Refusal::TooManyValues,
    Refusal::Order,
    Refusal::Key,
    Refusal::Value,
    Refusal::Deletion,
    Refusal::Reset,
    Refusal::Own,
    Refusal::Unproven,
    Refusal::Certificate,
    Refusal::Signature,
    Refusal::Gap,
    Refusal::TooMuch,
    Refusal::Barred,
];

// === impl Refusal ===

impl Refusal {
    /// Whether it took the sender an effort: no honest node passes on what is refused so.
    pub fn is_forgery(self) -> bool {
        matches!(self, Refusal::Certificate | Refusal::Signature)
    }

    /// The name under which it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Oversized => "oversized",
            Refusal::NoFrame => "no_frame",
            Refusal::Truncated => "truncated",
            Refusal::LeftOver => "left_over",
            Refusal::Block => "block",
            Refusal::Bomb => "bomb",
            Refusal::BadCluster => "bad_cluster",
            Refusal::OtherCluster => "other_cluster",
            Refusal::NodeName => "node_name",
            Refusal::Address => "address",
            Refusal::Heartbeat => "heartbeat",
            Refusal::Version => "version",
            Refusal::Generation => "generation",
            Refusal::TooManyNodes => "too_many_nodes",
            Refusal::Twice => "twice",
            Refusal::TooManyValues => "too_many_values",
            Refusal::Order => "order",
            Refusal::Key => "key",
            Refusal::Value => "value",
            Refusal::Deletion => "deletion",
            Refusal::Reset => "reset",
            Refusal::Own => "own",
            Refusal::Unproven => "unproven",
            Refusal::Certificate => "certificate",
            Refusal::Signature => "signature",
            Refusal::Gap => "gap",
            Refusal::TooMuch => "too_much",
            Refusal::Barred => "barred",
        }
    }
}
