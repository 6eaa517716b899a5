//! Figures of all nodes agree with what the client counted itself; a package's past is read from them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use weir_tests::command::weir;
use weir_tests::monitored::group;
use weir_tests::{Answer, Business, Cluster, wait_until};

const APPID: &str = "wx0000000000000114";

/// What clients counted of their calls, by themselves.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counted {
    calls: u64,
    by_status: BTreeMap<String, u64>,
    request_bytes: u64,
    response_bytes: u64,
}

/// A head as it is charged (`node/tests/link/charging.rs`): without what the connection itself adds. The date is the
/// origin's own.
fn head_bytes<'h>(first: usize, headers: impl Iterator<Item = (&'h str, usize)>) -> u64 {
    let added = ["connection", "transfer-encoding"];
    let lines = headers.filter(|(name, _)| !added.contains(name));
    let lines: usize = lines.map(|(name, value)| name.len() + value + 4).sum();
    (first + lines + 2) as u64
}

impl Counted {
    fn count(&mut self, business: &Business, path: &str, answer: &Answer) {
        self.calls += 1;
        let class = format!("{}xx", answer.status.as_u16() / 100);
        *self.by_status.entry(class).or_default() += 1;
        let request_line = format!("GET {path} HTTP/1.1\r\n").len();
        let sent = [
            ("host", business.access_domain.len()),
            ("x-wx-env-version", "trial".len()),
        ];
        self.request_bytes += head_bytes(request_line, sent.into_iter());
        let headers = answer.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.len()));
        let status_line = "HTTP/1.1 200 \r\n".len();
        self.response_bytes += head_bytes(status_line, headers) + answer.body.len() as u64;
    }

    fn add(&mut self, other: &Counted) {
        self.calls += other.calls;
        self.request_bytes += other.request_bytes;
        self.response_bytes += other.response_bytes;
        for (class, calls) in &other.by_status {
            *self.by_status.entry(class.clone()).or_default() += calls;
        }
    }
}

/// Calls to one node, one after the other, until there are enough or the node is gone.
async fn work(cluster: &Cluster, business: &Business, node: usize, calls: usize) -> Counted {
    let mut counted = Counted::default();
    for call in 0..calls {
        let path = match call % 5 {
            0 => "/status/503".to_owned(),
            1 => format!("/delay/{}", call % 40),
            size => format!("/bytes/{}", size * 700 + call),
        };
        let Ok(answer) = cluster.call(node, business, &path).try_send().await else {
            break;
        };
        counted.count(business, &path, &answer);
    }
    counted
}

#[tokio::test]
async fn figures_agree_to_the_unit_with_what_clients_counted_also_where_a_node_is_killed() {
    const CALLS: usize = 60;
    // The percentiles are checked by the records of all calls.
    let all_records = "[monitor]\nrecords_per_second = 10000";
    let mut cluster = Cluster::start_with(3, all_records).await;
    let business = cluster.attach(0, APPID).await;
    let node = |index: usize| cluster.nodes[index].id.clone();
    let names = [node(0), node(1), node(2)];
    let origin_before = cluster.origin.stat("calls").await;

    let first: Vec<Counted> = futures_util::future::join_all(
        (0..6).map(|worker| work(&cluster, &business, worker % 3, CALLS)),
    )
    .await;
    let mut by_node = [Counted::default(), Counted::default(), Counted::default()];
    for (worker, counted) in first.iter().enumerate() {
        assert_eq!(counted.calls, CALLS as u64);
        by_node[worker % 3].add(counted);
    }
    let at_origin = cluster.origin.stat("calls").await - origin_before;
    assert_eq!(
        at_origin,
        by_node.iter().map(|counted| counted.calls).sum::<u64>()
    );

    // Asked of each node: the same, once each has handed over its last second.
    let path = format!("/monitoring/businesses/{APPID}?last=10m&by=node");
    let told_by = async |node: usize, calls: u64| {
        let admin = cluster.admin(node);
        wait_until("all calls are counted", async || {
            let told = admin.get(&path).await;
            let link = admin.get(&path.replace("by=node", "by=decision")).await;
            (group(&link, "link")["requests"] == calls).then_some(told)
        })
        .await
        .0
    };
    let all = by_node.iter().fold(Counted::default(), |mut all, counted| {
        all.add(counted);
        all
    });
    for node in 0..3 {
        let told = told_by(node, all.calls).await;
        assert_eq!(told["unanswered"].as_array().map(Vec::len), Some(0));
        assert_eq!(told["nodes"].as_array().map(Vec::len), Some(3));
    }
    let admin = cluster.admin(1);
    let link = admin.get(&path.replace("by=node", "by=decision")).await;
    let link = group(&link, "link");
    assert_eq!(link["request_bytes"], all.request_bytes);
    assert_eq!(link["response_bytes"], all.response_bytes);
    assert_eq!(link["origin_faults"], all.by_status["5xx"]);
    assert_eq!(link["ok"], all.by_status["2xx"]);
    let by_status = admin.get(&path.replace("by=node", "by=status")).await;
    assert_eq!(group(&by_status, "5xx")["requests"], all.by_status["5xx"]);
    let by_node_told = admin.get(&path).await;
    for (name, counted) in names.iter().zip(&by_node) {
        // What it refused while the business was on its way to it is counted as well.
        let of_node = group(&by_node_told, name);
        let served = of_node["requests"].as_u64().unwrap() - of_node["refused"].as_u64().unwrap();
        assert_eq!(served, counted.calls, "{name}");
    }
    percentiles_are_those_of_the_records(&admin, link).await;

    // One is killed in the midst of calls. The others' figures are whole; whose are missing is said.
    let process = cluster.nodes[2].process().pid();
    let killing = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let killed = std::process::Command::new("kill")
            .args(["-9", &process.to_string()])
            .status();
        assert!(killed.expect("kill").success());
    };
    let works = (0..6).map(|worker| work(&cluster, &business, worker % 3, CALLS));
    let (second, ()) = tokio::join!(futures_util::future::join_all(works), killing);
    cluster.nodes[2].kill().await;
    for (worker, counted) in second.iter().enumerate() {
        by_node[worker % 3].add(counted);
    }
    let mut living = by_node[0].clone();
    living.add(&by_node[1]);
    let admin = cluster.admin(0);
    let (told, _) = wait_until("the living have counted all of theirs", async || {
        let told = admin.get(&path.replace("by=node", "by=decision")).await;
        (group(&told, "link")["requests"] == living.calls).then_some(told)
    })
    .await;
    let link = group(&told, "link");
    assert_eq!(link["request_bytes"], living.request_bytes);
    assert_eq!(link["response_bytes"], living.response_bytes);
    assert_eq!(told["unanswered"][0]["node"], names[2].as_str());

    // Restarted, it remembers what it had written: all of the first run, which was over for long enough or not, and
    // never more than it answered.
    cluster.nodes[2].start();
    cluster.nodes[2].ready().await;
    let (remembered, _) = wait_until("the restarted node tells its past", async || {
        let told = admin.get(&path).await;
        let of_node = group(&told, &names[2]);
        (!of_node.is_null()).then(|| of_node["ok"].as_u64().unwrap())
    })
    .await;
    assert!((1..=by_node[2].calls).contains(&remembered), "{remembered}");
}

