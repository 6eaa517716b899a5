//! Connections: their ends, their limits, and the node's own end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::harness::*;

/// An origin that thinks forever, and how many of its calls were given up.
async fn thinking() -> (std::net::SocketAddr, Rc<Cell<u32>>, Rc<Cell<u32>>) {
    let (asked, left) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (count_asked, count_left) = (asked.clone(), left.clone());
    let addr = origin(move |mut peer| {
        let (asked, left) = (count_asked.clone(), count_left.clone());
        async move {
            peer.head().await;
            asked.set(asked.get() + 1);
            peer.closed().await;
            left.set(left.get() + 1);
        }
    })
    .await;
    (addr, asked, left)
}

#[actix_rt::test]
async fn a_client_that_goes_away_stops_the_origins_work_at_once() {
    let (addr, asked, left) = thinking().await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    until("the origin is asked", || asked.get() == 1).await;
    drop(client);
    until("the origin is left", || left.get() == 1).await;
}

#[actix_rt::test]
async fn a_client_that_goes_away_during_the_answer_stops_it() {
    let stopped = Rc::new(Cell::new(false));
    let noted = stopped.clone();
    let addr = origin(move |mut peer| {
        let noted = noted.clone();
        async move {
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx")
                .await;
            peer.closed().await;
            noted.set(true);
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    client.head().await;
    drop(client);
    until("the origin is left", || stopped.get()).await;
}

#[actix_rt::test]
async fn a_connection_that_rests_is_closed() {
    let mut plan = Plan::default();
    plan.limits.keep_alive_timeout_ms = 100;
    let bench = Bench::start(
        answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await,
        plan,
    );
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    assert_eq!(client.message().await.status(), 200);
    client.closed().await;
}

#[actix_rt::test]
async fn connections_beyond_the_limit_are_closed_and_those_within_it_served() {
    let mut plan = Plan::default();
    plan.limits.connections_per_ip = 2;
    let bench = Bench::start(
        answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await,
        plan,
    );
    let mut kept = [bench.client().await, bench.client().await];
    for client in &mut kept {
        client.send(get("/", "")).await;
        assert_eq!(client.message().await.status(), 200);
    }
    bench.client().await.closed().await;
}

#[actix_rt::test]
async fn a_drain_finishes_calls_under_way_takes_no_new_ones_and_ends() {
    let (asked, go) = (
        Rc::new(Cell::new(false)),
        Rc::new(tokio::sync::Notify::new()),
    );
    let (note, wait) = (asked.clone(), go.clone());
    let addr = origin(move |mut peer| {
        let (note, wait) = (note.clone(), wait.clone());
        async move {
            peer.head().await;
            note.set(true);
            wait.notified().await;
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")
                .await;
        }
    })
    .await;
    let bench = Bench::start(addr, Plan::default());
    let http = bench.link.http;
    let (mut client, mut idle) = (bench.client().await, bench.client().await);
    client.send(get("/", "")).await;
    until("the origin is asked", || asked.get()).await;
    let drained = tokio::task::spawn_local(bench.link.drain(PATIENCE));
    idle.closed().await;
    let refused = async {
        while TcpStream::connect(http).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    go.notify_one();
    let answer = client.message().await;
    assert_eq!((answer.status(), &*answer.body), (200, &b"done"[..]));
    client.closed().await;
    tokio::time::timeout(PATIENCE, drained)
        .await
        .unwrap()
        .unwrap();
}

#[actix_rt::test]
async fn a_drain_does_not_wait_longer_than_it_is_told() {
    let (addr, asked, left) = thinking().await;
    let bench = Bench::start(addr, Plan::default());
    let mut client = bench.client().await;
    client.send(get("/", "")).await;
    until("the origin is asked", || asked.get() == 1).await;
    tokio::time::timeout(PATIENCE, bench.link.drain(Duration::from_millis(50)))
        .await
        .unwrap();
    client.closed().await;
    until("the origin is left", || left.get() == 1).await;
}

#[actix_rt::test]
async fn a_taken_port_is_said_with_the_setting_and_the_fix() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let data = tempfile::tempdir().unwrap();
    let mut settings = settings(data.path(), Default::default());
    settings.link.http = taken.local_addr().unwrap();
    let config = weir::link::Config {
        settings: settings.into(),
        node: node(),
        routing: Default::default(),
        tracing: None,
        monitor: None,
    };
    let said = weir::link::start(config).unwrap_err().to_string();
    let addr = taken.local_addr().unwrap();
    assert_eq!(
        said,
        format!(
            "link.http: {addr} is already in use; stop what listens there or set another address"
        )
    );
}

#[actix_rt::test]
async fn a_call_that_comes_during_the_drain_is_told_to_go_elsewhere() {
    let (addr, asked, _) = thinking().await;
    let bench = Bench::start(addr, Plan::default());
    let mut busy = bench.client().await;
    busy.send(get("/", "")).await;
    until("the origin is asked", || asked.get() == 1).await;
    // Its connection is open and its head has begun when the drain begins.
    let mut late = bench.client().await;
    late.send("GET / HTTP/1.1\r\n").await;
    let mut idle = bench.client().await;
    // One core serves in the order of arrival: once this is answered, the head above has been read.
    idle.send("GET / HTTP/1.1\r\nhost: nobody\r\n\r\n").await;
    assert_eq!(idle.message().await.status(), 404);
    let drained = tokio::task::spawn_local(bench.link.drain(Duration::from_secs(2)));
    idle.closed().await;
    late.send(format!("host: {HOST}\r\n\r\n")).await;
    let answer = late.message().await;
    assert_eq!(
        (answer.status(), answer.header("x-wx-error-code")),
        (503, Some("-601001"))
    );
    assert_eq!(answer.header("connection"), Some("close"));
    drained.await.unwrap();
}
