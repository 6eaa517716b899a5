//! `POST /gateways/{gateway}/one-key-access`: attach a mini program in one call.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use weir_config::object::{Business, PlatformProvider};
use weir_config::operation::{self, Context, OneKeyInput, OneKeyOutcome};
use weir_config::{Kind, ObjectKey, Refusal};

use super::body::Json;
use super::link_test::{self, LinkTest};
use super::problem::Problem;
use super::qr::{self, QrView};
use super::query::write_parameters;
use super::resource::{BusinessView, Resource, Versioned};
use super::write::{Made, Write, Written};
use super::{AdminState, platform, rivals};
use crate::config_actor::now_ms;

/// Parameters of one-key access.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OneKeyQuery {
    /// `true`: check everything and answer what would be, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// On how many nodes' disks the change must be before it is answered: `local`, `one` (another one
    /// besides, the default), `majority` or `all`. Answered 202 where it is not in time.
    #[param(pattern = "^(local|one|majority|all)$")]
    pub ack: Option<String>,
    /// `false`: make no call through the link to each domain afterwards.
    #[serde(default)]
    pub link_test: Option<bool>,
}

write_parameters!(OneKeyQuery);

/// The business, and what one-key access found and did; its warnings also say what was put right or left out on
/// the way.
#[derive(Debug, Serialize, ToSchema)]
pub struct OneKeyAccess {
    #[serde(flatten)]
    pub business: Versioned<BusinessView>,
    /// Opens the `trial` version, the only one on the link so far.
    pub qr_code: QrView,
    /// Legal domains beyond the ten that were attached.
    pub skipped_domains: Vec<String>,
    /// What to do next, in sentences.
    pub next_steps: Vec<String>,
    /// One call through this node's link to each attached domain; null where none was wanted.
    pub link_test: Option<LinkTest>,
}

/// Attach a mini program: its `trial` version only, live traffic untouched
#[utoipa::path(
    post, path = "/admin/v1/gateways/{gateway}/one-key-access", tag = "gateways",
    params(("gateway" = String, Path, description = "The gateway's id"), OneKeyQuery),
    request_body = OneKeyInput,
    responses((status = 201, description = "Attached", body = OneKeyAccess),
              (status = 200, description = "It was attached to this gateway already", body = OneKeyAccess)),
)]
pub async fn one_key_access(
    write: Write<OneKeyQuery>,
    gateway: web::Path<String>,
    Json(input): Json<OneKeyInput>,
) -> Result<HttpResponse, Problem> {
    let (state, gateway, appid) = (write.state(), gateway.into_inner(), input.appid.clone());
    let asked = Asked {
        gateway: gateway.clone(),
        input: input.clone(),
        link_test: write.query.link_test.unwrap_or(true),
        waits: write.query.ack.as_deref() != Some("local"),
    };
    let known = state
        .config
        .catalog()
        .catalog
        .mini_program(&appid)
        .is_some();
    // A dry run writes nothing down: what the platform said last will do.
    if !(write.query.dry_run && known) {
        asked.read_platform(&state).await?;
    }
    let made = write
        .make::<Business, _>(&appid, move |catalog, context| {
            let mut outcome = operation::one_key_access(catalog, context, &gateway, input)?;
            Ok((std::mem::take(&mut outcome.change), outcome))
        })
        .await?;
    match made {
        Made::Planned(plan) => Ok(plan.answer()),
        Made::Written(written) => asked.answer(&state, *written).await,
    }
}

/// What was asked for, for what comes before and after the change itself.
struct Asked {
    gateway: String,
    input: OneKeyInput,
    link_test: bool,
    /// Other nodes are to have it before it is answered.
    waits: bool,
}

// === impl Asked ===

impl Asked {
    /// Reads the mini program from its platform, where that is to be asked and nothing else stands in the way.
    async fn read_platform(&self, state: &AdminState) -> Result<(), Problem> {
        let snapshot = state.config.catalog();
        let Some(gateway) = snapshot.catalog.gateway(&self.gateway) else {
            return Ok(());
        };
        let space = snapshot.catalog.space(&gateway.space);
        let asks = space.is_some_and(|space| space.platform == PlatformProvider::Wechat);
        // What reading can mend; anything else is refused without asking the platform.
        let mends = match self.found(state) {
            Ok(_) => true,
            Err(refusal) => matches!(
                refusal.code,
                "not_authorized" | "no_trial_version" | "no_request_domain"
            ),
        };
        if !asks || !mends {
            return Ok(());
        }
        let read = platform::read(state, &self.input.appid).await;
        read.map_err(|mut problem| {
            problem.detail = problem.detail.replace("{space}", &gateway.space);
            problem
        })
    }

