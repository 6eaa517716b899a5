//! A stand-in for whoever is told of alarms: keeps what it is sent, and answers as a test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A webhook on a free port.
pub struct Webhook {
    pub addr: SocketAddr,
    script: Arc<Mutex<Script>>,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Script {
    /// Path and body of every request.
    sent: Vec<(String, Value)>,
    /// What the next requests are answered with; afterwards 200 and `ok`.
    answers: Vec<(u16, &'static str)>,
}

// === impl Webhook ===

impl Webhook {
    /// On a thread of its own: it answers also while a test waits for a command to end.
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a fresh socket");
        let addr = listener.local_addr().expect("it is bound");
        let script = Arc::<Mutex<Script>>::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let told = script.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a thread and a poll");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a fresh socket");
                tokio::select! {
                    () = serve(&listener, &told) => {}
                    _ = stopped => {}
                }
            });
        });
        Webhook {
            addr,
            script,
            _stop: stop,
        }
    }

    /// With a secret in it.
    pub fn url(&self, secret: &str) -> String {
        format!("http://{}/hook/{secret}?key={secret}", self.addr)
    }

    /// What the next requests are answered with, one after the other.
    pub fn answer_with(&self, answers: &[(u16, &'static str)]) {
        let mut script = self.script.lock().expect("nobody panicked with it");
        script.answers = answers.to_vec();
    }

    /// Every body so far.
    pub fn sent(&self) -> Vec<Value> {
        let script = self.script.lock().expect("nobody panicked with it");
        script.sent.iter().map(|(_, body)| body.clone()).collect()
    }

    /// Generic bodies so far of one alarm, as `state subject`.
    pub fn said(&self, alarm: &str) -> Vec<String> {
        let of_alarm = self
            .sent()
            .into_iter()
            .filter(|body| body["alarm"] == alarm);
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        of_alarm
            .map(|body| format!("{} {}", text(&body["state"]), text(&body["subject"])))
            .collect()
    }
}

async fn serve(listener: &TcpListener, script: &Arc<Mutex<Script>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let told = script.clone();
        let service = service_fn(move |request| take(told.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        // One that breaks off is the node's affair.
        tokio::spawn(async move { drop(connection.await) });
    }
}

async fn take(
    script: Arc<Mutex<Script>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().to_string();
    let body = request
        .into_body()
        .collect()
        .await
        .map(|body| body.to_bytes());
    let body = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok());
    let mut script = script.lock().expect("nobody panicked with it");
    script.sent.push((path, body.unwrap_or_default()));
    let (status, said) = match script.answers.is_empty() {
        true => (200, "ok"),
        false => script.answers.remove(0),
    };
    let mut response = Response::new(Full::from(said));
    *response.status_mut() = StatusCode::from_u16(status).expect("tests write sound statuses");
    Ok(response)
}
