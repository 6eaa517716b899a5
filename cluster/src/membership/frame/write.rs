use chitchat::ChitchatId;

use super::bytes::{put_address, put_text};
use super::read::MAGIC;
use super::{DigestEntry, Frame, Message, NodeDelta, blocks};

pub(super) fn syn(version: u8, cluster: &str, digest: &[DigestEntry]) -> Vec<u8> {
    let mut out = MAGIC.to_le_bytes().to_vec();
    out.extend([version, 0]);
    self::digest(&mut out, version, digest);
    put_text(&mut out, cluster);
    out
}

pub(super) fn frame(frame: &Frame) -> Vec<u8> {
    let mut out = MAGIC.to_le_bytes().to_vec();
    out.push(frame.version);
    match &frame.message {
        Message::Syn { cluster, digest } => return syn(frame.version, cluster, digest),
        Message::SynAck { digest, delta } => {
            out.push(1);
            self::digest(&mut out, frame.version, digest);
            self::delta(&mut out, delta);
        }
        Message::Ack { delta } => {
            out.push(2);
            self::delta(&mut out, delta);
        }
    }
    out
}

fn digest(out: &mut Vec<u8>, version: u8, digest: &[DigestEntry]) {
    if version == 0 {
        // At most MAX_NODES are read.
        out.extend((digest.len() as u16).to_le_bytes());
        digest.iter().for_each(|one| entry(out, one));
    } else {
        let mut entries = Vec::with_capacity(digest.len() * 64);
        digest.iter().for_each(|one| entry(&mut entries, one));
        blocks::write(out, &entries);
    }
}

fn entry(out: &mut Vec<u8>, entry: &DigestEntry) {
    id(out, &entry.id);
    for number in [entry.heartbeat, entry.collected, entry.version] {
        out.extend(number.to_le_bytes());
    }
}

fn id(out: &mut Vec<u8>, id: &ChitchatId) {
    put_text(out, &id.node_id);
    out.extend(id.generation_id.to_le_bytes());
    put_address(out, id.gossip_advertise_addr);
}

pub(super) fn delta(out: &mut Vec<u8>, delta: &[NodeDelta]) {
    let mut ops = Vec::new();
    for node in delta {
        ops.push(0);
        id(&mut ops, &node.id);
        ops.extend(node.collected.to_le_bytes());
        ops.extend(node.from.to_le_bytes());
        for value in &node.values {
            ops.push(1);
            put_text(&mut ops, &value.key);
            put_text(&mut ops, &value.value);
            ops.extend(value.version.to_le_bytes());
            ops.push(value.status.code());
        }
        if let Some(version) = node.version {
            ops.push(2);
            ops.extend(version.to_le_bytes());
        }
    }
    blocks::write(out, &ops);
}
