//! Merge patches of a business, read field by field so that a refusal names the very field at fault.

mod access;
mod cors;
mod gray;
mod legal;
mod member;
mod origin;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{AttachedDomain, Business, BusinessType, Overflow};
use crate::operation::patch::legal::Legal;
use crate::operation::patch::member::Field;
use crate::operation::{field, region};
use crate::refusal::Refusal;

pub(super) use gray::user_name;

/// Most domains with rules a business may have (`PRODUCT.md` row 5), and most origins of one for web or app.
pub(super) const RULES_MAX: usize = 20;
const TIMEOUT_MS: std::ops::RangeInclusive<u32> = 1..=600_000;
const ROUTE_TAG_MAX: usize = 64;

const PATCHABLE: &str = "name, access, origins, region, route_tag, timeout_ms, overflow, cors, and for web and app \
                         attached_domains";
const READ_ONLY: [&str; 5] = ["id", "gateway", "type", "appid", "access_label"];

/// The business as it is after the patch. The one given is not touched, so a refusal leaves nothing behind.
pub(super) fn apply(
    catalog: &Catalog,
    business: &Business,
    patch: &Value,
) -> Result<Business, Refusal> {
    let mut patched = business.clone();
    let mut fields = Field::root(patch).members()?;
    // What others name comes before them.
    fields.sort_by_key(|field| match field.name {
        "attached_domains" => 0,
        "access" => 1,
        _ => 2,
    });
    for field in &fields {
        match field.name {
            "name" => patched.name = field.name_or_none()?,
            "attached_domains" if business.business_type != BusinessType::MiniProgram => {
                patched.attached_domains = own_domains(field)?;
            }
            "access" => access::patch(catalog, &mut patched, field)?,
            "origins" => patched.origins = origin::settings(&patched, field)?,
            "region" => {
                let region = field.text()?;
                region::known(catalog, &field.path, region)?;
                patched.region = region.to_owned();
            }
            "route_tag" => patched.route_tag = route_tag(field)?,
            "timeout_ms" => patched.timeout_ms = timeout_ms(field)?,
            "overflow" => patched.overflow = overflow(field)?,
            "cors" => patched.cors = cors::patch(&patched, field)?,
            "attached_domains" => {
                return Err(field.refuse(
                    "The platform's list says which domains a mini program has. To attach another of them, name \
                     it in access.urls.",
                ));
            }
            name if READ_ONLY.contains(&name) => {
                return Err(field.refuse(format!(
                    "It cannot be changed. A patch may set: {PATCHABLE}."
                )));
            }
            _ => return Err(field.unknown(PATCHABLE)),
        }
    }
    check_named(&patched)?;
    Ok(patched)
}

/// Checks all of a business that a patch could set, as if it were one.
pub(super) fn check(catalog: &Catalog, business: &Business) -> Result<(), Refusal> {
    let of_platform = business.business_type == BusinessType::MiniProgram;
    let mut patch = serde_json::to_value(business).unwrap_or_default();
    if let Value::Object(fields) = &mut patch {
        let fixed =
            |name: &str| READ_ONLY.contains(&name) || (of_platform && name == "attached_domains");
        fields.retain(|name, _| !fixed(name));
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

/// The domains of a new business, as `POST …/businesses` lists them under `origins`.
pub(super) fn first_domains(list: &Value) -> Result<Vec<AttachedDomain>, Refusal> {
    own_domains(&Field {
        name: "origins",
        path: "origins".to_owned(),
        value: list,
    })
}

/// The domains of a business for web or app: its own servers, whatever they are called.
fn own_domains(field: &Field<'_>) -> Result<Vec<AttachedDomain>, Refusal> {
    let items = field.items()?;
    if items.is_empty() || items.len() > RULES_MAX {
        return Err(field.refuse(format!(
            "{} domains are given; a business for web or app has 1 to {RULES_MAX}.",
            items.len()
        )));
    }
    let mut seen = Vec::new();
    let domain = |item: &Field<'_>| {
        let text = item.text()?;
        let origin = field::domain(&item.path, text)?;
        if seen.contains(&origin) {
            return Err(item.refuse(format!("`{origin}` is listed twice; list it once.")));
        }
        seen.push(origin);
        Ok(AttachedDomain(text.to_owned()))
    };
    items.iter().map(domain).collect()
}

/// Checks that a domain that is no longer attached is not named elsewhere.
fn check_named(business: &Business) -> Result<(), Refusal> {
    if business.business_type == BusinessType::MiniProgram {
        return Ok(()); // Its list only grows here.
    }
    let attached = Legal::attached(business);
    let rules = business.access.urls.iter().map(|rule| &rule.domain);
    let rules = rules.map(|domain| ("access.urls", domain));
    let by_hand = business.access.manual_domains.iter();
    let by_hand = by_hand.map(|domain| ("access.manual_domains", domain));
    let settings = business.origins.iter().map(|origin| &origin.domain);
    let settings = settings.map(|domain| ("origins", domain));
    for (place, domain) in rules.chain(by_hand).chain(settings) {
        if Origin::parse(domain).is_ok_and(|origin| !attached.contains(&origin)) {
            return Err(Refusal::invalid(
                place,
                format!(
                    "It names `{}`, which is not attached. Leave it out there, or attach the domain.",
                    field::shown(domain)
                ),
            ));
        }
    }
    Ok(())
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
    field.whole_number(TIMEOUT_MS, "milliseconds (10 minutes at most)")
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
