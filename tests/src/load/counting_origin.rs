//! An origin that counts: every byte of its sockets, and of bodies alone, when they pass.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::UnderWay;

const HEAD_MAX_BYTES: usize = 64 * 1024;
const PIECE_BYTES: usize = 16 * 1024;

/// What has passed so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OriginCount {
    pub calls: u64,
    /// Heads and bodies, both ways, as they are on the wire to the origin.
    pub bytes: u64,
    /// Bodies alone, both ways; of calls that broke off what had passed by then.
    pub body_bytes: u64,
    /// Calls marked as relayed over the public link.
    pub public_calls: u64,
    pub public_body_bytes: u64,
}

/// `GET /bytes/N` answers N bytes, `POST` takes what is sent and answers nothing.
pub struct CountingOrigin {
    pub addr: SocketAddr,
    count: Arc<Mutex<OriginCount>>,
    under_way: UnderWay,
    accepting: JoinHandle<()>,
}

// === impl CountingOrigin ===

impl CountingOrigin {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let count = Arc::<Mutex<OriginCount>>::default();
        let under_way = UnderWay::default();
        let (counting, beginning) = (count.clone(), under_way.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (count, under_way) = (counting.clone(), beginning.clone());
                tokio::spawn(async move {
                    // However a connection ends, what passed is counted.
                    let _ = serve(stream, &count, &under_way).await;
                });
            }
        });
        CountingOrigin {
            addr,
            count,
            under_way,
            accepting,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn count(&self) -> OriginCount {
        *self.count.lock().expect("nobody panics with it")
    }

    /// Calls whose head has come and which are not counted yet.
    pub fn under_way(&self) -> usize {
        self.under_way.count()
    }
}

impl Drop for CountingOrigin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    count: &Mutex<OriginCount>,
    under_way: &UnderWay,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let add = |bytes: usize, body: usize, public: bool| {
        let mut count = count.lock().expect("nobody panics with it");
        if public {
            count.public_body_bytes += body as u64;
        } else {
            count.bytes += bytes as u64;
            count.body_bytes += body as u64;
        }
    };
    let mut buffer = Vec::with_capacity(4 * 1024);
    let piece = [b'd'; PIECE_BYTES];
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if buffer.len() > HEAD_MAX_BYTES {
                bail!("the head does not end");
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let call = under_way.begin();
        let head = String::from_utf8(buffer[..end].to_vec())?.to_ascii_lowercase();
        let public = head.contains("\r\nx-wx-link: public\r\n");
        buffer.drain(..end);
        add(end, 0, public);
        let mut left = length(&head)?;
        let held = left.min(buffer.len());
        buffer.drain(..held);
        left -= held;
        add(held, held, public);
        let mut taken = vec![0; PIECE_BYTES];
        while left > 0 {
            let read = stream.read(&mut taken[..left.min(PIECE_BYTES)]).await?;
            if read == 0 {
                bail!("the upload broke off");
            }
            left -= read;
            add(read, read, public);
        }
        let mut to_send = asked(&head)?;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {to_send}\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        add(answer.len(), 0, public);
        while to_send > 0 {
            let sent = stream.write(&piece[..to_send.min(PIECE_BYTES)]).await?;
            to_send -= sent;
            add(sent, sent, public);
        }
        let mut count = count.lock().expect("nobody panics with it");
        if public {
            count.public_calls += 1;
        } else {
            count.calls += 1;
        }
        drop(call);
    }
}

/// The length of the request's body.
fn length(head: &str) -> anyhow::Result<usize> {
    if head.contains("\r\ntransfer-encoding:") {
        bail!("bodies here have a length");
    }
    match head.split_once("\r\ncontent-length:") {
        None => Ok(0),
        Some((_, rest)) => {
            let value = rest.split("\r\n").next().context("a head has an end")?;
            Ok(value.trim().parse()?)
        }
    }
}

/// How many bytes the answer is to have.
fn asked(head: &str) -> anyhow::Result<usize> {
    match head.split_once("/bytes/") {
        None => Ok(0),
        Some((_, rest)) => {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            Ok(digits.context("a path has an end")?.parse()?)
        }
    }
}
