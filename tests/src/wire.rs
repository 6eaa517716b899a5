//! Wires between the mesh ports of real nodes: every node is dialled through one, which knows who dials and
//! can be cut for him, as a broken network would. Carries bytes both ways and counts them.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The head of a mesh request is longer than this only where something is wrong.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// The header by which a node names itself to others.
const NODE: &str = "x-weir-node:";

/// All wires of a cluster. Clones are the same wires.
#[derive(Clone, Default)]
pub struct Wires(Arc<State>);

#[derive(Default)]
struct State {
    cuts: watch::Sender<HashSet<(String, String)>>,
    /// Bytes carried to and from each node by those who dialled it.
    carried: Mutex<HashMap<String, Arc<AtomicU64>>>,
}

// === impl Wires ===

impl Wires {
    /// A wire into the mesh port `target` of the node; the address that others are to dial.
    pub async fn lay(&self, node: &str, target: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let carried = Arc::new(AtomicU64::new(0));
        let mut all = self.0.carried.lock().expect("nobody panics here");
        all.insert(node.to_owned(), carried.clone());
        drop(all);
        let (state, node) = (self.0.clone(), node.to_owned());
        tokio::spawn(async move {
            while let Ok((dialled, _)) = listener.accept().await {
                let (state, node, carried) = (state.clone(), node.clone(), carried.clone());
                tokio::spawn(async move {
                    // However it ends, both ends see it closed.
                    let _ = carry(&state, &node, &carried, dialled, target).await;
                });
            }
        });
        addr
    }

    /// Breaks the wire between two nodes, both ways, and all that runs over it.
    pub fn cut(&self, one: &str, other: &str) {
        self.0.cuts.send_modify(|cuts| {
            cuts.insert((one.to_owned(), other.to_owned()));
            cuts.insert((other.to_owned(), one.to_owned()));
        });
    }

    /// Mends every wire.
    pub fn heal(&self) {
        self.0.cuts.send_modify(HashSet::clear);
    }

    /// Bytes carried over all wires so far: payload of TCP, both ways.
    pub fn carried(&self) -> u64 {
        let all = self.0.carried.lock().expect("nobody panics here");
        all.values()
            .map(|bytes| bytes.load(Ordering::Relaxed))
            .sum()
    }
}

async fn carry(
    state: &State,
    node: &str,
    carried: &AtomicU64,
    mut dialled: TcpStream,
    target: SocketAddr,
) -> std::io::Result<()> {
    let head = read_head(&mut dialled).await?;
    let dialler = dialler(&head);
    let pair = (dialler, node.to_owned());
    let mut cuts = state.cuts.subscribe();
    let broken = cuts.wait_for(|cuts| cuts.contains(&pair));
    let both = async {
        let mut there = TcpStream::connect(target).await?;
        there.set_nodelay(true)?;
        dialled.set_nodelay(true)?;
        there.write_all(&head).await?;
        carried.fetch_add(head.len() as u64, Ordering::Relaxed);
        let (from, to) = dialled.split();
        let (back, forth) = there.split();
        tokio::select! {
            ended = copy(from, forth, carried) => ended,
            ended = copy(back, to, carried) => ended,
        }
    };
    tokio::select! {
        biased;
        _ = broken => Ok(()),
        ended = both => ended,
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    carried: &AtomicU64,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        carried.fetch_add(read as u64, Ordering::Relaxed);
        to.write_all(&buffer[..read]).await?;
    }
}

/// What was read until the first head was whole, and maybe more.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read_buf(&mut head).await?;
        if read == 0 || head.len() > HEAD_MAX_BYTES {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
    }
    Ok(head)
}

/// Who dials; empty where he does not say.
fn dialler(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let line = head.lines().find_map(|line| line.strip_prefix(NODE));
    line.unwrap_or_default().trim().to_owned()
}
