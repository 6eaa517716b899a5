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
    /// What calls are counted under: one for each of `paths`, or one for the whole domain.
    pub(super) names: Vec<Arc<RuleName>>,
    pub(super) settings: Option<Arc<OriginSettings>>,
}

/// A URL rule by the one path prefix that a call matched, as figures and records name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleName {
    /// `https://api.shop.example`.
    pub origin: String,
    /// Domain and path prefix: `https://api.shop.example/v1`.
    pub rule: String,
}

/// The rule a call was matched by.
pub(super) struct Matched<'t> {
    pub(super) origin: &'t Origin,
    /// Empty for a whole domain.
    pub(super) prefix: &'t str,
    pub(super) name: &'t Arc<RuleName>,
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
                let (index, prefix) = longest_prefix(&rule.paths, path)?;
                Some(Matched {
                    origin: &rule.origin,
                    prefix,
                    name: rule.names.get(index)?,
                    settings: rule.settings.as_ref(),
                })
            })
            .max_by_key(|matched| matched.prefix.len())
    }
}

/// Which of the prefixes it is, and itself; the first and an empty one for a whole domain. Characters are compared as
/// typed: no decoding, no other case, and `/api` is a prefix of `/api-x` too.
pub(super) fn longest_prefix<'t>(paths: &'t [String], path: &str) -> Option<(usize, &'t str)> {
    if paths.is_empty() {
        return Some((0, ""));
    }
    paths
        .iter()
        .map(String::as_str)
        .enumerate()
        .filter(|(_, prefix)| path.starts_with(prefix))
        .max_by_key(|(_, prefix)| prefix.len())
}

// === impl Rule ===

impl Rule {
    pub(super) fn new(
        origin: Origin,
        paths: &[String],
        settings: Option<Arc<OriginSettings>>,
    ) -> Self {
        let domain = origin.to_string();
        let name = |prefix: &str| {
            Arc::new(RuleName {
                origin: domain.clone(),
                rule: format!("{domain}{prefix}"),
            })
        };
        Rule {
            names: match paths {
                [] => vec![name("")],
                paths => paths.iter().map(|path| name(path)).collect(),
            },
            paths: paths.to_vec(),
            settings,
            origin,
        }
    }
}
