//! Domains of a business's own servers, as platforms list them and clients name them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Where calls of one domain go: scheme, host in lower case without a trailing dot, port.
/// Equal origins are the same server to the access decision.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    pub scheme: Scheme,
    /// A DNS name, an IPv4 address, or an IPv6 address in square brackets.
    pub host: String,
    pub port: u16,
}

/// An origin as written somewhere else: checked, nothing copied. Compare it with [`OriginRef::is`].
#[derive(Clone, Copy, Debug)]
pub struct OriginRef<'t> {
    scheme: Scheme,
    host: HostRef<'t>,
    port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    Http,
    Https,
}

/// Why a text is no domain.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is not a domain: {why}")]
pub struct DomainError {
    /// What was given, cut short where it is long.
    pub text: String,
    pub why: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum HostRef<'t> {
    /// A DNS name in any case, without a trailing dot, or an IPv4 address.
    Name(&'t str),
    V6(Ipv6Addr),
}

/// Longest DNS name and label (RFC 1035 section 2.3.4), in text form and without the trailing dot.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;
/// Longest text that can be a domain: scheme, name with its dot, port.
const TEXT_MAX: usize = "https://".len() + NAME_MAX + ".:65535".len();

/// Splits a full URL into its origin and its path and query, which are given back byte for byte (and may
/// be empty, or begin with `?`). The scheme has to be written.
///
/// # Errors
/// What stands before the path is no `scheme://host[:port]`, or the URL carries a fragment.
pub fn split_url(url: &str) -> Result<(OriginRef<'_>, &str), DomainError> {
    let error = |why| DomainError::new(url, why);
    let Some((_, rest)) = url.split_once("://") else {
        return Err(error(
            "it is no full URL, which begins with https:// or http://",
        ));
    };
    let start = url.len() - rest.len();
    let end = rest
        .find(['/', '?', '#'])
        .map_or(url.len(), |length| start + length);
    let origin = OriginRef::parse(&url[..end])?;
    let path_and_query = &url[end..];
    if path_and_query.contains('#') {
        return Err(error(
            "a fragment (#…) is never sent to a server; leave it out",
        ));
    }
    Ok((origin, path_and_query))
}

// === impl Scheme ===

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

// === impl Origin ===

impl Origin {
    /// Reads `[scheme://]host[:port]`, https unless written.
    ///
    /// # Errors
    /// Says which part is wrong, or has no place in a domain: user, path, query, wildcard.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        OriginRef::parse(text).map(OriginRef::to_origin)
    }

    /// The same origin, to be compared with others.
    pub fn borrowed(&self) -> OriginRef<'_> {
        let address = self
            .host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'));
        OriginRef {
            scheme: self.scheme,
            host: match address.and_then(|address| address.parse().ok()) {
                Some(address) => HostRef::V6(address),
                None => HostRef::Name(&self.host),
            },
            port: self.port,
        }
    }

    /// Host, and port where it is not the scheme's own: what `Host` carries to the origin.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl std::str::FromStr for Origin {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Origin::parse(text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

// === impl OriginRef ===

impl<'t> OriginRef<'t> {
    /// Reads `[scheme://]host[:port]`, https unless written. See [`Origin::parse`].
    ///
    /// # Errors
    /// As [`Origin::parse`].
    pub fn parse(text: &'t str) -> Result<Self, DomainError> {
        Self::read(text).map_err(|why| DomainError::new(text, why))
    }

    /// Whether this is that origin.
    pub fn is(&self, origin: &Origin) -> bool {
        self.scheme == origin.scheme
            && self.port == origin.port
            && match self.host {
                HostRef::Name(name) => name.eq_ignore_ascii_case(&origin.host),
                HostRef::V6(address) => format!("[{address}]") == origin.host,
            }
    }

    pub fn to_origin(self) -> Origin {
        Origin {
            scheme: self.scheme,
            host: match self.host {
                HostRef::Name(name) => name.to_ascii_lowercase(),
                HostRef::V6(address) => format!("[{address}]"),
            },
            port: self.port,
        }
    }

    fn read(text: &'t str) -> Result<Self, &'static str> {
        check_characters(text)?;
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::Https, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some(_) => return Err("the scheme has to be https or http"),
        };
        if rest.contains('@') {
            return Err("a user name has no place in it");
        }
        if rest.contains(['/', '\\', '?', '#']) {
            return Err("a path or query has no place in it, not even a / at the end");
        }
        let (host, port) = split_port(rest)?;
        Ok(OriginRef {
            scheme,
            host,
            port: port.unwrap_or(scheme.default_port()),
        })
    }
}

fn check_characters(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > TEXT_MAX {
        return Err("it is too long; a host name has at most 253 characters");
    }
    if !text.is_ascii() {
        return Err("it has characters beyond ASCII; write international names in their xn-- form");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("it has spaces or control characters");
    }
    Ok(())
}

/// Host and port of `host[:port]`.
fn split_port(authority: &str) -> Result<(HostRef<'_>, Option<u16>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest
            .split_once(']')
            .ok_or("an IPv6 address has to end with ]")?;
        let address = address.parse().map_err(|_| "this is no IPv6 address")?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(read_port(port)?),
            None if after.is_empty() => None,
            None => return Err("only a port may follow the IPv6 address"),
        };
        return Ok((HostRef::V6(address), port));
    }
    let (name, port) = match authority.split_once(':') {
        None => (authority, None),
        Some((_, port)) if port.contains(':') => {
            return Err(
                "an IPv6 address has to stand in square brackets, and a port is given once",
            );
        }
        Some((name, port)) => (name, Some(read_port(port)?)),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    check_name(name)?;
    Ok((HostRef::Name(name), port))
}

/// A port without sign or leading zeros, 1 to 65535.
fn read_port(text: &str) -> Result<u16, &'static str> {
    const WRONG: &str = "the port has to be a number from 1 to 65535";
    if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(WRONG);
    }
    text.parse().map_err(|_| WRONG)
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("the host is missing");
    }
    if name.contains('*') {
        return Err("wildcards are not possible; list each domain");
    }
    if name.len() > NAME_MAX {
        return Err("it is too long; a host name has at most 253 characters");
    }
    let mut last = "";
    for label in name.split('.') {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if label.is_empty() || label.len() > LABEL_MAX || !label.bytes().all(legal) {
            return Err("each part between dots has 1 to 63 letters, digits or hyphens");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("no part between dots begins or ends with a hyphen");
        }
        last = label;
    }
    // Some resolvers read `127.1`, `0x7f.1` or `2130706433` as addresses: only the plain form is one.
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || last
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    if numeric && name.parse::<Ipv4Addr>().is_err() {
        return Err("an IPv4 address has four numbers from 0 to 255, without leading zeros");
    }
    Ok(())
}

// === impl DomainError ===

impl DomainError {
    fn new(text: &str, why: &'static str) -> Self {
        const SHOWN: usize = 80;
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        DomainError { text: shown, why }
    }
}
