//! CORS for `web` businesses (Fetch standard, "CORS protocol"): pages of allowed origins may call through the link
//! from a browser.
//!
//! On the link the business's rule takes the place of the origin server's own: its `access-control-*` headers are
//! taken off, but for what it exposes. A page that is not allowed gets its answer without CORS headers, so that its
//! browser does not show it; the node refuses nothing for that.

use http::header::*;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use weir_config::access::Route;
use weir_config::object::Cors;

use crate::link::LinkBody;

/// What a page may read of an answer besides its body and the safelisted headers.
const EXPOSED: &str =
    "x-wx-call-id, x-wx-errmsg, x-wx-link, x-wx-conf-version, x-wx-error-code, server-timing";
const PRE_FLIGHT_VARIES: HeaderValue = HeaderValue::from_static(
    "origin, access-control-request-method, access-control-request-headers",
);

/// The rule of a business for pages; without one, CORS is a matter of its origins, as on the public link.
pub fn rule(route: &Route) -> Option<&Cors> {
    let rule = route.cors.as_ref();
    rule.filter(|rule| !rule.allowed_origins.is_empty())
}

/// Whether a browser asks if it may send a call; such a request is answered here and never forwarded or charged.
pub fn is_pre_flight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a pre-flight request. A page that is not allowed gets it without permission.
pub fn pre_flight(cors: &Cors, asked: &HeaderMap) -> Response<LinkBody> {
    let mut response = Response::new(LinkBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(VARY, PRE_FLIGHT_VARIES);
    let Some(page) = asked.get(ORIGIN).filter(|page| allows(cors, page)) else {
        return response;
    };
    admit(cors, page, headers);
    // The link takes every method and every header: what is asked for is granted.
    for (request, answer) in [
        (ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS),
        (ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS),
    ] {
        for value in asked.get_all(request) {
            headers.append(&answer, value.clone());
        }
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(cors.max_age_s));
    response
}

/// Makes an answer one that an allowed page can read. `page`: the `Origin` of the call.
pub fn mark(cors: &Cors, page: Option<&HeaderValue>, headers: &mut HeaderMap) {
    let exposed_by_origin: Vec<HeaderValue> = headers
        .get_all(ACCESS_CONTROL_EXPOSE_HEADERS)
        .iter()
        .cloned()
        .collect();
    for name in [
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_EXPOSE_HEADERS,
    ] {
        headers.remove(name);
    }
    if !is_public(cors) {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    let Some(page) = page.filter(|page| allows(cors, page)) else {
        return;
    };
    admit(cors, page, headers);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    for value in exposed_by_origin {
        headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
}

/// Lets any page read an answer that has no secrets.
pub fn mark_public(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag, x-wx-call-id, x-wx-conf-version"),
    );
}

fn allows(cors: &Cors, page: &HeaderValue) -> bool {
    let mut allowed = cors.allowed_origins.iter();
    allowed.any(|allowed| allowed == "*" || allowed.as_bytes() == page.as_bytes())
}

/// Whether every page gets the same answer.
fn is_public(cors: &Cors) -> bool {
    !cors.allow_credentials && cors.allowed_origins.iter().any(|allowed| allowed == "*")
}

fn admit(cors: &Cors, page: &HeaderValue, headers: &mut HeaderMap) {
    if is_public(cors) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return;
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
    // Never for pages that only a `*` lets in: that would hand every page the user's cookies.
    let by_name = cors.allowed_origins.iter();
    let by_name = by_name.filter(|allowed| allowed.as_bytes() == page.as_bytes());
    if cors.allow_credentials && by_name.count() > 0 {
        headers.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}

#[cfg(test)]
#[path = "cors_tests.rs"]
mod tests;
