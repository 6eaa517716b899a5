//! Quick disconnect under load: with a thousand calls in flight and more arriving on every node, everything goes
//! back to the public link, and no call fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use weir_tests::{Business, Cluster, wait_until};

const APPID: &str = "wx00000000000000d1";
const IN_FLIGHT: usize = 1_000;
/// Clients of each node that call again and again.
const ARRIVING: usize = 8;

/// An origin that answers `/held` when it is told to, and everything else at once.
struct HoldingOrigin {
    addr: SocketAddr,
    held: Arc<AtomicUsize>,
    release: watch::Sender<bool>,
}

impl HoldingOrigin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (release, released) = watch::channel(false);
        let held = Arc::<AtomicUsize>::default();
        let count = held.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, count.clone(), released.clone()));
            }
        });
        HoldingOrigin {
            addr,
            held,
            release,
        }
    }
}

/// Answers request after request of one connection; none has a body.
async fn serve(stream: TcpStream, held: Arc<AtomicUsize>, mut released: watch::Receiver<bool>) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut first) = (String::new(), None);
        loop {
            line.clear();
            match stream.read_line(&mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) if line == "\r\n" => break,
                Ok(_) => first = first.or_else(|| Some(line.clone())),
            }
        }
        if first.is_some_and(|line| line.starts_with("GET /held")) {
            held.fetch_add(1, Ordering::Relaxed);
            let _ = released.wait_for(|released| *released).await;
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// What became of a call.
#[derive(Debug)]
struct Outcome {
    node: usize,
    begun: Instant,
    status: u16,
    link: String,
    /// `x-wx-conf-version`: what the node decided by.
    version: String,
}

async fn call(
    cluster: &Cluster,
    node: usize,
    business: &Business,
    path: &str,
    sdk: bool,
) -> Outcome {
    let mut call = cluster.call(node, business, path);
    if sdk {
        call = call.header("x-wx-client", "sdk-js/1.0.0");
    }
    let begun = Instant::now();
    let answer = call.send().await;
    Outcome {
        node,
        begun,
        status: answer.status.as_u16(),
        link: answer.header("x-wx-link").to_owned(),
        version: answer.header("x-wx-conf-version").to_owned(),
    }
}

#[tokio::test]
async fn a_disconnect_under_load_fails_no_call_and_puts_all_new_ones_on_the_public_link() {
    let origin = HoldingOrigin::start().await;
    let cluster = Arc::new(Cluster::start(3).await);
    let package = json!({ "bandwidth_bps": 100_000_000_000_u64 });
    let domain = format!("http://{}", origin.addr);
    let business = cluster.attach_domains(0, APPID, &[&domain], package).await;
    cluster
        .patch(&business, json!({ "timeout_ms": 600_000 }))
        .await;

    // 1. In flight: held by the origin, a third on each node.
    let in_flight: Vec<_> = (0..IN_FLIGHT)
        .map(|n| {
            let (cluster, business) = (cluster.clone(), business.clone());
            tokio::spawn(async move { call(&cluster, n % 3, &business, "/held", n % 2 == 0).await })
        })
        .collect();
    wait_until("a thousand calls are in flight", async || {
        (origin.held.load(Ordering::Relaxed) == IN_FLIGHT).then_some(())
    })
    .await;

    // 2. Arriving: on every node, by clients of both kinds.
    let (stop, stopped) = watch::channel(false);
    let arrived = Arc::<AtomicUsize>::default();
    let arriving: Vec<_> = (0..3 * ARRIVING)
        .map(|n| {
            let (cluster, business, stopped) = (cluster.clone(), business.clone(), stopped.clone());
            let arrived = arrived.clone();
            tokio::spawn(async move {
                let mut outcomes = Vec::new();
                while !*stopped.borrow() {
                    outcomes.push(call(&cluster, n % 3, &business, "/x", n % 2 == 0).await);
                    arrived.fetch_add(1, Ordering::Relaxed);
                }
                outcomes
            })
        })
        .collect();

    wait_until("many calls have arrived", async || {
        (arrived.load(Ordering::Relaxed) > 30 * 3 * ARRIVING).then_some(())
    })
    .await;

    // 3. Disconnected by one node, in effect on all.
    let asked = Instant::now();
    let path = format!("/businesses/{}/disconnect", business.id);
    let disconnected = cluster.admin(1).post(&path, None).await;
    let answered = Instant::now();
    let newest = disconnected["version"].as_str().unwrap().to_owned();
    let after = cluster.admin(1).business(&business.id).await.unwrap();
    cluster.in_effect(&after).await;
    let in_effect = Instant::now();
    // Clients meet the new config as well before they stop.
    let mut last = Vec::new();
    for node in 0..3 {
        for sdk in [true, false] {
            last.push(call(&cluster, node, &business, "/x", sdk).await);
        }
    }
    stop.send_replace(true);
    let mut outcomes = Vec::new();
    for worker in arriving {
        outcomes.extend(worker.await.expect("no call of an arriving client failed"));
    }
    outcomes.extend(last);

    // 4. Every answer is whole and is what the config it was decided by says.
    for outcome in &outcomes {
        let expected: &[_] = if outcome.version >= newest {
            &[(307, "public"), (421, "public")]
        } else {
            &[(200, "private")]
        };
        let got = (outcome.status, outcome.link.as_str());
        assert!(expected.contains(&got), "{outcome:?}");
    }
    // 5. A call that begins after a node has the change never takes the link.
    for outcome in outcomes.iter().filter(|outcome| outcome.begun > in_effect) {
        assert_eq!(outcome.link, "public", "{outcome:?}");
    }
    // 6. Those that were in flight end as they would have: on the link, with their answers.
    origin.release.send_replace(true);
    for call in in_flight {
        let outcome = call.await.expect("no call in flight failed");
        assert_eq!((outcome.status, outcome.link.as_str()), (200, "private"));
    }

    for node in 0..3 {
        let of_node = outcomes.iter().filter(|outcome| outcome.node == node);
        let private = of_node.clone().filter(|outcome| outcome.link == "private");
        let last_private = private.clone().map(|outcome| outcome.begun).max();
        let late = last_private.map_or(0, |last| last.saturating_duration_since(asked).as_millis());
        println!(
            "node {node}: {} calls on the link, {} on the public link; the last call that took the link began {late} ms \
             after the disconnect was asked for",
            private.count(),
            of_node.filter(|outcome| outcome.link == "public").count(),
        );
    }
    println!(
        "disconnect: asked of one node, answered after {} ms, in effect on three nodes after {} ms, with {IN_FLIGHT} \
         calls in flight and {} arriving clients",
        (answered - asked).as_millis(),
        (in_effect - asked).as_millis(),
        3 * ARRIVING,
    );
}