/// What is told of all nodes' times, beside the exact percentiles of all records.
async fn percentiles_are_those_of_the_records(admin: &weir_tests::Admin, link: &Value) {
    let mut times = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin
            .get(&format!(
                "/calls?business={APPID}&decision=link&limit=200{after}"
            ))
            .await;
        for record in page["items"].as_array().expect("calls") {
            times.push(record["timings"]["total_ms"].as_f64().unwrap());
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(link["requests"], times.len(), "every call has its record");
    times.sort_by(f64::total_cmp);
    for (name, part) in [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)] {
        let rank = (times.len() as f64 * part).ceil() as usize;
        let (exact, read) = (times[rank - 1], link[name].as_f64().unwrap());
        let error = exact / 64.0 + 0.001;
        assert!((exact - read).abs() <= error, "{name}: {read} for {exact}");
    }
}

#[tokio::test]
async fn a_package_shows_its_peaks_its_overflow_by_business_and_what_comes_of_its_growth() {
    let cluster = Cluster::start(2).await;
    let package = serde_json::json!({ "bandwidth_bps": 1_000_000 });
    let domains = [cluster.origin.url()];
    let business = cluster
        .attach_domains(0, APPID, &[domains[0].as_str()], package)
        .await;
    let mut link_bytes = 0;
    let mut sent_elsewhere = 0;
    for call in 0..60 {
        let answer = cluster
            .call(call % 2, &business, "/bytes/20000")
            .send()
            .await;
        match answer.status.as_u16() {
            200 => link_bytes += answer.body.len() as u64,
            307 => sent_elsewhere += 1,
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert!(link_bytes > 0 && sent_elsewhere > 0);
    let path = format!("/gateways/gw-{APPID}/package");
    let admin = cluster.admin(1);
    let (told, _) = wait_until("the overflow is in the peaks", async || {
        let told = admin.get(&path).await;
        (told["peaks"]["last_hour"]["overflow_calls"] == sent_elsewhere).then_some(told)
    })
    .await;
    let peak = &told["peaks"]["last_hour"];
    assert_eq!(peak["exact"], true);
    let most = peak["bytes_per_second"].as_u64().unwrap();
    // A burst and a second's minting are the most that a second can have.
    assert!((20_000..=400_000).contains(&most), "{most}");
    let forecast = &told["forecast"];
    assert!(forecast["used_up_at"].is_null());
    assert!(
        forecast["why"].as_str().unwrap().contains("3 whole days"),
        "{forecast}"
    );
    assert_eq!(told["businesses"][0]["business"], APPID);
    assert_eq!(
        told["businesses"][0]["beyond_bandwidth"]["calls"],
        sent_elsewhere
    );

    let path = format!("/monitoring/gateways/gw-{APPID}?last=10m&step=1s");
    // Calls are counted on the cores, and gathered a moment later than what the meters carried.
    let (told, _) = wait_until("all calls are in the figures", async || {
        let told = admin.get(&path).await;
        (told["total"]["overflow"] == sent_elsewhere).then_some(told)
    })
    .await;
    let points = told["carried"]
        .as_array()
        .expect("what the package carried")
        .iter();
    let carried: u64 = points.map(|point| point["bytes"].as_u64().unwrap()).sum();
    assert!(carried >= link_bytes, "{carried} of {link_bytes} and heads");

    let shown = weir(&cluster, 0, &["package", &format!("gw-{APPID}")]).done();
    assert!(shown.contains("GREATEST SECOND OF"), "{shown}");
    assert!(
        shown.contains("No word on when the package is used up"),
        "{shown}"
    );
    let shown = weir(&cluster, 0, &["monitor", APPID, "--by", "decision"]).done();
    assert!(
        shown.contains("public") && shown.contains("link"),
        "{shown}"
    );
}
