//! A business attached by hand: a web page or an app with servers of its own, or a mini program without one-key
//! access (`PRODUCT.md`, "Terms", business).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{
    Access, AttachedDomain, Business, BusinessType, EnvVersion, Gateway, Object, OriginSettings,
    UrlRule,
};
use crate::operation::agreement::agreed_space;
use crate::operation::mark::Mark;
use crate::operation::one_key::{self, TIMEOUT_DEFAULT_MS};
use crate::operation::{Change, Context, field, gateway, patch, region};
use crate::refusal::Refusal;

/// Longest id: its access label, `a<8 hex>-<id>`, is one label of a host name.
const ID_MAX: usize = 53;

/// A business as an operator writes it. What is left out takes its default.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BusinessInput {
    #[serde(rename = "type")]
    pub business_type: BusinessType,
    /// 1 to 53 of `a-z 0-9 -`; a mini program's is its appid. Left out: one is drawn.
    #[serde(default)]
    pub id: Option<String>,
    /// For people; empty when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Left out: the region of the node that is asked.
    #[serde(default)]
    pub region: Option<String>,
    /// Its servers, 1 to 20: each `[scheme://]host[:port]`, https unless written, or an object with that as
    /// `domain` and the settings of the origin. A mini program's are legal domains of it; left out: all of them.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub origins: Vec<Value>,
    /// A merge patch of what it begins with: on, all URLs, every user, the `release` of a page or an app, the
    /// `trial` of a mini program.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub access: Option<Value>,
    /// For `web`: which pages may call.
    #[serde(default)]
    #[schema(value_type = Option<crate::object::Cors>)]
    pub cors: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub route_tag: Option<Value>,
    /// 15,000 when left out.
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    pub timeout_ms: Option<Value>,
    /// As the gateway says, when left out.
    #[serde(default)]
    #[schema(value_type = Option<crate::object::Overflow>)]
    pub overflow: Option<Value>,
}

/// The business a `POST …/businesses` makes, with the id that was given or drawn.
///
/// # Errors
/// `not_found` (404), `invalid` (422) with the field; 409 with `agreement_not_accepted` or `business_exists`; for a
/// mini program also `not_authorized`, `bound_elsewhere`, `no_trial_version`, `no_request_domain`.
pub fn add_business(
    catalog: &Catalog,
    context: &Context,
    gateway: &str,
    input: BusinessInput,
) -> Result<(Change, Business), Refusal> {
    let gateway = gateway::existing(catalog, gateway)?;
    let mark = Mark::of(context);
    let id = business_id(&input, &mark)?;
    let region = input.region.as_deref().unwrap_or(&context.default_region);
    region::known(catalog, "region", region)?;
    let settings = origin_settings(&input.origins)?;
    let (domains, versions) = match input.business_type {
        BusinessType::MiniProgram => {
            let of_program = program_domains(catalog, context, gateway, &id, &settings)?;
            (of_program, EnvVersion::Trial)
        }
        BusinessType::Web | BusinessType::App => {
            agreed_space(catalog, context.now_ms, gateway)?;
            let listed = settings.iter().map(|item| item["domain"].clone()).collect();
            let domains = patch::first_domains(&Value::Array(listed))?;
            (domains, EnvVersion::Release)
        }
    };
    if let Some(business) = catalog.business(&id) {
        return Err(Refusal::conflict(
            "business_exists",
            format!(
                "There is a business `{id}` already, at gateway `{0}`. Change it with PATCH \
                 /admin/v1/businesses/{id}, or give this one another id.",
                business.gateway
            ),
        )
        .at("id"));
    }
    let urls = domains
        .iter()
        .map(|domain| UrlRule::whole_domain(&domain.0));
    let urls = urls.take(patch::RULES_MAX).collect();
    let business = Business {
        gateway: gateway.id.clone(),
        business_type: input.business_type,
        name: String::new(),
        appid: id.clone(),
        access_label: mark.access_label(&id),
        region: region.to_owned(),
        route_tag: mark.route_tag(),
        origins: Vec::new(),
        access: Access::new(BTreeSet::from([versions]), urls, mark.salt),
        attached_domains: domains,
        timeout_ms: TIMEOUT_DEFAULT_MS,
        overflow: None,
        cors: None,
        id,
    };
    let mut business = patch::apply(catalog, &business, &rest(input, settings))?;
    let says_nothing = |o: &OriginSettings| *o == OriginSettings::of(&o.domain);
    business.origins.retain(|origin| !says_nothing(origin));
    Ok((Change::put(Object::Business(business.clone())), business))
}

