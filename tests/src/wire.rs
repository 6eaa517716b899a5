//! Wires between the mesh ports of real nodes: every node is dialled through one, which knows who dials by the address he
//! dials from. A wire can be cut for him, as a broken network would be, or made slow, or fall silent without a word;
//! it carries bytes both ways, counts them, and records them where asked.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// What is under way on a slow wire at most, in chunks.
const UNDER_WAY: usize = 64;
const CHUNK_BYTES: usize = 4 * 1024;
/// What is recorded at most, bytes.
const RECORD_MAX_BYTES: usize = 64 * 1024 * 1024;

/// All wires of a cluster. Clones are the same wires.
#[derive(Clone, Default)]
pub struct Wires(Arc<State>);

#[derive(Default)]
struct State {
    broken: watch::Sender<Broken>,
    /// Who dials from where.
    diallers: Mutex<HashMap<IpAddr, String>>,
    /// Bytes carried to and from each node by those who dialled it.
    carried: Mutex<HashMap<String, Arc<AtomicU64>>>,
    recorded: Mutex<Option<Vec<u8>>>,
}

/// What is wrong with the network.
#[derive(Clone, Default)]
struct Broken {
    cuts: HashSet<(String, String)>,
    /// Pairs between which nothing passes, though every connection stays.
    silent: HashSet<(String, String)>,
    slow: Option<Slow>,
    /// Counts the times that every connection was reset.
    resets: u64,
}

/// How slow every wire is, each way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slow {
    pub bandwidth_bps: u64,
    pub delay: Duration,
}

/// The address of node number `index` on its wires: each its own, by which it is known as who dials.
pub fn loopback(index: usize) -> IpAddr {
    let last = u8::try_from(index + 1).expect("few nodes");
    IpAddr::V4(Ipv4Addr::new(127, 1, 0, last))
}

// === impl Wires ===

impl Wires {
    /// A wire into the mesh port `target` of the node, which dials others from that very address; where others are to
    /// dial it.
    pub async fn lay(&self, node: &str, target: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let carried = Arc::new(AtomicU64::new(0));
        let mut all = self.0.carried.lock().expect("nobody panics here");
        all.insert(node.to_owned(), carried.clone());
        drop(all);
        let mut diallers = self.0.diallers.lock().expect("nobody panics here");
        diallers.insert(target.ip(), node.to_owned());
        drop(diallers);
        let (state, node) = (self.0.clone(), node.to_owned());
        tokio::spawn(async move {
            while let Ok((dialled, from)) = listener.accept().await {
                let diallers = state.diallers.lock().expect("nobody panics here");
                let dialler = diallers.get(&from.ip()).cloned().unwrap_or_default();
                drop(diallers);
                let wire = Wire {
                    state: state.clone(),
                    pair: (dialler, node.clone()),
                    carried: carried.clone(),
                };
                tokio::spawn(async move {
                    // However it ends, both ends see it closed.
                    let _ = wire.carry(dialled, target).await;
                });
            }
        });
        addr
    }

    /// Breaks the wire between two nodes, both ways, and all that runs over it.
    pub fn cut(&self, one: &str, other: &str) {
        let pairs = both(one, other);
        self.0
            .broken
            .send_modify(|broken| broken.cuts.extend(pairs));
    }

    /// Lets nothing pass between two nodes any more, while all connections stay as they are.
    pub fn silence(&self, one: &str, other: &str) {
        let pairs = both(one, other);
        self.0
            .broken
            .send_modify(|broken| broken.silent.extend(pairs));
    }

    /// Makes every wire slow, or fast again.
    pub fn slow(&self, slow: Option<Slow>) {
        self.0.broken.send_modify(|broken| broken.slow = slow);
    }

    /// Closes every connection once; new ones may be made at once.
    pub fn reset(&self) {
        self.0.broken.send_modify(|broken| broken.resets += 1);
    }

    /// Mends every wire.
    pub fn heal(&self) {
        self.0.broken.send_modify(|broken| {
            broken.cuts.clear();
            broken.silent.clear();
            broken.slow = None;
        });
    }

