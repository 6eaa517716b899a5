//! What a real Prometheus makes of the nodes' metrics, of the rules and of the dashboard.

use std::collections::BTreeSet;
use std::path::Path;

use http::Method;
use serde_json::Value;
use weir_tests::prometheus::{Prometheus, encoded, promtool};
use weir_tests::{Call, Cluster, wait_until};

const APPID: &str = "wx0123456789abcdef";
const CALLS: [usize; 2] = [17, 25];

fn deployed(file: &str) -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("deploy").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(deployed(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The expressions of the dashboard, with all gateways and businesses chosen.
fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("grafana/weir.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let of_all = |target: &Value| {
        let expression = target["expr"].as_str().unwrap();
        let expression = expression
            .replace("$gateway", ".*")
            .replace("$business", ".*");
        assert!(
            !expression.contains('$'),
            "an unknown variable: {expression}"
        );
        expression
    };
    targets.map(of_all).collect()
}

/// Names of metrics in an expression.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let words = words.filter(|word| word.starts_with("weir_") || word.starts_with("process_"));
    let base = |word: &str| {
        let of_histogram = word.strip_suffix("_bucket");
        of_histogram.unwrap_or(word).to_owned()
    };
    words.map(base).collect()
}

async fn page(addr: std::net::SocketAddr, accept: &str) -> (String, String) {
    let call = Call::new(Method::GET, addr, &addr.to_string(), "/metrics");
    let answer = call.header("accept", accept).send().await;
    (
        answer.header("content-type").to_owned(),
        answer.text().to_owned(),
    )
}

#[tokio::test]
async fn a_real_prometheus_reads_what_was_sent_and_answers_the_rules_and_the_dashboard() {
    let cluster = Cluster::start(2).await;
    let business = cluster.attach(0, APPID).await;
    let mut ids = BTreeSet::new();
    for (node, calls) in CALLS.into_iter().enumerate() {
        for _ in 0..calls {
            let answer = cluster.call(node, &business, "/bytes/1000").send().await;
            assert_eq!(answer.status, 200);
            ids.insert(answer.header("x-wx-call-id").to_owned());
        }
    }
    let targets = cluster.nodes.iter().map(|node| {
        format!(
            "      - targets: [\"{}\"]\n        labels: {{ node: {}, region: {} }}\n",
            node.admin_addr, node.id, node.region
        )
    });
    let settings = format!(
        "global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}\nrule_files: [\"{}\"]\n\
         scrape_configs:\n  - job_name: weir\n    static_configs:\n{}",
        deployed("prometheus/rules.yml").display(),
        targets.collect::<String>()
    );
    let prometheus = Prometheus::start(cluster.dir(), &settings).await;

    // To the unit, by node and over both.
    let of_business = format!("weir_business_link_calls_total{{business=\"{APPID}\"}}");
    let (sum, _) = wait_until("both nodes are scraped", async || {
        let sum = prometheus.value(&format!("sum({of_business})")).await?;
        (sum >= CALLS.iter().sum::<usize>() as f64).then_some(sum)
    })
    .await;
    assert_eq!(sum, CALLS.iter().sum::<usize>() as f64);
    for (node, calls) in cluster.nodes.iter().zip(CALLS) {
        let of_node = format!(
            "{}, node=\"{}\"}}",
            of_business.trim_end_matches('}'),
            node.id
        );
        assert_eq!(
            prometheus.value(&of_node).await,
            Some(calls as f64),
            "{of_node}"
        );
    }
    let timed = format!("sum(weir_business_call_seconds_count{{business=\"{APPID}\"}})");
    wait_until("the times of all calls are counted", async || {
        (prometheus.value(&timed).await == Some(sum)).then_some(())
    })
    .await;

    // Exemplars are calls that were made.
    let path = format!(
        "/query_exemplars?query={}&start=1&end=99999999999",
        encoded("weir_business_call_seconds_bucket")
    );
    let (exemplars, _) = wait_until("exemplars are kept", async || {
        let series = prometheus.api(&path).await;
        let series = series.as_array()?.iter();
        let exemplars = series.flat_map(|series| series["exemplars"].as_array().cloned());
        let exemplars: Vec<Value> = exemplars.flatten().collect();
        (!exemplars.is_empty()).then_some(exemplars)
    })
    .await;
    for exemplar in &exemplars {
        let id = exemplar["labels"]["call_id"].as_str().unwrap();
        assert!(ids.contains(id), "{exemplar}");
    }

    // Every expression can be answered, and those of the dashboard find something where something is.
    for expression in dashboard() {
        let may_be_empty = expression.contains("errors") || expression.contains("public");
        wait_until(&format!("{expression} finds something"), async || {
            let samples = prometheus.query(&expression).await;
            (may_be_empty || !samples.is_empty()).then_some(())
        })
        .await;
    }
    wait_until("all rules were evaluated, without an error", async || {
        let groups = prometheus.api("/rules").await;
        let groups = groups["groups"].as_array()?.iter();
        let rules: Vec<Value> = groups
            .filter_map(|g| g["rules"].as_array().cloned())
            .flatten()
            .collect();
        assert!(
            rules.iter().all(|rule| rule["health"] != "err"),
            "{rules:#?}"
        );
        (rules.len() > 10 && rules.iter().all(|rule| rule["health"] == "ok")).then_some(())
    })
    .await;
    let (success, _) = wait_until("the recorded success is there", async || {
        prometheus
            .value(&format!(
                "business:weir_success:ratio{{business=\"{APPID}\"}} or vector(1)"
            ))
            .await
    })
    .await;
    assert_eq!(success, 1.0);
}

#[tokio::test]
async fn promtool_finds_nothing_to_say_of_a_page_and_of_the_files_that_are_deployed() {
    let cluster = Cluster::start(1).await;
    let business = cluster.attach(0, APPID).await;
    assert_eq!(cluster.call(0, &business, "/x").send().await.status, 200);
    let addr = cluster.nodes[0].admin_addr;
    let (media, text) = page(addr, "text/plain").await;
    assert_eq!(media, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(promtool(&["check", "metrics"], &text), Ok(String::new()));
    let (media, open) = page(addr, "application/openmetrics-text; version=1.0.0").await;
    assert_eq!(
        media,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(open.ends_with("# EOF\n"), "{open}");
    for (check, file) in [
        ("rules", "prometheus/rules.yml"),
        ("config", "prometheus/prometheus.yml"),
    ] {
        let file = deployed(file).display().to_string();
        promtool(&["check", check, &file], "").unwrap_or_else(|said| panic!("{file}: {said}"));
    }

    // What rules and dashboard ask for is on the page that the manual describes.
    let manual = std::fs::read_to_string(deployed("../docs/metrics.md")).unwrap();
    let listed: BTreeSet<&str> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let shown: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert_eq!(shown, listed, "a page and docs/metrics.md");
    let rules = read("prometheus/rules.yml");
    let rules = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "));
    for expression in dashboard().into_iter().chain(rules.map(str::to_owned)) {
        for metric in metrics_of(&expression) {
            assert!(
                listed.contains(metric.as_str()),
                "{metric} of {expression} is no metric of ours"
            );
        }
    }
}
