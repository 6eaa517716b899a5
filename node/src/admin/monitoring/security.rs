//! `/monitoring/security`: what was refused, by reason, and the newest of it: the block log.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::{GroupView, groups};
use crate::admin::calls::{CallsParameters, monitoring, newest};
use crate::admin::fan_out::Unanswered;
use crate::admin::problem::Problem;
use crate::admin::query::{Query, unusable};
use crate::admin::span::Span;
use crate::admin::{AdminState, moment};
use crate::config_actor::now_ms;
use crate::monitor::{CallRecord, Dimension, Scope, SeriesQuery};

/// Entries of the block log that are shown here; the rest is at `/calls?decision=refused`.
const BLOCKED_SHOWN: usize = 50;
const REFUSED: &str = "refused";

/// Whose refusals, and of which time.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SecurityParameters {
    /// Only of this business; left out, of all, calls to unknown access domains too.
    pub business: Option<String>,
    /// Only of this gateway.
    pub gateway: Option<String>,
    /// From this moment (RFC 3339) on; left out, the last 15 minutes.
    pub from: Option<String>,
    /// Up to this moment (RFC 3339), not included; left out, now.
    pub to: Option<String>,
    /// Instead of `from`: the last so long, as in `15m`, `2h` or `7d`.
    pub last: Option<String>,
    /// How far the points are apart, as in `1s`, `1m` or `1h`.
    pub step: Option<String>,
}

/// What was refused in some time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refusals {
    pub from: String,
    pub to: String,
    pub step_s: u64,
    pub refused: u64,
    /// By reason, the most frequent first.
    pub reasons: Vec<GroupView>,
    /// How many by business; an empty name: of none.
    pub businesses: Vec<RefusedView>,
    /// The newest, at most 50.
    pub block_log: Vec<CallRecord>,
    /// For `/calls?decision=refused&after=`; null where this is all.
    pub next: Option<String>,
    pub nodes: Vec<String>,
    pub unanswered: Vec<Unanswered>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct RefusedView {
    pub business: String,
    pub refused: u64,
}

/// Refused calls by reason and by business, and the block log
#[utoipa::path(
    get, path = "/admin/v1/monitoring/security", tag = "monitoring",
    params(SecurityParameters),
    responses((status = 200, description = "What was refused", body = Refusals)),
)]
pub async fn get_security(
    state: web::Data<AdminState>,
    Query(parameters): Query<SecurityParameters>,
) -> Result<HttpResponse, Problem> {
    let monitor = monitoring(&state)?;
    let span = Span::read(
        parameters.from.as_deref(),
        parameters.to.as_deref(),
        parameters.last.as_deref(),
        parameters.step.as_deref(),
        now_ms(),
    )?;
    let scope = match (&parameters.business, &parameters.gateway) {
        (Some(_), Some(_)) => {
            let detail = "Give either `business` or `gateway`: a business is of one gateway.";
            return Err(unusable("gateway", detail));
        }
        (Some(business), None) => Scope::Business(business.clone()),
        (None, Some(gateway)) => Scope::Gateway(gateway.clone()),
        (None, None) => Scope::All,
    };
    let query = |by| SeriesQuery {
        scope: scope.clone(),
        from_s: span.from_s,
        to_s: span.to_s,
        step_s: span.step_s,
        by: Some(by),
        decision: Some(REFUSED.to_owned()),
    };
    let by_reason = monitor.series(&query(Dimension::Reason)).await;
    let by_business = monitor.series(&query(Dimension::Business)).await;
    let text = |at_s: u64| moment::text(at_s.saturating_mul(1_000));
    let log = CallsParameters {
        business: parameters.business,
        gateway: parameters.gateway,
        decision: Some(REFUSED.to_owned()),
        from: Some(text(span.from_s)),
        to: Some(text(span.to_s)),
        limit: Some(BLOCKED_SHOWN),
        ..CallsParameters::default()
    };
    let log = newest(&state, log).await?;
    Ok(HttpResponse::Ok().json(Refusals {
        from: text(span.from_s),
        to: text(span.to_s),
        step_s: by_reason.whole.step_s.max(span.step_s),
        refused: by_reason.whole.total(None).requests,
        reasons: groups(by_reason.whole.groups),
        businesses: businesses(by_business.whole.groups),
        block_log: log.items,
        next: log.next,
        nodes: by_reason.nodes,
        unanswered: by_reason.unanswered,
    }))
}

fn businesses(
    by_business: BTreeMap<String, BTreeMap<u64, crate::monitor::Packed>>,
) -> Vec<RefusedView> {
    let views = groups(by_business).into_iter();
    let views = views.map(|group| RefusedView {
        refused: group.total.requests,
        business: group.name,
    });
    views.collect()
}
