use std::collections::BTreeSet;

use crate::access::sdk;
use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{AttachedDomain, Business, BusinessType, EnvVersion, UrlRule};
use crate::operation::patch::legal::Legal;
use crate::operation::patch::member::Field;
use crate::operation::patch::{RULES_MAX, gray};
use crate::refusal::Refusal;

/// Most path prefixes of one rule, and most bytes of one.
const PATHS_MAX: usize = 100;
const PATH_MAX: usize = 1024;
/// Most domains the client's own code may send through the link by hand.
const MANUAL_DOMAINS_MAX: usize = 20;

pub(super) fn patch(
    catalog: &Catalog,
    business: &mut Business,
    access: &Field<'_>,
) -> Result<(), Refusal> {
    for field in access.members()? {
        match field.name {
            "enabled" => business.access.enabled = field.boolean()?,
            "versions" => business.access.versions = versions(business.business_type, &field)?,
            "urls" => business.access.urls = url_rules(catalog, business, &field)?,
            "gray" => gray::patch(&mut business.access.gray, &field)?,
            "manual_domains" => {
                business.access.manual_domains = manual_domains(catalog, business, &field)?;
            }
            "min_sdk_version" => business.access.min_sdk_version = sdk_version(&field)?,
            _ => {
                return Err(
                    field.unknown("enabled, versions, urls, gray, manual_domains, min_sdk_version")
                );
            }
        }
    }
    attach_new(business);
    Ok(())
}

fn versions(of: BusinessType, field: &Field<'_>) -> Result<BTreeSet<EnvVersion>, Refusal> {
    let version = |item: &Field<'_>| match (of, EnvVersion::from_name(item.text()?)) {
        (_, None) => Err(item.refuse("A version is one of release, trial, develop.")),
        (BusinessType::Web | BusinessType::App, Some(EnvVersion::Trial | EnvVersion::Develop)) => {
            Err(item.refuse("A business for web or app has one version, release."))
        }
        (_, Some(version)) => Ok(version),
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

fn sdk_version(field: &Field<'_>) -> Result<String, Refusal> {
    let text = field.text()?;
    if sdk::is_version(text) {
        return Ok(text.to_owned());
    }
    Err(field.refuse(
        "A base library's version is numbers with dots between them, as in 3.0.2; 0 takes every one.",
    ))
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
        let rooted = path.is_empty() || path.starts_with('/');
        if !rooted || path.len() > PATH_MAX || !path.bytes().all(typed) {
            return Err(item.refuse(format!(
                "A path begins with / (or is empty: the whole domain) and is written as it stands in a \
                 request: no ?, no #, no spaces, other characters percent-encoded, at most {PATH_MAX} bytes."
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
