//! `/monitoring`: figures of calls over time, of all nodes; and of what was refused.

mod security;
mod view;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;
use weir_config::object::{Business, Gateway};

pub use security::{__path_get_security, get_security};
use view::{CarriedPoint, Monitored};

use super::AdminState;
use super::calls::monitoring;
use super::problem::Problem;
use super::query::{Query, unusable};
use super::resource;
use super::span::Span;
use crate::config_actor::now_ms;
use crate::monitor::{CarriedQuery, Dimension, Scope, SeriesQuery};

/// Which time, in which steps, and by what apart.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MonitoringParameters {
    /// From this moment (RFC 3339) on; left out, the last 15 minutes.
    pub from: Option<String>,
    /// Up to this moment (RFC 3339), not included; left out, now.
    pub to: Option<String>,
    /// Instead of `from`: the last so long, as in `15m`, `2h` or `7d`.
    pub last: Option<String>,
    /// How far the points are apart, as in `1s`, `1m` or `1h`. A longer one is answered where that is all there is.
    pub step: Option<String>,
    /// Told apart by `rule`, `region`, `node`, `version`, `source`, `status`, `reason`, `decision` or `business`.
    #[param(pattern = "^(rule|region|node|version|source|status|reason|decision|business)$")]
    pub by: Option<String>,
}

/// The calls of a business over time
///
/// Requests, success, time-outs, times, sizes and bytes, over all nodes that answer, and by whatever tells the calls
/// apart. Figures are of all calls, to the unit; percentiles are read from the sum of all nodes' histograms, and are
/// within 1.6 % of the exact ones. By second in the last hour, by minute in the last week, by hour in the last year.
#[utoipa::path(
    get, path = "/admin/v1/monitoring/businesses/{business}", tag = "monitoring",
    params(("business" = String, Path, description = "The business's id; a mini program's is its appid"),
           MonitoringParameters),
    responses((status = 200, description = "The figures", body = Monitored)),
)]
pub async fn get_business(
    state: web::Data<AdminState>,
    business: web::Path<String>,
    Query(parameters): Query<MonitoringParameters>,
) -> Result<HttpResponse, Problem> {
    let monitor = monitoring(&state)?;
    let id = resource::get::<Business>(&state, &business)?
        .object
        .business
        .id;
    let query = parameters.query(Scope::Business(id.clone()))?;
    let told = monitor.series(&query).await;
    let answer = Monitored::new(&query, Some(id), None, told);
    Ok(HttpResponse::Ok().json(answer))
}

/// The calls of a gateway over time, and what its package carried
///
/// As for a business, of all businesses of the gateway together or each apart (`by=business`); and in `carried` the
/// bytes and calls as its meters counted them while they flowed, with the greatest second of each step.
#[utoipa::path(
    get, path = "/admin/v1/monitoring/gateways/{gateway}", tag = "monitoring",
    params(("gateway" = String, Path, description = "The gateway's id"), MonitoringParameters),
    responses((status = 200, description = "The figures", body = Monitored)),
)]
pub async fn get_gateway(
    state: web::Data<AdminState>,
    gateway: web::Path<String>,
    Query(parameters): Query<MonitoringParameters>,
) -> Result<HttpResponse, Problem> {
    let monitor = monitoring(&state)?;
    let id = resource::get::<Gateway>(&state, &gateway)?.object.id;
    let query = parameters.query(Scope::Gateway(id.clone()))?;
    let told = monitor.series(&query).await;
    let of_package = CarriedQuery {
        gateway: id.clone(),
        from_s: query.from_s,
        to_s: query.to_s,
        step_s: told.whole.step_s.max(query.step_s),
    };
    let carried = monitor.carried(&of_package).await.whole;
    let carried = carried.folded(of_package.step_s);
    let mut answer = Monitored::new(&query, None, Some(id), told);
    answer.carried = Some(carried.points.iter().map(CarriedPoint::of).collect());
    Ok(HttpResponse::Ok().json(answer))
}

// === impl MonitoringParameters ===

impl MonitoringParameters {
    fn query(&self, scope: Scope) -> Result<SeriesQuery, Problem> {
        let span = Span::read(
            self.from.as_deref(),
            self.to.as_deref(),
            self.last.as_deref(),
            self.step.as_deref(),
            now_ms(),
        )?;
        let by = self.by.as_deref().map(|by| {
            Dimension::from_name(by).ok_or_else(|| {
                let known = Dimension::ALL.map(Dimension::as_str).join(", ");
                unusable("by", &format!("`by` can be {known}."))
            })
        });
        Ok(SeriesQuery {
            scope,
            from_s: span.from_s,
            to_s: span.to_s,
            step_s: span.step_s,
            by: by.transpose()?,
            decision: None,
        })
    }
}
