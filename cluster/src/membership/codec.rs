//! Frames of chitchat, by way of its own UDP socket on loopback.
//!
//! The codec of [`ChitchatEnvelope`] is private in chitchat 0.13. What can encode and decode is its
//! `UdpSocket`, so one is bound to loopback (`theirs`) beside a plain one (`ours`), and frames pass between
//! the two and nowhere else: a datagram from any other address is dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use chitchat::transport::{Socket, UdpSocket as ChitchatSocket};
use chitchat::{ChitchatEnvelope, ChitchatMessage};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use crate::mesh::FRAME_MAX_BYTES;

/// Loopback delivers at once; longer than this, the datagram is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// The head of every frame: magic number (little endian), protocol version 0 or 1, message type.
const MAGIC: [u8; 2] = 45_139u16.to_le_bytes();
const VERSION_MAX: u8 = 1;
/// Types 0 to 2 are Syn, SynAck, Ack; 3 is BadCluster, which only says "go away" and is never taken from
/// a peer: the mesh has already compared the cluster's name.
const BAD_CLUSTER: u8 = 3;

/// Sent after each frame that is decoded: when it comes out first, the frame was invalid.
const SENTINEL: [u8; 4] = [MAGIC[0], MAGIC[1], VERSION_MAX, BAD_CLUSTER];

pub(super) struct Codec {
    theirs: ChitchatSocket,
    theirs_addr: SocketAddr,
    ours: UdpSocket,
    ours_addr: SocketAddr,
    buffer: Vec<u8>,
    decoding: Decoding,
}

/// How far a decode has come; kept here, since [`Codec::decoded`] may be cancelled at any await.
#[derive(Clone, Copy, Debug)]
enum Decoding {
    Nothing,
    /// A frame and its sentinel are in the socket.
    Frame {
        until: Instant,
    },
    /// The frame came out, its sentinel is still in the socket.
    Sentinel {
        until: Instant,
    },
}

/// What became of a frame given to decode.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Envelope(ChitchatEnvelope),
    Invalid,
}

/// Whether the head of a frame is one a peer may send.
pub(super) fn plausible(frame: &[u8]) -> bool {
    frame.len() > SENTINEL.len()
        && frame.len() <= FRAME_MAX_BYTES
        && frame[..2] == MAGIC
        && frame[2] <= VERSION_MAX
        && frame[3] < BAD_CLUSTER
}

// === impl Codec ===

impl Codec {
    pub async fn open() -> anyhow::Result<Self> {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let theirs = ChitchatSocket::open(loopback).await?;
        let ours = UdpSocket::bind(loopback)
            .await
            .context("no UDP socket on loopback")?;
        Ok(Codec {
            theirs_addr: theirs.local_addr()?,
            ours_addr: ours.local_addr()?,
            theirs,
            ours,
            buffer: vec![0; FRAME_MAX_BYTES],
            decoding: Decoding::Nothing,
        })
    }

    /// The bytes of an envelope.
    pub async fn encode(&mut self, envelope: ChitchatEnvelope) -> anyhow::Result<&[u8]> {
        // What an encode that was given up may have left behind is not this envelope.
        while self.ours.try_recv_from(&mut self.buffer).is_ok() {}
        self.theirs.send(self.ours_addr, envelope).await?;
        let until = Instant::now() + PATIENCE;
        loop {
            let came = timeout_at(until, self.ours.recv_from(&mut self.buffer)).await;
            let (len, from) = came.context("a frame was lost on loopback")??;
            if from == self.theirs_addr {
                return Ok(&self.buffer[..len]);
            }
        }
    }

    /// Whether a decode is under way: then [`decoded`](Self::decoded) comes before the next frame.
    pub fn is_decoding(&self) -> bool {
        matches!(self.decoding, Decoding::Frame { .. })
    }

