//! What can go wrong with a call, whose fault it is, and what the client is told (`CONTRACT.md` 1.4).

use http::StatusCode;

/// Whose fault a failed call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    Client,
    Gateway,
    Origin,
}

/// Why a call that was to be forwarded failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the request is not legal HTTP: {0}")]
    Malformed(&'static str),
    #[error("the request head is larger than the node takes; send fewer or shorter headers")]
    HeadTooLarge,
    #[error("the request body is larger than the {limit_bytes} bytes the node takes")]
    BodyTooLarge { limit_bytes: u64 },
    #[error("no byte of the request body arrived in time; the node gave up waiting for it")]
    UploadIdle,
    #[error("the client's connection broke while it sent the request body")]
    UploadBroken,
    #[error(
        "the answer is larger than the {limit_bytes} bytes an envelope takes; call without ENVELOPE"
    )]
    EnvelopeTooLarge { limit_bytes: usize },
    #[error("the node is stopping; call again and another node will answer")]
    Draining,
    #[error("the node failed: {0}")]
    Internal(&'static str),
    #[error("the origin did not answer within {timeout_ms} ms")]
    OriginTimeout { timeout_ms: u64 },
    #[error("no connection to the origin within {timeout_ms} ms")]
    ConnectTimeout { timeout_ms: u64 },
    #[error("too many calls to this origin are under way on this node")]
    OriginBusy,
    #[error("no connection to the origin: {}", cause(.0))]
    Connect(#[source] hyper_util::client::legacy::Error),
    #[error("no secure connection to the origin: {}", cause(.0))]
    ConnectTls(#[source] hyper_util::client::legacy::Error),
    #[error("the settings of the origin cannot be used: {0}")]
    Settings(String),
    #[error("the origin refused the call unseen: {}", cause(.0))]
    Refused(#[source] hyper_util::client::legacy::Error),
    #[error("the connection to the origin failed: {}", cause(.0))]
    Broken(#[source] hyper_util::client::legacy::Error),
    #[error("the origin's answer broke off: {0}")]
    DownloadBroken(#[source] hyper::Error),
    #[error("the origin sent no byte of its answer's body in time")]
    DownloadIdle,
}

/// The innermost cause: what the operating system or the TLS library said.
fn cause(error: &hyper_util::client::legacy::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

// === impl CallError ===

impl CallError {
    pub fn fault(&self) -> Fault {
        use CallError::*;
        match self {
            Malformed(_) | HeadTooLarge | BodyTooLarge { .. } | UploadIdle | UploadBroken => {
                Fault::Client
            }
            EnvelopeTooLarge { .. } => Fault::Client,
            Draining | Internal(_) | Settings(_) => Fault::Gateway,
            OriginTimeout { .. } | ConnectTimeout { .. } | OriginBusy => Fault::Origin,
            Connect(_) | ConnectTls(_) | Refused(_) => Fault::Origin,
            Broken(_) | DownloadBroken(_) | DownloadIdle => Fault::Origin,
        }
    }

    /// The code of `CONTRACT.md` 1.4.
    pub fn code(&self) -> i32 {
        match self.fault() {
            Fault::Client => 102_006,
            Fault::Gateway => -601_001,
            Fault::Origin if matches!(self, CallError::OriginTimeout { .. }) => -601_008,
            Fault::Origin => -601_069,
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            CallError::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            CallError::BodyTooLarge { .. } | CallError::EnvelopeTooLarge { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            CallError::Draining => StatusCode::SERVICE_UNAVAILABLE,
            CallError::OriginTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            _ => match self.fault() {
                Fault::Client => StatusCode::BAD_REQUEST,
                Fault::Gateway => StatusCode::INTERNAL_SERVER_ERROR,
                Fault::Origin => StatusCode::BAD_GATEWAY,
            },
        }
    }

    /// Whether the client's connection is of no further use: what follows on it cannot be trusted, or
    /// another node is to be asked.
    pub fn closes_connection(&self) -> bool {
        matches!(
            self,
            CallError::Malformed(_) | CallError::HeadTooLarge | CallError::Draining
        )
    }

    /// Stable, `snake_case`; its words are in `errMsg`.
    pub fn reason(&self) -> &'static str {
        match self {
            CallError::Malformed(_) => "malformed",
            CallError::HeadTooLarge => "head_too_large",
            CallError::BodyTooLarge { .. } => "body_too_large",
            CallError::UploadIdle => "body_timeout",
            CallError::UploadBroken => "body_broken",
            CallError::EnvelopeTooLarge { .. } => "envelope_too_large",
            CallError::Draining => "draining",
            CallError::Internal(_) => "gateway_failure",
            CallError::OriginTimeout { .. } => "origin_timeout",
            CallError::ConnectTimeout { .. } => "origin_connect_timeout",
            CallError::OriginBusy => "origin_busy",
            CallError::Connect(_) => "origin_unreachable",
            CallError::ConnectTls(_) => "origin_tls",
            CallError::Settings(_) => "origin_settings",
            CallError::Refused(_) => "origin_refused",
            CallError::Broken(_) | CallError::DownloadBroken(_) => "origin_connection_lost",
            CallError::DownloadIdle => "origin_body_timeout",
        }
    }

    /// What the origin can have seen of a call that failed so.
    pub fn seen(&self) -> Seen {
        match self {
            CallError::Connect(_) | CallError::ConnectTls(_) => Seen::Nothing,
            CallError::ConnectTimeout { .. } => Seen::Nothing,
            CallError::Refused(_) => Seen::Refused,
            CallError::Broken(error) if super::connector::lost_while_reused(error) => {
                Seen::NothingLikely
            }
            _ => Seen::Perhaps,
        }
    }
}

/// What an origin can have seen of a failed call, and so whether the call may be sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// There was no connection.
    Nothing,
    /// It said itself that it did nothing of it.
    Refused,
    /// A connection that was reused ended before a byte of the answer came: it met a connection that the origin
    /// was closing (RFC 9110 section 9.2.2). Good enough for what may be done twice.
    NothingLikely,
    Perhaps,
}
