//! A real Prometheus, as Debian packages it, and its tool that checks pages and rules.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use http::Method;
use serde_json::Value;

use crate::client::Call;
use crate::ports::free_addr;
use crate::process::Process;
use crate::wait_until;

/// A Prometheus that scrapes what its settings say.
pub struct Prometheus {
    pub addr: SocketAddr,
    process: Process,
}

/// # Panics
/// Where Prometheus is not installed; says how to.
pub fn command(program: &str) -> Command {
    let found = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    assert!(
        found,
        "`{program}` is missing: install the package `prometheus` (apt-get install prometheus), which has it"
    );
    Command::new(program)
}

/// What `promtool` has to say of something that it reads from its standard input, or of its arguments.
///
/// # Errors
/// What it found.
pub fn promtool(args: &[&str], input: &str) -> Result<String, String> {
    let mut child = command("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(said),
    }
}

// === impl Prometheus ===

impl Prometheus {
    /// Starts one with these settings (`prometheus.yml`) in `dir`, and waits until it is ready.
    pub async fn start(dir: &Path, settings: &str) -> Self {
        let (addr, file) = (free_addr(), dir.join("prometheus.yml"));
        std::fs::write(&file, settings).expect("a test's own directory");
        let mut command = command("prometheus");
        command.args([
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", dir.join("prometheus").display()),
            format!("--web.listen-address={addr}"),
            "--enable-feature=exemplar-storage".to_owned(),
            "--log.level=warn".to_owned(),
        ]);
        let log = dir.join("prometheus.log");
        let mut prometheus = Prometheus {
            addr,
            process: Process::start("prometheus", command, &log),
        };
        wait_until("Prometheus is ready", async || {
            let ended = prometheus.process.has_ended();
            assert!(ended.is_none(), "it ended: {}", prometheus.process.log());
            let call = Call::get(addr, &addr.to_string(), "/-/ready");
            (call.try_send().await.ok()?.status == 200).then_some(())
        })
        .await;
        prometheus
    }

    /// The `data` of an answer of its API; `path` begins after `/api/v1`.
    ///
    /// # Panics
    /// Where it answers with an error.
    pub async fn api(&self, path: &str) -> Value {
        let path = format!("/api/v1{path}");
        let call = Call::new(Method::GET, self.addr, &self.addr.to_string(), &path);
        let answer = call.send().await;
        let body = answer.json();
        assert_eq!(body["status"], "success", "{path}: {body}");
        body["data"].clone()
    }

    /// The samples of an expression now.
    pub async fn query(&self, expression: &str) -> Vec<Value> {
        let data = self
            .api(&format!("/query?query={}", encoded(expression)))
            .await;
        data["result"].as_array().cloned().unwrap_or_default()
    }

    /// The value of an expression that has one sample; `None` while it has none.
    pub async fn value(&self, expression: &str) -> Option<f64> {
        let samples = self.query(expression).await;
        assert!(samples.len() <= 1, "{expression}: {samples:?}");
        samples.first()?["value"][1].as_str()?.parse().ok()
    }
}

/// For a query.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => encoded.push(byte.into()),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
