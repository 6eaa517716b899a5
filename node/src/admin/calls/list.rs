//! The list of calls: the newest of all nodes that match, page by page.

use actix_web::{HttpResponse, web};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{blocking, monitoring};
use crate::admin::AdminState;
use crate::admin::fan_out::{Unanswered, ask_all};
use crate::admin::problem::Problem;
use crate::admin::query::{Query, parse, unusable};
use crate::admin::span::moment_ms;
use crate::monitor::{CallRecord, ClusterMonitor, Filter, Page};

/// The name of the question that nodes ask each other.
const QUESTION: &str = "calls";
/// Calls a page when the caller does not say.
const PAGE: usize = 50;
/// The most calls a page: what one node's part of it takes has to fit the mesh.
const PAGE_MAX: usize = 200;

/// Which calls.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CallsParameters {
    pub business: Option<String>,
    pub gateway: Option<String>,
    /// The error code, as `102021` or `-601008`.
    pub code: Option<i32>,
    /// The status that the client got.
    pub status: Option<u16>,
    /// As `package_bandwidth` or `origin_timeout`.
    pub reason: Option<String>,
    /// `link`, `relay`, `public`, `refused` or `own`.
    #[param(pattern = "^(link|relay|public|refused|own)$")]
    pub decision: Option<String>,
    /// The beginning of the path, as typed.
    pub path_prefix: Option<String>,
    /// The user's id as clients send it in `x-wx-user`, or its hash as records show it.
    pub user: Option<String>,
    pub client_ip: Option<String>,
    /// Arrived at this moment (RFC 3339) or later.
    pub from: Option<String>,
    /// Arrived before this moment (RFC 3339).
    pub to: Option<String>,
    /// Calls a page, 1 to 200; 50 when left out.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<usize>,
    /// Begin after this call: the `next` of the page before.
    pub after: Option<String>,
}

/// A page of calls.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct CallsPage {
    /// Newest first.
    pub items: Vec<CallRecord>,
    /// For `after` of the next page; null where this was the last.
    pub next: Option<String>,
    /// The nodes whose calls are in it.
    pub nodes: Vec<String>,
    /// Nodes whose calls are missing, and why.
    pub unanswered: Vec<Unanswered>,
}

/// What one node tells another.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Listed {
    calls: Vec<(Uuid, CallRecord)>,
    more: bool,
}

/// The newest calls that match, of all nodes
///
/// Of what is kept: errors, calls beyond the package and slow ones, and of the others a sample. Nodes that did not
/// answer in time are named in `unanswered`.
#[utoipa::path(
    get, path = "/admin/v1/calls", tag = "monitoring",
    params(CallsParameters),
    responses((status = 200, description = "A page", body = CallsPage)),
)]
pub async fn list_calls(
    state: web::Data<AdminState>,
    Query(parameters): Query<CallsParameters>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(newest(&state, parameters).await?))
}

/// Asks all nodes for the newest calls that match.
pub async fn newest(
    state: &web::Data<AdminState>,
    mut parameters: CallsParameters,
) -> Result<CallsPage, Problem> {
    let monitor = monitoring(state)?;
    let limit = parameters.limit()?;
    parameters.limit = Some(limit);
    if let Some(user) = &parameters.user {
        parameters.user = Some(match is_hash(user) {
            true => user.clone(),
            false => monitor.here.hidden_user(user),
        });
    }
    let filter = parameters.filter()?;
    let here = monitor.here.clone();
    let page = blocking(move || here.search(&filter, limit)).await?;
    let all = ask_all(state, QUESTION, &parameters.text(), Some(Listed::of(page))).await;
    let mut page = CallsPage {
        items: Vec::new(),
        next: None,
        nodes: Vec::new(),
        unanswered: all.unanswered,
    };
    let (mut calls, mut more) = (Vec::new(), false);
    for answered in all.answered {
        page.nodes.push(answered.node);
        more |= answered.answer.more;
        calls.extend(answered.answer.calls);
    }
    calls.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    more |= calls.len() > limit;
    calls.truncate(limit);
    page.next = calls.last().filter(|_| more).map(|(id, _)| id.to_string());
    page.items = calls.into_iter().map(|(_, record)| record).collect();
    Ok(page)
}

