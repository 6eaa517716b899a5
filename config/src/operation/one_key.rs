//! One-key access: a mini program's trial version onto the link, in one call (`PRODUCT.md` rows 2 and 3).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{
    Access, AttachedDomain, Business, BusinessType, EnvVersion, Gateway, Gray, MiniProgram, Object,
    PlatformVersion, Space, UrlRule,
};
use crate::operation::{Change, Context, field, gateway, mini_program, region};
use crate::refusal::Refusal;

/// Time an origin has to answer where nobody says otherwise, milliseconds (`CONTRACT.md` 1.2).
pub const TIMEOUT_DEFAULT_MS: u32 = 15_000;
/// A mini program with more legal domains than this has only its first [`ATTACHED_OF_MANY`] attached.
const DOMAINS_MAX: usize = 20;
const ATTACHED_OF_MANY: usize = 10;

/// Which mini program to attach, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OneKeyInput {
    /// `wx` and 16 hexadecimal digits.
    pub appid: String,
    /// Left out: the region of the node that is asked.
    #[serde(default)]
    pub region: Option<String>,
}

/// What one-key access did, or found done already.
#[derive(Clone, PartialEq, Debug)]
pub struct OneKeyOutcome {
    /// Empty where the mini program was attached to this gateway before.
    pub change: Change,
    pub business: Business,
    /// Domains whose calls may use the link now, as the platform lists them.
    pub attached_domains: Vec<String>,
    /// Legal domains that were left out because there are more than 20.
    pub skipped_domains: Vec<String>,
    /// Sentences for the operator.
    pub warnings: Vec<String>,
    pub already_attached: bool,
    /// What the QR code to show opens.
    pub qr_content: String,
}

/// Attaches a mini program to a gateway: its `trial` version only, all of its (first) legal domains, every
/// user. Live traffic is not touched.
///
/// # Errors
/// `not_found` (404), `invalid` (422), and 409 with `agreement_not_accepted`, `not_authorized`,
/// `bound_elsewhere`, `no_trial_version` or `no_request_domain`.
pub fn one_key_access(
    catalog: &Catalog,
    context: &Context,
    gateway: &str,
    input: OneKeyInput,
) -> Result<OneKeyOutcome, Refusal> {
    let gateway = gateway::existing(catalog, gateway)?;
    field::appid("appid", &input.appid)?;
    let region = input.region.as_deref().unwrap_or(&context.default_region);
    region::known(catalog, "region", region)?;
    let space = agreed_space(catalog, gateway)?;
    let program = registered(catalog, &input.appid)?;
    if let Some(business) = catalog.business(&program.appid) {
        return attached_before(gateway, program, business, input.region.as_deref());
    }
    let trial = trial_version(program)?;
    let domains = legal_domains(program)?;
    let mut warnings = Vec::new();

    let attached = match domains.len() {
        0..=DOMAINS_MAX => domains.len(),
        _ => ATTACHED_OF_MANY,
    };
    let (attached_domains, skipped_domains) = domains.split_at(attached);
    if !skipped_domains.is_empty() {
        warnings.push(format!(
            "The mini program has {} legal domains, more than {DOMAINS_MAX}: the first {attached} are \
             attached, the other {} take the public link. To attach others, list up to {DOMAINS_MAX} in \
             access.urls of PATCH /admin/v1/businesses/{}.",
            domains.len(),
            skipped_domains.len(),
            program.appid
        ));
    }

    let business = new_business(context, gateway, program, region, attached_domains);
    let mut change = Change::default();
    if !space.mini_programs.contains(&program.appid) {
        let mut authorised = space.clone();
        authorised.mini_programs.insert(program.appid.clone());
        change.puts.push(Object::Space(authorised));
        warnings.push(format!(
            "The mini program was not authorised to space `{}`; it is now.",
            space.id
        ));
    }
    change.puts.push(Object::Business(business.clone()));
    Ok(OneKeyOutcome {
        change,
        qr_content: qr_content(Some(trial), &business),
        business,
        attached_domains: attached_domains.to_vec(),
        skipped_domains: skipped_domains.to_vec(),
        warnings,
        already_attached: false,
    })
}

fn agreed_space<'c>(catalog: &'c Catalog, gateway: &Gateway) -> Result<&'c Space, Refusal> {
    catalog
        .space(&gateway.space)
        .filter(|space| space.agreement.is_some())
        .ok_or_else(|| {
            Refusal::conflict(
                "agreement_not_accepted",
                format!(
                    "Space `{0}`, which gateway `{1}` belongs to, has not accepted the service agreement. \
                     Accept it with PUT /admin/v1/spaces/{0}/agreement, then try again.",
                    gateway.space, gateway.id
                ),
            )
        })
}

