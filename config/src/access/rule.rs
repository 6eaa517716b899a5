//! URL rules: which URLs of which domains use the link (`CONTRACT.md` 2).

use std::sync::Arc;

use crate::access::table::Route;
use crate::access::target::Asked;
use crate::domain::Origin;
use crate::object::OriginSettings;

/// A domain and its path prefixes; none: the whole domain.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) origin: Origin,
    pub(super) paths: Vec<String>,
    pub(super) settings: Option<Arc<OriginSettings>>,
}

/// The rule a call was matched by.
pub(super) struct Matched<'t> {
    pub(super) origin: &'t Origin,
    /// Empty for a whole domain.
    pub(super) prefix: &'t str,
    pub(super) settings: Option<&'t Arc<OriginSettings>>,
}

// === impl Route ===

impl Route {
    /// The rule with the longest path prefix among those that match.
    pub(super) fn matching_rule<'t>(&'t self, asked: &Asked<'_>) -> Option<Matched<'t>> {
        let target = asked.target.as_ref()?.borrowed();
        let path = asked.path();
        self.rules
            .iter()
            .filter(|rule| target.is(&rule.origin))
            .filter_map(|rule| {
                Some(Matched {
                    origin: &rule.origin,
                    prefix: longest_prefix(&rule.paths, path)?,
                    settings: rule.settings.as_ref(),
                })
            })
            .max_by_key(|matched| matched.prefix.len())
    }
}

/// Characters are compared as typed: no decoding, no other case, and `/api` is a prefix of `/api-x` too.
pub(super) fn longest_prefix<'t>(paths: &'t [String], path: &str) -> Option<&'t str> {
    if paths.is_empty() {
        return Some("");
    }
    paths
        .iter()
        .map(String::as_str)
        .filter(|prefix| path.starts_with(prefix))
        .max_by_key(|prefix| prefix.len())
}
