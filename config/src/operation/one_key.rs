//! One-key access: a mini program's trial version onto the link, in one call (`PRODUCT.md` rows 2 and 3).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{
    Access, AttachedDomain, Business, BusinessType, EnvVersion, Gateway, MiniProgram, Object,
    PlatformProvider, PlatformVersion, Space, UrlRule,
};
use crate::operation::agreement::agreed_space;
use crate::operation::mark::Mark;
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
    let attached = catalog.business(&input.appid);
    if let Some(business) = attached.filter(|business| business.gateway == gateway.id) {
        let program = catalog.mini_program(&input.appid);
        return Ok(attached_before(
            gateway,
            program,
            business,
            input.region.as_deref(),
        ));
    }
    let space = agreed_space(catalog, context.now_ms, gateway)?;
    let program = registered(catalog, space, &input.appid)?;
    unbound(catalog, gateway, &program.appid)?;
    let trial = trial_version(program)?;
    let domains = legal_domains(program)?;
    let mut warnings = Vec::new();

    let (attached_domains, skipped_domains) = first_domains(&domains);
    if !skipped_domains.is_empty() {
        warnings.push(format!(
            "The mini program has {} legal domains, more than {DOMAINS_MAX}: the first {} are \
             attached, the other {} take the public link. To attach others, list up to {DOMAINS_MAX} in \
             access.urls of PATCH /admin/v1/businesses/{}.",
            domains.len(),
            attached_domains.len(),
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

/// A mini program that its platform knows, and that the space may attach: on platforms other than the local one
/// somebody has to have authorised it first.
pub(super) fn registered<'c>(
    catalog: &'c Catalog,
    space: &Space,
    appid: &str,
) -> Result<&'c MiniProgram, Refusal> {
    let known = catalog
        .mini_program(appid)
        .filter(|program| program.source == space.platform);
    let authorised = space.mini_programs.contains(appid);
    let detail = match (known, space.platform) {
        (Some(program), PlatformProvider::Local) => return Ok(program),
        (Some(program), PlatformProvider::Wechat) if authorised => return Ok(program),
        (_, PlatformProvider::Wechat) => format!(
            "Mini program `{appid}` is not authorised to space `{0}`, whose platform is `wechat`. Its administrator \
             has to authorise it on the page that POST /admin/v1/spaces/{0}/authorization-url gives; then try again.",
            space.id
        ),
        (None, PlatformProvider::Local) => format!(
            "The platform knows no mini program `{appid}`, so it cannot be authorised to the space. {}",
            mini_program::how_to_register(appid)
        ),
    };
    Err(Refusal::conflict("not_authorized", detail))
}

pub(super) fn trial_version(program: &MiniProgram) -> Result<&PlatformVersion, Refusal> {
    program.versions.trial.as_ref().ok_or_else(|| {
        Refusal::conflict(
            "no_trial_version",
            format!(
                "Mini program `{0}` has no trial version, and one-key access begins with that one. Upload \
                 one on its platform (WeChat: upload in the developer tools and mark it as the trial version on \
                 mp.weixin.qq.com; locally: versions.trial of PUT /admin/v1/platform/mini-programs/{0}), then try \
                 again.",
                program.appid
            ),
        )
    })
}

/// The platform's legal domains that can be called at all, in its order, each once.
pub(super) fn legal_domains(program: &MiniProgram) -> Result<Vec<String>, Refusal> {
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
                 one on its platform (WeChat: mp.weixin.qq.com, development settings, server domains; locally: \
                 request_domains of PUT /admin/v1/platform/mini-programs/{0}), then try again.",
                program.appid
            ),
        ));
    }
    Ok(domains)
}

/// The domains to attach, and those left out because there are too many.
pub(super) fn first_domains(domains: &[String]) -> (&[String], &[String]) {
    let attached = match domains.len() {
        0..=DOMAINS_MAX => domains.len(),
        _ => ATTACHED_OF_MANY,
    };
    domains.split_at(attached)
}

/// Checks that a mini program is bound to no other gateway.
pub(super) fn unbound(catalog: &Catalog, gateway: &Gateway, appid: &str) -> Result<(), Refusal> {
    match catalog.business(appid) {
        Some(business) if business.gateway != gateway.id => Err(Refusal::conflict(
            "bound_elsewhere",
            format!(
                "Mini program `{0}` is bound to gateway `{1}`, and a mini program is bound to one gateway \
                 only. To bind it to `{2}`, delete it there first: DELETE /admin/v1/businesses/{0}.",
                business.id, business.gateway, gateway.id
            ),
        )),
        _ => Ok(()),
    }
}

fn attached_before(
    gateway: &Gateway,
    program: Option<&MiniProgram>,
    business: &Business,
    region: Option<&str>,
) -> OneKeyOutcome {
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
    OneKeyOutcome {
        change: Change::default(),
        qr_content: qr_content(
            program.and_then(|program| program.versions.trial.as_ref()),
            business,
        ),
        business: business.clone(),
        attached_domains: business
            .attached_domains
            .iter()
            .map(|d| d.0.clone())
            .collect(),
        skipped_domains: Vec::new(),
        warnings,
        already_attached: true,
    }
}

fn new_business(
    context: &Context,
    gateway: &Gateway,
    program: &MiniProgram,
    region: &str,
    domains: &[String],
) -> Business {
    let mark = Mark::of(context);
    Business {
        id: program.appid.clone(),
        gateway: gateway.id.clone(),
        business_type: BusinessType::MiniProgram,
        name: program.name.clone(),
        appid: program.appid.clone(),
        access_label: mark.access_label(&program.appid),
        region: region.to_owned(),
        route_tag: mark.route_tag(),
        attached_domains: domains.iter().cloned().map(AttachedDomain).collect(),
        origins: Vec::new(),
        access: Access::new(
            BTreeSet::from([EnvVersion::Trial]),
            domains.iter().map(UrlRule::whole_domain).collect(),
            mark.salt,
        ),
        timeout_ms: TIMEOUT_DEFAULT_MS,
        overflow: None,
        cors: None,
    }
}

/// What the trial version's QR code opens; made up where the platform does not say.
pub(super) fn qr_content(trial: Option<&PlatformVersion>, business: &Business) -> String {
    match trial.and_then(|trial| trial.qr_url.clone()) {
        Some(url) => url,
        None => format!(
            "weir://mini-program/{}?version=trial&access={}",
            business.appid, business.access_label
        ),
    }
}
