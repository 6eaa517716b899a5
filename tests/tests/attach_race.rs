//! Two operators attach the same mini program to two gateways on two nodes at the same moment.

use http::Method;
use serde_json::{Value, json};
use weir_tests::sentence::assert_clear;
use weir_tests::{Answer, Cluster, wait_until};

const ROUNDS: usize = 12;
const LIMITS: &str = "[limits]\ndrain_timeout_ms = 10000\n";

async fn cluster(wired: bool) -> Cluster {
    let cluster = match wired {
        true => Cluster::start_wired(3, LIMITS).await,
        false => Cluster::start(3).await,
    };
    let admin = cluster.admin(0);
    let first = appid(0);
    admin.register(&first, &[&cluster.origin.url()]).await;
    admin.open_space("shop", &first).await;
    for gateway in ["first", "second"] {
        admin
            .put(&format!("/gateways/{gateway}"), json!({ "space": "shop" }))
            .await;
    }
    cluster.agree().await;
    cluster
}

fn appid(round: usize) -> String {
    format!("wx00000000000f{round:04x}")
}

async fn attach(cluster: &Cluster, node: usize, gateway: &str, appid: &str) -> Answer {
    let path = format!("/gateways/{gateway}/one-key-access?link_test=false");
    let body = json!({ "appid": appid });
    cluster
        .admin(node)
        .call(Method::POST, &path, Some(&body))
        .await
}

/// Where each node says that the mini program is bound, once all agree.
async fn bound(cluster: &Cluster, appid: &str) -> String {
    cluster.agree().await;
    let mut gateways = Vec::new();
    for node in 0..3 {
        let business = cluster
            .admin(node)
            .get(&format!("/businesses/{appid}"))
            .await;
        gateways.push(business["gateway"].as_str().expect("a gateway").to_owned());
    }
    assert!(
        gateways.windows(2).all(|pair| pair[0] == pair[1]),
        "{gateways:?}"
    );
    gateways.remove(0)
}

#[tokio::test]
async fn one_succeeds_and_the_other_learns_where_it_is_bound() {
    let cluster = cluster(false).await;
    let mut at_the_same_moment = 0;
    for round in 0..ROUNDS {
        let appid = appid(round);
        cluster
            .admin(0)
            .register(&appid, &[&cluster.origin.url()])
            .await;
        cluster.agree().await;
        // In turn, so that neither node is favoured by its name.
        let (here, there) = if round % 2 == 0 { (0, 1) } else { (1, 0) };
        let (one, other) = tokio::join!(
            attach(&cluster, here, "first", &appid),
            attach(&cluster, there, "second", &appid)
        );
        let (won, lost, winner, loser) = match one.status.as_u16() {
            201 => (&one, &other, "first", "second"),
            _ => (&other, &one, "second", "first"),
        };
        assert_eq!(
            won.status,
            201,
            "round {round}: {} and {}",
            one.text(),
            other.text()
        );
        let problem = lost.json();
        assert_eq!(
            (lost.status.as_u16(), &problem["code"]),
            (409, &json!("bound_elsewhere")),
            "round {round}: {problem}"
        );
        let detail = problem["detail"].as_str().unwrap_or("");
        let (theirs, mine) = (format!("`{winner}`"), format!("`{loser}`"));
        assert_clear(
            detail,
            &[&appid, &theirs, &mine, "DELETE /admin/v1/businesses/"],
        );
        at_the_same_moment += usize::from(detail.contains("at the same moment"));
        assert_eq!(bound(&cluster, &appid).await, winner, "round {round}");
        let access_domain = won.json()["access_domain"].clone();
        let business = cluster.admin(2).get(&format!("/businesses/{appid}")).await;
        assert_eq!(
            business["access_domain"], access_domain,
            "the winner was told what is in force"
        );
        // And later: asked again, the same; and what lost stands in the history.
        let again = attach(&cluster, 2, loser, &appid).await;
        assert_eq!(again.json()["code"], "bound_elsewhere", "{}", again.text());
    }
    println!(
        "{at_the_same_moment} of {ROUNDS} pairs were written on both nodes before either had the other's"
    );
    for node in 0..3 {
        let conflicts = wait_until("what lost is listed", async || {
            let listed = cluster.admin(node).list("/history?conflicts=true").await;
            let bindings = listed.iter().filter(|entry| is_binding(entry)).count();
            (bindings == at_the_same_moment).then_some(bindings)
        });
        conflicts.await;
    }
}

fn is_binding(entry: &Value) -> bool {
    entry["object"]
        .as_str()
        .is_some_and(|object| object.starts_with("business/"))
}

#[tokio::test]
async fn two_who_attach_to_the_same_gateway_are_both_told_the_access_domain_in_force() {
    let cluster = cluster(false).await;
    for round in 0..ROUNDS / 2 {
        let appid = appid(round);
        cluster
            .admin(0)
            .register(&appid, &[&cluster.origin.url()])
            .await;
        cluster.agree().await;
        let (one, other) = tokio::join!(
            attach(&cluster, 0, "first", &appid),
            attach(&cluster, 1, "first", &appid)
        );
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "{} and {}", one.text(), other.text());
        assert_eq!(
            one.json()["access_domain"],
            other.json()["access_domain"],
            "round {round}"
        );
        assert_eq!(bound(&cluster, &appid).await, "first");
    }
}

#[tokio::test]
async fn whoever_cannot_be_told_at_once_is_warned_of_the_node_that_did_not_answer() {
    let cluster = cluster(true).await;
    let silent = &cluster.nodes[1].id;
    let admin = cluster.admin(0);
    for try_ in 0..ROUNDS {
        let appid = appid(try_);
        admin.register(&appid, &[&cluster.origin.url()]).await;
        cluster.agree().await;
        // The others do not know yet that it is gone; where they find out first, it is tried again.
        cluster.part(&[1]);
        let attached = attach(&cluster, 0, "first", &appid).await;
        cluster.wires.heal();
        let document = attached.json();
        assert_eq!(attached.status, 201, "{document}");
        assert_eq!(bound(&cluster, &appid).await, "first");
        let warnings = document["warnings"].as_array().expect("a list").iter();
        let mut warnings = warnings.filter_map(Value::as_str);
        if let Some(warning) = warnings.find(|warning| warning.contains("did not answer")) {
            assert_clear(
                warning,
                &[silent, "GET /admin/v1/businesses/", "conflicts=true"],
            );
            return;
        }
    }
    panic!("in {ROUNDS} tries the node was never waited for");
}
