//! What flows through the link flows as it comes, both ways, and stops when either end goes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use weir_tests::origin::read_head;
use weir_tests::{Business, Call, Cluster, ScriptedOrigin, wait_until};

const APPID: &str = "wx00000000000000d1";

async fn attached() -> (Cluster, Business) {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    (cluster, business)
}

/// A cluster whose mini program's only domain is the scripted origin.
async fn attached_to(origin: &ScriptedOrigin) -> (Cluster, Business) {
    let cluster = Cluster::start(1).await;
    let package = json!({ "bandwidth_bps": 100_000_000_000_u64 });
    let business = cluster
        .attach_domains(0, APPID, &[&origin.url()], package)
        .await;
    (cluster, business)
}

#[tokio::test]
async fn a_web_socket_carries_messages_both_ways_and_closes() {
    let (cluster, business) = attached().await;
    let mut request = format!("ws://{}/ws", business.access_domain)
        .into_client_request()
        .expect("a URL");
    request
        .headers_mut()
        .insert("x-wx-env-version", HeaderValue::from_static("trial"));
    let stream = TcpStream::connect(cluster.nodes[0].http)
        .await
        .expect("the link listens");
    let (mut socket, answer) = tokio_tungstenite::client_async(request, stream)
        .await
        .expect("101");
    assert_eq!(answer.status(), 101);
    assert!(answer.headers().contains_key("x-wx-call-id"));
    for message in [Message::text("你好"), Message::binary(vec![7_u8; 200_000])] {
        socket
            .send(message.clone())
            .await
            .expect("the socket is open");
        let echoed = socket.next().await.expect("an echo").expect("an echo");
        assert_eq!(echoed, message);
    }
    assert_eq!(cluster.origin.stat("web_socket_messages").await, 2);
    socket.close(None).await.expect("the socket is open");
    while let Some(Ok(_)) = socket.next().await {}
    wait_until("the origin's side is closed too", async || {
        (cluster.origin.stat("in_flight").await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_web_socket_whose_client_goes_away_ends_at_the_origin() {
    let (cluster, business) = attached().await;
    let mut request = format!("ws://{}/ws", business.access_domain)
        .into_client_request()
        .expect("a URL");
    request
        .headers_mut()
        .insert("x-wx-env-version", HeaderValue::from_static("trial"));
    let stream = TcpStream::connect(cluster.nodes[0].http)
        .await
        .expect("the link listens");
    let (socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .expect("101");
    wait_until("the origin has it", async || {
        (cluster.origin.stat("in_flight").await == 1).then_some(())
    })
    .await;
    drop(socket);
    wait_until("the origin is rid of it", async || {
        (cluster.origin.stat("in_flight").await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn server_sent_events_arrive_one_by_one() {
    let (cluster, business) = attached().await;
    let begin = Instant::now();
    let response = cluster.call(0, &business, "/stream/4/300").open().await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let first = body
        .frame()
        .await
        .expect("a frame")
        .expect("a frame")
        .into_data()
        .expect("data");
    assert!(first.starts_with(b"id: 0\n"), "{first:?}");
    assert!(
        begin.elapsed() < Duration::from_millis(800),
        "the first came after {:?}",
        begin.elapsed()
    );
    let rest = body.collect().await.expect("the rest").to_bytes();
    assert!(String::from_utf8_lossy(&rest).contains("id: 3\n"));
    assert!(
        begin.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn trailers_pass_both_ways_in_both_versions() {
    let (cluster, business) = attached().await;
    let one = cluster
        .call(0, &business, "/trailers")
        .header("te", "trailers")
        .send()
        .await;
    let two = cluster
        .call(0, &business, "/trailers")
        .header("te", "trailers")
        .h2()
        .send()
        .await;
    for answer in [one, two] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let trailers = answer.trailers.expect("trailers came");
        assert_eq!(trailers["x-origin-trailer"], "after-the-body");
    }
    let mut trailers = HeaderMap::new();
    trailers.insert(
        "x-client-trailer",
        HeaderValue::from_static("from-the-client"),
    );
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"body"))),
        Ok(Frame::trailers(trailers)),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    let call = cluster
        .post(0, &business, "/x", "")
        .header("trailer", "x-client-trailer")
        .body(body);
    let document = call.send().await.json();
    assert_eq!(document["body"], "body", "{document}");
    assert_eq!(
        document["trailers"]["x-client-trailer"],
        json!(["from-the-client"]),
        "{document}"
    );
}

#[tokio::test]
async fn an_answer_during_the_upload_reaches_the_client_at_once() {
    let (cluster, business) = attached().await;
    let endless = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok(Frame::data(Bytes::from_static(&[0; 4096]))), ()))
    });
    let call = cluster
        .post(0, &business, "/early", "")
        .body(StreamBody::new(endless).boxed_unsync());
    let response = tokio::time::timeout(Duration::from_secs(5), call.open())
        .await
        .expect("no wait for the body's end");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_told_to_go_on() {
    let (cluster, business) = attached().await;
    let mut stream = TcpStream::connect(cluster.nodes[0].http)
        .await
        .expect("the link listens");
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: {}\r\nx-wx-env-version: trial\r\ncontent-length: 5\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n",
        business.access_domain
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let interim = tokio::time::timeout(Duration::from_secs(5), read_head(&mut stream))
        .await
        .expect("an answer");
    assert!(
        interim
            .as_deref()
            .is_some_and(|head| head.starts_with("HTTP/1.1 100")),
        "{interim:?}"
    );
    stream.write_all(b"hello").await.expect("sent");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.expect("the answer");
    assert!(
        rest.starts_with("HTTP/1.1 200") && rest.contains("\"body_bytes\":5"),
        "{rest}"
    );
}

#[tokio::test]
async fn an_interim_answer_of_the_origin_reaches_the_client_and_disturbs_no_other_call() {
    let origin = ScriptedOrigin::answering(
        b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let (cluster, business) = attached_to(&origin).await;
    let mut stream = TcpStream::connect(cluster.nodes[0].http)
        .await
        .expect("the link listens");
    let host = &business.access_domain;
    let head = format!("GET /x HTTP/1.1\r\nhost: {host}\r\nx-wx-env-version: trial\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let interim = read_head(&mut stream).await.expect("an interim answer");
    assert!(
        interim.starts_with("HTTP/1.1 103 ") && interim.contains("link: </style.css>"),
        "{interim}"
    );
    let last = read_head(&mut stream).await.expect("the answer");
    assert!(last.starts_with("HTTP/1.1 200 "), "{last}");
    for _ in 0..3 {
        let answer = cluster.call(0, &business, "/x").send().await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok"));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_stops_the_work_at_the_origin() {
    let (cluster, business) = attached().await;
    for path in ["/delay/60000", "/stream/100000/50", "/bytes/60000000000"] {
        let mut stream = TcpStream::connect(cluster.nodes[0].http)
            .await
            .expect("the link listens");
        let host = &business.access_domain;
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nx-wx-env-version: trial\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        wait_until("the call is at the origin", async || {
            (cluster.origin.stat("in_flight").await == 1).then_some(())
        })
        .await;
        drop(stream);
        let (_, took) = wait_until("the origin's work stops", async || {
            (cluster.origin.stat("in_flight").await == 0).then_some(())
        })
        .await;
        assert!(took < Duration::from_secs(3), "{path} went on for {took:?}");
    }
    assert_eq!(cluster.origin.stat("aborted").await, 3);
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_end_as_if_it_were_whole() {
    let (cluster, business) = attached().await;
    for path in ["/cut/100000", "/cut/100000?chunked"] {
        let broken = cluster.call(0, &business, path).try_send().await;
        assert!(
            broken.is_err(),
            "{path}: {:?}",
            broken.map(|answer| answer.body.len())
        );
    }
    assert_eq!(
        cluster.call(0, &business, "/hello").send().await.status,
        200
    );
}

#[tokio::test]
async fn an_origin_that_closes_its_connections_after_each_answer_fails_no_call() {
    let origin = ScriptedOrigin::start(|mut stream| async move {
        if read_head(&mut stream).await.is_some() {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await;
        }
    })
    .await;
    let (cluster, business) = attached_to(&origin).await;
    for i in 0..50 {
        let answer = cluster.call(0, &business, "/x").send().await;
        assert_eq!(answer.status, 200, "call {i}: {}", answer.text());
    }
}

#[tokio::test]
async fn http_2_without_tls_works_as_http_1_does() {
    let (cluster, business) = attached().await;
    let answer = cluster
        .post(0, &business, "/x?y=z", "body")
        .h2()
        .send()
        .await;
    let document = answer.json();
    assert_eq!(answer.status, 200, "{document}");
    assert_eq!(document["body"], "body");
    assert_eq!(
        document["headers"]["x-wx-call-id"],
        json!([answer.header("x-wx-call-id")])
    );
    let body = Call::get(
        cluster.nodes[0].http,
        &business.access_domain,
        "/bytes/3000000",
    )
    .header("x-wx-env-version", "trial")
    .h2()
    .send()
    .await
    .body;
    assert!(
        body.len() == 3_000_000
            && body
                .iter()
                .enumerate()
                .all(|(i, b)| usize::from(*b) == i % 251)
    );
}
