//! Merge patches of a business, read field by field so that a refusal names the very field at fault.

mod member;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{AttachedDomain, Business, EnvVersion, Gray, Overflow, UrlRule};
use crate::operation::patch::member::Field;
use crate::operation::{field, region};
use crate::refusal::Refusal;

/// Most domains with rules a business may have (`PRODUCT.md` row 5).
const RULES_MAX: usize = 20;
/// Most path prefixes of one rule, and most bytes of one.
const PATHS_MAX: usize = 100;
const PATH_MAX: usize = 1024;
/// Most domains the client's own code may send through the link by hand.
const MANUAL_DOMAINS_MAX: usize = 20;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 1..=600_000;
const ROUTE_TAG_MAX: usize = 64;
const SALT_MAX: usize = 64;

const PATCHABLE: &str = "name, access, region, route_tag, timeout_ms, overflow";
const READ_ONLY: [&str; 6] = [
    "id",
    "gateway",
    "type",
    "appid",
    "access_label",
    "attached_domains",
];

/// The business as it is after the patch. The one given is not touched, so a refusal leaves nothing behind.
pub(super) fn apply(
    catalog: &Catalog,
    business: &Business,
    patch: &Value,
) -> Result<Business, Refusal> {
    let mut patched = business.clone();
    for field in Field::root(patch).members()? {
        match field.name {
            "name" => patched.name = field.name_or_none()?,
            "access" => patch_access(catalog, &mut patched, &field)?,
            "region" => {
                let region = field.text()?;
                region::known(catalog, &field.path, region)?;
                patched.region = region.to_owned();
            }
            "route_tag" => patched.route_tag = route_tag(&field)?,
            "timeout_ms" => patched.timeout_ms = timeout_ms(&field)?,
            "overflow" => patched.overflow = overflow(&field)?,
            name if READ_ONLY.contains(&name) => {
                return Err(field.refuse(format!(
                    "It cannot be changed. A patch may set: {PATCHABLE}."
                )));
            }
            _ => return Err(field.unknown(PATCHABLE)),
        }
    }
    Ok(patched)
}

/// Checks all of a business that a patch could set, as if it were one.
pub(super) fn check(catalog: &Catalog, business: &Business) -> Result<(), Refusal> {
    let mut patch = serde_json::to_value(business).unwrap_or_default();
    if let Value::Object(fields) = &mut patch {
        fields.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    }
    let checked = apply(catalog, business, &patch)?;
    let attached = checked.attached_domains.len() == business.attached_domains.len();
    if attached {
        return Ok(());
    }
    Err(Refusal::invalid(
        "attached_domains",
        "A rule names a domain that is not attached: list it here too.",
    ))
}

fn patch_access(
    catalog: &Catalog,
    business: &mut Business,
    access: &Field<'_>,
) -> Result<(), Refusal> {
    for field in access.members()? {
        match field.name {
            "enabled" => business.access.enabled = field.boolean()?,
            "versions" => business.access.versions = versions(&field)?,
            "urls" => business.access.urls = url_rules(catalog, business, &field)?,
            "gray" => patch_gray(&mut business.access.gray, &field)?,
            "manual_domains" => {
                business.access.manual_domains = manual_domains(catalog, business, &field)?;
            }
            _ => return Err(field.unknown("enabled, versions, urls, gray, manual_domains")),
        }
    }
    attach_new(business);
    Ok(())
}

fn versions(field: &Field<'_>) -> Result<BTreeSet<EnvVersion>, Refusal> {
    let version = |item: &Field<'_>| {
        EnvVersion::from_name(item.text()?)
            .ok_or_else(|| item.refuse("A version is one of release, trial, develop."))
    };
    field.items()?.iter().map(version).collect()
}

fn url_rules(
    catalog: &Catalog,
    business: &Business,
    field: &Field<'_>,
) -> Result<Vec<UrlRule>, Refusal> {
    let items = field.items()?;
    if items.len() > RULES_MAX {
        return Err(field.refuse(format!(
            "{} rules are given; a business may have rules for at most {RULES_MAX} domains.",
            items.len()
        )));
    }
    let legal = Legal::of(catalog, business);
    let mut seen = Vec::new();
    let mut rules = Vec::with_capacity(items.len());
    for item in &items {
        let (mut domain, mut paths) = (None, Vec::new());
        for member in item.members()? {
            match member.name {
                "domain" => domain = Some(legal.unseen_domain(&member, &mut seen)?),
                "paths" => paths = path_prefixes(&member)?,
                _ => return Err(member.unknown("domain, paths")),
            }
        }
        let domain = domain.ok_or_else(|| {
            item.member_refusal("domain", "A rule needs its domain; paths may be left out.")
        })?;
        rules.push(UrlRule { domain, paths });
    }
    Ok(rules)
}

fn path_prefixes(field: &Field<'_>) -> Result<Vec<String>, Refusal> {
    if field.value.is_null() {
        return Ok(Vec::new());
    }
    let items = field.items()?;
    if items.len() > PATHS_MAX {
        return Err(field.refuse(format!(
            "{} paths are given; a rule may have at most {PATHS_MAX}.",
            items.len()
        )));
    }
    let mut paths: Vec<String> = Vec::with_capacity(items.len());
    for item in &items {
        let path = item.text()?;
        let typed = |b: u8| b.is_ascii_graphic() && b != b'?' && b != b'#';
        if !path.starts_with('/') || path.len() > PATH_MAX || !path.bytes().all(typed) {
            return Err(item.refuse(format!(
                "A path begins with / and is written as it stands in a request: no ?, no #, no spaces, \
                 other characters percent-encoded, at most {PATH_MAX} bytes."
            )));
        }
        if paths.iter().any(|known| known == path) {
            return Err(item.refuse(format!("`{path}` is listed twice; list it once.")));
        }
        paths.push(path.to_owned());
    }
    Ok(paths)
}

