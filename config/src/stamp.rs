//! Stamps: the order of all changes, on every node alike.
//!
//! A stamp is a hybrid logical clock reading (wall time in milliseconds, a counter for the same
//! millisecond) and the node that made the change. Stamps are totally ordered; of two versions of one
//! object the one with the greater stamp wins. Source: `DESIGN.md` "Config"; Kulkarni et al., "Logical
//! Physical Clocks" (2014).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A node's name: 1 to 32 of `a-z 0-9 -`, not beginning with `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(Arc<str>);

/// A text that is not a node name or not a stamp.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseStampError {
    #[error("`{0}` is not a node name: 1 to 32 of a-z, 0-9 and -, not beginning with -")]
    Node(String),
    #[error("`{0}` is not a version: 16 hexadecimal digits, -, the node's name")]
    Stamp(String),
}

/// When and where a change was made. Text form: 12 hex digits of milliseconds since 1970, 4 of the
/// counter, `-`, node; texts sort as the stamps do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    /// Milliseconds since 1970-01-01 UTC, below 2^48.
    pub wall_ms: u64,
    /// Tells apart the changes of one millisecond.
    pub counter: u16,
    pub node: NodeId,
}

/// The clock of one node: never goes back, never repeats, and runs ahead of every stamp it has seen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hlc {
    node: NodeId,
    wall_ms: u64,
    counter: u16,
}

const WALL_MAX_MS: u64 = (1 << 48) - 1;

// === impl NodeId ===

impl NodeId {
    /// A name for stamps that never leave this process.
    pub(crate) fn outcome() -> Self {
        NodeId("outcome".into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = ParseStampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with('-') {
            Ok(NodeId(text.into()))
        } else {
            Err(ParseStampError::Node(text.to_owned()))
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

// === impl Stamp ===

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}{:04x}-{}", self.wall_ms, self.counter, self.node)
    }
}

impl FromStr for Stamp {
    type Err = ParseStampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseStampError::Stamp(text.chars().take(64).collect());
        let (digits, node) = text.split_once('-').ok_or_else(wrong)?;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if digits.len() != 16 || !digits.bytes().all(hex) {
            return Err(wrong());
        }
        Ok(Stamp {
            wall_ms: u64::from_str_radix(&digits[..12], 16).map_err(|_| wrong())?,
            counter: u16::from_str_radix(&digits[12..], 16).map_err(|_| wrong())?,
            node: node.parse().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

// === impl Hlc ===

impl Hlc {
    pub fn new(node: NodeId) -> Self {
        Hlc {
            node,
            wall_ms: 0,
            counter: 0,
        }
    }

    /// The stamp of a change made now; greater than every stamp made or observed before.
    pub fn tick(&mut self, now_ms: u64) -> Stamp {
        let now_ms = now_ms.min(WALL_MAX_MS);
        if now_ms > self.wall_ms {
            self.wall_ms = now_ms;
            self.counter = 0;
        } else if self.counter == u16::MAX {
            self.wall_ms += 1;
            self.counter = 0;
        } else {
            self.counter += 1;
        }
        Stamp {
            wall_ms: self.wall_ms,
            counter: self.counter,
            node: self.node.clone(),
        }
    }

    /// Runs ahead of a stamp that came from elsewhere. The caller bounds how far ahead it may be.
    pub fn observe(&mut self, seen: &Stamp) {
        if (seen.wall_ms, seen.counter) > (self.wall_ms, self.counter) {
            self.wall_ms = seen.wall_ms;
            self.counter = seen.counter;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> NodeId {
        name.parse().unwrap()
    }

    #[test]
    fn a_stamp_survives_its_text_form_and_texts_sort_as_stamps_do() {
        let early = Stamp {
            wall_ms: 0xff,
            counter: 9,
            node: node("b"),
        };
        let late = Stamp {
            wall_ms: 0x100,
            counter: 0,
            node: node("a-1"),
        };
        assert_eq!(late.to_string().parse::<Stamp>().unwrap(), late);
        assert!(early < late && early.to_string() < late.to_string());
    }

    #[test]
    fn a_text_that_is_no_stamp_is_refused() {
        for text in [
            "",
            "0123",
            "00000000000000zz-a",
            "0000000000000000",
            "0000000000000000-",
            "+000000000000000-a",
        ] {
            assert!(text.parse::<Stamp>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_clock_set_back_still_makes_greater_stamps() {
        let mut clock = Hlc::new(node("n"));
        let first = clock.tick(1_000);
        let second = clock.tick(10);
        assert!(second > first);
    }

    #[test]
    fn a_full_counter_borrows_the_next_millisecond() {
        let mut clock = Hlc::new(node("n"));
        clock.observe(&Stamp {
            wall_ms: 5,
            counter: u16::MAX,
            node: node("m"),
        });
        let stamp = clock.tick(5);
        assert_eq!((stamp.wall_ms, stamp.counter), (6, 0));
    }

    #[test]
    fn the_clock_runs_ahead_of_what_it_observed() {
        let mut clock = Hlc::new(node("a"));
        let seen = Stamp {
            wall_ms: 90,
            counter: 3,
            node: node("z"),
        };
        clock.observe(&seen);
        assert!(clock.tick(50) > seen);
    }
}
