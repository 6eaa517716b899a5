//! What a member can do to others through gossip, and what it cannot.

mod lasting;
mod speaking;

use std::sync::Arc;

use super::*;
use crate::membership::publisher::Publisher;
use crate::trust::{Authority, Credentials, Grant, NodeKey, Registered};

const NOW_MS: u64 = 1_700_000_000_000;
const SMALL: usize = 1_000;

pub(crate) fn authority() -> Authority {
    Authority::generate("test", NOW_MS).unwrap()
}

/// What a node of this name holds, by this authority.
pub(crate) fn trust(authority: &Authority, node: &str, now_ms: u64) -> SharedTrust {
    let key = Arc::new(NodeKey::generate().unwrap());
    let grant = Grant {
        cluster: "test".to_owned(),
        node: node.parse().unwrap(),
        enrolment: 1,
        issuer: false,
    };
    let certificate = authority.certify(&key.request().unwrap(), &grant, now_ms, 86_400);
    let trust = Trust::new("test", [authority.certificate().clone()], []);
    let credentials = Credentials::new(key, &certificate.unwrap(), &trust, now_ms).unwrap();
    SharedTrust::new(trust, credentials)
}

fn id(node: &str, generation: u64) -> ChitchatId {
    let port = 7_000 + u16::from(node.as_bytes()[0]);
    ChitchatId::new(node, generation, ([127, 0, 0, 1], port).into())
}

fn at(ms: u64) -> Moment {
    Moment {
        at_ms: ms,
        wall_ms: NOW_MS + ms,
    }
}

/// A node that publishes, and what of it is current.
pub(crate) struct Node {
    pub id: ChitchatId,
    trust: SharedTrust,
    publisher: Publisher,
    values: Vec<KeyValue>,
}

impl Node {
    fn new(authority: &Authority, name: &str, generation: u64) -> Self {
        Node::with(trust(authority, name, NOW_MS), name, generation)
    }

    pub fn with(trust: SharedTrust, name: &str, generation: u64) -> Self {
        let id = id(name, generation);
        let mut publisher = Publisher::new(id.clone(), "test".to_owned(), trust.clone());
        let first = publisher.begin(vec![("region".to_owned(), format!("of-{name}"))]);
        let mut node = Node {
            id,
            trust,
            publisher,
            values: Vec::new(),
        };
        for (key, value) in first {
            node.put(key, value);
        }
        node
    }

    fn version(&self) -> u64 {
        self.values.last().map_or(0, |value| value.version)
    }

    fn put(&mut self, key: String, value: String) {
        let version = self.version() + 1;
        self.values.retain(|known| known.key != key);
        self.values.push(KeyValue {
            key,
            value,
            version,
            status: Status::Set,
        });
    }

    pub fn say(&mut self, key: &str, payload: &str) {
        let value = self.publisher.sign(key, payload, self.version() + 1);
        self.put(key.to_owned(), value);
    }

    /// A new certificate of the same key.
    fn renew(&mut self, authority: &Authority) {
        let now_ms = NOW_MS + 1_000;
        let credentials = self.trust.credentials();
        let member = credentials.member();
        let grant = Grant {
            cluster: "test".to_owned(),
            node: member.node.clone(),
            enrolment: member.enrolment,
            issuer: false,
        };
        let key = credentials.key().clone();
        let certificate = authority.certify(&key.request().unwrap(), &grant, now_ms, 86_400);
        let trust = self.trust.trust();
        let renewed = Credentials::new(key, &certificate.unwrap(), &trust, now_ms);
        self.trust.set_credentials(renewed.unwrap());
        let (key, payload) = self.publisher.renewal().unwrap();
        self.say(&key, &payload);
    }

    /// What changed after this version.
    pub fn after(&self, from: u64) -> NodeDelta {
        let values = self.values.iter().filter(|value| value.version > from);
        NodeDelta {
            id: self.id.clone(),
            collected: 0,
            from,
            values: values.cloned().collect(),
            version: None,
        }
    }
}

struct Receiver {
    guard: Guard,
    now: Moment,
}

impl Receiver {
    fn new(authority: &Authority) -> Self {
        let trust = trust(authority, "me", NOW_MS);
        Receiver {
            guard: Guard::new(id("me", 1), "test".to_owned(), trust),
            now: at(0),
        }
    }

    fn takes_of(&mut self, length: usize, delta: Vec<NodeDelta>) -> (Vec<NodeDelta>, Vec<Refusal>) {
        let message = Message::Ack { delta };
        let frame = Frame {
            version: 1,
            message,
        };
        let (frame, refused) = self.guard.admit(frame, length, self.now).unwrap();
        match frame.message {
            Message::Ack { delta } => (delta, refused.0),
            other => panic!("an Ack became {other:?}"),
        }
    }

    fn takes(&mut self, delta: NodeDelta) -> Result<NodeDelta, Option<Refusal>> {
        let (mut passed, refused) = self.takes_of(SMALL, vec![delta]);
        passed.pop().ok_or(refused.first().copied())
    }

    /// The heartbeat that chitchat is told where a peer says this one.
    fn heartbeat(&mut self, id: &ChitchatId, said: u64) -> Option<u64> {
        let entry = DigestEntry {
            id: id.clone(),
            heartbeat: said,
            collected: 7,
            version: 1,
        };
        let message = Message::Syn {
            cluster: "test".to_owned(),
            digest: vec![entry],
        };
        let frame = Frame {
            version: 1,
            message,
        };
        let (frame, _) = self.guard.admit(frame, SMALL, self.now).unwrap();
        match frame.message {
            Message::Syn { digest, .. } => digest.first().map(|entry| entry.heartbeat),
            other => panic!("a Syn became {other:?}"),
        }
    }
}
