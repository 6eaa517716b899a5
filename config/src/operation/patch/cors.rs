use crate::domain::Origin;
use crate::object::{Business, BusinessType, Cors};
use crate::operation::field;
use crate::operation::patch::member::Field;
use crate::refusal::Refusal;

const ALLOWED_MAX: usize = 100;
/// A day: no browser keeps an answer longer.
const MAX_AGE_S: std::ops::RangeInclusive<u32> = 0..=86_400;

/// `null` takes it away.
pub(super) fn patch(business: &Business, field: &Field<'_>) -> Result<Option<Cors>, Refusal> {
    if field.value.is_null() {
        return Ok(None);
    }
    if business.business_type != BusinessType::Web {
        return Err(
            field.refuse("Only browsers ask for it: it can be set for a business of type web.")
        );
    }
    let mut cors = business.cors.clone().unwrap_or_else(|| Cors {
        max_age_s: 600,
        ..Cors::default()
    });
    for member in field.members()? {
        match member.name {
            "allowed_origins" => cors.allowed_origins = allowed(&member)?,
            "allow_credentials" => cors.allow_credentials = member.boolean()?,
            "max_age_s" => cors.max_age_s = member.whole_number(MAX_AGE_S, "seconds")?,
            _ => return Err(member.unknown("allowed_origins, allow_credentials, max_age_s")),
        }
    }
    if cors.allow_credentials && cors.allowed_origins.iter().any(|origin| origin == "*") {
        return Err(field.refuse(
            "With allow_credentials every page's origin has to be named: browsers refuse * there.",
        ));
    }
    Ok(Some(cors))
}

fn allowed(field: &Field<'_>) -> Result<Vec<String>, Refusal> {
    if field.value.is_null() {
        return Ok(Vec::new());
    }
    let items = field.items()?;
    if items.len() > ALLOWED_MAX {
        return Err(field.refuse(format!(
            "{} origins are given; at most {ALLOWED_MAX} may be allowed.",
            items.len()
        )));
    }
    let mut allowed: Vec<String> = Vec::with_capacity(items.len());
    for item in &items {
        let origin = page_origin(item)?;
        if allowed.contains(&origin) {
            return Err(item.refuse(format!("`{origin}` is listed twice; list it once.")));
        }
        allowed.push(origin);
    }
    Ok(allowed)
}

/// As browsers write it in `Origin`, so that it can be compared as it stands.
fn page_origin(item: &Field<'_>) -> Result<String, Refusal> {
    let text = item.text()?;
    if text == "*" {
        return Ok(text.to_owned());
    }
    match Origin::parse(text) {
        Ok(origin) if text.contains("://") => Ok(origin.to_string()),
        _ => Err(item.refuse(format!(
            "`{}` is not the origin of a page: write scheme and host, and the port where it is not the scheme's \
             own, as in https://shop.example; or * for all.",
            field::shown(text)
        ))),
    }
}
