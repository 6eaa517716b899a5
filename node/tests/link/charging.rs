//! What a call is charged, counted at both ends: every byte once, whichever way the call goes.
//!
//! The rule: a head weighs its HTTP/1.1 text, one line end after each line and after the last, without the
//! reason phrase and without what the connection adds to it (`date`, `connection`, `transfer-encoding`,
//! and the `content-length` of the gateway's own answers); a body weighs its bytes, without the framing of
//! chunks; trailers weigh their lines and one line end; interim heads weigh what is written of them.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use weir::routing::REASONS;
use weir_config::access::PublicReason;
use weir_config::object::Overflow;

use crate::harness::*;

const STATUS_LINE: u64 = "HTTP/1.1 200 \r\n".len() as u64;

fn place_of(reason: PublicReason) -> usize {
    REASONS.iter().position(|one| *one == reason).unwrap()
}

fn lines(headers: &[(String, String)], left_out: &[&str]) -> u64 {
    let counted = headers
        .iter()
        .filter(|(name, _)| !left_out.contains(&name.as_str()));
    let bytes = counted.map(|(name, value)| name.len() + value.len() + 4);
    bytes.sum::<usize>() as u64 + 2
}

/// What a client sees of an answer that comes from an origin.
fn weight(answer: &Message) -> u64 {
    // The origins here send no date, so what is there is the server's.
    let head = lines(
        &answer.headers,
        &["date", "connection", "transfer-encoding"],
    );
    STATUS_LINE + head + answer.body.len() as u64 + trailers(answer)
}

/// What a client sees of an answer of the gateway's own.
fn own_weight(answer: &Message) -> u64 {
    let added = ["date", "connection", "transfer-encoding", "content-length"];
    STATUS_LINE + lines(&answer.headers, &added) + answer.body.len() as u64
}

fn trailers(message: &Message) -> u64 {
    if message.trailers.is_empty() {
        return 0;
    }
    lines(&message.trailers, &[])
}

fn post(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: {HOST}\r\n{lines}\r\n")
}

/// Waits until so much is charged, no more and no less.
async fn charged(bench: &Bench, bytes: u64) {
    let (balance, meter) = (bench.granted, &bench.meter);
    let settled = || meter.finished_calls() == meter.admitted_calls();
    until("all calls are over", settled).await;
    assert_eq!(meter.charged_bytes(), bytes);
    assert_eq!(meter.balance_bytes(), balance as i64 - bytes as i64);
}

/// An origin that reads a message and answers with a text, once a connection.
async fn once(answer: &'static str) -> SocketAddr {
    origin(move |mut peer| async move {
        if peer.try_message().await.is_some() {
            peer.send(answer).await;
        }
    })
    .await
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello";

#[actix_rt::test]
async fn bodies_of_known_length_and_their_heads() {
    let bench = Bench::start(answering(OK).await, Plan::default());
    let request = post("content-length: 4\r\n") + "body";
    let answer = bench.call(&request).await;
    charged(&bench, request.len() as u64 + weight(&answer)).await;
}

#[actix_rt::test]
async fn chunks_and_trailers_both_ways_without_their_framing() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n";
    let answer = format!("{head}2\r\nhi\r\n0\r\nx-sum: down\r\n\r\n").leak();
    let bench = Bench::start(once(answer).await, Plan::default());
    let head = post("transfer-encoding: chunked\r\ntrailer: x-sum\r\nte: trailers\r\n");
    let answer = bench
        .call(&format!("{head}3\r\nabc\r\n0\r\nx-sum: up\r\n\r\n"))
        .await;
    assert_eq!(answer.trailers.len(), 1);
    let sent = head.len() + "abc".len() + "x-sum: up\r\n\r\n".len();
    charged(&bench, sent as u64 + weight(&answer)).await;
}

#[actix_rt::test]
async fn interim_heads_that_reach_the_client() {
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n";
    let bench = Bench::start(once(format!("{hint}{OK}").leak()).await, Plan::default());
    let request = get("/", "");
    let mut client = bench.client().await;
    client.send(&request).await;
    assert_eq!(client.head().await.status(), 103);
    let answer = client.message().await;
    let heads = (request.len() + hint.len()) as u64;
    charged(&bench, heads + weight(&answer)).await;
}

#[actix_rt::test]
async fn the_word_to_continue() {
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        peer.bytes(4).await;
        peer.send(OK).await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let head = post("content-length: 4\r\nexpect: 100-continue\r\n");
    let mut client = bench.client().await;
    client.send(&head).await;
    assert_eq!(client.head().await.status(), 100);
    client.send("body").await;
    let answer = client.message().await;
    let heads = (head.len() + "HTTP/1.1 100 Continue\r\n\r\n".len() + 4) as u64;
    charged(&bench, heads + weight(&answer)).await;
}

#[actix_rt::test]
async fn an_envelope_and_not_the_answer_within() {
    let bench = Bench::start(answering(OK).await, Plan::default());
    let request = get("/", "x-wx-http-mode: ENVELOPE\r\n");
    let answer = bench.call(&request).await;
    assert_eq!(answer.json()["data"], "hello");
    charged(&bench, request.len() as u64 + own_weight(&answer)).await;
}