    /// Bytes carried over all wires so far: payload of TCP, both ways.
    pub fn carried(&self) -> u64 {
        let all = self.0.carried.lock().expect("nobody panics here");
        all.values()
            .map(|bytes| bytes.load(Ordering::Relaxed))
            .sum()
    }

    /// Keeps all that passes from now on, as anyone on the way could.
    pub fn record(&self) {
        *self.0.recorded.lock().expect("nobody panics here") = Some(Vec::new());
    }

    /// What has passed since [`record`](Self::record); nothing is kept any more.
    pub fn recorded(&self) -> Vec<u8> {
        let mut recorded = self.0.recorded.lock().expect("nobody panics here");
        recorded.take().unwrap_or_default()
    }
}

fn both(one: &str, other: &str) -> [(String, String); 2] {
    let (one, other) = (one.to_owned(), other.to_owned());
    [(one.clone(), other.clone()), (other, one)]
}

/// One connection over a wire.
struct Wire {
    state: Arc<State>,
    /// Who dialled, and who was dialled.
    pair: (String, String),
    carried: Arc<AtomicU64>,
}

// === impl Wire ===

impl Wire {
    async fn carry(&self, mut dialled: TcpStream, target: SocketAddr) -> std::io::Result<()> {
        let mut broken = self.state.broken.subscribe();
        let resets = broken.borrow().resets;
        let over = broken.wait_for(|b| b.cuts.contains(&self.pair) || b.resets != resets);
        let both = async {
            let mut there = TcpStream::connect(target).await?;
            there.set_nodelay(true)?;
            dialled.set_nodelay(true)?;
            let (from, to) = dialled.split();
            let (back, forth) = there.split();
            tokio::select! {
                ended = self.copy(from, forth) => ended,
                ended = self.copy(back, to) => ended,
            }
        };
        tokio::select! {
            biased;
            _ = over => Ok(()),
            ended = both => ended,
        }
    }

    /// One direction: what is read now is written when it would have come through.
    async fn copy(
        &self,
        from: impl AsyncRead + Unpin,
        to: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let (under_way, arriving) = mpsc::channel(UNDER_WAY);
        tokio::select! {
            ended = self.read(from, under_way) => ended,
            ended = self.write(arriving, to) => ended,
        }
    }

    async fn read(
        &self,
        mut from: impl AsyncRead + Unpin,
        under_way: mpsc::Sender<(Instant, Vec<u8>)>,
    ) -> std::io::Result<()> {
        let broken = self.state.broken.subscribe();
        let mut free_at = Instant::now();
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let read = from.read(&mut chunk).await?;
            if read == 0 {
                return Ok(());
            }
            chunk.truncate(read);
            self.note(&chunk);
            let slow = broken.borrow().slow;
            let mut at = Instant::now();
            if let Some(slow) = slow {
                let bits = chunk.len() as f64 * 8.0;
                let takes = Duration::from_secs_f64(bits / slow.bandwidth_bps as f64);
                free_at = free_at.max(at) + takes;
                at = free_at + slow.delay;
                // The wire takes no more than it can carry.
                sleep_until(free_at).await;
            }
            if under_way.send((at, chunk)).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn write(
        &self,
        mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>,
        mut to: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let mut broken = self.state.broken.subscribe();
        while let Some((at, chunk)) = arriving.recv().await {
            sleep_until(at).await;
            // The sender lives as long as the wires.
            let _ = broken
                .wait_for(|broken| !broken.silent.contains(&self.pair))
                .await;
            to.write_all(&chunk).await?;
        }
        Ok(())
    }

    fn note(&self, chunk: &[u8]) {
        self.carried
            .fetch_add(chunk.len() as u64, Ordering::Relaxed);
        let mut recorded = self.state.recorded.lock().expect("nobody panics here");
        if let Some(recorded) = recorded.as_mut()
            && recorded.len() < RECORD_MAX_BYTES
        {
            recorded.extend_from_slice(chunk);
        }
    }
}