    /// What one-key access finds now.
    fn found(&self, state: &AdminState) -> Result<OneKeyOutcome, Refusal> {
        let context = Context {
            now_ms: now_ms(),
            random: rand::random(),
            default_region: state.settings.node.region.clone(),
        };
        let snapshot = state.config.catalog();
        let (gateway, input) = (&self.gateway, self.input.clone());
        operation::one_key_access(&snapshot.catalog, &context, gateway, input)
    }

    async fn answer(
        self,
        state: &AdminState,
        mut written: Written<OneKeyOutcome>,
    ) -> Result<HttpResponse, Problem> {
        let (mut outcome, mut attached) = match written.value.take() {
            Some(outcome) => {
                let attached = !outcome.already_attached;
                (outcome, attached)
            }
            // The same request attached it before.
            None => (self.found(state)?, written.created()),
        };
        let mut shown = written.view::<Business>(state).ok_or_else(taken_off)?;
        if attached && self.waits {
            let key = ObjectKey::new(Kind::Business, &self.input.appid);
            let rivals = rivals::found(state, &key, written.version(), &self.gateway).await?;
            outcome.warnings.extend(rivals.warnings);
            // Somebody attached it to this very gateway at the same moment: his access domain is in force.
            if let Some(theirs) = rivals.instead {
                shown.object = theirs.object.view(state);
                shown.version = theirs.version;
                attached = false;
            }
        }
        let business = shown.object.business.clone();
        let since = shown.version.clone();
        let (qr_code, link_test) = futures_util::join!(qr::trial(state, &business), async {
            match self.link_test {
                true => Some(link_test::run(state, &business, since.as_ref()).await),
                false => None,
            }
        });
        let qr_code = qr_code.unwrap_or_else(|problem| {
            let warning = format!("There is no QR code now: {}", problem.detail);
            outcome.warnings.push(warning);
            QrView::default()
        });
        outcome.warnings.append(&mut shown.object.warnings);
        shown.object.warnings = outcome.warnings;
        let answer = OneKeyAccess {
            next_steps: next_steps(&business, &shown.object.access_domain, link_test.as_ref()),
            business: shown,
            qr_code,
            skipped_domains: outcome.skipped_domains,
            link_test,
        };
        let status = match attached {
            true => StatusCode::CREATED,
            false => StatusCode::OK,
        };
        Ok(written.response_with(status).json(answer))
    }
}

pub fn taken_off() -> Problem {
    let detail = "The business was attached, but is not there any more: it was taken off since.";
    Problem::new(StatusCode::CONFLICT, "taken_off_since", detail)
}

/// What an operator does after attaching, in order.
fn next_steps(business: &Business, access_domain: &str, test: Option<&LinkTest>) -> Vec<String> {
    let Business {
        id,
        appid,
        route_tag,
        ..
    } = business;
    let mut steps = Vec::new();
    if test.is_some_and(|test| !test.ok) {
        steps.push(format!(
            "Mend what the link test found, then test again: POST /admin/v1/businesses/{id}/link-test."
        ));
    }
    steps.extend([
        format!(
            "Scan the QR code with an account that may open the trial version, and use the mini program: its calls \
             go through https://{access_domain} now. The release version is untouched."
        ),
        format!(
            "At your servers, look for `x-wx-appid: {appid}` and `x-wx-route-tag: {route_tag}` on these requests, \
             and let requests with them in where you keep an allow list."
        ),
        "Each answer carries its call id, `x-wx-call-id`; the same id is in your server's request and in the node's \
         log."
            .to_owned(),
        format!(
            "When the trial version works, go live step by step: PATCH /admin/v1/businesses/{id} with \
             {{\"access\": {{\"versions\": [\"trial\", \"release\"], \"gray\": {{\"percent\": 1}}}}}}, then raise the \
             percentage."
        ),
        format!(
            "To take everything back at once: POST /admin/v1/businesses/{id}/disconnect, or `weir disconnect {id}`."
        ),
    ]);
    steps
}
