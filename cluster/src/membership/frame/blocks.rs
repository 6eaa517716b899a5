//! Streams of blocks, packed by zstd or not.

use super::Refusal;
use super::bytes::Bytes;

const END: u8 = 0;
const PACKED: u8 = 1;
const PLAIN: u8 = 2;

/// The most one block unpacks to: chitchat's own buffer.
const BLOCK_MAX_BYTES: usize = u16::MAX as usize;
/// What chitchat puts into one block.
const BLOCK_BYTES: usize = 16_384;
/// From so many bytes a stream is packed when written.
const PACK_FROM_BYTES: usize = 32 * 1_024;

/// The bytes of a stream, unpacked; at most `limit` are ever made.
pub(super) fn read(bytes: &mut Bytes<'_>, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut unpacked = Vec::new();
    let mut buffer = Vec::new();
    loop {
        let block = match bytes.u8()? {
            END => return Ok(unpacked),
            PLAIN => {
                let length = bytes.u16()?;
                bytes.take(usize::from(length))?
            }
            PACKED => {
                let length = bytes.u16()?;
                let packed = bytes.take(usize::from(length))?;
                buffer.resize(BLOCK_MAX_BYTES, 0);
                let length = zstd::bulk::decompress_to_buffer(packed, &mut buffer[..])
                    .map_err(|_| Refusal::Block)?;
                &buffer[..length]
            }
            _ => return Err(Refusal::Block),
        };
        if block.len() > limit - unpacked.len() {
            return Err(Refusal::Bomb);
        }
        unpacked.extend_from_slice(block);
    }
}

/// Writes a stream of these bytes. Only long ones are packed: what is written here stays on this machine.
pub(super) fn write(out: &mut Vec<u8>, bytes: &[u8]) {
    let pack = bytes.len() >= PACK_FROM_BYTES;
    for block in bytes.chunks(BLOCK_BYTES) {
        let packed = match pack {
            true => zstd::bulk::compress(block, 0).ok(),
            false => None,
        };
        let shorter = packed
            .as_deref()
            .filter(|packed| packed.len() < block.len());
        let (kind, block) = shorter.map_or((PLAIN, block), |packed| (PACKED, packed));
        out.push(kind);
        // A chunk is at most 16,384 bytes long.
        out.extend((block.len() as u16).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.push(END);
}
