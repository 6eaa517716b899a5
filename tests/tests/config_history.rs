//! What was changed, by whom and when, and the way back: one object, the whole configuration, a document, a
//! backup.

use http::Method;
use serde_json::{Value, json};
use weir_tests::process::weir_command;
use weir_tests::{Admin, Answer, Call, Cluster, wait_until};

const APPID: &str = "wx00000000000000d1";

fn version(document: &Value) -> String {
    document["version"].as_str().expect("a version").to_owned()
}

/// A gateway changed three times on three nodes; the versions, oldest first.
async fn thrice(cluster: &Cluster) -> Vec<String> {
    cluster.admin(0).put("/spaces/shop", json!({})).await;
    let mut versions = Vec::new();
    for (node, name) in [(0, "one"), (1, "two"), (2, "three")] {
        cluster.agree().await;
        let body = json!({ "space": "shop", "name": name });
        versions.push(version(
            &cluster.admin(node).put("/gateways/first", body).await,
        ));
    }
    cluster.agree().await;
    versions
}

#[tokio::test]
async fn every_change_is_listed_on_every_node_with_who_when_where_and_what() {
    let cluster = Cluster::start(3).await;
    let versions = thrice(&cluster).await;
    for node in 0..3 {
        let admin = cluster.admin(node);
        let listed = admin.list("/history?object=gateway/first").await;
        let listed_versions: Vec<String> = listed.iter().rev().map(version).collect();
        assert_eq!(listed_versions, versions, "newest first, on node {node}");
        for (i, entry) in listed.iter().rev().enumerate() {
            assert_eq!(entry["node"], cluster.nodes[i].id.as_str(), "{entry}");
            assert_eq!(entry["action"], if i == 0 { "created" } else { "changed" });
            assert_eq!(entry["current"], i == 2, "{entry}");
            assert_eq!(entry["conflict"], false, "{entry}");
            assert!(
                entry["author"]
                    .as_str()
                    .is_some_and(|author| !author.is_empty())
            );
            assert!(entry["at"].as_str().is_some_and(|at| at.starts_with("20")));
            let based_on = i.checked_sub(1).map(|before| versions[before].as_str());
            assert_eq!(entry["based_on"].as_str(), based_on, "{entry}");
        }
        let second = admin.get(&format!("/history/{}", versions[1])).await;
        assert_eq!(second["document"]["name"], "two", "{second}");
        assert_eq!(
            second["diff"],
            json!([{ "path": "name", "before": "one", "after": "two" }])
        );
        let by_node = format!("/history?object=gateway&node={}", cluster.nodes[1].id);
        assert_eq!(admin.list(&by_node).await.len(), 1);
        assert_eq!(admin.list("/history?conflicts=true").await.len(), 0);
    }
}

