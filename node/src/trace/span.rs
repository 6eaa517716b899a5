//! A call's span: what of a call goes to a collector of traces, and how OTLP writes it.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::context::TraceContext;

/// The bits of a span's flags that say whether its parent is of another process (OTLP `SpanFlags`).
const KNOWS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// A call that is over, as far as a trace shows it: no query, no header, no user, no client address.
#[derive(Clone, PartialEq, Debug)]
pub struct CallSpan {
    pub context: TraceContext,
    /// Milliseconds since 1970-01-01 UTC.
    pub began_ms: u64,
    pub took: Duration,
    pub call_id: String,
    pub method: String,
    pub path: String,
    /// 0: the client went away before it was answered.
    pub status: u16,
    /// `link`, `relay`, `public`, `refused` or `own`.
    pub decision: &'static str,
    pub reason: &'static str,
    pub code: Option<i32>,
    /// The gateway or the origin is at fault.
    pub failed: bool,
    pub business: Option<String>,
    pub gateway: Option<String>,
    /// The URL rule that matched: domain and path prefix.
    pub rule: Option<String>,
    /// The domain it was for.
    pub origin: Option<String>,
    /// The address that answered.
    pub origin_address: Option<String>,
    pub attempts: u8,
}

/// Whose spans these are.
#[derive(Clone, Debug)]
pub struct Service {
    pub node: String,
    pub region: String,
    pub cluster: String,
    pub version: &'static str,
}

/// A batch as OTLP's protobuf has it.
pub fn encoded(service: &Service, calls: &[CallSpan]) -> Vec<u8> {
    let spans = ScopeSpans {
        scope: Some(InstrumentationScope {
            name: "weir".to_owned(),
            version: service.version.to_owned(),
            ..InstrumentationScope::default()
        }),
        spans: calls.iter().map(CallSpan::span).collect(),
        ..ScopeSpans::default()
    };
    let resource = Resource {
        attributes: vec![
            text("service.name", "weir"),
            text("service.namespace", &service.cluster),
            text("service.instance.id", &service.node),
            text("service.version", service.version),
            text("cloud.region", &service.region),
        ],
        ..Resource::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![spans],
            ..ResourceSpans::default()
        }],
    };
    request.encode_to_vec()
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

// === impl CallSpan ===

impl CallSpan {
    /// Named by method and rule, of which there are few; the path is an attribute.
    fn span(&self) -> Span {
        let rule = self.rule.as_deref().or(self.business.as_deref());
        let name = match rule {
            Some(rule) => format!("{} {rule}", self.method),
            None => self.method.clone(),
        };
        let began_ns = self.began_ms.saturating_mul(1_000_000);
        let took_ns = u64::try_from(self.took.as_nanos()).unwrap_or(u64::MAX);
        let flags = u32::from(self.context.sampled) | KNOWS_IS_REMOTE;
        let parent = self.context.parent;
        Span {
            trace_id: self.context.trace_id.to_be_bytes().to_vec(),
            span_id: self.context.span_id.to_be_bytes().to_vec(),
            parent_span_id: parent.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec()),
            flags: flags | parent.map_or(0, |_| IS_REMOTE),
            name,
            kind: SpanKind::Server.into(),
            start_time_unix_nano: began_ns,
            end_time_unix_nano: began_ns.saturating_add(took_ns),
            attributes: self.attributes(),
            status: self.failed.then(|| Status {
                message: self.reason.to_owned(),
                code: StatusCode::Error.into(),
            }),
            ..Span::default()
        }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![
            text("weir.call_id", &self.call_id),
            text("weir.decision", self.decision),
            text("http.request.method", &self.method),
            text("url.path", &self.path),
            attribute("weir.attempts", Value::IntValue(self.attempts.into())),
        ];
        let known = [
            ("weir.business", self.business.as_deref()),
            ("weir.gateway", self.gateway.as_deref()),
            ("weir.origin", self.origin.as_deref()),
            ("weir.origin_address", self.origin_address.as_deref()),
            (
                "weir.reason",
                Some(self.reason).filter(|reason| !reason.is_empty()),
            ),
        ];
        let known = known
            .into_iter()
            .filter_map(|(key, value)| Some(text(key, value?)));
        attributes.extend(known);
        let numbers = [
            ("weir.code", self.code.map(i64::from)),
            (
                "http.response.status_code",
                Some(i64::from(self.status)).filter(|&status| status > 0),
            ),
        ];
        let numbers = numbers.into_iter();
        attributes.extend(
            numbers.filter_map(|(key, value)| Some(attribute(key, Value::IntValue(value?)))),
        );
        attributes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::context::Sampler;
    use super::*;

    pub fn call(n: u64) -> CallSpan {
        let sampler = Sampler {
            follow_parent: true,
            per_10000: 10_000,
        };
        let id = uuid::Uuid::from_u128(u128::from(n) + 1);
        CallSpan {
            context: sampler.begin(&http::HeaderMap::new(), id),
            began_ms: 1_700_000_000_000,
            took: Duration::from_millis(20),
            call_id: id.to_string(),
            method: "GET".to_owned(),
            path: "/v1/items".to_owned(),
            status: 504,
            decision: "link",
            reason: "origin_timeout",
            code: Some(-601_008),
            failed: true,
            business: Some("shop".to_owned()),
            gateway: Some("gw".to_owned()),
            rule: Some("https://api.shop.example/v1".to_owned()),
            origin: Some("https://api.shop.example".to_owned()),
            origin_address: None,
            attempts: 1,
        }
    }

    #[test]
    fn a_batch_can_be_read_back_as_otlp_has_it() {
        let service = Service {
            node: "n1".to_owned(),
            region: "shanghai".to_owned(),
            cluster: "weir".to_owned(),
            version: "0.1.0",
        };
        let (first, mut second) = (call(1), call(2));
        second.context.parent = Some(7);
        second.failed = false;
        let bytes = encoded(&service, &[first.clone(), second]);
        let read = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let of_service = &read.resource_spans[0];
        let named = of_service.resource.as_ref().unwrap().attributes.iter();
        assert!(
            named
                .clone()
                .any(|pair| *pair == text("service.instance.id", "n1"))
        );
        let spans = &of_service.scope_spans[0].spans;
        assert_eq!(spans[0].name, "GET https://api.shop.example/v1");
        assert_eq!(spans[0].trace_id, first.context.trace_id.to_be_bytes());
        assert_eq!(
            spans[0].end_time_unix_nano - spans[0].start_time_unix_nano,
            20_000_000
        );
        assert_eq!((spans[0].parent_span_id.len(), spans[0].flags), (0, 0x101));
        assert_eq!(spans[0].status.as_ref().unwrap().message, "origin_timeout");
        assert!(
            spans[0]
                .attributes
                .contains(&attribute("weir.code", Value::IntValue(-601_008)))
        );
        assert_eq!(
            (spans[1].parent_span_id.as_slice(), spans[1].flags),
            (&7_u64.to_be_bytes()[..], 0x301)
        );
        assert_eq!(spans[1].status, None);
    }
}
