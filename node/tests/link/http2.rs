//! HTTP/2: prior knowledge on the plain port, ALPN on the TLS port.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::harness::*;

type Body = http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>;

async fn speak(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> SendRequest<Body> {
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(io))
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

fn request(path: &str, body: impl Into<Bytes>) -> http::Request<Body> {
    let request = http::Request::post(format!("http://{HOST}{path}")).header("te", "trailers");
    request.body(Full::new(body.into()).boxed()).unwrap()
}

#[actix_rt::test]
async fn calls_share_a_connection_by_prior_knowledge() {
    let addr = origin(|mut peer| async move {
        while let Some(message) = peer.try_message().await {
            let length = message.body.len();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"
            ))
            .await;
            peer.send(&message.body).await;
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let client = speak(TcpStream::connect(bench.link.http).await.unwrap()).await;
    let calls = (0..20).map(|n| {
        let mut client = client.clone();
        async move {
            let body = format!("{n}").repeat(10_000);
            let answer = client
                .send_request(request("/", body.clone()))
                .await
                .unwrap();
            assert_eq!(answer.headers()["x-wx-errmsg"], "gateway.call:ok");
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
        }
    });
    futures_util::future::join_all(calls).await;
}

#[actix_rt::test]
async fn trailers_pass_both_ways_on_http_2_too() {
    let addr = origin(|mut peer| async move {
        let request = peer.message().await;
        assert_eq!(request.trailers, [("x-sum".to_owned(), "up".to_owned())]);
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
        peer.send(format!("{head}2\r\nhi\r\n0\r\nx-sum: down\r\n\r\n"))
            .await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = speak(TcpStream::connect(bench.link.http).await.unwrap()).await;
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", "up".parse().unwrap());
    let frames = [
        http_body::Frame::data(Bytes::from("abc")),
        http_body::Frame::trailers(trailers),
    ];
    let body = StreamBody::new(futures_util::stream::iter(
        frames.map(Ok::<_, std::convert::Infallible>),
    ));
    let mut call = request("/", "").map(|_| BodyExt::boxed(body));
    call.headers_mut()
        .insert("trailer", "x-sum".parse().unwrap());
    let answer = client.send_request(call).await.unwrap();
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "down");
    assert_eq!(collected.to_bytes(), "hi");
}

#[actix_rt::test]
async fn a_stream_that_is_reset_stops_the_origins_work_at_once() {
    let (asked, left) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (note_asked, note_left) = (asked.clone(), left.clone());
    let addr = origin(move |mut peer| {
        let (asked, left) = (note_asked.clone(), note_left.clone());
        async move {
            peer.head().await;
            asked.set(true);
            peer.closed().await;
            left.set(true);
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = speak(TcpStream::connect(bench.link.http).await.unwrap()).await;
    let call = tokio::spawn(client.send_request(request("/", "")));
    until("the origin is asked", || asked.get()).await;
    call.abort();
    until("the origin is left", || left.get()).await;
    assert!(client.ready().await.is_ok(), "the connection itself stays");
}

#[actix_rt::test]
async fn more_headers_than_the_limit_get_431_and_the_connection_stays() {
    let bench = Bench::start(
        answering("HTTP/1.1 204 No Content\r\n\r\n").await,
        Plan::default(),
    );
    let mut client = speak(TcpStream::connect(bench.link.http).await.unwrap()).await;
    let mut large = request("/", "");
    for _ in 0..101 {
        large.headers_mut().append("x", "y".parse().unwrap());
    }
    let answer = client.send_request(large).await.unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            &answer.headers()["x-wx-error-code"]
        ),
        (431, &"102006".parse().unwrap())
    );
    assert_eq!(
        client
            .send_request(request("/", ""))
            .await
            .unwrap()
            .status(),
        204
    );
}

#[actix_rt::test]
async fn the_tls_port_speaks_http_2_by_alpn_and_http_1_1_with_the_development_certificate() {
    let bench = Bench::start(
        answering("HTTP/1.1 204 No Content\r\n\r\n").await,
        Plan::default(),
    );
    let certificate = bench.development_certificate();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let connect = async |alpn: &[&[u8]]| {
        let mut config = rustls::ClientConfig::builder()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let tcp = TcpStream::connect(bench.link.https).await.unwrap();
        let name = ServerName::try_from(HOST).unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .unwrap()
    };
    let mut client = speak(connect(&[b"h2", b"http/1.1"]).await).await;
    assert_eq!(
        client
            .send_request(request("/", ""))
            .await
            .unwrap()
            .status(),
        204
    );
    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let io = TokioIo::new(connect(alpn).await);
        let (mut client, connection) = hyper::client::conn::http1::handshake::<_, Body>(io)
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut call = request("/", "");
        call.headers_mut().insert("host", HOST.parse().unwrap());
        *call.uri_mut() = "/".parse().unwrap();
        assert_eq!(client.send_request(call).await.unwrap().status(), 204);
    }
}