#[tokio::test]
async fn one_object_goes_back_to_what_it_was_and_a_deleted_one_comes_back() {
    let cluster = Cluster::start(3).await;
    let versions = thrice(&cluster).await;
    let restored = cluster
        .admin(1)
        .post(&format!("/history/{}/restore", versions[0]), None)
        .await;
    assert_eq!(restored["name"], "one", "{restored}");
    assert!(
        version(&restored) > versions[2],
        "a new version, the newest"
    );
    cluster.agree().await;
    assert_eq!(cluster.admin(2).get("/gateways/first").await["name"], "one");

    let business = cluster.attach(0, APPID).await;
    let path = format!("/businesses/{APPID}");
    let deleted = cluster.admin(2).call(Method::DELETE, &path, None).await;
    assert!(deleted.status.is_success(), "{}", deleted.text());
    cluster.agree().await;
    let gone = cluster.call(1, &business, "/hello");
    assert_eq!(gone.send().await.status, 404);
    let history = cluster
        .admin(1)
        .list(&format!("/history?object=business/{APPID}"))
        .await;
    assert_eq!(history[0]["action"], "deleted");
    let before = version(&history[1]);
    let restored = cluster
        .admin(1)
        .post(&format!("/history/{before}/restore"), None)
        .await;
    assert_eq!(restored["access_domain"], business.access_domain.as_str());
    for node in 0..3 {
        wait_until("the link is open again", async || {
            let answer = cluster
                .call(node, &business, "/hello")
                .try_send()
                .await
                .ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_whole_configuration_goes_back_to_a_moment() {
    let cluster = Cluster::start(3).await;
    thrice(&cluster).await;
    let good = cluster.admin(0).get("/export").await;
    let newest = cluster.admin(0).get("/cluster").await["newest_version"].clone();
    let newest = newest.as_str().expect("a version").to_owned();
    // A bad afternoon.
    cluster
        .admin(1)
        .put(
            "/gateways/first",
            json!({ "space": "shop", "name": "wrong" }),
        )
        .await;
    cluster
        .admin(2)
        .put("/gateways/second", json!({ "space": "shop" }))
        .await;
    cluster
        .admin(0)
        .register(APPID, &["https://wrong.example"])
        .await;
    cluster.agree().await;

    let back = format!("/history/restore?at={newest}");
    let plan = cluster
        .admin(0)
        .post(&format!("{back}&dry_run=true"), None)
        .await;
    let actions = |plan: &Value| {
        let changes = plan["changes"].as_array().expect("changes").clone();
        let text = |change: &Value| format!("{} {}", change["action"], change["object"]);
        let mut actions: Vec<String> = changes.iter().map(text).collect();
        actions.sort_unstable();
        actions.join(", ").replace('"', "")
    };
    let expected =
        format!("change gateway/first, delete gateway/second, delete mini_program/{APPID}");
    assert_eq!(actions(&plan), expected);
    assert_ne!(
        cluster.admin(0).get("/export").await,
        good,
        "the dry run changed nothing"
    );

    let done = cluster.admin(0).post(&back, None).await;
    assert_eq!(actions(&done), expected);
    cluster.agree().await;
    for node in 0..3 {
        assert_eq!(
            cluster.admin(node).get("/export").await,
            good,
            "node {node}"
        );
    }
}

fn weir(cluster: &Cluster, node: usize, args: &[&str]) -> (bool, String) {
    let output = weir_command(args)
        .env(
            "WEIR_ADMIN",
            format!("http://{}", cluster.nodes[node].admin_addr),
        )
        .env("WEIR_TOKEN", &cluster.token)
        .output()
        .expect("weir runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(said).expect("text"),
    )
}

#[tokio::test]
async fn an_exported_document_applied_again_changes_nothing_and_elsewhere_makes_the_same() {
    let cluster = Cluster::start(2).await;
    cluster.attach(0, APPID).await;
    let file = cluster.dir().join("config.yaml");
    let path = file.to_str().expect("text");
    for (format, kind) in [("yaml", "application/yaml"), ("json", "application/json")] {
        let export = format!("/export?format={format}");
        let document = cluster.admin(0).call(Method::GET, &export, None).await;
        assert_eq!(document.status, 200, "{}", document.text());
        assert!(!document.text().contains("sha256"), "no token leaves");
        let digest = cluster.admin(1).get("/cluster").await["config_digest"].clone();
        let applied = apply(&cluster.admin(1), kind, &document).await;
        let changes = applied["changes"].as_array().expect("changes");
        assert!(!changes.is_empty());
        for change in changes {
            assert_eq!(change["action"], "unchanged", "{change}");
        }
        let after = cluster.admin(1).get("/cluster").await["config_digest"].clone();
        assert_eq!(after, digest, "nothing was written");
        std::fs::write(&file, &document.body).expect("a test's own directory");
        let (same, said) = weir(&cluster, 0, &["diff", "-f", path]);
        assert!(same, "{said}");
    }

    let other = Cluster::start(1).await;
    let (_, plan) = weir(&other, 0, &["diff", "-f", path]);
    assert!(plan.contains(APPID) && plan.contains("create"), "{plan}");
    assert_eq!(
        other.admin(0).list("/businesses").await.len(),
        0,
        "diff changes nothing"
    );
    let (done, said) = weir(&other, 0, &["apply", "-f", path, "--yes"]);
    assert!(done, "{said}");
    let (original, copy) = (
        cluster.admin(0).get("/export").await,
        other.admin(0).get("/export").await,
    );
    assert_eq!(original, copy);
    let (done, said) = weir(&other, 0, &["apply", "-f", path, "--yes"]);
    assert!(done && !said.contains("create"), "{said}");

    // What a document does not list goes only when asked.
    other.admin(0).put("/spaces/spare", json!({})).await;
    let (done, said) = weir(&other, 0, &["apply", "-f", path, "--yes"]);
    assert!(done, "{said}");
    assert_ne!(other.admin(0).get("/export").await, original);
    let (done, said) = weir(&other, 0, &["apply", "-f", path, "--prune", "--yes"]);
    assert!(done && said.contains("spare"), "{said}");
    assert_eq!(other.admin(0).get("/export").await, original);
}

async fn apply(admin: &Admin, kind: &str, document: &Answer) -> Value {
    let call = admin
        .request(Method::POST, "/apply", None)
        .header("content-type", kind)
        .body(weir_tests::client::whole(document.body.clone()));
    let answer = call.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_stale_change_is_refused_with_what_is_there_and_a_dry_run_tells_what_would_be() {
    let cluster = Cluster::start(2).await;
    cluster.admin(0).put("/spaces/shop", json!({})).await;
    let old = version(
        &cluster
            .admin(0)
            .put("/gateways/first", json!({ "space": "shop" }))
            .await,
    );
    cluster.agree().await;
    let body = json!({ "space": "shop", "name": "mine" });
    let plan = cluster
        .admin(1)
        .call(Method::PUT, "/gateways/first?dry_run=true", Some(&body))
        .await;
    assert_eq!(plan.status, 200, "{}", plan.text());
    let plan = plan.json();
    assert_eq!(plan["dry_run"], true, "{plan}");
    assert_eq!(plan["changes"][0]["object"], "gateway/first", "{plan}");
    assert_eq!(plan["changes"][0]["before_version"], old.as_str(), "{plan}");
    assert_eq!(plan["changes"][0]["diff"][0]["path"], "name", "{plan}");

    let write = async |admin: Admin, name: &str| {
        let body = json!({ "space": "shop", "name": name });
        let call = admin.request(Method::PUT, "/gateways/first", Some(&body));
        call.header("if-match", &format!("\"{old}\"")).send().await
    };
    let first = write(cluster.admin(0), "theirs").await;
    assert_eq!(first.status, 200, "{}", first.text());
    cluster.agree().await;
    let second = write(cluster.admin(1), "mine").await;
    assert_eq!(second.status, 412, "{}", second.text());
    assert_eq!(second.json()["code"], "version_mismatch");
    assert_eq!(
        second.json()["current"]["name"],
        "theirs",
        "{}",
        second.text()
    );
}

#[tokio::test]
async fn a_change_sent_again_to_another_node_is_not_made_again() {
    let cluster = Cluster::start(3).await;
    cluster.admin(0).put("/spaces/shop", json!({})).await;
    cluster.agree().await;
    let put = async |node: usize, name: &str| -> Answer {
        let body = json!({ "space": "shop", "name": name });
        let call = cluster
            .admin(node)
            .request(Method::PUT, "/gateways/first?ack=all", Some(&body));
        call.header("idempotency-key", "order-4711").send().await
    };
    let first = put(0, "one").await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("idempotency-replayed"), "");
    // Somebody changes it meanwhile; the retry must not undo that.
    cluster
        .admin(1)
        .put(
            "/gateways/first",
            json!({ "space": "shop", "name": "later" }),
        )
        .await;
    cluster.agree().await;
    let again = put(2, "one").await;
    assert!(again.status.is_success(), "{}", again.text());
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(version(&again.json()), version(&first.json()));
    assert_eq!(
        cluster.admin(2).get("/gateways/first").await["name"],
        "later"
    );
    let other = put(1, "two").await;
    assert_eq!(other.status, 422, "{}", other.text());
    assert_eq!(other.json()["code"], "idempotency_key_reused");
}

#[tokio::test]
async fn it_can_be_asked_which_nodes_have_a_change_and_since_when() {
    let mut cluster = Cluster::start(3).await;
    cluster.nodes[2].kill().await;
    let space = cluster.admin(0).put("/spaces/shop", json!({})).await;
    let version = version(&space);
    cluster.agree().await;
    let path = format!("/cluster/config/{version}");
    let arrival = cluster.admin(1).get(&path).await;
    let of = |arrival: &Value, id: &str| {
        let nodes = arrival["nodes"].as_array().expect("nodes").clone();
        let node = nodes.into_iter().find(|node| node["node"] == id);
        node.unwrap_or_else(|| panic!("{id} is in {arrival}"))
    };
    for node in &cluster.nodes[..2] {
        let one = of(&arrival, &node.id);
        assert_eq!(one["has"], true, "{arrival}");
        assert!(
            one["since"]
                .as_str()
                .is_some_and(|since| since.starts_with("20")),
            "{arrival}"
        );
    }
    assert_eq!(arrival["everywhere"], false, "{arrival}");
    assert_eq!(
        arrival["unanswered"],
        json!([cluster.nodes[2].id]),
        "{arrival}"
    );

    cluster.nodes[2].start();
    cluster.nodes[2].ready().await;
    cluster.agree().await;
    let arrival = cluster.admin(1).get(&path).await;
    assert_eq!(arrival["everywhere"], true, "{arrival}");
    let made = of(&arrival, &cluster.nodes[0].id)["since"].clone();
    let late = of(&arrival, &cluster.nodes[2].id)["since"].clone();
    assert!(late.as_str() > made.as_str(), "{arrival}");
}

#[tokio::test]
async fn every_answer_of_the_link_carries_the_version_of_the_configuration_it_was_made_by() {
    let cluster = Cluster::start(2).await;
    let business = cluster.attach(0, APPID).await;
    let answer = cluster.call(1, &business, "/hello").send().await;
    assert_eq!(answer.status, 200);
    let version = answer.header("x-wx-conf-version").to_owned();
    assert_eq!(business.document["version"], version.as_str());
    let nowhere = Call::get(cluster.nodes[1].http, &business.access_domain, "/")
        .header("x-wx-target", "https://nowhere.example")
        .send()
        .await;
    assert_eq!(nowhere.header("x-wx-conf-version"), version);
    let arrival = cluster
        .admin(0)
        .get(&format!("/cluster/config/{version}"))
        .await;
    assert_eq!(arrival["everywhere"], true, "{arrival}");
}
