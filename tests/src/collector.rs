//! A stand-in for a collector of traces, which reads OTLP's protobuf as a real one does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

/// A collector on a free port, which takes everything.
pub struct Collector {
    pub addr: SocketAddr,
    taken: Arc<Mutex<Vec<TakenSpan>>>,
    serving: tokio::task::JoinHandle<()>,
}

/// A span, and the node it came from.
#[derive(Clone, Debug)]
pub struct TakenSpan {
    pub node: String,
    pub span: Span,
    /// `content-type` and `authorization` of its request.
    pub headers: [String; 2],
}

// === impl Collector ===

impl Collector {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let takes = taken.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let takes = takes.clone();
                let service = service_fn(move |request| take(takes.clone(), request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // One that breaks off is the node's affair.
                tokio::spawn(async move { drop(connection.await) });
            }
        });
        Collector {
            addr,
            taken,
            serving,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1/traces", self.addr)
    }

    pub fn spans(&self) -> Vec<TakenSpan> {
        self.taken.lock().expect("nobody panicked with it").clone()
    }

    /// The span of a call.
    pub fn span_of(&self, call_id: &str) -> Option<TakenSpan> {
        let spans = self.spans();
        let of_call = |span: &TakenSpan| span.text("weir.call_id").as_deref() == Some(call_id);
        spans.into_iter().find(of_call)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    taken: Arc<Mutex<Vec<TakenSpan>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|it| it.to_str().ok())
            .unwrap_or("")
            .to_owned()
    };
    let headers = [header("content-type"), header("authorization")];
    let found = request.uri().path() == "/v1/traces";
    let body = request.into_body().collect().await.map(|it| it.to_bytes());
    let read = body
        .ok()
        .and_then(|body| ExportTraceServiceRequest::decode(body).ok());
    let mut response = Response::new(Full::default());
    let Some(read) = read.filter(|_| found) else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let mut taken = taken.lock().expect("nobody panicked with it");
    for resource in read.resource_spans {
        let of = resource.resource.unwrap_or_default().attributes;
        let node = find(&of, "service.instance.id")
            .and_then(text)
            .unwrap_or_default();
        let spans = resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        taken.extend(spans.map(|span| TakenSpan {
            node: node.clone(),
            span,
            headers: headers.clone(),
        }));
    }
    Ok(response)
}

fn find<'v>(attributes: &'v [KeyValue], key: &str) -> Option<&'v Value> {
    let found = attributes.iter().find(|pair| pair.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

// === impl TakenSpan ===

impl TakenSpan {
    pub fn text(&self, key: &str) -> Option<String> {
        find(&self.span.attributes, key).and_then(text)
    }

    pub fn number(&self, key: &str) -> Option<i64> {
        match find(&self.span.attributes, key)? {
            Value::IntValue(number) => Some(*number),
            _ => None,
        }
    }

    pub fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    pub fn span_id(&self) -> String {
        hex(&self.span.span_id)
    }

    pub fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
