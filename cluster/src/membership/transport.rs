//! chitchat's transport: envelopes to and from the mesh.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use bytes::Bytes;
use chitchat::transport::{RecvOutcome, SendOutcome, Socket, Transport};
use chitchat::{ChitchatEnvelope, ChitchatId};
use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio::time::Instant;
use weir_config::NodeId;

use super::codec::{Codec, Decoded};
use super::frame::{Frame, Refusal};
use super::guard::{Guard, Moment};
use super::handle::Counts;
use crate::mesh::{Inbound, MeshHandle};
use crate::trust::{SharedTrust, now_ms};

/// How long nothing is taken from a peer whose frame killed gossip. Others pass on what it has to say.
const BARRED_FOR: Duration = Duration::from_secs(30);

/// What carries frames to other nodes: the mesh.
pub(super) trait Carrier: Send + Sync {
    /// Queues a frame to a peer; one that cannot go is dropped.
    fn send(&self, to: SocketAddr, frame: Bytes);
    /// Says which live node is dialled where.
    fn expect(&self, live: Vec<(NodeId, SocketAddr)>);
    fn trust(&self) -> &SharedTrust;
}

/// Hands a [`MeshSocket`] to each incarnation of chitchat in turn.
pub(super) struct MeshTransport {
    pub mesh: Arc<dyn Carrier>,
    pub inbound: Arc<tokio::sync::Mutex<mpsc::Receiver<Inbound>>>,
    pub counts: Arc<Counts>,
    pub blame: Arc<Blame>,
    pub gate: Arc<Gate>,
}

/// What frames pass on their way to chitchat.
pub(super) struct Gate {
    guard: Mutex<Guard>,
    began: Instant,
}

/// Whose frame chitchat was working on, so that a peer whose frames kill it can be kept away for a while.
#[derive(Debug, Default)]
pub(super) struct Blame(Mutex<Blamed>);

#[derive(Debug, Default)]
struct Blamed {
    working_on: Option<SocketAddr>,
    barred: HashMap<SocketAddr, Instant>,
}

struct MeshSocket {
    listen_addr: SocketAddr,
    mesh: Arc<dyn Carrier>,
    /// Ours as long as this incarnation lives.
    inbound: OwnedMutexGuard<mpsc::Receiver<Inbound>>,
    codec: Codec,
    /// A frame taken from the mesh and not yet returned: kept here, since `recv` may be cancelled.
    taken: Option<Taken>,
    counts: Arc<Counts>,
    blame: Arc<Blame>,
    gate: Arc<Gate>,
}

struct Taken {
    from: SocketAddr,
    frame: Frame,
    /// Bytes of the frame as it came.
    length: usize,
    /// It is in the codec.
    begun: bool,
}

// === impl MeshTransport ===

#[async_trait]
impl Transport for MeshTransport {
    async fn open(&self, listen_addr: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let inbound = self.inbound.clone().try_lock_owned();
        Ok(Box::new(MeshSocket {
            listen_addr,
            mesh: self.mesh.clone(),
            inbound: inbound.context("the incarnation before this one still holds the mesh")?,
            codec: Codec::open().await?,
            taken: None,
            counts: self.counts.clone(),
            blame: self.blame.clone(),
            gate: self.gate.clone(),
        }))
    }
}

impl Carrier for MeshHandle {
    fn send(&self, to: SocketAddr, frame: Bytes) {
        MeshHandle::send(self, to, frame);
    }

    fn expect(&self, live: Vec<(NodeId, SocketAddr)>) {
        MeshHandle::expect(self, live);
    }

    fn trust(&self) -> &SharedTrust {
        MeshHandle::trust(self)
    }
}

// === impl Gate ===

impl Gate {
    pub fn new(guard: Guard) -> Self {
        Gate {
            guard: Mutex::new(guard),
            began: Instant::now(),
        }
    }

    /// This node begins anew, as this incarnation.
    pub fn begin(&self, me: &ChitchatId) {
        self.guard.lock().begin(me.clone());
    }

    /// What chitchat may see of a frame; counts what it may not.
    fn admit(&self, bytes: &[u8], counts: &Counts) -> Result<Frame, Refusal> {
        let frame = Frame::read(bytes)?;
        let elapsed = self.began.elapsed().as_millis();
        let now = Moment {
            at_ms: u64::try_from(elapsed).unwrap_or(u64::MAX),
            wall_ms: now_ms(),
        };
        let (frame, refused) = self.guard.lock().admit(frame, bytes.len(), now)?;
        refused.0.into_iter().for_each(|part| counts.refuse(part));
        Ok(frame)
    }
}

// === impl Blame ===

impl Blame {
    pub fn working_on(&self, from: SocketAddr) {
        self.0.lock().working_on = Some(from);
    }

    pub fn done(&self) {
        self.0.lock().working_on = None;
    }

    pub fn is_barred(&self, from: SocketAddr) -> bool {
        let blamed = self.0.lock();
        blamed
            .barred
            .get(&from)
            .is_some_and(|&since| since.elapsed() < BARRED_FOR)
    }

    /// Gossip died: bars the peer whose frame it was working on, if it was, and says who that is.
    pub fn bar(&self) -> Option<SocketAddr> {
        let mut blamed = self.0.lock();
        let from = blamed.working_on.take()?;
        blamed
            .barred
            .retain(|_, since| since.elapsed() < BARRED_FOR);
        blamed.barred.insert(from, Instant::now());
        Some(from)
    }
}

// === impl MeshSocket ===

#[async_trait]
impl Socket for MeshSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listen_addr)
    }

    async fn send(
        &mut self,
        to: SocketAddr,
        envelope: ChitchatEnvelope,
    ) -> anyhow::Result<SendOutcome> {
        let frame = Bytes::copy_from_slice(self.codec.encode(envelope).await?);
        let num_bytes_sent = frame.len();
        self.mesh.send(to, frame);
        Ok(SendOutcome { num_bytes_sent })
    }

    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        loop {
            if self.taken.is_none() {
                // Asked for the next frame, chitchat has survived the one before.
                self.blame.done();
                let Inbound { from, frame, .. } = self
                    .inbound
                    .recv()
                    .await
                    .ok_or_else(|| anyhow!("the mesh has stopped"))?;
                let admitted = match self.blame.is_barred(from) {
                    true => Err(Refusal::Barred),
                    false => self.gate.admit(&frame, &self.counts),
                };
                match admitted {
                    Ok(admitted) => {
                        self.taken = Some(Taken {
                            from,
                            frame: admitted,
                            length: frame.len(),
                            begun: false,
                        });
                    }
                    Err(refusal) => {
                        tracing::debug!(%from, %refusal, "a frame of gossip was refused");
                        self.counts.invalid_frame();
                        self.counts.refuse(refusal);
                        continue;
                    }
                }
            }
            let Some(taken) = &mut self.taken else {
                continue;
            };
            if !taken.begun || !self.codec.is_decoding() {
                // Cancelled in here, the frame is given to the codec once more: gossip may come twice.
                taken.begun = false;
                self.blame.working_on(taken.from);
                self.codec.decode(&taken.frame).await?;
                taken.begun = true;
            }
            let decoded = self.codec.decoded().await?;
            let Some(taken) = self.taken.take() else {
                continue;
            };
            match decoded {
                Decoded::Invalid => self.counts.invalid_frame(),
                Decoded::Envelope(envelope) => {
                    return Ok(RecvOutcome {
                        from_addr: taken.from,
                        envelope,
                        num_bytes_received: taken.length,
                    });
                }
            }
        }
    }
}
