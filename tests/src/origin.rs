//! Origins: the echo origin as a process, and one that says exactly what a test wants said.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::Call;
use crate::process::{Process, weir_command};
use crate::wait_until;

/// `weir origin` on a free port.
pub struct Origin {
    pub addr: SocketAddr,
    /// Kept for its end: the origin stops when this is dropped.
    pub process: Process,
}

/// An origin that treats each connection as the test says, byte by byte.
pub struct ScriptedOrigin {
    pub addr: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

// === impl Origin ===

impl Origin {
    /// Starts it and waits until it has told its address.
    pub async fn start(dir: &Path) -> Self {
        let log = dir.join("origin.log");
        let process = Process::start(
            "origin",
            weir_command(&["origin", "--listen", "127.0.0.1:0"]),
            &log,
        );
        let (addr, _) = wait_until("the origin tells its address", async || {
            process
                .log()
                .split_once("http://")?
                .1
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .await;
        Origin { addr, process }
    }

    /// As a mini program's platform lists it.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// One of the counters of `/__origin/stats`.
    pub async fn stat(&self, name: &str) -> u64 {
        let answer = Call::get(self.addr, &self.addr.to_string(), "/__origin/stats")
            .send()
            .await;
        let stats: Value = answer.json();
        stats[name]
            .as_u64()
            .unwrap_or_else(|| panic!("the origin counts `{name}`: {stats}"))
    }
}

// === impl ScriptedOrigin ===

impl ScriptedOrigin {
    /// Runs `script` for every connection.
    pub async fn start<F>(script: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let script = Arc::new(script);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(script(stream));
            }
        });
        ScriptedOrigin { addr, accepting }
    }

    /// Answers every request head with the same bytes and leaves the connection open.
    pub async fn answering(bytes: &'static [u8]) -> Self {
        Self::start(move |mut stream| async move {
            while read_head(&mut stream).await.is_some() {
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
        })
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl Drop for ScriptedOrigin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads one request head, byte by byte so that nothing of what follows is taken. `None`: closed.
pub async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}
