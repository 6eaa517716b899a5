//! A link with one business, an origin that does as each test says, and a client that speaks raw bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use weir::forward::{AddressHealth, ConfiguredOrigins};
use weir::link::{self, LinkHandle};
use weir::monitor::MonitorHandle;
use weir::routing::{BusinessFigures, RoutingTable, SharedRouting};
use weir::settings::*;
use weir_cluster::ledger::{Hints, Meter};
use weir_config::access::AccessTable;
use weir_config::object::*;
use weir_config::{Catalog, NodeId, Record, Stamp};

pub const HOST: &str = "a00000001-wx0123456789abcdef.shanghai.weir.localhost";

/// Nothing here takes so long; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A link whose one business has the origin of the test.
pub struct Bench {
    pub link: LinkHandle,
    pub meter: Arc<Meter>,
    /// What the meter held at first.
    pub granted: u64,
    pub routing: SharedRouting,
    pub monitor: MonitorHandle,
    /// Seconds since 1970.
    pub began_s: u64,
    _monitor_thread: actix_rt::Arbiter,
    data: tempfile::TempDir,
}

/// What differs from test to test.
pub struct Plan {
    pub limits: Limits,
    pub timeout_ms: u32,
    pub overflow: Overflow,
    pub enabled: bool,
    pub balance: u64,
    /// The business's domain, where it is not the origin's address.
    pub domain: Option<String>,
    /// What is set for the domain, without `domain`.
    pub origin: Option<serde_json::Value>,
    pub cors: Option<Cors>,
    pub monitor: MonitorSettings,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            limits: Limits::default(),
            timeout_ms: 15_000,
            overflow: Overflow::Redirect,
            enabled: true,
            balance: 1 << 40,
            domain: None,
            origin: None,
            cors: None,
            monitor: MonitorSettings::default(),
        }
    }
}

pub fn settings(data_dir: &std::path::Path, limits: Limits) -> Settings {
    let any = "127.0.0.1:0".parse().unwrap();
    Settings {
        node: NodeSettings {
            id: "n1".to_owned(),
            region: "shanghai".to_owned(),
            data_dir: data_dir.to_owned(),
            cluster: "weir".to_owned(),
        },
        link: LinkSettings {
            http: any,
            https: any,
            base_domain: "weir.localhost".to_owned(),
            workers: 1,
        },
        admin: AdminSettings::default(),
        mesh: MeshSettings::default(),
        package: PackageSettings::default(),
        history: HistorySettings::default(),
        seal: Default::default(),
        platform: Default::default(),
        tls: TlsSettings::default(),
        limits,
        monitor: MonitorSettings::default(),
        log: LogSettings::default(),
        traces: Default::default(),
    }
}

fn catalog(origin: SocketAddr, plan: &Plan) -> Catalog {
    let own = format!("http://{origin}");
    let domain = plan.domain.clone().unwrap_or(own);
    let settings = plan.origin.clone().map(|mut settings| {
        settings["domain"] = domain.clone().into();
        serde_json::from_value(settings).unwrap()
    });
    let business = Business {
        id: "wx0123456789abcdef".to_owned(),
        gateway: "shop".to_owned(),
        business_type: BusinessType::MiniProgram,
        name: "Shop".to_owned(),
        appid: "wx0123456789abcdef".to_owned(),
        access_label: "a00000001-wx0123456789abcdef".to_owned(),
        region: "shanghai".to_owned(),
        route_tag: "shop-tag".to_owned(),
        attached_domains: vec![AttachedDomain(domain.clone())],
        origins: settings.into_iter().collect(),
        access: Access {
            enabled: plan.enabled,
            versions: EnvVersion::ALL.into_iter().collect(),
            urls: vec![UrlRule {
                domain,
                paths: vec![],
            }],
            gray: Gray {
                percent: 100.0,
                salt: String::new(),
                ..Gray::default()
            },
            manual_domains: vec![],
            min_sdk_version: MIN_SDK_VERSION.to_owned(),
        },
        timeout_ms: plan.timeout_ms,
        overflow: Some(plan.overflow),
        cors: plan.cors.clone(),
    };
    let gateway = Gateway {
        id: "shop".to_owned(),
        space: "acme".to_owned(),
        name: String::new(),
        package: Package::default(),
        overflow: plan.overflow,
        elastic_packs: Vec::new(),
    };
    let mut catalog = Catalog::default();
    for (counter, object) in [Object::Gateway(gateway), Object::Business(business)]
        .into_iter()
        .enumerate()
    {
        catalog.merge(Record {
            key: object.key(),
            stamp: Stamp {
                wall_ms: 1,
                counter: counter as u16,
                node: node(),
            },
            based_on: None,
            author: "test".to_owned(),
            request: None,
            object: Some(object),
        });
    }
    catalog
}

fn take_in(routing: &SharedRouting, catalog: &Catalog, meter: &Arc<Meter>) {
    let before = routing.load_full();
    let table = Arc::new(RoutingTable::new(
        AccessTable::compile(catalog, "weir.localhost"),
        vec![meter.clone()],
        ConfiguredOrigins::compile(catalog, &before.origins),
        &before,
    ));
    routing.store(table.clone());
    before.origins.retire_all_but(&table.origins);
}

pub fn node() -> NodeId {
    "n1".parse().unwrap()
}

/// The config version of the business in every bench.
pub const CONF_VERSION: &str = "0000000000010001-n1";

