//! A stand-in for the WeChat open platform: real HTTP on a loopback port, the documented shapes, tokens that
//! expire and are invalid once renewed, messages pushed signed and encrypted.

mod answers;
mod message;
mod owner;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::{Answer, Call};

pub use message::{AES_KEY, TOKEN};
pub use owner::{GATEWAY, SPACE};

/// The third-party platform that the tests' clusters are.
pub const COMPONENT: &str = "wxc0ffee0000000001";
pub const COMPONENT_SECRET: &str = "planted-component-secret";

/// The stand-in, until it is dropped.
pub struct OpenPlatform {
    pub addr: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: tokio::task::JoinHandle<()>,
}

/// A mini program as its owner set it up.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub name: String,
    /// Legal request domains in effect.
    pub in_effect: Vec<String>,
    /// Legal request domains that are set, in effect or not.
    pub set: Vec<String>,
    pub trial: Option<String>,
    pub release: Option<String>,
    /// The picture of the trial version's QR code.
    pub picture: Vec<u8>,
}

/// A token, when it was given out and for how long.
#[derive(Clone, Debug)]
struct Given {
    token: String,
    until: Instant,
}

#[derive(Debug)]
struct State {
    /// Tickets that are taken.
    tickets: Vec<String>,
    component: Option<Given>,
    /// By appid: the refresh token and the access token.
    authorizers: BTreeMap<String, (String, Option<Given>)>,
    /// By code: the mini program whose owner it stands for.
    codes: BTreeMap<String, String>,
    programs: BTreeMap<String, Program>,
    expires_in_s: u64,
    count: u64,
    /// The paths that were asked for, in order.
    asked: Vec<String>,
    /// What to answer instead, by path, so many times.
    refusals: Vec<(String, Value, usize)>,
    /// How long to wait before answering, by path.
    slow: BTreeMap<String, Duration>,
}

// === impl OpenPlatform ===

impl OpenPlatform {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State::new()));
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let service = service_fn(move |request| answer(shared.clone(), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        OpenPlatform {
            addr,
            state,
            serving,
        }
    }

    /// The sections of `node.toml` with which a node is the third-party platform.
    pub fn settings(&self) -> String {
        format!(
            "[seal]\nkey = \"{}\"\n\n[platform]\nprovider = \"wechat\"\nrefresh_s = 1\n\n[platform.wechat]\n\
             base_url = \"http://{}\"\nauthorize_url = \"http://{}/componentloginpage\"\n\
             component_appid = \"{COMPONENT}\"\ncomponent_secret = \"{COMPONENT_SECRET}\"\n\
             message_token = \"{TOKEN}\"\nencoding_aes_key = \"{AES_KEY}\"\n\
             public_url = \"http://weir.example\"\ntimeout_ms = 2000\n",
            "5e".repeat(32),
            self.addr,
            self.addr
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }

    pub fn set_program(&self, appid: &str, program: Program) {
        self.state().programs.insert(appid.to_owned(), program);
    }

    /// How long tokens hold that are given out from now on.
    pub fn tokens_expire_in(&self, seconds: u64) {
        self.state().expires_in_s = seconds;
    }

    /// The owner of a mini program lets us in: the code that the page would end with.
    pub fn authorise(&self, appid: &str) -> String {
        let mut state = self.state();
        let code = format!("queryauthcode@@@{}", state.next());
        state.codes.insert(code.clone(), appid.to_owned());
        code
    }

    /// And shuts us out again.
    pub fn shut_out(&self, appid: &str) {
        self.state().authorizers.remove(appid);
    }

    /// Every token that was given out is invalid from now on, as after a renewal by somebody else.
    pub fn invalidate_tokens(&self) {
        let mut state = self.state();
        state.component = None;
        state
            .authorizers
            .values_mut()
            .for_each(|(_, token)| *token = None);
    }

    /// Answers so many calls to this path with an error.
    pub fn refuse(&self, path: &str, errcode: i64, errmsg: &str, times: usize) {
        let said = json!({ "errcode": errcode, "errmsg": errmsg });
        self.state().refusals.push((path.to_owned(), said, times));
    }

    /// Answers calls to this path so much later.
    pub fn slow_down(&self, path: &str, by: Duration) {
        self.state().slow.insert(path.to_owned(), by);
    }

    /// How often this path was asked for.
    pub fn count(&self, path: &str) -> usize {
        let state = self.state();
        state.asked.iter().filter(|asked| *asked == path).count()
    }

    /// Every token, code and ticket that is in use: what no log and no export may show.
    pub fn secrets(&self) -> Vec<String> {
        let state = self.state();
        let tokens = state.component.iter().map(|given| given.token.clone());
        let authorizers = state.authorizers.values().flat_map(|(refresh, token)| {
            let token = token.iter().map(|given| given.token.clone());
            std::iter::once(refresh.clone()).chain(token)
        });
        let fixed = [COMPONENT_SECRET, TOKEN, AES_KEY].map(str::to_owned);
        tokens
            .chain(authorizers)
            .chain(state.tickets.clone())
            .chain(fixed)
            .chain(["5e".repeat(32)])
            .collect()
    }

    /// Pushes a new ticket to a node, as every ten minutes.
    pub async fn push_ticket(&self, admin: SocketAddr) -> Answer {
        let ticket = {
            let mut state = self.state();
            let ticket = format!("ticket@@@planted{}", state.next());
            state.tickets.push(ticket.clone());
            ticket
        };
        let fields = format!("<ComponentVerifyTicket><![CDATA[{ticket}]]></ComponentVerifyTicket>");
        self.push(admin, "component_verify_ticket", &fields).await
    }

    /// Pushes an event to a node.
    pub async fn push(&self, admin: SocketAddr, kind: &str, fields: &str) -> Answer {
        let (path, body) = message::sealed(kind, fields);
        Call::post(admin, &admin.to_string(), &path, body)
            .header("content-type", "text/xml")
            .send()
            .await
    }

    /// The same with a signature of somebody else's.
    pub async fn push_forged(&self, admin: SocketAddr, kind: &str, fields: &str) -> Answer {
        let (path, body) = message::sealed(kind, fields);
        let path = path.replace("msg_signature=", "msg_signature=0");
        Call::post(admin, &admin.to_string(), &path, body)
            .send()
            .await
    }
}

impl Drop for OpenPlatform {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or("").to_owned();
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let slow = state
        .lock()
        .expect("no test panics with it")
        .slow
        .get(&path)
        .copied();
    if let Some(by) = slow {
        tokio::time::sleep(by).await;
    }
    let mut state = state.lock().expect("no test panics with it");
    Ok(state.answer(&path, &query, &body))
}
