//! What the link answers under `/.well-known/weir/`: the access config of clients (`CONTRACT.md` 2). Never charged,
//! never forwarded, and readable from every page, as there is nothing secret in it.

use http::header::*;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use percent_encoding::percent_decode_str;
use weir_config::access::{CallRefusal, ClientConfig, Route, Serving, client_config};

use crate::link::LinkBody;
use crate::link::core::Core;
use crate::link::cors;
use crate::link::headers::{self, names};
use crate::link::live::LiveRegions;
use crate::routing::RoutingTable;

/// Where clients fetch their access config.
pub const ACCESS: &str = "/.well-known/weir/access";
/// After how long clients ask again.
const REFRESH_SECONDS: u32 = 60;
/// Whoever stands between may answer for half a minute, and for a day while no node answers: an old config is better
/// than none, and a node decides anyway.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=30, stale-if-error=86400");
const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// What came of a request for a well-known path.
pub enum Answer {
    Ready(Response<LinkBody>),
    Refused(CallRefusal),
}

/// Whether a request is for the access config.
pub fn is_access(path: &str) -> bool {
    path == ACCESS
}

/// Answers a request for the access config: of the access domain that was called, or of `?appid=` on any host.
/// Distances begin at `?region=` where that is a region, else at this node's own.
pub fn access(
    core: &Core,
    table: &RoutingTable,
    parts: &Parts,
    host: &str,
    secure: bool,
) -> Answer {
    match parts.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Answer::Ready(options(&parts.headers)),
        _ => return Answer::Ready(not_allowed()),
    }
    let query = parts.uri.query().unwrap_or("");
    let route = match parameter(query, "appid") {
        Some(appid) => match table.access.business(&appid) {
            Some(route) => route,
            None => return Answer::Refused(unknown_appid()),
        },
        None => match table.access.find(host) {
            Some(route) => route,
            None => return Answer::Refused(unknown_host()),
        },
    };
    let asked = parameter(query, "region");
    let region = asked
        .as_deref()
        .filter(|region| !table.access.regions_from(region).is_empty())
        .unwrap_or(&core.settings.node.region);
    let live = table.beside.live.load();
    let port = Port::asked_for(host, secure);
    let config = config(table, route, region, &live, port);
    Answer::Ready(whole(&config, parts))
}

/// How clients reach the link. Without a port in the name they called, all of it is at HTTPS' own port, by load
/// balancers or by nodes themselves; with one, each region's nodes are called at their own.
#[derive(Clone, Copy, Debug)]
enum Port {
    Usual,
    Own { secure: bool, here: u16 },
}

// === impl Port ===

impl Port {
    fn asked_for(host: &str, secure: bool) -> Self {
        let port = host
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse().ok());
        match port {
            Some(here) => Port::Own { secure, here },
            None => Port::Usual,
        }
    }
}

fn config(
    table: &RoutingTable,
    route: &Route,
    region: &str,
    live: &LiveRegions,
    port: Port,
) -> ClientConfig {
    let serving = |scheme, port| Serving {
        scheme,
        port,
        refresh_seconds: REFRESH_SECONDS,
    };
    let serving = match port {
        Port::Usual => serving("https", 443),
        Port::Own { secure: true, here } => serving("https", here),
        Port::Own { here, .. } => serving("http", here),
    };
    let is_live = |region: &str| live.is_live(region);
    let mut config = client_config(&table.access, route, region, is_live, &serving);
    if let Port::Own { secure, .. } = port {
        for endpoint in &mut config.endpoints {
            if let Some(port) = live.port(&endpoint.region, secure) {
                let domain = table.access.access_domain(route, &endpoint.region);
                endpoint.url = format!("{}://{domain}:{port}", serving.scheme);
            }
        }
    }
    config
}

fn whole(config: &ClientConfig, parts: &Parts) -> Response<LinkBody> {
    let etag = config.etag();
    let unchanged = parts
        .headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .any(|known| matches(known, &etag));
    let mut response = Response::new(LinkBody::empty());
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let body = serde_json::to_vec(config).unwrap_or_default();
        let length = HeaderValue::from(body.len());
        if parts.method != Method::HEAD {
            response = Response::new(LinkBody::whole(body));
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, length);
    }
    let headers = response.headers_mut();
    headers.insert(ETAG, headers::value(etag));
    headers.insert(CACHE_CONTROL, CACHE);
    let version = headers::value(config.conf_version.to_string());
    headers.insert(names::CONF_VERSION, version);
    cors::mark_public(headers);
    response
}

/// `If-None-Match` (RFC 9110 section 13.1.2): compared weakly, any of a list, `*` is all.
fn matches(known: &HeaderValue, etag: &str) -> bool {
    let Ok(known) = known.to_str() else {
        return false;
    };
    let mut tags = known.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn options(asked: &HeaderMap) -> Response<LinkBody> {
    let mut response = Response::new(LinkBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ALLOW, ALLOWED);
    if asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, ALLOWED);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
    cors::mark_public(headers);
    response
}

fn not_allowed() -> Response<LinkBody> {
    let mut response = Response::new(LinkBody::empty());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, ALLOWED);
    cors::mark_public(response.headers_mut());
    response
}

fn unknown_appid() -> CallRefusal {
    CallRefusal {
        status: 404,
        code: 102_016,
        reason: "unknown_appid",
        detail: "No business of this cluster has this appid. Attach it first, or mend ?appid=."
            .to_owned(),
    }
}

fn unknown_host() -> CallRefusal {
    CallRefusal {
        status: 404,
        code: 102_016,
        reason: "unknown_access_domain",
        detail: "This host is no access domain of this cluster. Ask an access domain for its config, or any node \
                 with ?appid=."
            .to_owned(),
    }
}

/// The first value of a query parameter, decoded.
fn parameter<'q>(query: &'q str, name: &str) -> Option<std::borrow::Cow<'q, str>> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    percent_decode_str(value).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_that_is_known_is_recognised_as_browsers_and_caches_write_it() {
        let etag = "\"0001-n1\"";
        for known in ["\"0001-n1\"", "W/\"0001-n1\"", "\"x\", \"0001-n1\"", "*"] {
            assert!(matches(&HeaderValue::from_static(known), etag), "{known}");
        }
        for known in ["", "0001-n1", "\"0001-n2\"", "\"0001\""] {
            assert!(!matches(&HeaderValue::from_static(known), etag), "{known}");
        }
    }

    #[test]
    fn only_the_whole_path_is_well_known() {
        assert!(is_access("/.well-known/weir/access"));
        assert!(!is_access("/.well-known/weir/access/x"));
        assert!(!is_access("/.well-known/weir/keys"));
        assert!(!is_access("/https://x/.well-known/weir/access"));
    }

    #[test]
    fn query_parameters_are_decoded_and_the_first_counts() {
        assert_eq!(
            parameter("a=1&appid=wx%31&appid=2", "appid").as_deref(),
            Some("wx1")
        );
        assert_eq!(parameter("appids=1&x", "appid"), None);
        assert_eq!(parameter("appid=%ff", "appid"), None);
    }
}
