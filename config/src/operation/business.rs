use serde_json::Value;

use crate::catalog::Catalog;
use crate::object::{Business, Kind, Object, ObjectKey};
use crate::operation::{Change, field, patch};
use crate::refusal::Refusal;

/// Changes a business by a merge patch (RFC 7386) over `name`, `access.{enabled, versions, urls, gray,
/// manual_domains}`, `region`, `route_tag`, `timeout_ms` and `overflow`. All of it or nothing.
///
/// # Errors
/// `not_found` (404); `invalid` (422) names the field by its path, as in `access.urls[3].domain`.
pub fn patch_business(catalog: &Catalog, id: &str, patch: &Value) -> Result<Change, Refusal> {
    let business = patch::apply(catalog, existing(catalog, id)?, patch)?;
    Ok(Change::put_if_new(catalog, Object::Business(business)))
}

/// Takes a business off its gateway; its access domain stops working, its mini program can be attached anew.
///
/// # Errors
/// `not_found` (404).
pub fn delete_business(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    existing(catalog, id)?;
    Ok(Change::delete(ObjectKey::new(Kind::Business, id)))
}

/// Quick disconnect: everything of a business back to the public link. Its other settings stay.
///
/// # Errors
/// `not_found` (404).
pub fn disconnect(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    let mut business = existing(catalog, id)?.clone();
    business.access.enabled = false;
    Ok(Change::put_if_new(catalog, Object::Business(business)))
}

/// Takes a quick disconnect back: the versions that were attached use the link again.
///
/// # Errors
/// `not_found` (404); `no_version_attached` (409) where no version is attached, for then connecting would
/// change nothing for anybody.
pub fn connect(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    let mut business = existing(catalog, id)?.clone();
    if business.access.versions.is_empty() {
        return Err(Refusal::conflict(
            "no_version_attached",
            format!(
                "No version of business `{id}` is attached, so connecting it would put nothing on the link. \
                 Set access.versions (release, trial, develop) with PATCH /admin/v1/businesses/{id}."
            ),
        ));
    }
    business.access.enabled = true;
    Ok(Change::put_if_new(catalog, Object::Business(business)))
}

fn existing<'c>(catalog: &'c Catalog, id: &str) -> Result<&'c Business, Refusal> {
    catalog.business(id).ok_or_else(|| {
        Refusal::not_found(format!(
            "There is no business `{}`. Attach a mini program with \
             POST /admin/v1/gateways/{{gateway}}/one-key-access; its appid is the business's id.",
            field::shown(id)
        ))
    })
}
