use std::collections::HashSet;
use std::net::IpAddr;

use chitchat::ChitchatId;
use weir_config::NodeId;

use super::bytes::Bytes;
use super::{
    CLUSTER_MAX_BYTES, DELTA_MAX_BYTES, DIGEST_MAX_BYTES, DigestEntry, FRAME_MAX_BYTES, Frame,
    KeyValue, MAX_NODES, MAX_VALUES, Message, NodeDelta, Refusal, Status, blocks,
};
use crate::membership::keys;

/// The head of every frame, little endian.
pub(super) const MAGIC: u16 = 45_139;
pub(super) const VERSION_MAX: u8 = 1;

pub(super) fn frame(bytes: &[u8]) -> Result<Frame, Refusal> {
    if bytes.len() > FRAME_MAX_BYTES {
        return Err(Refusal::Oversized);
    }
    let mut bytes = Bytes(bytes);
    if bytes.u16()? != MAGIC {
        return Err(Refusal::NoFrame);
    }
    let version = bytes.u8()?;
    if version > VERSION_MAX {
        return Err(Refusal::NoFrame);
    }
    let message = match bytes.u8()? {
        0 => Message::Syn {
            digest: digest(&mut bytes, version)?,
            cluster: cluster(&mut bytes)?,
        },
        1 => Message::SynAck {
            digest: digest(&mut bytes, version)?,
            delta: delta(&mut bytes)?,
        },
        2 => Message::Ack {
            delta: delta(&mut bytes)?,
        },
        3 => return Err(Refusal::BadCluster),
        _ => return Err(Refusal::NoFrame),
    };
    match bytes.is_empty() {
        true => Ok(Frame { version, message }),
        false => Err(Refusal::LeftOver),
    }
}

fn cluster(bytes: &mut Bytes<'_>) -> Result<String, Refusal> {
    let cluster = bytes.text(Refusal::OtherCluster)?;
    match cluster.len() <= CLUSTER_MAX_BYTES {
        true => Ok(cluster.to_owned()),
        false => Err(Refusal::OtherCluster),
    }
}

fn digest(bytes: &mut Bytes<'_>, version: u8) -> Result<Vec<DigestEntry>, Refusal> {
    if version == 0 {
        let count = usize::from(bytes.u16()?);
        if count > MAX_NODES {
            return Err(Refusal::TooManyNodes);
        }
        let entries: Result<_, _> = (0..count).map(|_| entry(bytes)).collect();
        return distinct(entries?);
    }
    let unpacked = blocks::read(bytes, DIGEST_MAX_BYTES)?;
    let mut bytes = Bytes(&unpacked);
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        if entries.len() == MAX_NODES {
            return Err(Refusal::TooManyNodes);
        }
        entries.push(entry(&mut bytes)?);
    }
    distinct(entries)
}

fn distinct(entries: Vec<DigestEntry>) -> Result<Vec<DigestEntry>, Refusal> {
    let ids: HashSet<&ChitchatId> = entries.iter().map(|entry| &entry.id).collect();
    match ids.len() == entries.len() {
        true => Ok(entries),
        false => Err(Refusal::Twice),
    }
}

fn entry(bytes: &mut Bytes<'_>) -> Result<DigestEntry, Refusal> {
    Ok(DigestEntry {
        id: id(bytes)?,
        heartbeat: bytes.number(Refusal::Heartbeat)?,
        collected: bytes.number(Refusal::Version)?,
        version: bytes.number(Refusal::Version)?,
    })
}

fn id(bytes: &mut Bytes<'_>) -> Result<ChitchatId, Refusal> {
    let node = bytes.text(Refusal::NodeName)?;
    if node.parse::<NodeId>().is_err() {
        return Err(Refusal::NodeName);
    }
    let generation = bytes.number(Refusal::Generation)?;
    let address = bytes.address()?;
    let can_be_dialled = match address.ip() {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    if address.port() == 0 || !can_be_dialled {
        return Err(Refusal::Address);
    }
    Ok(ChitchatId::new(node, generation, address))
}

fn delta(bytes: &mut Bytes<'_>) -> Result<Vec<NodeDelta>, Refusal> {
    let unpacked = blocks::read(bytes, DELTA_MAX_BYTES)?;
    let mut bytes = Bytes(&unpacked);
    let mut nodes: Vec<NodeDelta> = Vec::new();
    let mut ids = HashSet::new();
    let mut values = 0;
    while !bytes.is_empty() {
        match bytes.u8()? {
            0 => {
                if nodes.len() == MAX_NODES {
                    return Err(Refusal::TooManyNodes);
                }
                let id = id(&mut bytes)?;
                if !ids.insert(id.clone()) {
                    return Err(Refusal::Twice);
                }
                nodes.push(NodeDelta {
                    id,
                    collected: bytes.number(Refusal::Version)?,
                    from: bytes.number(Refusal::Version)?,
                    values: Vec::new(),
                    version: None,
                });
            }
            1 => {
                values += 1;
                if values > MAX_VALUES {
                    return Err(Refusal::TooManyValues);
                }
                let node = nodes.last_mut().ok_or(Refusal::Order)?;
                let value = value(&mut bytes)?;
                let above = node.values.last().map_or(0, |last| last.version);
                // chitchat asserts that a version said for all is not below those of the values.
                if value.version <= above || node.version.is_some() {
                    return Err(Refusal::Order);
                }
                node.values.push(value);
            }
            2 => {
                let version = bytes.number(Refusal::Version)?;
                let node = nodes.last_mut().ok_or(Refusal::Order)?;
                if node.version.is_some() || !node.values.is_empty() {
                    return Err(Refusal::Order);
                }
                node.version = Some(version);
            }
            _ => return Err(Refusal::NoFrame),
        }
    }
    Ok(nodes)
}

fn value(bytes: &mut Bytes<'_>) -> Result<KeyValue, Refusal> {
    let key = bytes.text(Refusal::Key)?;
    if !keys::is_key(key) {
        return Err(Refusal::Key);
    }
    let value = bytes.text(Refusal::Value)?;
    if !keys::is_value(key, value) {
        return Err(Refusal::Value);
    }
    let version = bytes.number(Refusal::Version)?;
    let status = match bytes.u8()? {
        0 => Status::Set,
        1 => Status::Deleted,
        2 => Status::Expiring,
        _ => return Err(Refusal::Deletion),
    };
    Ok(KeyValue {
        key: key.to_owned(),
        value: value.to_owned(),
        version,
        status,
    })
}