fn manual_domains(
    catalog: &Catalog,
    business: &Business,
    field: &Field<'_>,
) -> Result<Vec<String>, Refusal> {
    if field.value.is_null() {
        return Ok(Vec::new());
    }
    let items = field.items()?;
    if items.len() > MANUAL_DOMAINS_MAX {
        return Err(field.refuse(format!(
            "{} domains are given; at most {MANUAL_DOMAINS_MAX} may be sent by hand.",
            items.len()
        )));
    }
    let legal = Legal::of(catalog, business);
    let mut seen = Vec::new();
    items
        .iter()
        .map(|item| legal.unseen_domain(item, &mut seen))
        .collect()
}

fn patch_gray(gray: &mut Gray, field: &Field<'_>) -> Result<(), Refusal> {
    for member in field.members()? {
        match member.name {
            "percent" => gray.percent = percent(&member)?,
            "salt" => {
                let salt = member.text()?;
                if salt.len() > SALT_MAX || !salt.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(member.refuse(format!(
                        "A salt has at most {SALT_MAX} printable ASCII characters, no spaces."
                    )));
                }
                gray.salt = salt.to_owned();
            }
            _ => return Err(member.unknown("percent, salt")),
        }
    }
    Ok(())
}

/// 0 to 100 with at most two decimals, so that it is a whole number of hundredths of a percent.
fn percent(field: &Field<'_>) -> Result<f64, Refusal> {
    let wrong =
        || field.refuse("A percentage is a number from 0 to 100 with at most two decimals.");
    let percent = field.value.as_f64().ok_or_else(wrong)?;
    if !(0.0..=100.0).contains(&percent) {
        return Err(wrong());
    }
    let exact = (percent * 100.0).round() / 100.0;
    if exact == percent {
        Ok(exact.abs())
    } else {
        Err(wrong())
    }
}

fn route_tag(field: &Field<'_>) -> Result<String, Refusal> {
    let tag = field.text()?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=ROUTE_TAG_MAX).contains(&tag.len()) && tag.bytes().all(legal) {
        return Ok(tag.to_owned());
    }
    Err(field.refuse(format!(
        "A route tag goes to origins in a header: 1 to {ROUTE_TAG_MAX} of A-Z, a-z, 0-9, -, _ and . only."
    )))
}

fn timeout_ms(field: &Field<'_>) -> Result<u32, Refusal> {
    field
        .value
        .as_u64()
        .filter(|ms| TIMEOUT_MS.contains(ms))
        .and_then(|ms| u32::try_from(ms).ok())
        .ok_or_else(|| {
            field.refuse("A time-out is a whole number of milliseconds, 1 to 600000 (10 minutes).")
        })
}

fn overflow(field: &Field<'_>) -> Result<Option<Overflow>, Refusal> {
    match field.value {
        Value::Null => Ok(None),
        Value::String(name) if name == "redirect" => Ok(Some(Overflow::Redirect)),
        Value::String(name) if name == "relay" => Ok(Some(Overflow::Relay)),
        _ => {
            Err(field
                .refuse("Overflow is \"redirect\" or \"relay\", or null: as the gateway says."))
        }
    }
}

/// A legal domain that a rule names is attached by that: this is how domains beyond the first ten of one-key
/// access, and domains the platform has learned since, get onto the link.
fn attach_new(business: &mut Business) {
    let origin_of = |text: &str| Origin::parse(text).ok();
    for rule in &business.access.urls {
        let origin = origin_of(&rule.domain);
        let known = |attached: &AttachedDomain| origin_of(&attached.0) == origin;
        if !business.attached_domains.iter().any(known) {
            business
                .attached_domains
                .push(AttachedDomain(rule.domain.clone()));
        }
    }
}

/// The domains a business may name: those attached, and those its platform lists now.
struct Legal(Vec<Origin>);

// === impl Legal ===

impl Legal {
    fn of(catalog: &Catalog, business: &Business) -> Self {
        let attached = business.attached_domains.iter().map(|domain| &domain.0);
        let program = catalog.mini_program(&business.appid);
        let listed = program
            .into_iter()
            .flat_map(|program| &program.request_domains);
        Legal(
            attached
                .chain(listed)
                .filter_map(|text| Origin::parse(text).ok())
                .collect(),
        )
    }

    /// The domain as written, where it is legal and not among those seen before.
    fn unseen_domain(&self, field: &Field<'_>, seen: &mut Vec<Origin>) -> Result<String, Refusal> {
        let text = field.text()?;
        let origin = field::domain(&field.path, text)?;
        if !self.0.contains(&origin) {
            let known: Vec<String> = self
                .0
                .iter()
                .take(RULES_MAX)
                .map(Origin::to_string)
                .collect();
            return Err(field.refuse(format!(
                "`{origin}` is not a legal domain of this business. Add it to request_domains on the \
                 platform first, or name one of: {}.",
                known.join(", ")
            )));
        }
        if seen.contains(&origin) {
            return Err(field.refuse(format!(
                "`{origin}` is listed twice; list it once, with all that belongs to it."
            )));
        }
        seen.push(origin);
        Ok(text.to_owned())
    }
}
