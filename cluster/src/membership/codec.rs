//! Frames of chitchat, by way of its own UDP socket on loopback.
//!
//! The codec of [`ChitchatEnvelope`] is private in chitchat 0.13. What can encode and decode is its
//! `UdpSocket`, so one is bound to loopback (`theirs`) beside a plain one (`ours`), and frames pass between
//! the two and nowhere else: a datagram from any other address is dropped. A delta can be decoded without it,
//! and is: it may be longer than a datagram once it is unpacked.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use chitchat::transport::{Socket, UdpSocket as ChitchatSocket};
use chitchat::{ChitchatEnvelope, ChitchatMessage, Deserializable, ProtocolVersion};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use super::frame::{FRAME_MAX_BYTES, Frame, Message, write_delta};

/// Loopback delivers at once; longer than this, the datagram is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sent after each frame that is decoded: when it comes out first, the frame was invalid. The head of a frame:
/// magic number (little endian), protocol version 1, message type 3, "bad cluster", which no frame that is
/// given to decode has.
const SENTINEL: [u8; 4] = [0x53, 0xb0, 1, 3];

pub(super) struct Codec {
    theirs: ChitchatSocket,
    theirs_addr: SocketAddr,
    ours: UdpSocket,
    ours_addr: SocketAddr,
    buffer: Vec<u8>,
    decoding: Decoding,
    /// The part of the frame under way that does not go through the socket.
    delta: Option<Vec<u8>>,
}

/// How far a decode has come; kept here, since [`Codec::decoded`] may be cancelled at any await.
#[derive(Clone, Copy, Debug)]
enum Decoding {
    Nothing,
    /// A frame and its sentinel are in the socket.
    Frame {
        until: Instant,
    },
    /// It has no part that needs the socket.
    Delta,
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
            delta: None,
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
        matches!(self.decoding, Decoding::Frame { .. } | Decoding::Delta)
    }

    /// Begins to decode a frame. If cancelled, it is to be called again.
    pub async fn decode(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let version = frame.version;
        let (cluster, digest, delta) = match &frame.message {
            Message::Syn { cluster, digest } => (cluster.as_str(), Some(digest), None),
            Message::SynAck { digest, delta } => ("", Some(digest), Some(delta)),
            Message::Ack { delta } => ("", None, Some(delta)),
        };
        let through_socket = digest.map(|digest| Frame::write_syn(version, cluster, digest));
        let delta = delta.map(|delta| write_delta(delta));
        self.decode_parts(through_socket, delta).await
    }

    async fn decode_parts(
        &mut self,
        through_socket: Option<Vec<u8>>,
        delta: Option<Vec<u8>>,
    ) -> anyhow::Result<()> {
        if matches!(self.decoding, Decoding::Frame { .. }) {
            // A decode was given up half-way: who knows what is in the sockets.
            *self = Codec::open().await?;
        }
        self.swallow_sentinel().await?;
        self.delta = delta;
        let Some(datagram) = through_socket else {
            self.decoding = Decoding::Delta;
            return Ok(());
        };
        self.decoding = Decoding::Frame {
            until: Instant::now() + PATIENCE,
        };
        for datagram in [&datagram[..], &SENTINEL] {
            timeout(PATIENCE, self.ours.send_to(datagram, self.theirs_addr))
                .await
                .context("loopback takes no frame")??;
        }
        Ok(())
    }

    /// What the frame given to [`decode`](Self::decode) is. Cancel-safe.
    pub async fn decoded(&mut self) -> anyhow::Result<Decoded> {
        let until = match self.decoding {
            Decoding::Frame { until } => until,
            Decoding::Delta => {
                self.decoding = Decoding::Nothing;
                return Ok(decoded(None, self.delta.take()));
            }
            Decoding::Nothing | Decoding::Sentinel { .. } => return Ok(Decoded::Invalid),
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
                Ok(decoded(Some(envelope), self.delta.take()))
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

/// An envelope of the part that came through the socket and the one that did not.
fn decoded(envelope: Option<ChitchatEnvelope>, delta: Option<Vec<u8>>) -> Decoded {
    let Some(bytes) = delta else {
        return envelope.map_or(Decoded::Invalid, Decoded::Envelope);
    };
    // The type of a delta has no name outside chitchat.
    let Ok(delta) = Deserializable::deserialize(&mut &bytes[..]) else {
        return Decoded::Invalid;
    };
    match envelope {
        None => Decoded::Envelope(ChitchatEnvelope {
            version: ProtocolVersion::V1,
            message: ChitchatMessage::Ack { delta },
        }),
        Some(ChitchatEnvelope {
            version,
            message: ChitchatMessage::Syn { digest, .. },
        }) => Decoded::Envelope(ChitchatEnvelope {
            version,
            message: ChitchatMessage::SynAck { digest, delta },
        }),
        Some(_) => Decoded::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::TestRunner;

    use super::super::frame::tests::frames;
    use super::*;

    #[tokio::test]
    async fn the_sentinel_is_what_chitchat_itself_would_send() {
        let mut codec = Codec::open().await.unwrap();
        let envelope = ChitchatEnvelope {
            version: ProtocolVersion::V1,
            message: ChitchatMessage::BadCluster,
        };
        assert_eq!(codec.encode(envelope).await.unwrap(), SENTINEL);
        assert!(Frame::read(&SENTINEL).is_err());
    }

    #[tokio::test]
    async fn what_chitchat_cannot_read_is_invalid_and_the_next_is_not_mistaken_for_it() {
        let mut codec = Codec::open().await.unwrap();
        for junk in [&[0xFFu8; 40][..], b"junk", &[0x53, 0xb0, 1, 0, 200, 1, 2]] {
            codec.decode_parts(Some(junk.to_vec()), None).await.unwrap();
            assert!(codec.is_decoding());
            assert_eq!(codec.decoded().await.unwrap(), Decoded::Invalid);
            assert!(!codec.is_decoding());
        }
        codec.decode_parts(None, Some(vec![9])).await.unwrap();
        assert_eq!(codec.decoded().await.unwrap(), Decoded::Invalid);
    }

    #[tokio::test]
    async fn every_frame_that_is_read_is_one_for_chitchat() {
        let mut codec = Codec::open().await.unwrap();
        let mut runner = TestRunner::deterministic();
        for _ in 0..60 {
            let frame = frames().new_tree(&mut runner).unwrap().current();
            codec.decode(&frame).await.unwrap();
            let decoded = codec.decoded().await.unwrap();
            let Decoded::Envelope(ChitchatEnvelope { message, .. }) = decoded else {
                panic!("{frame:?}");
            };
            let alike = match frame.message {
                Message::Syn { .. } => matches!(message, ChitchatMessage::Syn { .. }),
                Message::SynAck { .. } => matches!(message, ChitchatMessage::SynAck { .. }),
                Message::Ack { .. } => matches!(message, ChitchatMessage::Ack { .. }),
            };
            assert!(alike);
        }
    }

    #[tokio::test]
    async fn a_cancelled_decode_goes_on_where_it_was() {
        let mut codec = Codec::open().await.unwrap();
        let junk = b"no frame at all".to_vec();
        codec.decode_parts(Some(junk), None).await.unwrap();
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
