//! Changes on both sides of a broken network: one result everywhere once it is mended, and nothing silently
//! lost.

use http::Method;
use serde_json::{Value, json};
use weir_tests::{Cluster, wait_until};

const APPID: &str = "wx00000000000000c1";
const LEFT: [usize; 2] = [0, 1];
const RIGHT: [usize; 1] = [2];
const LIMITS: &str = "[limits]\ndrain_timeout_ms = 10000\n";

/// Three nodes; the last one is on its own side once parted.
async fn cluster() -> Cluster {
    let cluster = Cluster::start_wired(3, LIMITS).await;
    cluster
        .admin(0)
        .register(APPID, &[&cluster.origin.url()])
        .await;
    cluster.admin(0).open_space("shop", APPID).await;
    for gateway in ["first", "second"] {
        cluster
            .admin(0)
            .put(
                &format!("/gateways/{gateway}"),
                json!({ "space": "shop", "name": "before" }),
            )
            .await;
    }
    cluster.agree().await;
    cluster
}

async fn part(cluster: &Cluster) {
    cluster.part(&LEFT);
    cluster.agree_among(&LEFT).await;
    cluster.agree_among(&RIGHT).await;
}

async fn heal(cluster: &Cluster) {
    cluster.wires.heal();
    let took = cluster.agree().await;
    println!("all agree {took:?} after the network was mended");
}

/// The one conflict that all nodes list for this object, the same on each.
async fn conflict(cluster: &Cluster, object: &str) -> Value {
    let path = format!("/history?conflicts=true&object={object}");
    let mut all = Vec::new();
    for node in 0..3 {
        // Nodes agree by what is in force; what lost may come a moment later.
        let (mut listed, _) = wait_until("a conflict is listed", async || {
            let listed = cluster.admin(node).list(&path).await;
            (!listed.is_empty()).then_some(listed)
        })
        .await;
        assert_eq!(listed.len(), 1, "node {node}: {listed:?}");
        let mut conflict = listed.remove(0);
        assert_eq!(conflict["conflict"], true, "{conflict}");
        assert_eq!(conflict["current"], false, "{conflict}");
        // When it came here is each node's own.
        conflict
            .as_object_mut()
            .expect("an entry")
            .remove("stored_at");
        all.push(conflict);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
    all.remove(0)
}

/// A field of a gateway as all nodes have it.
async fn gateway_name(cluster: &Cluster, gateway: &str) -> String {
    let mut names = Vec::new();
    for node in 0..3 {
        let document = cluster
            .admin(node)
            .get(&format!("/gateways/{gateway}"))
            .await;
        names.push(document["name"].as_str().expect("a name").to_owned());
    }
    assert!(names.windows(2).all(|pair| pair[0] == pair[1]), "{names:?}");
    names.remove(0)
}

#[tokio::test]
async fn of_two_changes_on_both_sides_one_wins_everywhere_and_the_other_can_be_restored() {
    let cluster = cluster().await;
    part(&cluster).await;
    for (node, name) in [(0, "left"), (2, "right")] {
        let body = json!({ "space": "shop", "name": name });
        let answer = cluster
            .admin(node)
            .call(Method::PUT, "/gateways/first?ack=one", Some(&body))
            .await;
        // The right side is one node: it says that nobody else has it.
        let expected = if node == 2 { 202 } else { 200 };
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    // On one side alone: no conflict.
    let body = json!({ "space": "shop", "name": "left alone" });
    cluster.admin(1).put("/gateways/second", body).await;
    heal(&cluster).await;

    // The later one wins, on one machine by its clock.
    assert_eq!(gateway_name(&cluster, "first").await, "right");
    assert_eq!(gateway_name(&cluster, "second").await, "left alone");
    let lost = conflict(&cluster, "gateway/first").await;
    assert_eq!(lost["node"], cluster.nodes[0].id.as_str());
    let others = cluster.admin(1).list("/history?conflicts=true").await;
    assert_eq!(others.len(), 1, "{others:?}");

    let version = lost["version"].as_str().expect("a version");
    let shown = cluster.admin(2).get(&format!("/history/{version}")).await;
    assert_eq!(shown["document"]["name"], "left", "{shown}");
    let restored = cluster
        .admin(2)
        .post(&format!("/history/{version}/restore"), None)
        .await;
    assert_eq!(restored["name"], "left", "{restored}");
    cluster.agree().await;
    assert_eq!(gateway_name(&cluster, "first").await, "left");
}

#[tokio::test]
async fn a_mini_program_attached_on_both_sides_is_bound_once_and_the_other_binding_is_reported() {
    let cluster = cluster().await;
    part(&cluster).await;
    let left = cluster.admin(0).one_key_access_here("first", APPID).await;
    let right = cluster.admin(2).one_key_access_here("second", APPID).await;
    assert_ne!(left.access_domain, right.access_domain);
    heal(&cluster).await;

    for node in 0..3 {
        let bound = cluster.admin(node).list("/businesses").await;
        assert_eq!(bound.len(), 1, "node {node}: {bound:?}");
        assert_eq!(bound[0]["gateway"], "second", "node {node}: {bound:?}");
        assert_eq!(bound[0]["access_domain"], right.access_domain.as_str());
    }
    let lost = conflict(&cluster, &format!("business/{APPID}")).await;
    let version = lost["version"].as_str().expect("a version");
    let lost = cluster.admin(1).get(&format!("/history/{version}")).await;
    assert_eq!(lost["document"]["gateway"], "first", "{lost}");

    // Exactly one of the two access domains leads anywhere, on every node alike.
    for node in 0..3 {
        for (business, status) in [(&left, 404), (&right, 200)] {
            wait_until("the link goes by what won", async || {
                let answer = cluster.call(node, business, "/hello").try_send();
                (answer.await.ok()?.status == status).then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_side_that_deleted_and_a_side_that_changed_agree_too() {
    let cluster = cluster().await;
    let business = cluster.admin(0).one_key_access("first", APPID).await;
    cluster.agree().await;
    part(&cluster).await;
    let path = format!("/businesses/{APPID}");
    let deleted = cluster.admin(2).call(Method::DELETE, &path, None).await;
    assert!(deleted.status.is_success(), "{}", deleted.text());
    cluster
        .admin(0)
        .patch(&path, json!({ "route_tag": "blue" }))
        .await;
    heal(&cluster).await;
    for node in 0..3 {
        let document = cluster.admin(node).get(&path).await;
        assert_eq!(
            document["route_tag"], "blue",
            "the later change holds on node {node}"
        );
        assert_eq!(document["access_domain"], business.access_domain.as_str());
    }
    let lost = conflict(&cluster, &format!("business/{APPID}")).await;
    assert_eq!(lost["action"], "deleted", "{lost}");
    assert_eq!(lost["node"], cluster.nodes[2].id.as_str());
}
