//! What a call says of itself: target, path, version, source, mode. Row 2 of the decision is what it cannot say.

use std::borrow::Cow;

use crate::access::call::{CallFacts, Source};
use crate::access::decide::shown;
use crate::access::sdk;
use crate::access::table::Route;
use crate::domain::{Origin, OriginRef, split_url};
use crate::object::EnvVersion;

/// A call whose headers and path could be read.
pub(super) struct Asked<'c> {
    /// Absent only where the call names none and the business has no domain.
    pub(super) target: Option<Target<'c>>,
    pub(super) path_and_query: Cow<'c, str>,
    pub(super) source: Source,
    /// The version the call counts as.
    pub(super) env_version: EnvVersion,
    pub(super) envelope: bool,
}

/// Where a call wants to go.
pub(super) enum Target<'c> {
    Written(OriginRef<'c>),
    /// Read from a percent-encoded URL.
    Decoded(Origin),
}

// === impl Asked ===

impl<'c> Asked<'c> {
    /// Reads all that a call says of itself, or says in a sentence for people what cannot be read.
    pub(super) fn read(route: &'c Route, facts: &CallFacts<'c>) -> Result<Self, String> {
        let env_version = or_default(facts.env_version, EnvVersion::Release, |name| {
            EnvVersion::from_name(name).ok_or("x-wx-env-version: release, trial, develop")
        })?;
        let source = or_default(facts.source, Source::default(), |name| {
            Source::from_name(name).ok_or("x-wx-source: wx_client, wx_devtools, web, app")
        })?;
        let mode = or_default(facts.http_mode, Mode::Plain, |name| match name {
            "REROUTE" => Ok(Mode::Reroute),
            "ENVELOPE" => Ok(Mode::Envelope),
            _ => Err("x-wx-http-mode: REROUTE, ENVELOPE"),
        })?;
        check_version("x-wx-sdk-version", facts.sdk_version)?;
        check_version("x-wx-devtools-version", facts.devtools_version)?;
        check_path(facts.path_and_query)?;
        let (target, path_and_query) = match mode {
            Mode::Reroute => rerouted(facts.path_and_query)?,
            Mode::Plain | Mode::Envelope => (target(route, facts)?, facts.path_and_query.into()),
        };
        Ok(Asked {
            target,
            path_and_query: rooted(path_and_query),
            source,
            env_version: match source {
                Source::WxDevtools => EnvVersion::Develop,
                _ => env_version,
            },
            envelope: mode == Mode::Envelope,
        })
    }

    /// The path as typed, without the query.
    pub(super) fn path(&self) -> &str {
        let path_and_query = self.path_and_query.as_ref();
        path_and_query
            .split_once('?')
            .map_or(path_and_query, |(path, _)| path)
    }
}

// === impl Target ===

impl Target<'_> {
    pub(super) fn borrowed(&self) -> OriginRef<'_> {
        match self {
            Target::Written(origin) => *origin,
            Target::Decoded(origin) => origin.borrowed(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Reroute,
    Envelope,
}

fn or_default<T>(
    value: Option<&str>,
    default: T,
    read: impl FnOnce(&str) -> Result<T, &'static str>,
) -> Result<T, String> {
    let Some(value) = value else {
        return Ok(default);
    };
    read(value).map_err(|known| {
        format!(
            "`{}` is none of the values of {known}. Send one of them, or leave it out.",
            shown(value)
        )
    })
}

fn check_version(header: &str, value: Option<&str>) -> Result<(), String> {
    match value {
        Some(value) if !sdk::is_version(value) => Err(format!(
            "`{}` in {header} is no version: send numbers with dots between them, as in 3.1.5.",
            shown(value)
        )),
        _ => Ok(()),
    }
}

/// What goes into a `Location` header and to the origin has to be one line that begins as a path does.
fn check_path(path_and_query: &str) -> Result<(), String> {
    let legal = |b: u8| b > b' ' && b != 0x7f;
    let begins = path_and_query.starts_with(['/', '?']) || path_and_query == "*";
    if begins && path_and_query.bytes().all(legal) {
        return Ok(());
    }
    Err("The path has to begin with / and may hold no spaces and no control characters.".to_owned())
}

fn target<'c>(route: &'c Route, facts: &CallFacts<'c>) -> Result<Option<Target<'c>>, String> {
    match (facts.target, route.attached.as_slice()) {
        (Some(text), _) => OriginRef::parse(text)
            .map(|origin| Some(Target::Written(origin)))
            .map_err(|error| {
                format!(
                    "x-wx-target: {error}. Send scheme and host, as in https://api.shop.example."
                )
            }),
        (None, [only]) => Ok(Some(Target::Written(only.borrowed()))),
        (None, []) => Ok(None),
        (None, several) => Err(format!(
            "x-wx-target is missing, and business `{}` has {} domains. Say in it which one the call is for, \
             as in https://api.shop.example.",
            route.business,
            several.len()
        )),
    }
}

/// Target and path of `REROUTE`, whose path is a full URL. `/https://…` stands as typed. A URL that is
/// percent-encoded as a whole (`/https%3A%2F%2F…`) is decoded once; a query that follows it unencoded is not.
fn rerouted(path_and_query: &str) -> Result<(Option<Target<'_>>, Cow<'_, str>), String> {
    let error = |why: String| {
        format!(
            "With x-wx-http-mode: REROUTE the path has to be a full URL, as in \
             /https://api.shop.example/v1/x: {why}."
        )
    };
    let written = path_and_query.strip_prefix('/').unwrap_or(path_and_query);
    let (encoded, query) = match written.split_once('?') {
        Some((encoded, query)) => (encoded, Some(query)),
        None => (written, None),
    };
    if encoded.contains(['/', ':']) {
        let (origin, rest) = split_url(written).map_err(|e| error(e.to_string()))?;
        return Ok((Some(Target::Written(origin)), rest.into()));
    }
    let mut url = decoded(encoded).map_err(|why| error(why.to_owned()))?;
    if let Some(query) = query {
        if url.contains('?') {
            return Err(error("it has a query both encoded and not".to_owned()));
        }
        url.push('?');
        url.push_str(query);
    }
    let (origin, rest) = split_url(&url).map_err(|e| error(e.to_string()))?;
    Ok((
        Some(Target::Decoded(origin.to_origin())),
        rest.to_owned().into(),
    ))
}

/// Decodes every `%XX` once, but for what cannot stand in a URL anyway (spaces, bytes beyond ASCII): that
/// stays encoded.
fn decoded(text: &str) -> Result<String, &'static str> {
    const CUT: &str = "a % is not followed by two hexadecimal digits";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('%') {
        out.push_str(plain);
        let digits = after.get(..2).ok_or(CUT)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(CUT);
        }
        match u8::from_str_radix(digits, 16).map_err(|_| CUT)? {
            byte if byte.is_ascii_graphic() => out.push(char::from(byte)),
            byte if byte.is_ascii_control() => return Err("it has an encoded control character"),
            _ => {
                out.push('%');
                out.push_str(digits);
            }
        }
        rest = &after[2..];
    }
    out.push_str(rest);
    Ok(out)
}

/// An empty path is the same as `/` (RFC 9110 section 4.2.3).
fn rooted(path_and_query: Cow<'_, str>) -> Cow<'_, str> {
    if path_and_query.is_empty() || path_and_query.starts_with('?') {
        Cow::Owned(format!("/{path_and_query}"))
    } else {
        path_and_query
    }
}
