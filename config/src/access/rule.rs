//! URL rules: which URLs of which domains use the link (`CONTRACT.md` 2).

use crate::access::table::Route;
use crate::access::target::Asked;
use crate::domain::Origin;

/// A domain and its path prefixes; none: the whole domain.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) origin: Origin,
    pub(super) paths: Vec<String>,
}

/// The rule a call was matched by.
pub(super) struct Matched<'t> {
    pub(super) origin: &'t Origin,
    /// Empty for a whole domain.
    pub(super) prefix: &'t str,
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
                    prefix: rule.longest_prefix(path)?,
                })
            })
            .max_by_key(|matched| matched.prefix.len())
    }
}

// === impl Rule ===

impl Rule {
    /// Characters are compared as typed: no decoding, no other case, and `/api` is a prefix of `/api-x` too.
    fn longest_prefix(&self, path: &str) -> Option<&str> {
        if self.paths.is_empty() {
            return Some("");
        }
        self.paths
            .iter()
            .map(String::as_str)
            .filter(|prefix| path.starts_with(prefix))
            .max_by_key(|prefix| prefix.len())
    }
}
