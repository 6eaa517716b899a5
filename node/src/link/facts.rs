//! What the decision needs to know of a call, from its head; and whether the head is legal at all.

use http::header::{CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::{HeaderMap, Method};
use weir_config::access::CallFacts;

use crate::forward::CallError;
use crate::link::headers;
use crate::link::headers::names;
use crate::settings::Limits;

/// Checks a head that hyper has read, and collects the facts.
pub fn facts<'a>(parts: &'a Parts, limits: &Limits) -> Result<CallFacts<'a>, CallError> {
    within_limits(parts, limits)?;
    if parts.method == Method::CONNECT {
        return Err(CallError::Malformed(
            "CONNECT is not a call; send the request itself",
        ));
    }
    for name in parts.headers.keys() {
        if headers::is_reserved(name) && name.as_str().contains('_') {
            return Err(CallError::Malformed(
                "a header name of the gateway's is written with underscores",
            ));
        }
    }
    if declared_length(&parts.headers)?.is_some_and(|length| length > limits.body_bytes) {
        return Err(CallError::BodyTooLarge {
            limit_bytes: limits.body_bytes,
        });
    }
    let header = |name| single(&parts.headers, name);
    Ok(CallFacts {
        host: host(parts)?,
        path_and_query: parts.uri.path_and_query().map_or("/", |path| path.as_str()),
        target: header("x-wx-target")?,
        http_mode: header("x-wx-http-mode")?,
        env_version: header("x-wx-env-version")?,
        source: header("x-wx-source")?,
        sdk_version: header("x-wx-sdk-version")?,
        devtools_version: header("x-wx-devtools-version")?,
        user: header("x-wx-user")?,
        conf_version: header(names::CONF_VERSION.as_str())?,
    })
}

/// Bytes of a call's head as HTTP/1.1 writes it, whatever protocol carried it: that of HTTP/2 names its
/// host outside of the headers.
pub fn head_bytes(parts: &Parts) -> u64 {
    let target = parts
        .uri
        .path_and_query()
        .map_or(1, |path| path.as_str().len());
    let host = match parts.uri.authority() {
        Some(host) if !parts.headers.contains_key(HOST) => "host: \r\n".len() + host.as_str().len(),
        _ => 0,
    };
    (parts.method.as_str().len() + target + " HTTP/1.1\r\n ".len() + host) as u64
        + headers::head_bytes_of(&parts.headers)
}

/// What a call will weigh at least: its head, and the body where it says how long that is.
pub fn known_bytes(parts: &Parts) -> u64 {
    let declared = declared_length(&parts.headers).ok().flatten();
    head_bytes(parts).saturating_add(declared.unwrap_or(0))
}

/// `content-length`, where it is there.
pub fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, CallError> {
    let odd = CallError::Malformed("content-length is not one number");
    let mut lines = headers.get_all(CONTENT_LENGTH).into_iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(odd),
        (Some(line), None) => match line.to_str().ok().and_then(|text| text.parse().ok()) {
            Some(length) => Ok(Some(length)),
            None => Err(odd),
        },
    }
}

/// HTTP/1.1 heads were measured byte by byte already; HTTP/2's are here.
fn within_limits(parts: &Parts, limits: &Limits) -> Result<(), CallError> {
    if parts.headers.len() > limits.headers || head_bytes(parts) > limits.head_bytes as u64 {
        return Err(CallError::HeadTooLarge);
    }
    Ok(())
}

/// The one name the client called (RFC 9112 section 3.2, RFC 9113 section 8.3.1).
pub fn host(parts: &Parts) -> Result<&str, CallError> {
    let mut lines = parts.headers.get_all(HOST).into_iter();
    let header = match (lines.next(), lines.next()) {
        (_, Some(_)) => return Err(CallError::Malformed("host is there twice")),
        (line, None) => line.map(|line| line.to_str()).transpose(),
    };
    let header = header.map_err(|_| CallError::Malformed("host is not a host name"))?;
    match (
        parts.uri.authority().map(|authority| authority.as_str()),
        header,
    ) {
        (Some(authority), Some(header)) if !authority.eq_ignore_ascii_case(header) => Err(
            CallError::Malformed("host is not the one of the request's URL"),
        ),
        (Some(host), _) | (None, Some(host)) if !host.is_empty() => Ok(host),
        _ => Err(CallError::Malformed("host is missing")),
    }
}

/// A header of ours may be there once: two parties must not read different ones.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, CallError> {
    let mut lines = headers.get_all(name).into_iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => match line.to_str() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(CallError::Malformed(
                "an x-wx header has characters other than visible ASCII",
            )),
        },
        _ => Err(CallError::Malformed("an x-wx header is there twice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, lines: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn why(uri: &str, lines: &[(&str, &str)]) -> String {
        facts(&parts(uri, lines), &Limits::default())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_host_is_there_exactly_once_and_agrees_with_the_url() {
        assert!(why("/", &[]).contains("host is missing"));
        assert!(why("/", &[("host", "a"), ("host", "a")]).contains("host is there twice"));
        assert!(why("http://a/", &[("host", "b")]).contains("not the one"));
        let absolute = parts("http://A.example/x?y", &[("host", "a.example")]);
        let facts = facts(&absolute, &Limits::default()).unwrap();
        assert_eq!((facts.host, facts.path_and_query), ("A.example", "/x?y"));
    }

    #[test]
    fn our_names_with_underscores_or_twice_are_refused() {
        assert!(why("/", &[("host", "a"), ("x_wx_target", "b")]).contains("underscores"));
        assert!(why("/", &[("host", "a"), ("x_envoy_peer", "b")]).contains("underscores"));
        assert!(
            why(
                "/",
                &[("host", "a"), ("x-wx-target", "b"), ("x-wx-target", "c")]
            )
            .contains("twice")
        );
    }

    #[test]
    fn a_body_that_says_it_is_too_large_is_not_begun() {
        let large = (Limits::default().body_bytes + 1).to_string();
        let parts = parts("/", &[("host", "a"), ("content-length", &large)]);
        let error = facts(&parts, &Limits::default()).unwrap_err();
        assert_eq!(error.status(), 413);
    }

    #[test]
    fn a_head_weighs_the_same_whatever_protocol_carried_it() {
        let text = "GET /x?y HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n\r\n";
        let http_1 = parts("/x?y", &[("host", "a.example"), ("accept", "*/*")]);
        let http_2 = parts("http://a.example/x?y", &[("accept", "*/*")]);
        for parts in [http_1, http_2] {
            assert_eq!(head_bytes(&parts), text.len() as u64);
        }
    }

    #[test]
    fn more_headers_than_the_limit_are_refused_on_http_2_too() {
        let lines = vec![("x", "y"); 101];
        let error = facts(&parts("http://a/", &lines), &Limits::default()).unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (431, 102_006));
    }
}