/// Answers other nodes that ask for this one's calls.
pub fn answer_others(state: &AdminState, monitor: &ClusterMonitor) {
    let here = monitor.here.clone();
    state.mesh.answer(QUESTION, move |query: &str| {
        let parameters = parse::<CallsParameters>(query);
        let here = here.clone();
        async move {
            let parameters = parameters.ok().filter(|_| here.is_enabled())?;
            let (filter, limit) = (parameters.filter().ok()?, parameters.limit().ok()?);
            let page = blocking(move || here.search(&filter, limit)).await.ok()?;
            serde_json::to_vec(&Listed::of(page)).ok()
        }
        .boxed_local()
    });
}

/// 32 hexadecimal digits.
fn is_hash(user: &str) -> bool {
    user.len() == 32 && user.bytes().all(|b| b.is_ascii_hexdigit())
}

// === impl CallsParameters ===

impl CallsParameters {
    fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(PAGE);
        match (1..=PAGE_MAX).contains(&limit) {
            true => Ok(limit),
            false => Err(unusable(
                "limit",
                &format!("`limit` is {limit}; it can be 1 to {PAGE_MAX} calls a page."),
            )),
        }
    }

    fn filter(&self) -> Result<Filter, Problem> {
        let moment = |name: &str, text: &Option<String>| {
            let moment = text.as_deref().map(|text| moment_ms(name, text));
            moment.transpose()
        };
        let before = self.after.as_deref().map(str::parse::<Uuid>).transpose();
        let before = before.map_err(|_| {
            let detail = "`after` is no call id: take the `next` of the page before.";
            unusable("after", detail)
        })?;
        Ok(Filter {
            business: self.business.clone(),
            gateway: self.gateway.clone(),
            code: self.code,
            status: self.status,
            reason: self.reason.clone(),
            decision: self.decision.clone(),
            path_prefix: self.path_prefix.clone(),
            user: self.user.clone(),
            client_ip: self.client_ip.clone(),
            from_ms: moment("from", &self.from)?,
            to_ms: moment("to", &self.to)?,
            before,
        })
    }

    /// As a query string, for another node.
    fn text(&self) -> String {
        let code = self.code.map(|it| it.to_string());
        let status = self.status.map(|it| it.to_string());
        let limit = self.limit.map(|it| it.to_string());
        let pairs = [
            ("business", &self.business),
            ("gateway", &self.gateway),
            ("code", &code),
            ("status", &status),
            ("reason", &self.reason),
            ("decision", &self.decision),
            ("path_prefix", &self.path_prefix),
            ("user", &self.user),
            ("client_ip", &self.client_ip),
            ("from", &self.from),
            ("to", &self.to),
            ("limit", &limit),
            ("after", &self.after),
        ];
        let given = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let all = percent_encoding::NON_ALPHANUMERIC;
        let pair = |(name, value)| {
            format!(
                "{name}={}",
                percent_encoding::utf8_percent_encode(value, all)
            )
        };
        given.map(pair).collect::<Vec<_>>().join("&")
    }
}

// === impl Listed ===

impl Listed {
    fn of(page: Page) -> Self {
        let calls = page.found.into_iter().map(|found| (found.id, found.record));
        Listed {
            calls: calls.collect(),
            more: page.more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_asked_of_other_nodes_as_it_was_asked_of_this_one() {
        let parameters = CallsParameters {
            business: Some("wx & co".to_owned()),
            code: Some(-601_008),
            path_prefix: Some("/a b?".to_owned()),
            from: Some("2026-01-31T08:30:00+08:00".to_owned()),
            limit: Some(7),
            ..CallsParameters::default()
        };
        let arrived = parse::<CallsParameters>(&parameters.text()).unwrap();
        assert_eq!(arrived.filter().unwrap(), parameters.filter().unwrap());
        assert_eq!(arrived.limit().unwrap(), 7);
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        let refused = |query: &str| {
            let parameters = parse::<CallsParameters>(query)?;
            parameters.filter()?;
            parameters.limit().map(|_| ())
        };
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("after=x", "after"),
            ("from=yesterday", "from"),
            ("whose=x", "whose"),
        ] {
            let problem = refused(query).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{query}");
        }
        assert!(refused("user=li&code=102021").is_ok());
    }
}
