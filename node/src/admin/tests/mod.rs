//! The admin API as a caller meets it: requests in, answers out.

mod acknowledgement;
mod agreements;
mod apply;
mod attach;
mod backup;
mod by_hand;
mod config;
mod document;
mod drill;
mod elastic;
mod forget;
mod health;
mod history;
mod origins;
mod package;
mod refusals;
mod retries;
mod schedules;
mod served;
mod tokens;
mod writes;

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, init_service, try_call_service};
use actix_web::web::Bytes;
use actix_web::{App, web};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::watch;
use weir_cluster::ledger::Meter;
use weir_cluster::membership::ClusterView;
use weir_config::access::AccessTable;
use weir_config::{Record, operation};

use super::AdminState;
use super::routes::{catch, configure};
use crate::routing::RoutingTable;
use crate::settings::Settings;
use config::TestConfig;

pub const TOKEN: &str = "the-token-of-the-tests";
pub const APPID: &str = "wx0123456789abcdef";

const SETTINGS: &str = "[node]\nid = \"n1\"\nregion = \"shanghai\"\n";

/// A node's admin API without the node.
pub struct Admin {
    pub state: AdminState,
    pub cluster: watch::Sender<Arc<ClusterView>>,
    _config: TestConfig,
    _dir: TempDir,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// `Null` where the body is not JSON.
    pub body: Value,
    pub text: String,
    pub bytes: Bytes,
}

impl Admin {
    pub async fn begin() -> Self {
        Admin::with_settings(SETTINGS).await
    }

    pub async fn with_settings(toml: &str) -> Self {
        Admin::of(settings(toml), &[]).await
    }

    /// With these versions in the store, as they would have come from other nodes.
    pub async fn with_records(records: &[Record]) -> Self {
        Admin::of(settings(SETTINGS), records).await
    }

    async fn of(mut settings: Settings, records: &[Record]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        settings.node.data_dir = dir.path().to_owned();
        // Nobody answers in these tests; waiting long for it shows nothing more.
        settings.mesh.ack_timeout_ms = 50;
        let node: weir_config::NodeId = settings.node.id.parse().unwrap();
        let view = ClusterView {
            me: node.clone(),
            nodes: Vec::new(),
        };
        let (cluster, watched) = watch::channel(Arc::new(view));
        let config = TestConfig::begin(&settings, watched.clone(), records).await;
        let handle = config.handle.clone();
        let digest = hex::encode(Sha256::digest(TOKEN));
        let made = handle.apply("system", move |_, context| {
            operation::create_token(context, "tests", &digest).map(|change| (change, ()))
        });
        made.await
            .unwrap_or_else(|refusal| panic!("no token: {refusal}"));
        let routing = Arc::default();
        Admin {
            state: AdminState::new(
                handle,
                watched,
                config.quota.clone(),
                config.mesh.clone(),
                Arc::new(settings),
                routing,
                node,
            ),
            cluster,
            _config: config,
            _dir: dir,
        }
    }

    /// Sends a request with the token.
    pub async fn send(&self, request: TestRequest) -> Answer {
        let token = format!("Bearer {TOKEN}");
        self.send_as_it_is(request.insert_header(("authorization", token)))
            .await
    }

    pub async fn send_as_it_is(&self, request: TestRequest) -> Answer {
        let app = App::new()
            .wrap(from_fn(catch))
            .configure(configure(self.state.clone()))
            .route("/panics", web::get().to(panics));
        let app = init_service(app).await;
        // An error that no handler answered is answered by the server, in this way.
        let response = match try_call_service(&app, request.to_request()).await {
            Ok(response) => response.into_parts().1,
            Err(error) => error.error_response(),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = to_bytes(response.into_body()).await.unwrap_or_default();
        Answer {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
            bytes: body,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(TestRequest::get().uri(path)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(TestRequest::put().uri(path).set_json(body)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(TestRequest::post().uri(path).set_json(body))
            .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(TestRequest::patch().uri(path).set_json(body))
            .await
    }

    /// A mini program, a space that accepted the agreement, and a gateway: ready for one-key access.
    pub async fn with_a_gateway() -> Self {
        let admin = Admin::begin().await;
        let program = json!({"name": "Shop", "request_domains": ["api.shop.example"], "versions": {"trial": "1.0.0"}});
        admin
            .put(
                &format!("/admin/v1/platform/mini-programs/{APPID}"),
                program,
            )
            .await
            .expect(201);
        admin
            .put("/admin/v1/spaces/acme", json!({"name": "Acme"}))
            .await
            .expect(201);
        let accepted = json!({"version": "1", "accepted_by": "li.lei"});
        admin
            .put("/admin/v1/spaces/acme/agreement", accepted)
            .await
            .expect(200);
        admin
            .put("/admin/v1/gateways/shop", json!({"space": "acme"}))
            .await
            .expect(201);
        admin
    }

    /// The same, with the mini program attached.
    pub async fn with_a_business() -> Self {
        let admin = Admin::with_a_gateway().await;
        let path = "/admin/v1/gateways/shop/one-key-access?link_test=false";
        admin.post(path, json!({"appid": APPID})).await.expect(201);
        admin
    }

    /// Publishes a routing table of one gateway, as the RouterActor would.
    pub fn route(&self, gateway: &str) -> Arc<Meter> {
        let meter = Meter::new();
        let mut access = AccessTable::default();
        access.gateways.push(gateway.to_owned());
        let meters = vec![meter.clone()];
        self.state.routing.store(Arc::new(RoutingTable::new(
            access,
            meters,
            Default::default(),
            &RoutingTable::default(),
        )));
        meter
    }
}

impl Answer {
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Checks that this is a problem document with this status and code.
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.body["code"], code, "{}", answer.text);
        assert_eq!(answer.body["status"], status);
        assert_eq!(answer.body["type"], format!("urn:weir:problem:{code}"));
        for field in ["title", "detail", "instance"] {
            assert!(answer.body[field].is_string(), "{field}: {}", answer.text);
        }
        answer
    }

    pub fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or("")
    }
}

fn settings(toml: &str) -> Settings {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    crate::settings::load_from(Some(file.path()), Vec::<(String, String)>::new()).unwrap()
}

async fn panics() -> &'static str {
    panic!("on purpose")
}
