//! One connection to a link, kept open, calls one after the other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use weir_tests::Business;

const DEADLINE: Duration = Duration::from_secs(20);

pub struct Caller {
    addr: SocketAddr,
    host: String,
    sender: SendRequest<Empty<Bytes>>,
}

// === impl Caller ===

impl Caller {
    pub async fn connect(addr: SocketAddr, business: &Business) -> anyhow::Result<Self> {
        Ok(Caller {
            addr,
            host: business.access_domain.clone(),
            sender: connect(addr).await?,
        })
    }

    /// A call of the experience version; the answer's head, the time until its body had come.
    pub async fn call(
        &mut self,
        path: &str,
        target: Option<&str>,
    ) -> anyhow::Result<(StatusCode, HeaderMap, Duration)> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(self.addr).await?;
        }
        let mut request = Request::get(path)
            .header("host", &self.host)
            .header("x-wx-env-version", "trial");
        if let Some(target) = target {
            request = request.header("x-wx-target", target);
        }
        let begin = Instant::now();
        let answer = self.sender.send_request(request.body(Empty::new())?);
        let answer = tokio::time::timeout(DEADLINE, answer).await??;
        let (head, body) = answer.into_parts();
        body.collect().await?;
        Ok((head.status, head.headers, begin.elapsed()))
    }

    /// The version of the configuration by which a call would go now. The call is refused before it gets to
    /// the origin or the package, but not before the business is known.
    pub async fn version(&mut self) -> anyhow::Result<String> {
        let (_, headers, _) = self.call("/", Some("https://nowhere.example")).await?;
        let version = headers.get("x-wx-conf-version");
        let version = version.context("every answer carries it")?;
        Ok(version.to_str()?.to_owned())
    }
}

async fn connect(addr: SocketAddr) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
