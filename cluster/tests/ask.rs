//! Questions between nodes, and what a cut does to everything on the mesh, over real sockets.

mod nodes;

use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::FutureExt;
use nodes::{any_port, bare_mesh, three_nodes};
use serde_json::{Value, json};
use tokio::sync::watch;
use weir_cluster::mesh::{ASK_ANSWER_MAX_BYTES, ASK_DEADLINE, AskAnswer, MeshError};

/// Answers with the query; nothing to `nobody`.
fn echo(query: &str) -> AskAnswer {
    let answer = (query != "nobody").then(|| json!({ "asked": query }).to_string().into_bytes());
    async move { answer }.boxed_local()
}

#[actix_web::test]
async fn a_node_answers_the_questions_it_knows_by_their_names() {
    let ((a, a_addr), (b, _)) = (bare_mesh("a"), bare_mesh("b"));
    a.answer("echo", echo);
    let client = b.client();
    let query = "gateway=shop%20one&x=1";
    let answer: Option<Value> = client.ask_node(a_addr, "echo", query).await.unwrap();
    assert_eq!(answer, Some(json!({ "asked": query })));
    let nothing: Option<Value> = client.ask_node(a_addr, "echo", "nobody").await.unwrap();
    assert_eq!(nothing, None);
    match client.ask_node::<Value>(a_addr, "weather", "").await {
        Err(MeshError::Refused {
            status: 404,
            reason,
            ..
        }) => assert!(reason.contains("`weather`"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn an_answer_of_another_shape_or_too_large_is_an_error_and_no_answer() {
    let ((a, a_addr), (b, _)) = (bare_mesh("a"), bare_mesh("b"));
    a.answer("echo", echo);
    a.answer("novel", |_: &str| {
        async { Some(vec![b' '; ASK_ANSWER_MAX_BYTES + 1]) }.boxed_local()
    });
    let client = b.client();
    let wrong = client.ask_node::<Vec<u8>>(a_addr, "echo", "").await;
    assert!(
        matches!(wrong, Err(MeshError::Unreadable { .. })),
        "{wrong:?}"
    );
    match client.ask_node::<Value>(a_addr, "novel", "").await {
        Err(MeshError::Refused { reason, .. }) => assert!(reason.contains("larger"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let long = "x".repeat(5_000);
    assert!(
        client
            .ask_node::<Value>(a_addr, "echo", &long)
            .await
            .is_err()
    );
}

#[actix_web::test]
async fn a_node_that_never_answers_is_given_up_in_time() {
    let (b, _) = bare_mesh("b");
    // It accepts connections and never reads.
    let deaf = any_port();
    let addr = deaf.local_addr().unwrap();
    match b.client().ask_node::<Value>(addr, "echo", "").await {
        Err(MeshError::Deadline { after_ms, .. }) => {
            assert_eq!(after_ms, ASK_DEADLINE.as_millis() as u64);
        }
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn a_slow_port_takes_no_place_for_longer_than_the_deadline() {
    let ((a, a_addr), (b, _)) = (bare_mesh("a"), bare_mesh("b"));
    a.answer("slow", |_: &str| {
        futures_util::future::pending().boxed_local()
    });
    a.answer("echo", echo);
    let client = b.client();
    for _ in 0..2 {
        // More than are answered at once: those beyond are refused, none waits for ever.
        let asking = (0..80).map(|_| client.ask_node::<Value>(a_addr, "slow", ""));
        let answers = futures_util::future::join_all(asking).await;
        assert!(answers.iter().all(Result::is_err));
    }
    let asking = async { while client.ask_node::<Value>(a_addr, "echo", "").await.is_err() {} };
    tokio::time::timeout(nodes::DEADLINE, asking).await.unwrap();
}

#[actix_web::test]
async fn what_is_under_way_when_a_cut_comes_is_lost_on_either_side() {
    for cut_at_the_asker in [true, false] {
        let ((a, a_addr), (b, _)) = (bare_mesh("a"), bare_mesh("b"));
        let (arrived, mut arrival) = watch::channel(0u32);
        let (go, gone) = watch::channel(false);
        a.answer("held", move |_: &str| {
            let (arrived, mut gone) = (arrived.clone(), gone.clone());
            async move {
                arrived.send_modify(|count| *count += 1);
                gone.wait_for(|go| *go).await.ok()?;
                Some(b"1".to_vec())
            }
            .boxed_local()
        });
        let side = if cut_at_the_asker { &b } else { &a };
        let cutting = async {
            arrival.wait_for(|count| *count > 0).await.unwrap();
            side.cut().cut_all();
            go.send_replace(true);
        };
        let client = b.client();
        let asking = client.ask_node::<Value>(a_addr, "held", "");
        let (answer, ()) = futures_util::future::join(asking, cutting).await;
        match answer {
            Err(MeshError::Cut(_)) => assert!(cut_at_the_asker),
            Err(MeshError::Refused { status: 503, .. }) => assert!(!cut_at_the_asker),
            other => panic!("{other:?}"),
        }
        side.cut().heal();
        let answer = client.ask_node::<Value>(a_addr, "held", "").await;
        assert_eq!(answer.unwrap(), Some(json!(1)));
    }
}

#[actix_web::test]
async fn frames_that_wait_when_a_cut_comes_are_dropped_and_gossip_goes_on_when_it_is_healed() {
    let ((a, a_addr), (b, b_addr)) = (bare_mesh("a"), bare_mesh("b"));
    let mut at_b = b.take_inbound().unwrap();
    let mut at_a = a.take_inbound().unwrap();
    a.send(b_addr, Bytes::from_static(b"before"));
    assert_eq!(&at_b.recv().await.unwrap().frame[..], b"before");

    a.cut().cut_all();
    for _ in 0..10 {
        a.send(b_addr, Bytes::from_static(b"out"));
        b.send(a_addr, Bytes::from_static(b"in"));
    }
    let dropped = || a.counters()[0].1.dropped;
    let begun = std::time::Instant::now();
    while dropped() < 20 {
        assert!(begun.elapsed() < nodes::DEADLINE, "{} dropped", dropped());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }

    a.cut().heal();
    a.send(b_addr, Bytes::from_static(b"after"));
    b.send(a_addr, Bytes::from_static(b"back"));
    assert_eq!(&at_b.recv().await.unwrap().frame[..], b"after");
    assert_eq!(&at_a.recv().await.unwrap().frame[..], b"back");
    assert_eq!(a.counters()[0].1.connections, 1, "over the same connection");
}

#[test]
fn a_node_cut_for_a_while_is_dead_to_the_others_and_back_by_itself() {
    let nodes = three_nodes();
    nodes[2].mesh.cut().cut_all_for(Duration::from_secs(3_600));
    nodes::eventually("the others see it dead, and it sees nobody", || {
        !nodes[0].sees_live("c")
            && !nodes[1].sees_live("c")
            && !nodes[2].sees_live("a")
            && nodes[0].sees_live("b")
    });
    // The same cut with its end near: nothing else has to happen.
    nodes[2].mesh.cut().cut_all_for(Duration::from_millis(100));
    let took = nodes::eventually("all are together again", || {
        nodes
            .iter()
            .all(|node| ["a", "b", "c"].iter().all(|id| node.sees_live(id)))
    });
    eprintln!("healed in {took:?}");
}
