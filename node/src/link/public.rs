//! The public link: the call goes straight to the origin, by the client itself or relayed by us.

use std::sync::Arc;

use http::header::LOCATION;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use uuid::Uuid;
use weir_cluster::ledger::{Exceeded, Meter};
use weir_config::access::{PublicReason, RoutedCall};
use weir_config::object::Overflow;

use crate::link::answer::OwnAnswer;
use crate::link::headers::names;
use crate::link::{LinkBody, facts};
use crate::routing::BusinessCounters;

/// Tells the client to call the origin itself; `None` where the call is to be relayed.
///
/// Counted as overflow: whatever is beyond the package, and whatever is relayed. Counted for the business:
/// every call, with what is known of its bytes where the client takes it elsewhere.
pub fn answer(
    call_id: Uuid,
    parts: &Parts,
    reason: PublicReason,
    call: &RoutedCall<'_>,
    meter: &Arc<Meter>,
    counters: &BusinessCounters,
) -> Option<Response<LinkBody>> {
    let by_itself = parts.headers.contains_key(&names::CLIENT);
    let relayed = !by_itself && call.route.overflow == Overflow::Relay;
    if relayed || reason.code().is_some() {
        meter.count_overflow(1, 0);
    }
    if relayed {
        // Its bytes are counted as they flow.
        counters.public(reason).count(1, 0);
        return None;
    }
    counters.public(reason).count(1, facts::known_bytes(parts));
    let retry_ms = exceeded(reason).map(|exceeded| meter.wait_ms(exceeded));
    if by_itself {
        let status =
            StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::MISDIRECTED_REQUEST);
        return Some(OwnAnswer::public(reason, status, retry_ms).into_response(call_id));
    }
    let mut response =
        OwnAnswer::public(reason, StatusCode::TEMPORARY_REDIRECT, retry_ms).into_response(call_id);
    let url = format!("{}{}", call.origin, call.path_and_query);
    let location = HeaderValue::try_from(url).unwrap_or_else(|_| HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, location);
    Some(response)
}

/// The limit of the package that a reason names.
fn exceeded(reason: PublicReason) -> Option<Exceeded> {
    match reason {
        PublicReason::PackageQps => Some(Exceeded::Qps),
        PublicReason::PackageBandwidth => Some(Exceeded::Bandwidth),
        _ => None,
    }
}