#[actix_rt::test]
async fn an_upgraded_connection_as_it_goes() {
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: x\r\n\r\n";
    let addr = origin(move |mut peer| async move {
        peer.head().await;
        peer.send(switch).await;
        assert_eq!(peer.bytes(3).await, b"up!");
        peer.send("down").await;
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let request = get("/", "connection: upgrade\r\nupgrade: x\r\n");
    let mut client = bench.client().await;
    client.send(&request).await;
    let answer = client.head().await;
    client.send("up!").await;
    assert_eq!(client.bytes(4).await, b"down");
    let heads = request.len() as u64 + STATUS_LINE + lines(&answer.headers, &["date"]);
    until("it is charged before it is over", || {
        bench.meter.charged_bytes() == heads + 7
    })
    .await;
    assert_eq!(bench.meter.finished_calls(), 0);
    client.stream.get_mut().shutdown().await.unwrap();
    client.closed().await;
    charged(&bench, heads + 7).await;
}

#[actix_rt::test]
async fn a_second_attempt_is_no_second_call() {
    // Answers once, then closes at the next request of the same connection.
    let addr = origin(|mut peer| async move {
        peer.message().await;
        peer.send(OK).await;
        peer.try_head().await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let request = get("/", "");
    let mut bytes = 0;
    for _ in 0..2 {
        bytes += request.len() as u64 + weight(&bench.call(&request).await);
    }
    charged(&bench, bytes).await;
}

#[actix_rt::test]
async fn the_gateways_own_answer_to_a_call_that_was_admitted() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = gone.local_addr().unwrap();
    drop(gone);
    let bench = Bench::start(addr, Plan::default());
    let request = get("/", "");
    let answer = bench.call(&request).await;
    assert_eq!(answer.status(), 502);
    charged(&bench, request.len() as u64 + own_weight(&answer)).await;
    assert_eq!(bench.figures().errors, [0, 0, 1]);
}

#[actix_rt::test]
async fn an_answer_that_its_origin_cuts_as_far_as_it_came() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello";
    let bench = Bench::start(once(cut).await, Plan::default());
    let request = get("/", "");
    let mut client = bench.client().await;
    client.send(&request).await;
    let mut answer = client.head().await;
    answer.body = client.bytes(5).await;
    client.closed().await;
    charged(&bench, request.len() as u64 + weight(&answer)).await;
    assert_eq!(bench.figures().errors, [0, 0, 1]);
}

#[actix_rt::test]
async fn a_client_that_goes_away_pays_for_what_it_got_and_no_more_than_was_sent() {
    const SENT: u64 = 1 << 20;
    let addr = origin(|mut peer| async move {
        peer.head().await;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n")
            .await;
        peer.send(vec![b'x'; SENT as usize]).await;
        peer.closed().await;
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let request = get("/", "");
    let mut client = bench.client().await;
    client.send(&request).await;
    let mut answer = client.head().await;
    answer.body = client.bytes(100_000).await;
    let got = request.len() as u64 + weight(&answer);
    drop(client);
    until("the call is over", || bench.meter.finished_calls() == 1).await;
    let charged = bench.meter.charged_bytes();
    assert!((got..=got + SENT).contains(&charged), "{charged}");
    let left = bench.meter.balance_bytes();
    assert_eq!(left, bench.granted as i64 - charged as i64);
}

#[actix_rt::test]
async fn an_upload_its_client_breaks_off_as_far_as_it_came() {
    let bench = Bench::start(answering(OK).await, Plan::default());
    let head = post("content-length: 1000\r\n");
    let mut client = bench.client().await;
    client.send(format!("{head}{}", "x".repeat(400))).await;
    until("its bytes have flowed", || {
        bench.meter.charged_bytes() == head.len() as u64 + 400
    })
    .await;
    drop(client);
    charged(&bench, head.len() as u64 + 400).await;
}

#[actix_rt::test]
async fn nothing_for_calls_that_do_not_take_the_link() {
    for (plan, request, reason) in [
        (
            Plan {
                balance: 0,
                ..Plan::default()
            },
            get("/", ""),
            PublicReason::PackageBandwidth,
        ),
        (
            Plan {
                enabled: false,
                ..Plan::default()
            },
            get("/", ""),
            PublicReason::Disconnected,
        ),
    ] {
        let bench = Bench::start(answering(OK).await, plan);
        assert_eq!(bench.call(&request).await.status(), 307);
        charged(&bench, 0).await;
        let public = bench.figures().public;
        let used = public[place_of(reason)];
        assert_eq!((used.calls, used.bytes), (1, request.len() as u64));
        assert_eq!(public.iter().map(|used| used.calls).sum::<u64>(), 1);
    }
}

#[actix_rt::test]
async fn a_relayed_call_is_counted_for_its_business_with_all_its_bytes() {
    let plan = Plan {
        balance: 0,
        overflow: Overflow::Relay,
        ..Plan::default()
    };
    let bench = Bench::start(answering(OK).await, plan);
    let request = get("/", "");
    let answer = bench.call(&request).await;
    assert_eq!(answer.status(), 200);
    let used = bench.figures().public[place_of(PublicReason::PackageBandwidth)];
    let bytes = request.len() as u64 + weight(&answer);
    assert_eq!((used.calls, used.bytes), (1, bytes));
    assert_eq!(bench.meter.overflow_bytes(), bytes);
}

#[actix_rt::test]
async fn calls_on_the_link_are_counted_for_their_business() {
    let bench = Bench::start(answering(OK).await, Plan::default());
    let request = get("/", "");
    let answer = bench.call(&request).await;
    charged(&bench, request.len() as u64 + weight(&answer)).await;
    let refused = bench.call(&get("/", "x-wx-target: no target\r\n")).await;
    assert_eq!(refused.status(), 400);
    let figures = bench.figures();
    assert_eq!(
        (figures.link.calls, figures.link.bytes),
        (1, bench.meter.charged_bytes())
    );
    assert_eq!(figures.errors, [1, 0, 0]);
}