fn registered<'c>(catalog: &'c Catalog, appid: &str) -> Result<&'c MiniProgram, Refusal> {
    catalog.mini_program(appid).ok_or_else(|| {
        Refusal::conflict(
            "not_authorized",
            format!(
                "The platform knows no mini program `{appid}`, so it cannot be authorised to the space. {}",
                mini_program::how_to_register(appid)
            ),
        )
    })
}

fn trial_version(program: &MiniProgram) -> Result<&PlatformVersion, Refusal> {
    program.versions.trial.as_ref().ok_or_else(|| {
        Refusal::conflict(
            "no_trial_version",
            format!(
                "Mini program `{0}` has no trial version, and one-key access begins with that one. Upload \
                 one on its platform (locally: versions.trial of PUT /admin/v1/platform/mini-programs/{0}), \
                 then try again.",
                program.appid
            ),
        )
    })
}

/// The platform's legal domains that can be called at all, in its order, each once.
fn legal_domains(program: &MiniProgram) -> Result<Vec<String>, Refusal> {
    let mut seen = BTreeSet::new();
    let domains: Vec<String> = program
        .request_domains
        .iter()
        .filter(|text| Origin::parse(text).is_ok_and(|origin| seen.insert(origin.to_string())))
        .cloned()
        .collect();
    if domains.is_empty() {
        return Err(Refusal::conflict(
            "no_request_domain",
            format!(
                "Mini program `{0}` has no legal request domain, so there is nothing to protect. Set \
                 request_domains on its platform (locally: PUT /admin/v1/platform/mini-programs/{0}), \
                 then try again.",
                program.appid
            ),
        ));
    }
    Ok(domains)
}

fn attached_before(
    gateway: &Gateway,
    program: &MiniProgram,
    business: &Business,
    region: Option<&str>,
) -> Result<OneKeyOutcome, Refusal> {
    if business.gateway != gateway.id {
        return Err(Refusal::conflict(
            "bound_elsewhere",
            format!(
                "Mini program `{0}` is bound to gateway `{1}`, and a mini program is bound to one gateway \
                 only. To bind it to `{2}`, delete it there first: DELETE /admin/v1/businesses/{0}.",
                business.id, business.gateway, gateway.id
            ),
        ));
    }
    let mut warnings = vec![format!(
        "The mini program is attached to gateway `{}` already; nothing was changed.",
        gateway.id
    )];
    if region.is_some_and(|region| region != business.region) {
        warnings.push(format!(
            "It stays in region `{}`. To move it, set region with PATCH /admin/v1/businesses/{}.",
            business.region, business.id
        ));
    }
    if !business.access.enabled {
        warnings.push(format!(
            "It is disconnected. To use the link again: POST /admin/v1/businesses/{}/connect.",
            business.id
        ));
    }
    Ok(OneKeyOutcome {
        change: Change::default(),
        qr_content: qr_content(program.versions.trial.as_ref(), business),
        business: business.clone(),
        attached_domains: business
            .attached_domains
            .iter()
            .map(|d| d.0.clone())
            .collect(),
        skipped_domains: Vec::new(),
        warnings,
        already_attached: true,
    })
}

fn new_business(
    context: &Context,
    gateway: &Gateway,
    program: &MiniProgram,
    region: &str,
    domains: &[String],
) -> Business {
    let mark = format!("a{}", hex::encode(&context.random[..4]));
    Business {
        id: program.appid.clone(),
        gateway: gateway.id.clone(),
        business_type: BusinessType::MiniProgram,
        name: program.name.clone(),
        appid: program.appid.clone(),
        access_label: format!("{mark}-{}", program.appid),
        region: region.to_owned(),
        route_tag: mark,
        attached_domains: domains.iter().cloned().map(AttachedDomain).collect(),
        access: Access {
            enabled: true,
            versions: BTreeSet::from([EnvVersion::Trial]),
            urls: domains
                .iter()
                .map(|domain| UrlRule {
                    domain: domain.clone(),
                    paths: Vec::new(),
                })
                .collect(),
            gray: Gray {
                percent: 100.0,
                salt: hex::encode(&context.random[8..]),
            },
            manual_domains: Vec::new(),
        },
        timeout_ms: TIMEOUT_DEFAULT_MS,
        overflow: None,
    }
}

/// What the trial version's QR code opens; made up where the platform does not say.
fn qr_content(trial: Option<&PlatformVersion>, business: &Business) -> String {
    match trial.and_then(|trial| trial.qr_url.clone()) {
        Some(url) => url,
        None => format!(
            "weir://mini-program/{}?version=trial&access={}",
            business.appid, business.access_label
        ),
    }
}