    /// Begins to decode a frame that is [`plausible`]. If cancelled, it is to be called again.
    pub async fn decode(&mut self, frame: &[u8]) -> anyhow::Result<()> {
        if self.is_decoding() {
            // A decode was given up half-way: who knows what is in the sockets.
            *self = Codec::open().await?;
        }
        self.swallow_sentinel().await?;
        self.decoding = Decoding::Frame {
            until: Instant::now() + PATIENCE,
        };
        for datagram in [frame, &SENTINEL] {
            timeout(PATIENCE, self.ours.send_to(datagram, self.theirs_addr))
                .await
                .context("loopback takes no frame")??;
        }
        Ok(())
    }

    /// What the frame given to [`decode`](Self::decode) is. Cancel-safe.
    pub async fn decoded(&mut self) -> anyhow::Result<Decoded> {
        let Decoding::Frame { until } = self.decoding else {
            return Ok(Decoded::Invalid);
        };
        match self.next(until).await? {
            None => {
                // Lost on the way. New sockets, so that it cannot come out later in another's place.
                *self = Codec::open().await?;
                Ok(Decoded::Invalid)
            }
            Some(ChitchatEnvelope {
                message: ChitchatMessage::BadCluster,
                ..
            }) => {
                self.decoding = Decoding::Nothing;
                Ok(Decoded::Invalid)
            }
            Some(envelope) => {
                self.decoding = Decoding::Sentinel { until };
                Ok(Decoded::Envelope(envelope))
            }
        }
    }

    async fn swallow_sentinel(&mut self) -> anyhow::Result<()> {
        if let Decoding::Sentinel { until } = self.decoding
            && self.next(until).await?.is_none()
        {
            *self = Codec::open().await?;
        }
        self.decoding = Decoding::Nothing;
        Ok(())
    }

    /// The next envelope out of chitchat's socket; `None` where none came in time.
    async fn next(&mut self, until: Instant) -> anyhow::Result<Option<ChitchatEnvelope>> {
        loop {
            match timeout_at(until, self.theirs.recv()).await {
                Err(_) => return Ok(None),
                Ok(came) => {
                    let came = came?;
                    if came.from_addr == self.ours_addr {
                        return Ok(Some(came.envelope));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chitchat::ProtocolVersion;

    use super::*;

    /// The smallest valid frame a peer may send: an Ack with an empty delta, as bytes of its own.
    async fn a_frame(codec: &mut Codec) -> Vec<u8> {
        let envelope = ChitchatEnvelope {
            version: ProtocolVersion::V1,
            message: ChitchatMessage::BadCluster,
        };
        codec.encode(envelope).await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn the_sentinel_is_what_chitchat_itself_would_send() {
        let mut codec = Codec::open().await.unwrap();
        assert_eq!(a_frame(&mut codec).await, SENTINEL);
        assert!(!plausible(&SENTINEL));
    }

    #[tokio::test]
    async fn a_frame_chitchat_cannot_read_is_invalid_and_the_next_is_not_mistaken_for_it() {
        let mut codec = Codec::open().await.unwrap();
        for junk in [
            &[0xFFu8; 40][..],
            b"junk",
            &[MAGIC[0], MAGIC[1], 1, 0, 200, 1, 2],
        ] {
            codec.decode(junk).await.unwrap();
            assert!(codec.is_decoding());
            assert_eq!(codec.decoded().await.unwrap(), Decoded::Invalid);
            assert!(!codec.is_decoding());
        }
    }

    #[tokio::test]
    async fn a_cancelled_decode_goes_on_where_it_was() {
        let mut codec = Codec::open().await.unwrap();
        codec.decode(b"no frame at all").await.unwrap();
        for _ in 0..3 {
            let cancelled = timeout(Duration::ZERO, codec.decoded()).await;
            if cancelled.is_ok() {
                return;
            }
            assert!(codec.is_decoding());
        }
        assert_eq!(codec.decoded().await.unwrap(), Decoded::Invalid);
    }
}
