//! One connection of the client: HTTP/1.1 by hand, so that every byte is seen when it passes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Body, Pace, Tally, UnderWay};

/// With status 503, the code of a node that drains (`CONTRACT.md` 1.4).
const DRAINING: &str = "-601001";
/// A call that has no whole answer by then has failed.
const CALL_DEADLINE: Duration = Duration::from_secs(30);
/// Pause after a connection that could not be made.
const AGAIN: Duration = Duration::from_millis(50);
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// What is written at once of an upload: small, so that bytes count when they flow.
const PIECE_BYTES: usize = 16 * 1024;

pub(super) struct Connection {
    pub node: SocketAddr,
    pub host: String,
    pub body: Body,
    pub began: Instant,
    pub tally: Arc<Mutex<Tally>>,
    pub under_way: UnderWay,
}

/// The head of an answer, and what of the body came with it.
struct Head {
    text: String,
    body: Vec<u8>,
}

// === impl Connection ===

impl Connection {
    /// Calls at the stream's pace; a call that is late is made at once, those missed are not made up for.
    pub async fn run(self, pace: Pace, place: usize, connections: usize) {
        let mut stream = None;
        let mut due = Instant::now();
        if let Ok(gap) = pace.gap(connections) {
            due += gap.mul_f64(place as f64 / connections as f64);
        }
        loop {
            tokio::time::sleep_until(due.into()).await;
            // Before the pace is asked: who finds no call under way, and a pace of none, will find no more.
            let call = self.under_way.begin();
            let gap = match pace.gap(connections) {
                Ok(gap) => gap,
                Err(rest) => {
                    due = Instant::now() + rest;
                    continue;
                }
            };
            due = (due + gap).max(Instant::now() - gap);
            let done = tokio::time::timeout(CALL_DEADLINE, self.call(&mut stream)).await;
            drop(call);
            if !matches!(done, Ok(Ok(()))) {
                stream = None;
                self.failed(&format!("{done:?}"));
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    async fn call(&self, kept: &mut Option<TcpStream>) -> anyhow::Result<()> {
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.node).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        let request = self.request();
        let upload = match self.body {
            Body::Up(bytes) => bytes,
            Body::Down(_) => 0,
        };
        stream.write_all(request.as_bytes()).await?;
        // An upload that takes the public link is told before it is sent whole: what was sent by then is not
        // the link's. It is known to be on the link, and counted, when its answer comes or all was sent.
        let mut sent = Vec::new();
        let mut left = upload;
        let piece = [b'u'; PIECE_BYTES];
        while left > 0 {
            let bytes = left.min(PIECE_BYTES);
            tokio::select! {
                biased;
                readable = stream.readable() => { readable?; break; }
                // Who has answered and closed takes no more; the answer is there to be read.
                written = write_all(&stream, &piece[..bytes]) => if written.is_err() { break },
            }
            sent.push((self.began.elapsed(), bytes as u64));
            left -= bytes;
        }
        let head = read_head(&mut stream).await?;
        let status = head.status().context("an answer begins with its status")?;
        let length = head
            .header("content-length")
            .context("answers here have a length")?;
        let length: usize = length.parse()?;
        let on_link = head.header("x-wx-link") == Some("private");
        if on_link {
            let now = self.began.elapsed();
            let heads = (request.len() + head.text.len() + head.body.len()) as u64;
            let mut tally = self.tally();
            tally.link_bytes.add(now, heads);
            for (at, bytes) in sent {
                tally.link_bytes.add(at, bytes);
            }
        }
        let mut received = head.body.len();
        let mut buffer = vec![0; 64 * 1024];
        while received < length {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                bail!("the answer broke off");
            }
            received += read;
            if on_link {
                self.tally()
                    .link_bytes
                    .add(self.began.elapsed(), read as u64);
            }
        }
        let mut tally = self.tally();
        match (status, on_link) {
            (200, true) if left == 0 => {
                tally.link_calls += 1;
                tally.link_body_bytes += (upload + length) as u64;
            }
            (307 | 429, false) => tally.public_calls += 1,
            // A node that is told to stop says so to whom it had promised to listen on.
            (503, false) if head.header("x-wx-error-code") == Some(DRAINING) => {
                tally.failed_calls += 1;
                let _ = tally.failure.get_or_insert(head.text.clone());
            }
            _ => {
                let _ = tally.odd.get_or_insert(head.text.clone());
                tally.failed_calls += 1;
            }
        }
        drop(tally);
        // What is left of an upload nobody wants makes the connection useless.
        if left == 0 && head.header("connection") != Some("close") {
            *kept = Some(stream);
        }
        Ok(())
    }

    fn failed(&self, why: &str) {
        let mut tally = self.tally();
        tally.failed_calls += 1;
        let _ = tally.failure.get_or_insert_with(|| why.to_owned());
    }

    fn request(&self) -> String {
        let (line, length) = match self.body {
            Body::Down(bytes) => (format!("GET /bytes/{bytes}"), String::new()),
            Body::Up(bytes) => (
                "POST /upload".to_owned(),
                format!("content-length: {bytes}\r\n"),
            ),
        };
        format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nx-wx-env-version: trial\r\n{length}\r\n",
            self.host
        )
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().expect("nobody panics with it")
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> anyhow::Result<Head> {
    let mut bytes = Vec::with_capacity(2 * 1024);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            let text = String::from_utf8(bytes).context("a head is text here")?;
            return Ok(Head { text, body });
        }
        if bytes.len() > HEAD_MAX_BYTES {
            bail!("the head does not end");
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            bail!("closed before the answer");
        }
    }
}

// === impl Head ===

impl Head {
    fn status(&self) -> Option<u16> {
        self.text.split(' ').nth(1)?.parse().ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}
