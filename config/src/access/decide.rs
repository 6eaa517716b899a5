use std::sync::Arc;

use crate::access::answer::{Admission, CallRefusal, Decision, PublicReason};
use crate::access::call::{CallFacts, RoutedCall, Source};
use crate::access::table::{AccessTable, Route};
use crate::access::target::Asked;
use crate::access::{gray, sdk};
use crate::object::EnvVersion;
use crate::stamp::Stamp;

/// Decides in the order of `CONTRACT.md` 1.1: the first row that applies is the answer.
pub fn decide<'t>(
    table: &'t AccessTable,
    facts: &CallFacts<'t>,
    admit: impl FnOnce(&Route) -> Admission,
) -> Decision<'t> {
    // Row 1: the access domain.
    let Some(route) = table.find(facts.host) else {
        return Decision::Refuse {
            refusal: CallRefusal::unknown_access_domain(format!(
                "`{}` is no access domain of this cluster. Take the one that one-key access gave.",
                shown(facts.host)
            )),
            route: None,
        };
    };

    // Row 2: what the call says of itself.
    let asked = match Asked::read(route, facts) {
        Ok(asked) => asked,
        Err(detail) => return refuse(route, CallRefusal::malformed(detail)),
    };

    // Rows 3 (replay) and 4 (frequency of users and addresses) belong here, with the protection rules.

    // Row 5: the URL rules.
    let Some(matched) = route.matching_rule(&asked) else {
        return refuse(route, not_configured(route, &asked, facts));
    };
    let call = RoutedCall {
        route,
        origin: matched.origin,
        prefix: matched.prefix,
        rule: matched.name,
        settings: matched.settings,
        path_and_query: asked.path_and_query,
        source: asked.source,
        env_version: asked.env_version,
        envelope: asked.envelope,
    };

    // Row 6: whether the link is meant for this call.
    if let Some(reason) = not_for_the_link(&call, facts) {
        return Decision::PublicLink { reason, call };
    }

    // Row 7: the package. Asked last: to ask may be to spend.
    let reason = match admit(route) {
        // Row 8.
        Admission::Admitted => return Decision::Link(call),
        Admission::QpsExceeded => PublicReason::PackageQps,
        Admission::BandwidthExceeded => PublicReason::PackageBandwidth,
    };
    Decision::PublicLink { reason, call }
}

fn not_for_the_link(call: &RoutedCall<'_>, facts: &CallFacts<'_>) -> Option<PublicReason> {
    let route = call.route;
    if !route.enabled {
        return Some(PublicReason::Disconnected);
    }
    if !route.versions.contains(&call.env_version) {
        return Some(PublicReason::VersionNotAttached);
    }
    if call.source == Source::WxDevtools
        && !sdk::devtools_new_enough(facts.sdk_version, facts.devtools_version)
    {
        return Some(PublicReason::DevtoolsTooOld);
    }
    if call.source != Source::WxDevtools && sdk::is_older(facts.sdk_version, &route.min_sdk_version)
    {
        return Some(PublicReason::SdkTooOld);
    }
    // Only the online version is diluted (`CONTRACT.md` 2).
    if call.env_version == EnvVersion::Release && !gray::is_on_link(&route.gray, facts.user) {
        return Some(PublicReason::Gray);
    }
    None
}

fn not_configured(route: &Route, asked: &Asked<'_>, facts: &CallFacts<'_>) -> CallRefusal {
    let theirs = facts
        .conf_version
        .and_then(|text| text.parse::<Stamp>().ok());
    let url = match &asked.target {
        Some(target) => target.borrowed().to_origin().to_string() + &asked.path_and_query,
        None => asked.path_and_query.to_string(),
    };
    let url = shown(&url);
    match theirs {
        Some(theirs) if theirs < route.conf_version => CallRefusal::config_outdated(format!(
            "`{url}` is not configured for the link, and this client's access config {theirs} is older than \
             {}. Fetch /.well-known/weir/access again.",
            route.conf_version
        )),
        _ => CallRefusal::url_not_configured(format!(
            "`{url}` is not configured for the link. Add its domain and path to access.urls of business `{}`, \
             or send the call straight to its origin.",
            route.business
        )),
    }
}

fn refuse<'t>(route: &'t Arc<Route>, refusal: CallRefusal) -> Decision<'t> {
    Decision::Refuse {
        refusal,
        route: Some(route),
    }
}

/// What a client sent, short enough to show in a sentence.
pub(super) fn shown(text: &str) -> &str {
    const SHOWN: usize = 120;
    text.char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| &text[..end])
}
