//! What to do about a call that did not go as it should, by its reason.

/// One or two sentences for whoever looks the call up; `None` where there is nothing to do.
pub fn advice(reason: &str, status: Option<u16>) -> Option<&'static str> {
    let advice = match reason {
        "unknown_access_domain" => {
            "The host that was called is no access domain of this cluster. Take the one that one-key access gave \
             (weir get business), and see that clients fetch their access config again."
        }
        "malformed" => {
            "The request itself was not as the link takes it; what was wrong with it is said above. Mend the client."
        }
        "head_too_large" => {
            "The request's head is too large: send fewer or shorter headers and cookies."
        }
        "body_too_large" => {
            "The request's body is larger than the node takes: send less, or raise limits.body_bytes."
        }
        "envelope_too_large" => {
            "The answer does not fit an envelope: call without x-wx-http-mode: ENVELOPE."
        }
        "body_timeout" | "body_broken" => {
            "The client did not send its body to the end: look at its network, or at what ended it there."
        }
        "client_gone" => {
            "The client did not wait for the whole answer: the user left the page, the app was closed, or its own \
             time-out is shorter than the answer took. See how long it had waited."
        }
        "replay" => {
            "The same call was sent twice. Where that was no attack, let the client make each call anew."
        }
        "user_frequency" | "ip_frequency" => {
            "The user or the address called more often than allowed. Raise the limit, or let the client call less."
        }
        "url_not_configured" => {
            "The URL is in no URL rule of the business. Add its domain and path to access.urls, or send the call \
             straight to its origin."
        }
        "config_outdated" => {
            "The client decided by an older access config than the cluster has: it fetches the new one by itself. \
             weir clients shows how far the change has come."
        }
        "disconnected" => {
            "The business is disconnected, on purpose: weir connect takes it back to the link."
        }
        "version_not_attached" => {
            "This version of the mini program is not on the link: weir access --versions attaches it."
        }
        "devtools_too_old" => {
            "The developer tool or its base library is too old for the link (tool 1.06.2310312, library 3.1.5)."
        }
        "sdk_too_old" => {
            "The client's base library is older than the business wants: update it, or lower access.min_sdk_version."
        }
        "gray" => {
            "The user is not among those who are on the link: weir gray, or a greater share, takes him in."
        }
        "package_qps" | "package_bandwidth" => {
            "The package was used up at that moment, and the call took the public link. Nothing was lost; weir \
             package shows the use and its peaks, and a larger package or an elastic pack gives room."
        }
        "draining" => "The node was stopping; the client's next call reaches another node.",
        "gateway_failure" => {
            "That is a fault of the node's own: its log has more under this call id."
        }
        "origin_timeout" => {
            "The origin took longer than the call may. Look at the origin's own log under this call id \
             (x-wx-call-id); or raise the business's timeout_ms."
        }
        "origin_connect_timeout" | "origin_unreachable" => {
            "No connection to the origin: is it up, does its name resolve, and does its firewall let the nodes in?"
        }
        "origin_busy" => {
            "More calls to this origin were under way than limits.origin_connections_per_core allows: the origin is \
             slow, or the limit is low."
        }
        "origin_tls" => {
            "TLS with the origin failed: its certificate, its name, or the authority it is signed by \
             (tls.origin_ca_file)."
        }
        "origin_settings" => {
            "The settings of the origin cannot be used: weir get business shows them."
        }
        "origin_refused" => "The origin said that it did not take the call; its own log tells why.",
        "origin_connection_lost" | "origin_body_timeout" => {
            "The origin broke off, or stopped sending, in the midst of the call: its own log has the call under this id."
        }
        _ => {
            return (status? >= 500).then_some(
                "The status is the origin's own; its log has the call under this id (x-wx-call-id).",
            );
        }
    };
    Some(advice)
}

/// The row of the decision that a reason belongs to, where it belongs to one.
pub fn row(reason: &str) -> Option<u8> {
    let row = match reason {
        "unknown_access_domain" => 1,
        "malformed" | "head_too_large" | "body_too_large" | "ip_refused" | "illegal" => 2,
        "replay" => 3,
        "user_frequency" | "ip_frequency" => 4,
        "url_not_configured" | "config_outdated" => 5,
        "disconnected" | "version_not_attached" | "devtools_too_old" | "sdk_too_old" | "gray" => 6,
        "package_qps" | "package_bandwidth" => 7,
        _ => return None,
    };
    Some(row)
}
