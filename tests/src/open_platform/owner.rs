//! The people of a test: an operator with a space on the open platform, and the owner of a mini program.

use http::Method;
use serde_json::json;

use super::{OpenPlatform, Program};
use crate::client::{Answer, Call};
use crate::cluster::Cluster;

/// Space and gateway of these tests.
pub const SPACE: &str = "shop";
pub const GATEWAY: &str = "first";

const LIMITS: &str = "[limits]\ndrain_timeout_ms = 10000\n\n";

// === impl OpenPlatform ===

impl OpenPlatform {
    /// A cluster that is the third-party platform and has its first ticket, with a space on the open platform
    /// that accepted the agreement, and a gateway.
    pub async fn cluster(&self, nodes: usize) -> Cluster {
        let cluster = Cluster::start_with(nodes, &format!("{LIMITS}{}", self.settings())).await;
        let pushed = self.push_ticket(cluster.nodes[nodes - 1].admin_addr).await;
        assert_eq!((pushed.status.as_u16(), pushed.text()), (200, "success"));
        let admin = cluster.admin(0);
        admin
            .put(&format!("/spaces/{SPACE}"), json!({ "platform": "wechat" }))
            .await;
        let agreement = json!({ "version": "1", "accepted_by": "operator@shop.example" });
        admin
            .put(&format!("/spaces/{SPACE}/agreement"), agreement)
            .await;
        let gateway =
            json!({ "space": SPACE, "package": { "bandwidth_bps": 100_000_000_000_u64 } });
        admin.put(&format!("/gateways/{GATEWAY}"), gateway).await;
        cluster.agree().await;
        cluster
    }

    /// A mini program with a trial version whose only legal domain is the cluster's echo origin.
    pub fn shop(&self, cluster: &Cluster, appid: &str) -> Program {
        let program = Program {
            name: "Shop".to_owned(),
            in_effect: vec![cluster.origin.url()],
            set: vec![cluster.origin.url()],
            trial: Some("1.2.0".to_owned()),
            release: Some("1.1.0".to_owned()),
            picture: b"\xff\xd8 a picture".to_vec(),
        };
        self.set_program(appid, program.clone());
        program
    }

    /// A cluster of `nodes` nodes with the mini program authorised to its space, by the first and back on the last.
    pub async fn authorised(&self, nodes: usize, appid: &str) -> Cluster {
        let cluster = self.cluster(nodes).await;
        self.shop(&cluster, appid);
        let back = self.let_in(&cluster, 0, nodes - 1, appid).await;
        assert_eq!(back.status, 200, "{}", back.text());
        cluster.agree().await;
        cluster
    }

    /// The owner opens the page that node `node` gives out, lets us in, and the browser comes back to node `back`.
    pub async fn let_in(&self, cluster: &Cluster, node: usize, back: usize, appid: &str) -> Answer {
        let path = format!("/spaces/{SPACE}/authorization-url");
        let page = cluster.admin(node).post(&path, None).await;
        let url = page["url"].as_str().expect("a page has an address");
        let prefix = format!("http://{}/componentloginpage?component_appid=", self.addr);
        assert!(
            url.starts_with(&prefix) && url.contains("&pre_auth_code=preauthcode%40%40%40"),
            "{url}"
        );
        let state = url
            .split("state%3D")
            .nth(1)
            .expect("it says where to come back to");
        let state = state.split('&').next().expect("a part");
        let code = self.authorise(appid).replace('@', "%40");
        let path =
            format!("/platform/wechat/authorized?state={state}&auth_code={code}&expires_in=600");
        let addr = cluster.nodes[back].admin_addr;
        Call::new(Method::GET, addr, &addr.to_string(), &path)
            .send()
            .await
    }
}
