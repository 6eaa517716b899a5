//! A whole cluster: nodes in three regions, their token, an echo origin.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::admin::{Admin, Business};
use crate::client::Call;
use crate::node::Node;
use crate::origin::Origin;
use crate::wait_until;
use crate::wire::Wires;

const REGIONS: [&str; 3] = ["shanghai", "shenzhen", "tianjin"];
/// Settings of every test node: a drain that a test can wait for.
const SETTINGS: &str = "[log]\nlevel = \"info\"\n";
const LIMITS: &str = "[limits]\ndrain_timeout_ms = 10000\n";

/// Nodes, origin and a directory that goes when the test ends.
pub struct Cluster {
    pub nodes: Vec<Node>,
    pub origin: Origin,
    pub token: String,
    /// The wires of a [wired](Cluster::start_wired) cluster.
    pub wires: Wires,
    dir: TempDir,
}

// === impl Cluster ===

impl Cluster {
    /// `count` nodes that agree.
    pub async fn start(count: usize) -> Self {
        Self::start_with(count, LIMITS).await
    }

    /// As [`start`](Self::start), with sections of `node.toml` for every node.
    pub async fn start_with(count: usize, extra: &str) -> Self {
        Self::begin(count, extra, "", false).await
    }

    /// `count` nodes that agree, whose certificates hold for so many seconds.
    pub async fn start_short_lived(count: usize, life_s: u64) -> Self {
        let mesh = format!("certificate_life_s = {life_s}\n");
        Self::begin(count, LIMITS, &mesh, false).await
    }

    /// `count` nodes that agree, with a wire into each mesh port which a test can cut and measure.
    pub async fn start_wired(count: usize, extra: &str) -> Self {
        Self::begin(count, extra, "", true).await
    }

