//! A client of the link: one connection a call, nothing added, nothing retried, nothing hidden.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

/// Longest wait for the head of an answer, and for the rest of it.
const DEADLINE: Duration = Duration::from_secs(60);

pub type CallBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// A call to be made.
pub struct Call {
    addr: SocketAddr,
    request: Request<CallBody>,
    h2: bool,
}

/// An answer with its whole body.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

// === impl Call ===

impl Call {
    pub fn new(method: Method, addr: SocketAddr, host: &str, path: &str) -> Self {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .body(whole(Bytes::new()))
            .expect("tests write sound requests");
        Call {
            addr,
            request,
            h2: false,
        }
    }

    pub fn get(addr: SocketAddr, host: &str, path: &str) -> Self {
        Call::new(Method::GET, addr, host, path)
    }

    pub fn post(addr: SocketAddr, host: &str, path: &str, body: impl Into<Bytes>) -> Self {
        Call::new(Method::POST, addr, host, path).body(whole(body.into()))
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = value.parse().expect("tests write sound header values");
        self.request.headers_mut().append(name, value);
        self
    }

    pub fn body(self, body: CallBody) -> Self {
        Call {
            request: self.request.map(|_| body),
            ..self
        }
    }

    /// By HTTP/2 with prior knowledge.
    pub fn h2(mut self) -> Self {
        let host = self
            .request
            .headers_mut()
            .remove("host")
            .expect("every call has one");
        let host = host.to_str().expect("hosts are text");
        let uri = format!("http://{host}{}", self.request.uri());
        *self.request.uri_mut() = uri.parse().expect("a host and a path make a URL");
        self.h2 = true;
        self
    }

    /// The answer's head, with the body still to come.
    ///
    /// # Panics
    /// Where no answer comes.
    pub async fn open(self) -> Response<Incoming> {
        self.try_open()
            .await
            .unwrap_or_else(|e| panic!("the call got no answer: {e}"))
    }

    /// As [`open`](Self::open), with the failure to look at.
    pub async fn try_open(self) -> anyhow::Result<Response<Incoming>> {
        let stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        let answer = send_over(TokioIo::new(stream), self.request, self.h2);
        tokio::time::timeout(DEADLINE, answer).await?
    }

    /// The whole answer.
    ///
    /// # Panics
    /// Where none comes, or its body breaks off.
    pub async fn send(self) -> Answer {
        self.try_send()
            .await
            .unwrap_or_else(|e| panic!("the call got no whole answer: {e}"))
    }

    pub async fn try_send(self) -> anyhow::Result<Answer> {
        Answer::read(self.try_open().await?).await
    }

    /// As [`open`](Self::open), over a connection of the test's own making (TLS).
    pub async fn try_open_over<S>(self, stream: S) -> anyhow::Result<Response<Incoming>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let answer = send_over(TokioIo::new(stream), self.request, self.h2);
        tokio::time::timeout(DEADLINE, answer).await?
    }
}

async fn send_over<S>(
    io: TokioIo<S>,
    request: Request<CallBody>,
    h2: bool,
) -> anyhow::Result<Response<Incoming>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    // The sender has to outlive the answer's head only; what follows comes by the connection's task.
    if h2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        Ok(sender.send_request(request).await?)
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender.send_request(request).await?)
    }
}

pub fn whole(bytes: Bytes) -> CallBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

// === impl Answer ===

impl Answer {
    pub async fn read(response: Response<Incoming>) -> anyhow::Result<Self> {
        let (head, body) = response.into_parts();
        let collected = tokio::time::timeout(DEADLINE, body.collect()).await??;
        let trailers = collected.trailers().cloned();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: collected.to_bytes(),
            trailers,
        })
    }

    /// A header's only value, empty where there is none.
    ///
    /// # Panics
    /// Where the header came twice.
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| {
            value.to_str().expect("header values are text here")
        });
        assert!(
            values.next().is_none(),
            "{name} came more than once: {:?}",
            self.headers
        );
        value
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// # Panics
    /// Where the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| {
            panic!(
                "{} is not JSON ({e}): {}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        })
    }
}

/// Checks an answer of the gateway's own: code, reason and call id, the same in head and body
/// (`CONTRACT.md` 1.4).
///
/// # Panics
/// Where anything of it is missing or differs.
pub fn assert_gateway_error(answer: &Answer, status: u16, code: i64) {
    let document = answer.json();
    assert_eq!(answer.status, status, "{document}");
    assert!(
        answer
            .header("content-type")
            .starts_with("application/json"),
        "{:?}",
        answer.headers
    );
    assert_eq!(answer.header("x-wx-error-code"), code.to_string());
    assert_eq!(document["errCode"], code, "{document}");
    let id = answer.header("x-wx-call-id");
    assert_eq!(document["callID"], id, "{document}");
    let message = document["errMsg"].as_str().unwrap_or("");
    assert!(message.starts_with("gateway.call:fail "), "{message}");
    assert!(
        message.contains(&format!("code: {code}")) && message.contains(id),
        "{message}"
    );
}
