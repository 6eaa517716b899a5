use std::sync::Arc;

use crate::access::{Route, RoutedCall};

/// What the package says of a call; asked once, and only for a call that would take the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    Admitted,
    QpsExceeded,
    BandwidthExceeded,
}

/// The answer.
#[derive(Debug)]
pub enum Decision<'t> {
    /// Rows 1 to 5: an error of the gateway's own. The route is there once the access domain is known.
    Refuse {
        refusal: CallRefusal,
        route: Option<&'t Arc<Route>>,
    },
    /// Rows 6 and 7.
    PublicLink {
        reason: PublicReason,
        call: RoutedCall<'t>,
    },
    /// Row 8.
    Link(RoutedCall<'t>),
}

/// Rows 1 to 5 of the decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallRefusal {
    pub status: u16,
    pub code: i32,
    /// `snake_case`, stable: `unknown_access_domain`, `malformed`, `url_not_configured`, `config_outdated`.
    pub reason: &'static str,
    /// For people: what is wrong and how to mend it.
    pub detail: String,
}

/// Why a call takes the public link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicReason {
    Disconnected,
    VersionNotAttached,
    DevtoolsTooOld,
    SdkTooOld,
    Gray,
    PackageQps,
    PackageBandwidth,
}

// === impl CallRefusal ===

impl CallRefusal {
    /// Row 1.
    pub(super) fn unknown_access_domain(detail: String) -> Self {
        Self::new(404, 102_016, "unknown_access_domain", detail)
    }

    /// Row 2.
    pub(super) fn malformed(detail: String) -> Self {
        Self::new(400, 102_006, "malformed", detail)
    }

    /// Row 5.
    pub(super) fn url_not_configured(detail: String) -> Self {
        Self::new(404, 102_016, "url_not_configured", detail)
    }

    /// Row 5, where the client decided by a config older than ours.
    pub(super) fn config_outdated(detail: String) -> Self {
        Self::new(404, 102_022, "config_outdated", detail)
    }

    fn new(status: u16, code: i32, reason: &'static str, detail: String) -> Self {
        CallRefusal {
            status,
            code,
            reason,
            detail,
        }
    }
}

// === impl PublicReason ===

impl PublicReason {
    pub fn as_str(self) -> &'static str {
        match self {
            PublicReason::Disconnected => "disconnected",
            PublicReason::VersionNotAttached => "version_not_attached",
            PublicReason::DevtoolsTooOld => "devtools_too_old",
            PublicReason::SdkTooOld => "sdk_too_old",
            PublicReason::Gray => "gray",
            PublicReason::PackageQps => "package_qps",
            PublicReason::PackageBandwidth => "package_bandwidth",
        }
    }

    /// The error code of row 7; row 6 has none.
    pub fn code(self) -> Option<i32> {
        match self {
            PublicReason::PackageQps => Some(102_020),
            PublicReason::PackageBandwidth => Some(102_021),
            _ => None,
        }
    }

    /// The status for a client that can take the public link by itself.
    pub fn status(self) -> u16 {
        if self.code().is_some() { 429 } else { 421 }
    }
}