    async fn begin(count: usize, extra: &str, mesh: &str, wired: bool) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("weir-test-")
            .tempdir()
            .expect("a temporary directory");
        let extra = format!("{SETTINGS}\n{extra}");
        let mut nodes: Vec<Node> = (0..count)
            .map(|i| {
                let region = REGIONS[i % REGIONS.len()];
                Node::new(
                    dir.path(),
                    &format!("{region}-{}", i / REGIONS.len() + 1),
                    region,
                    &extra,
                )
            })
            .collect();
        for node in &mut nodes {
            mesh.clone_into(&mut node.mesh_settings);
        }
        let wires = Wires::default();
        if wired {
            for node in &mut nodes {
                node.advertise = Some(wires.lay(&node.id, node.mesh).await);
            }
        }
        let meshes: Vec<_> = nodes.iter().map(Node::dialled).collect();
        // The first begins the cluster.
        nodes[0].configure(&[]);
        nodes[0].start();
        let origin = Origin::start(dir.path()).await;
        nodes[0].ready().await;
        let token = nodes[0]
            .token()
            .expect("a ready first node has made the token");
        // The others join it, and know nobody else.
        let admin = nodes[0].admin(&token);
        for node in &mut nodes[1..] {
            node.configure(&[]);
            node.join = Some(admin.join_token(&node.id).await);
            node.start();
        }
        for node in &mut nodes[1..] {
            node.ready().await;
        }
        for (i, node) in nodes.iter().enumerate() {
            let seeds: Vec<_> = meshes
                .iter()
                .copied()
                .filter(|mesh| *mesh != meshes[i])
                .collect();
            node.configure(&seeds);
        }
        let cluster = Cluster {
            nodes,
            origin,
            token,
            wires,
            dir,
        };
        cluster.agree().await;
        cluster
    }

    /// Starts a node whose disk was lost: it is revoked by way of another node, and joins anew.
    pub async fn start_anew(&mut self, node: usize) {
        let id = self.nodes[node].id.clone();
        let others = (0..self.nodes.len()).filter(|other| *other != node);
        let other = others
            .into_iter()
            .find(|other| self.nodes[*other].is_running());
        let admin = self.admin(other.expect("another node runs"));
        admin
            .post(&format!("/cluster/nodes/{id}/revoke"), None)
            .await;
        self.nodes[node].join = Some(admin.join_token(&id).await);
        self.nodes[node].start();
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn admin(&self, node: usize) -> Admin {
        self.nodes[node].admin(&self.token)
    }

    /// Waits until every running node sees all running nodes live with one configuration; the time it took.
    pub async fn agree(&self) -> Duration {
        let running: Vec<usize> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].is_running())
            .collect();
        self.agree_among(&running).await
    }

    /// Waits until each of these nodes sees exactly these live, with one configuration; the time it took.
    pub async fn agree_among(&self, among: &[usize]) -> Duration {
        let (_, took) = wait_until(&format!("nodes {among:?} agree"), async || {
            let mut digests = Vec::new();
            for &node in among {
                let view = self.admin(node).cluster().await?;
                let live = view["nodes"]
                    .as_array()?
                    .iter()
                    .filter(|n| n["live"] == true)
                    .count();
                if view["agree"] != true || live != among.len() {
                    return None;
                }
                digests.push(view["config_digest"].clone());
            }
            // What the first said may be older than what the last said.
            digests
                .windows(2)
                .all(|pair| pair[0] == pair[1])
                .then_some(())
        })
        .await;
        took
    }

    /// The mesh between these nodes and all others breaks; calls and admin API go on.
    pub fn part(&self, side: &[usize]) {
        for here in 0..self.nodes.len() {
            for there in 0..self.nodes.len() {
                if side.contains(&here) != side.contains(&there) {
                    self.wires.cut(&self.nodes[here].id, &self.nodes[there].id);
                }
            }
        }
    }

    /// Attaches a mini program whose only legal domain is the echo origin, by the operations of node
    /// `node`, with a package that no test reaches, and waits until all agree.
    pub async fn attach(&self, node: usize, appid: &str) -> Business {
        self.attach_domains(
            node,
            appid,
            &[&self.origin.url()],
            json!({ "bandwidth_bps": 100_000_000_000_u64 }),
        )
        .await
    }

    pub async fn attach_domains(
        &self,
        node: usize,
        appid: &str,
        domains: &[&str],
        package: serde_json::Value,
    ) -> Business {
        let admin = self.admin(node);
        let gateway = format!("gw-{appid}");
        admin.register(appid, domains).await;
        admin.open_space("shop", appid).await;
        admin
            .put(
                &format!("/gateways/{gateway}"),
                json!({ "space": "shop", "package": package }),
            )
            .await;
        let business = admin.one_key_access(&gateway, appid).await;
        self.agree().await;
        self.carries(&business).await;
        business
    }

    /// Waits until every running node would take a call of this business: it knows it, and has minted for it.
    pub async fn carries(&self, business: &Business) {
        self.in_effect(business).await;
        let gateway = business.document["gateway"].as_str();
        self.may_carry(gateway.expect("a business has a gateway"))
            .await;
    }

    /// Waits until every running node has something of a gateway's package to spend: it is in the mint plan,
    /// and has minted.
    pub async fn may_carry(&self, gateway: &str) {
        let metric = format!("weir_gateway_balance_bytes{{gateway=\"{gateway}\"}} ");
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            let admin = node.admin(&self.token);
            wait_until("the node may carry calls", async || {
                let page = admin.metrics().await?;
                let balance = page.lines().find_map(|line| line.strip_prefix(&metric))?;
                balance
                    .parse::<i64>()
                    .ok()
                    .filter(|balance| *balance > 0)
                    .map(drop)
            })
            .await;
        }
    }

    /// Waits until every running node forwards by the newest version of the business (or a newer one).
    pub async fn in_effect(&self, business: &Business) {
        let version = business.document["version"]
            .as_str()
            .expect("a business has a version");
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            wait_until("the link goes by the newest configuration", async || {
                // Refused before the package is asked, but not before the business is known.
                let probe = Call::get(node.http, &business.access_domain, "/")
                    .header("x-wx-target", "https://nowhere.example");
                let answer = probe.try_send().await.ok()?;
                (answer.header("x-wx-conf-version") >= version).then_some(())
            })
            .await;
        }
    }

    /// A merge patch by node 0, in effect everywhere when this returns.
    pub async fn patch(&self, business: &Business, patch: serde_json::Value) {
        self.admin(0)
            .patch(&format!("/businesses/{}", business.id), patch)
            .await;
        self.newest_in_effect(business).await;
    }

    /// `disconnect` or `connect` by node 0, in effect everywhere when this returns.
    pub async fn switch(&self, business: &Business, switch: &str) {
        self.admin(0)
            .post(&format!("/businesses/{}/{switch}", business.id), None)
            .await;
        self.newest_in_effect(business).await;
    }

    async fn newest_in_effect(&self, business: &Business) {
        let newest = self
            .admin(0)
            .business(&business.id)
            .await
            .expect("it is there");
        self.in_effect(&newest).await;
    }

    /// A call of the experience version through node `node`'s link.
    pub fn call(&self, node: usize, business: &Business, path: &str) -> Call {
        Call::get(self.nodes[node].http, &business.access_domain, path)
            .header("x-wx-env-version", "trial")
    }

    pub fn post(
        &self,
        node: usize,
        business: &Business,
        path: &str,
        body: impl Into<bytes::Bytes>,
    ) -> Call {
        Call::post(self.nodes[node].http, &business.access_domain, path, body)
            .header("x-wx-env-version", "trial")
    }
}