impl Bench {
    pub fn start(origin: SocketAddr, plan: Plan) -> Bench {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let data = tempfile::tempdir().unwrap();
        let meter = Meter::new();
        meter.lift_request_limit();
        meter.grant_bytes(plan.balance);
        meter.set_hints(Hints {
            expected_call_bytes: 1_000,
            refund_cap_parts: u64::MAX >> 1,
            reserve_cap_bytes: 1 << 20,
            refill_bytes_per_second: 500,
            refill_requests_per_second_parts: 0,
        });
        let routing = SharedRouting::default();
        take_in(&routing, &catalog(origin, &plan), &meter);
        let mut settings = settings(data.path(), plan.limits);
        settings.monitor = plan.monitor;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let began_s = now.unwrap().as_secs();
        let thread = actix_rt::Arbiter::new();
        let monitor = MonitorHandle::start(&thread.handle(), &settings, routing.clone());
        let config = link::Config {
            settings: Arc::new(settings),
            node: node(),
            routing: routing.clone(),
            tracing: None,
            monitor: Some(monitor.clone()),
        };
        Bench {
            link: link::start(config).unwrap(),
            meter,
            granted: plan.balance,
            routing,
            monitor,
            began_s,
            _monitor_thread: thread,
            data,
        }
    }

    /// Another configuration, taken in as the RouterActor does it.
    pub fn change(&self, origin: SocketAddr, plan: &Plan) {
        take_in(&self.routing, &catalog(origin, plan), &self.meter);
    }

    /// How the addresses of the business's one origin with settings are.
    pub fn health(&self) -> Vec<AddressHealth> {
        let table = self.routing.load();
        let origin = table.origins.iter().next().unwrap();
        origin.addresses.iter().map(|a| a.health()).collect()
    }

    /// What became of the calls of the one business.
    pub fn figures(&self) -> BusinessFigures {
        let table = self.routing.load();
        let (_, counters) = table.all_counters().next().unwrap();
        counters.figures()
    }

    pub fn development_certificate(&self) -> rustls::pki_types::CertificateDer<'static> {
        use rustls::pki_types::pem::PemObject;
        let file = self.data.path().join("development-cert.pem");
        rustls::pki_types::CertificateDer::from_pem_file(file).unwrap()
    }

    pub async fn client(&self) -> Peer {
        Peer::new(TcpStream::connect(self.link.http).await.unwrap())
    }

    /// One call on a connection of its own.
    pub async fn call(&self, request: &str) -> Message {
        let mut client = self.client().await;
        client.send(request).await;
        client.message().await
    }
}

/// A `GET` of the business, with more header lines.
pub fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\n{lines}\r\n")
}

/// An origin that does with each connection what the test says, and ends with the test.
pub async fn origin<F, S>(serve: S) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
    S: Fn(Peer) -> F + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(serve(Peer::new(stream)));
        }
    });
    addr
}

/// An origin that answers each request of a connection with the same text.
pub async fn answering(answer: &'static str) -> SocketAddr {
    origin(move |mut peer| async move {
        while peer.try_message().await.is_some() {
            peer.send(answer).await;
        }
    })
    .await
}

/// One end of a connection.
pub struct Peer {
    pub stream: BufReader<TcpStream>,
}

/// An HTTP/1.1 message, read whole.
#[derive(Debug)]
pub struct Message {
    /// The first line.
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// All values of a header, in the order they came.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(n, _)| n == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Peer {
            stream: BufReader::new(stream),
        }
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream
            .get_mut()
            .write_all(text.as_ref())
            .await
            .unwrap();
    }

    /// The next head: its first line and its headers in lower case; `None` at the end of the connection.
    pub async fn try_head(&mut self) -> Option<Message> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match tokio::time::timeout(PATIENCE, self.stream.read_u8())
                .await
                .expect("a head in time")
            {
                Ok(byte) => head.push(byte),
                Err(_) => return None,
            }
        }
        let text = String::from_utf8(head).unwrap();
        let mut lines = text.split("\r\n");
        Some(Message {
            start: lines.next().unwrap().to_owned(),
            headers: lines.filter(|line| !line.is_empty()).map(header).collect(),
            body: Vec::new(),
            trailers: Vec::new(),
        })
    }

    pub async fn head(&mut self) -> Message {
        self.try_head().await.expect("a head before the end")
    }

    pub async fn try_message(&mut self) -> Option<Message> {
        let mut message = self.try_head().await?;
        if message.header("transfer-encoding").is_some() {
            loop {
                let line = self.line().await;
                let size =
                    usize::from_str_radix(line.split(';').next().unwrap().trim(), 16).unwrap();
                if size == 0 {
                    break;
                }
                message.body.extend(self.bytes(size).await);
                assert_eq!(self.line().await, "");
            }
            loop {
                let line = self.line().await;
                if line.is_empty() {
                    break;
                }
                message.trailers.push(header(&line));
            }
        } else if let Some(length) = message.header("content-length") {
            message.body = self.bytes(length.parse().unwrap()).await;
        }
        Some(message)
    }

    /// The next whole message.
    pub async fn message(&mut self) -> Message {
        self.try_message().await.expect("a message before the end")
    }

    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = tokio::time::timeout(PATIENCE, self.stream.read_exact(&mut bytes)).await;
        read.expect("bytes in time").expect("bytes before the end");
        bytes
    }

    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(self.bytes(1).await);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Waits until the other side closes; what it still sends is read away.
    pub async fn closed(&mut self) {
        let mut space = [0; 4096];
        let end = async { while matches!(self.stream.read(&mut space).await, Ok(1..)) {} };
        tokio::time::timeout(PATIENCE, end)
            .await
            .expect("closed in time");
    }
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap();
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

/// Waits until a condition holds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}
