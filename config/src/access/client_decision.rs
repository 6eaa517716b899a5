//! The part of the decision that a client makes by itself, from its access config alone: rows 5 and 6.

use crate::access::answer::PublicReason;
use crate::access::call::Source;
use crate::access::client_config::{ClientConfig, ClientGray, hidden_user};
use crate::access::rule::longest_prefix;
use crate::access::{gray, sdk};
use crate::domain::{Origin, split_url};
use crate::object::EnvVersion;

/// What a client knows of a call it is about to make, and of itself.
#[derive(Clone, Copy, Debug)]
pub struct ClientCall<'c> {
    /// The origin's own URL, without fragment.
    pub url: &'c str,
    pub env_version: EnvVersion,
    pub source: Source,
    pub sdk_version: Option<&'c str>,
    pub devtools_version: Option<&'c str>,
    pub user: Option<&'c str>,
}

/// Where a client sends a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientDecision {
    /// Straight to its origin: no rule names it, so it never was the link's.
    NotConfigured,
    /// Straight to its origin, as a node would have it.
    PublicLink(PublicReason),
    /// Over the link; the path prefix of the rule that names it, empty for a whole domain.
    Link { prefix: String },
}

/// Decides as a node would for the same call, but for what only a node knows (rows 1 to 4 and 7).
pub fn decide_as_client(config: &ClientConfig, call: &ClientCall<'_>) -> ClientDecision {
    let Some(prefix) = matching_prefix(config, call.url) else {
        return ClientDecision::NotConfigured;
    };
    let env_version = match call.source {
        Source::WxDevtools => EnvVersion::Develop,
        _ => call.env_version,
    };
    let too_old = || sdk::is_older(call.sdk_version, &config.min_sdk_version);
    let tools_too_old = || !sdk::devtools_new_enough(call.sdk_version, call.devtools_version);
    let reason = if !config.enabled {
        Some(PublicReason::Disconnected)
    } else if !config.versions.contains(&env_version) {
        Some(PublicReason::VersionNotAttached)
    } else if call.source == Source::WxDevtools {
        tools_too_old().then_some(PublicReason::DevtoolsTooOld)
    } else if too_old() {
        Some(PublicReason::SdkTooOld)
    } else if env_version == EnvVersion::Release && !is_in(&config.gray, call.user) {
        Some(PublicReason::Gray)
    } else {
        None
    };
    match reason {
        Some(reason) => ClientDecision::PublicLink(reason),
        None => ClientDecision::Link { prefix },
    }
}

fn matching_prefix(config: &ClientConfig, url: &str) -> Option<String> {
    let (asked, path_and_query) = split_url(url).ok()?;
    let path = path_and_query.split('?').next().unwrap_or("");
    let path = if path.is_empty() { "/" } else { path };
    let of_domain = |domain: &str| Origin::parse(domain).is_ok_and(|origin| asked.is(&origin));
    config
        .urls
        .iter()
        .filter(|url| of_domain(&url.domain))
        .filter_map(|url| longest_prefix(&url.paths, path))
        .map(|(_, prefix)| prefix)
        .max_by_key(|prefix| prefix.len())
        .map(str::to_owned)
}

fn is_in(gray: &ClientGray, user: Option<&str>) -> bool {
    let user = user.filter(|user| !user.is_empty());
    let named = user.map(|user| hidden_user(&gray.salt, user));
    let is_named = |users: &[String]| named.as_ref().is_some_and(|named| users.contains(named));
    if is_named(&gray.exclude) {
        return false;
    }
    let basis_points = (gray.percent * 100.0).round() as u32;
    is_named(&gray.include) || gray::is_in(basis_points, &gray.salt, user)
}