fn business_id(input: &BusinessInput, mark: &Mark) -> Result<String, Refusal> {
    let kind = match input.business_type {
        BusinessType::Web => "web",
        BusinessType::App => "app",
        BusinessType::MiniProgram => {
            let id = input.id.as_deref().unwrap_or("");
            return field::appid("id", id).map(|()| id.to_owned());
        }
    };
    let Some(id) = &input.id else {
        return Ok(format!("{kind}-{}", mark.id));
    };
    field::slug("id", id)?;
    if id.len() > ID_MAX {
        return Err(Refusal::invalid(
            "id",
            format!(
                "`{id}` has {} characters; with at most {ID_MAX} the access domain's first label fits into a host \
                 name.",
                id.len()
            ),
        ));
    }
    if field::appid("id", id).is_ok() {
        return Err(Refusal::invalid(
            "id",
            format!("`{id}` is how a mini program's business is called; give this one another id."),
        ));
    }
    Ok(id.clone())
}

/// Each origin as an object with its domain.
fn origin_settings(origins: &[Value]) -> Result<Vec<Value>, Refusal> {
    let settings = |(i, item): (usize, &Value)| match item {
        Value::String(domain) => {
            let fields = Map::from_iter([("domain".to_owned(), domain.as_str().into())]);
            Ok(Value::Object(fields))
        }
        Value::Object(fields) if fields.get("domain").is_some_and(Value::is_string) => {
            Ok(item.clone())
        }
        _ => Err(Refusal::invalid(
            format!("origins[{i}]"),
            "An origin is its domain, as in \"https://api.shop.example\", or an object with the domain and its \
             settings.",
        )),
    };
    origins.iter().enumerate().map(settings).collect()
}

/// The checks of one-key access, and the domains to attach: those named, or as one-key access takes them.
fn program_domains(
    catalog: &Catalog,
    context: &Context,
    gateway: &Gateway,
    appid: &str,
    settings: &[Value],
) -> Result<Vec<AttachedDomain>, Refusal> {
    let space = agreed_space(catalog, context.now_ms, gateway)?;
    let program = one_key::registered(catalog, space, appid)?;
    if !space.mini_programs.contains(appid) {
        return Err(Refusal::conflict(
            "not_authorized",
            format!(
                "Mini program `{appid}` is not authorised to space `{0}`. Authorise it with PUT \
                 /admin/v1/spaces/{0}/mini-programs/{appid}, then try again.",
                space.id
            ),
        ));
    }
    one_key::unbound(catalog, gateway, appid)?;
    one_key::trial_version(program)?;
    let legal = one_key::legal_domains(program)?;
    if settings.is_empty() {
        let (attached, _) = one_key::first_domains(&legal);
        return Ok(attached.iter().cloned().map(AttachedDomain).collect());
    }
    let legal: Vec<Origin> = legal.iter().filter_map(|d| Origin::parse(d).ok()).collect();
    let listed = settings.iter().map(|item| item["domain"].clone()).collect();
    let domains = patch::first_domains(&Value::Array(listed))?;
    for (i, domain) in domains.iter().enumerate() {
        if !Origin::parse(&domain.0).is_ok_and(|origin| legal.contains(&origin)) {
            return Err(Refusal::invalid(
                format!("origins[{i}]"),
                format!(
                    "`{}` is not a legal domain of mini program `{appid}`: add it to its request_domains first, or \
                     leave it out.",
                    field::shown(&domain.0)
                ),
            ));
        }
    }
    Ok(domains)
}

/// What was said beyond the defaults, as a merge patch: so its refusals name the same fields.
fn rest(input: BusinessInput, settings: Vec<Value>) -> Value {
    let said = [
        ("name", input.name.map(Value::from)),
        ("access", input.access),
        ("cors", input.cors),
        ("route_tag", input.route_tag),
        ("timeout_ms", input.timeout_ms),
        ("overflow", input.overflow),
        ("origins", Some(Value::Array(settings))),
    ];
    let said = said.into_iter();
    Value::Object(
        said.filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect(),
    )
}
