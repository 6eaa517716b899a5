use std::borrow::Cow;
use std::sync::Arc;

use crate::access::{Route, RuleName};
use crate::domain::Origin;
use crate::object::{EnvVersion, OriginSettings};

/// What the decision sees of a call: header values as sent, absent where not sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallFacts<'a> {
    /// `Host` or `:authority`, port and case as sent.
    pub host: &'a str,
    /// Path and query as sent, beginning with `/` (or `*`).
    pub path_and_query: &'a str,
    pub target: Option<&'a str>,
    pub http_mode: Option<&'a str>,
    pub env_version: Option<&'a str>,
    pub source: Option<&'a str>,
    pub sdk_version: Option<&'a str>,
    pub devtools_version: Option<&'a str>,
    pub user: Option<&'a str>,
    pub conf_version: Option<&'a str>,
}

/// A call whose origin is known.
#[derive(Debug)]
pub struct RoutedCall<'t> {
    pub route: &'t Arc<Route>,
    pub origin: &'t Origin,
    /// The path prefix of the URL rule that matched, the longest there is; empty for a whole domain.
    pub prefix: &'t str,
    /// The same rule by its name.
    pub rule: &'t Arc<RuleName>,
    /// How the origin is reached, where more is to say than its name.
    pub settings: Option<&'t Arc<OriginSettings>>,
    /// Path and query for the origin, byte for byte as the client meant it. Borrowed from the facts unless
    /// it had to be decoded.
    pub path_and_query: Cow<'t, str>,
    pub source: Source,
    /// The version the call counts as: `develop` for developer tools.
    pub env_version: EnvVersion,
    /// `x-wx-http-mode: ENVELOPE`.
    pub envelope: bool,
}

/// `x-wx-source`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Source {
    #[default]
    WxClient,
    WxDevtools,
    Web,
    App,
}

// === impl RoutedCall ===

impl RoutedCall<'_> {
    /// The origin's own URL: where the call goes on the public link, `Location` of a redirect.
    pub fn url(&self) -> String {
        // `*` (OPTIONS, RFC 9110 section 7.1) speaks of the server as a whole: its URL has no path.
        let path_and_query = match self.path_and_query.as_ref() {
            "*" => "",
            path_and_query => path_and_query,
        };
        format!("{}{path_and_query}", self.origin)
    }
}

// === impl Source ===

impl Source {
    pub const ALL: [Source; 4] = [
        Source::WxClient,
        Source::WxDevtools,
        Source::Web,
        Source::App,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Source::WxClient => "wx_client",
            Source::WxDevtools => "wx_devtools",
            Source::Web => "web",
            Source::App => "app",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Source::ALL.into_iter().find(|s| s.as_str() == name)
    }
}
