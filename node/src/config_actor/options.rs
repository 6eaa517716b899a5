//! How a change is asked for: by whom, on how many nodes, and under what name.

use std::fmt;
use std::str::FromStr;

use weir_config::{NodeId, Record, Stamp};

/// On how many nodes' disks a change must be before it counts as acknowledged. Of the nodes in view that are
/// not leaving, dead ones included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ack {
    /// This node.
    Local,
    /// This node and one other; in a cluster of one node, that node.
    #[default]
    One,
    /// More than half of the nodes.
    Majority,
    /// Every node.
    All,
}

/// A text that is no [`Ack`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not known: write local, one, majority or all")]
pub struct ParseAckError(String);

/// How a change is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WriteOptions {
    /// A token's name, or `system`.
    pub author: String,
    pub ack: Ack,
    /// `key#digest`, see [`Record::request`]: asked again with the same, nothing is written again.
    pub request: Option<String>,
}

/// A change as it was made.
#[derive(Clone, PartialEq, Debug)]
pub struct Applied<T> {
    /// The newest stamp of what was written; where nothing had to be, of the configuration.
    pub version: Stamp,
    /// What the operation answered; `None` where the request was made before and was not made again.
    pub value: Option<T>,
    /// The versions written, or those which the same request wrote before; empty where nothing had to be.
    pub records: Vec<Record>,
    /// Whether this or, of a request made before, the first one wrote anything.
    pub changed: bool,
    /// The nodes that have it on their disks as far as is known, this one first.
    pub stored_on: Vec<NodeId>,
    /// Whether those are as many as were asked for. Where not, it is stored here and will spread.
    pub ack_reached: bool,
    /// The request was made before.
    pub replayed: bool,
}

// === impl Ack ===

impl Ack {
    pub const ALL: [Ack; 4] = [Ack::Local, Ack::One, Ack::Majority, Ack::All];

    pub fn as_str(self) -> &'static str {
        match self {
            Ack::Local => "local",
            Ack::One => "one",
            Ack::Majority => "majority",
            Ack::All => "all",
        }
    }

    /// How many nodes that is, this one included, in a cluster of so many.
    pub fn nodes(self, members: usize) -> usize {
        let members = members.max(1);
        match self {
            Ack::Local => 1,
            Ack::One => members.min(2),
            Ack::Majority => members / 2 + 1,
            Ack::All => members,
        }
    }
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Ack {
    type Err = ParseAckError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Ack::ALL.into_iter().find(|ack| ack.as_str() == text);
        known.ok_or_else(|| ParseAckError(text.chars().take(40).collect()))
    }
}

// === impl WriteOptions ===

impl WriteOptions {
    /// As a change is asked for by default: on this node and one other.
    pub fn by(author: impl Into<String>) -> Self {
        WriteOptions {
            author: author.into(),
            ack: Ack::default(),
            request: None,
        }
    }
}

impl From<&str> for WriteOptions {
    fn from(author: &str) -> Self {
        WriteOptions::by(author)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_asks_for_as_many_nodes_as_its_name_says() {
        let of = |members| Ack::ALL.map(|ack| ack.nodes(members));
        assert_eq!(of(0), [1, 1, 1, 1], "a node that sees nobody is one");
        assert_eq!(of(1), [1, 1, 1, 1]);
        assert_eq!(of(2), [1, 2, 2, 2]);
        assert_eq!(of(3), [1, 2, 2, 3]);
        assert_eq!(of(6), [1, 2, 4, 6]);
    }

    #[test]
    fn an_acknowledgement_is_read_by_its_name_and_nothing_else() {
        for ack in Ack::ALL {
            assert_eq!(ack.to_string().parse(), Ok(ack));
        }
        let error = "two".parse::<Ack>().unwrap_err().to_string();
        assert_eq!(
            error,
            "`two` is not known: write local, one, majority or all"
        );
    }
}
