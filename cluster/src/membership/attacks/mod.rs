//! Attacks that work on bare chitchat, and do nothing here when a member of the cluster makes them.

mod bare;
mod member;

use chitchat::ChitchatId;

use super::frame::{DigestEntry, Frame, KeyValue, Message, NodeDelta, Status};

/// Who is attacked through the frame, and who is spoken for.
struct Victims {
    /// The node that gets the frame.
    receiver: ChitchatId,
    /// Another node, which the receiver knows.
    other: ChitchatId,
    /// The node that sends it.
    attacker: ChitchatId,
}

fn entry(id: &ChitchatId, heartbeat: u64) -> DigestEntry {
    DigestEntry {
        id: id.clone(),
        heartbeat,
        collected: 0,
        version: 0,
    }
}

fn value(key: &str, version: u64) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: "evil".to_owned(),
        version,
        status: Status::Set,
    }
}

fn says(id: &ChitchatId, values: Vec<KeyValue>) -> NodeDelta {
    NodeDelta {
        id: id.clone(),
        collected: 0,
        from: 0,
        values,
        version: None,
    }
}

fn syn_ack(digest: Vec<DigestEntry>, delta: Vec<NodeDelta>) -> Frame {
    Frame {
        version: 1,
        message: Message::SynAck { digest, delta },
    }
}

type Attack = fn(&Victims) -> Frame;

/// Nobody asked: the receiver's own value, and another's, are overwritten.
fn forged_syn_ack(victims: &Victims) -> Frame {
    let Victims {
        receiver, other, ..
    } = victims;
    let overwrite = |id| says(id, vec![value("region", 1 << 40)]);
    syn_ack(
        vec![entry(other, 1)],
        vec![overwrite(receiver), overwrite(other)],
    )
}

/// Versions of values above the one said for all of them.
fn malformed_delta(victims: &Victims) -> Frame {
    let id = &victims.attacker;
    let mut delta = says(id, vec![value("region", 10)]);
    delta.version = Some(5);
    syn_ack(vec![entry(id, 1)], vec![delta])
}

/// No heartbeat of the node itself is ever higher again: it is taken for dead.
fn heartbeat_of_the_end_of_time(victims: &Victims) -> Frame {
    syn_ack(vec![entry(&victims.other, u64::MAX)], vec![])
}

fn key_that_is_not_ascii(victims: &Victims) -> Frame {
    let id = &victims.attacker;
    let delta = says(id, vec![value("\u{e9}", 1)]);
    syn_ack(vec![entry(id, 1)], vec![delta])
}

/// The receiver can set no key of its own any more.
fn version_of_the_end_of_time(victims: &Victims) -> Frame {
    let mut delta = says(&victims.receiver, vec![]);
    delta.version = Some(u64::MAX);
    syn_ack(vec![], vec![delta])
}

/// The other node begins anew, with nothing.
fn reset(victims: &Victims) -> Frame {
    let mut delta = says(&victims.other, vec![value("evil", 1 << 40)]);
    delta.collected = (1 << 40) - 1;
    syn_ack(vec![entry(&victims.other, 1)], vec![delta])
}

/// An answer to a greeting must fit a datagram beside the digest of all nodes.
fn invented_nodes<const SEED: u64>(_: &Victims) -> Frame {
    let invented = |n: u64| {
        let mix = |n: u64| {
            let mixed = (n ^ (SEED << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let (name, generation, address) = (mix(n), mix(n + 10_000), mix(n + 20_000));
        let ip = [
            10,
            (address >> 8) as u8,
            (address >> 16) as u8,
            (address >> 24) as u8,
        ];
        let port = (address >> 40) as u16 | 1;
        entry(
            &ChitchatId::new(format!("{name:016x}"), generation >> 11, (ip, port).into()),
            1,
        )
    };
    syn_ack((1..1_400).map(invented).collect(), vec![])
}
