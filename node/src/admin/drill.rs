//! `/drill`: a broken network rehearsed. A node that allows it (`admin.drills`) drops its own mesh traffic both
//! ways until it is healed or the time is over; its admin port and its link go on.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, rt, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Author;
use super::problem::Problem;
use super::query::{self, NoParameters, Query};
use super::{AdminState, moment};
use crate::config_actor::now_ms;

/// How long a cut lasts where nothing is said, seconds.
const FOR_S: u64 = 600;
/// How long it lasts at most, seconds: a node forgotten in a drill comes back by itself.
const FOR_S_MAX: u64 = 3_600;

/// Parameters of a cut.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CutQuery {
    /// After so many seconds it ends by itself, 1 to 3600; 600 when left out.
    #[param(minimum = 1, maximum = 3600)]
    pub for_s: Option<u64>,
}

/// Whether this node is cut off from the others by a drill.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Drill {
    pub node: String,
    pub cut: bool,
    /// When it ends by itself; null where there is none.
    pub until: Option<String>,
    /// Seconds until then.
    pub left_s: Option<u64>,
}

/// Cut this node's mesh off from all others, both ways, for a while
///
/// Gossip and requests are dropped as in a broken network; the link and the admin port go on. A cut that is
/// there already gets the new end. Needs the setting `admin.drills`.
#[utoipa::path(
    post, path = "/admin/v1/drill/cut", tag = "drill",
    params(CutQuery),
    responses((status = 200, description = "It is cut off", body = Drill)),
)]
pub async fn cut(
    state: web::Data<AdminState>,
    author: Author,
    Query(query): Query<CutQuery>,
) -> Result<HttpResponse, Problem> {
    allowed(&state)?;
    let for_s = query.for_s.unwrap_or(FOR_S);
    if !(1..=FOR_S_MAX).contains(&for_s) {
        let detail = format!("`for_s` is {for_s}; a cut can last 1 to {FOR_S_MAX} seconds.");
        return Err(query::unusable("for_s", &detail));
    }
    let (mesh, time) = (state.mesh.cut().clone(), Duration::from_secs(for_s));
    mesh.cut_all_for(time);
    tracing::warn!(
        author = author.0,
        for_s,
        "drill: the mesh of this node is cut off from all others"
    );
    rt::spawn(async move {
        rt::time::sleep(time + Duration::from_millis(1)).await;
        // Neither healed nor prolonged meanwhile.
        if mesh.put_away() {
            tracing::warn!("drill: its time is over, the mesh of this node is healed");
        }
    });
    Ok(HttpResponse::Ok().json(drill(&state)))
}

/// End a drill: this node's mesh joins the others again
#[utoipa::path(
    post, path = "/admin/v1/drill/heal", tag = "drill",
    responses((status = 200, description = "It is not cut off", body = Drill)),
)]
pub async fn heal(
    state: web::Data<AdminState>,
    author: Author,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    allowed(&state)?;
    let was_cut = state.mesh.cut().is_cut_from_all();
    state.mesh.cut().heal();
    if was_cut {
        tracing::warn!(author = author.0, "drill: the mesh of this node is healed");
    }
    Ok(HttpResponse::Ok().json(drill(&state)))
}

/// Whether a drill is under way on this node.
pub fn drill(state: &AdminState) -> Drill {
    let cut = state.mesh.cut();
    let left = cut.time_left();
    Drill {
        node: state.node.to_string(),
        cut: cut.is_cut_from_all(),
        until: left.map(|left| moment::text(now_ms() + left.as_millis() as u64)),
        left_s: left.map(|left| left.as_millis().div_ceil(1_000) as u64),
    }
}

fn allowed(state: &AdminState) -> Result<(), Problem> {
    if state.settings.admin.drills {
        return Ok(());
    }
    let detail = "Drills are not allowed on this node. Set `admin.drills = true` (WEIR_ADMIN_DRILLS=true) in its \
                  settings and start it again, if it may be cut off from the others.";
    Err(Problem::new(StatusCode::FORBIDDEN, "drills_not_allowed", detail).field("admin.drills"))
}
