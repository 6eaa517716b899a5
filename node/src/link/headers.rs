//! Headers on their way to the origin and back to the client (`CONTRACT.md` 1.2).

use std::net::IpAddr;

use bytes::Bytes;
use http::header::*;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Names of our own headers.
pub mod names {
    use http::HeaderName;

    pub const ACCESS_VERSION: HeaderName = HeaderName::from_static("x-wx-access-version");
    pub const APPID: HeaderName = HeaderName::from_static("x-wx-appid");
    pub const CALL_ID: HeaderName = HeaderName::from_static("x-wx-call-id");
    pub const CLIENT: HeaderName = HeaderName::from_static("x-wx-client");
    pub const CLIENT_IP: HeaderName = HeaderName::from_static("x-wx-client-ip");
    pub const CONF_VERSION: HeaderName = HeaderName::from_static("x-wx-conf-version");
    pub const ERRMSG: HeaderName = HeaderName::from_static("x-wx-errmsg");
    pub const ERROR_CODE: HeaderName = HeaderName::from_static("x-wx-error-code");
    pub const EXPECTED_TIMEOUT: HeaderName =
        HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
    pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
    pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    pub const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    pub const LINK: HeaderName = HeaderName::from_static("x-wx-link");
    pub const LINK_RETRY_MS: HeaderName = HeaderName::from_static("x-wx-link-retry-ms");
    pub const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
    pub const ROUTE_TAG: HeaderName = HeaderName::from_static("x-wx-route-tag");
    pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
    pub const SOURCE: HeaderName = HeaderName::from_static("x-wx-source");
    pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
    pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
    pub const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
}

/// A value that is known to be visible ASCII; anything else becomes empty rather than an error.
pub fn value(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Bytes of headers as HTTP/1.1 writes them, the empty line included: what a head is charged with,
/// whatever protocol carried it.
pub fn head_bytes_of(headers: &HeaderMap) -> u64 {
    let lines: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    lines as u64 + 2
}

/// Hop-by-hop for every message (RFC 9110 section 7.6.1).
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        CONNECTION | TRANSFER_ENCODING | UPGRADE | TE | PROXY_AUTHENTICATE | PROXY_AUTHORIZATION
    ) || *name == names::KEEP_ALIVE
        || *name == names::PROXY_CONNECTION
        || *name == names::HTTP2_SETTINGS
}

/// Headers that only a gateway may set. An underscore counts as a hyphen: servers that put headers into
/// variables (CGI, WSGI) cannot tell them apart.
pub fn is_reserved(name: &HeaderName) -> bool {
    let bytes = name.as_str().as_bytes();
    let hyphened = |prefix: &[u8]| {
        bytes.len() >= prefix.len()
            && bytes
                .iter()
                .zip(prefix)
                .all(|(&b, &p)| b == p || (b == b'_' && p == b'-'))
    };
    bytes.first() == Some(&b'x') && (hyphened(b"x-wx-") || hyphened(b"x-envoy-"))
}

/// Whether a `Connection` header names this one.
fn named_by_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    connection_options(headers).any(|option| option.eq_ignore_ascii_case(name.as_str()))
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(CONNECTION).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

/// The protocol the client asks to upgrade to; `h2c` is not passed on, as its requests would go unseen.
pub fn upgrade_of(headers: &HeaderMap) -> Option<&HeaderValue> {
    let upgrade = headers.get(UPGRADE)?;
    let asks = connection_options(headers).any(|option| option.eq_ignore_ascii_case("upgrade"));
    let h2c = upgrade
        .to_str()
        .map_or(true, |text| text.to_ascii_lowercase().contains("h2c"));
    (asks && !h2c).then_some(upgrade)
}

/// What a message keeps on its way: all but what is for one hop only. `drop`: what goes besides.
fn end_to_end(headers: &HeaderMap, extra: usize, drop: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len() + extra);
    // Only where there is a `Connection` header are names looked up in it; most have none, or only
    // `keep-alive` or `close`, which name no header.
    let nominating = connection_options(headers).any(|option| {
        !(option.eq_ignore_ascii_case("keep-alive")
            || option.eq_ignore_ascii_case("close")
            || option.is_empty())
    });
    for (name, value) in headers {
        if !(is_hop_by_hop(name) || drop(name) || nominating && named_by_connection(headers, name))
        {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// The client's own headers as the origin gets them, without any that only a gateway may set.
pub fn from_client(headers: &HeaderMap, host: &HeaderValue, bodied: bool) -> HeaderMap {
    let mut kept = end_to_end(headers, 16, |name| is_reserved(name) || *name == HOST);
    kept.insert(HOST, host.clone());
    if wants_trailers(headers) {
        kept.insert(TE, HeaderValue::from_static("trailers"));
    }
    if bodied && !kept.contains_key(CONTENT_LENGTH) {
        kept.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let Some(upgrade) = upgrade_of(headers) {
        kept.insert(UPGRADE, upgrade.clone());
        kept.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    kept
}

fn wants_trailers(headers: &HeaderMap) -> bool {
    let lines = headers
        .get_all(TE)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case("trailers"))
}

/// The origin's headers as the client gets them, without any that would speak for the gateway.
pub fn from_origin(headers: &HeaderMap) -> HeaderMap {
    end_to_end(headers, 8, |name| {
        *name == names::CALL_ID
            || *name == names::ERRMSG
            || *name == names::ERROR_CODE
            || *name == names::LINK
            || *name == names::LINK_RETRY_MS
            || *name == names::CONF_VERSION
    })
}

/// `x-forwarded-…`, as a gateway at the front sets them: what the client says of hops before it is kept.
pub fn add_forwarded(headers: &mut HeaderMap, peer: IpAddr, secure: bool, host: &str) {
    let mut chain = String::new();
    for line in headers.get_all(&names::FORWARDED_FOR) {
        if let Ok(line) = line.to_str() {
            chain.push_str(line);
            chain.push_str(", ");
        }
    }
    chain.push_str(&peer.to_string());
    headers.insert(names::FORWARDED_FOR, value(chain));
    let proto = if secure { "https" } else { "http" };
    headers.insert(names::FORWARDED_PROTO, HeaderValue::from_static(proto));
    headers.insert(names::FORWARDED_HOST, value(host.to_owned()));
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
