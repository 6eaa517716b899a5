use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{Alarm, AttachedDomain, Business, BusinessType, Kind, Object, ObjectKey};
use crate::operation::{Change, field, patch, schedule};
use crate::refusal::Refusal;

/// Changes a business by a merge patch (RFC 7386) over `name`, `access.{enabled, versions, urls, gray,
/// manual_domains, min_sdk_version}`, `origins`, `region`, `route_tag`, `timeout_ms`, `overflow`, `cors`, and for web
/// and app `attached_domains`. All of it or nothing.
///
/// # Errors
/// `not_found` (404); `invalid` (422) names the field by its path, as in `access.urls[3].domain`.
pub fn patch_business(catalog: &Catalog, id: &str, patch: &Value) -> Result<Change, Refusal> {
    let business = patch::apply(catalog, existing(catalog, id)?, patch)?;
    let mut change = Change::put_if_new(catalog, Object::Business(business));
    if patch["access"]["enabled"] == Value::Bool(false) {
        schedule::stay_disconnected(catalog, id, &mut change);
    }
    Ok(change)
}

/// Takes a business off its gateway; its access domain stops working, its schedules and alarms go, its mini program can be
/// attached anew.
///
/// # Errors
/// `not_found` (404).
pub fn delete_business(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    existing(catalog, id)?;
    let mut change = Change::delete(ObjectKey::new(Kind::Business, id));
    let schedules = catalog.schedules_of(id).cloned().map(Object::Schedule);
    let watches = |alarm: &&Alarm| alarm.scope.business.as_deref() == Some(id);
    let alarms = catalog.alarms().filter(watches).cloned().map(Object::Alarm);
    let of_it = schedules.chain(alarms);
    change.deletes.extend(of_it.map(|object| object.key()));
    Ok(change)
}

/// Quick disconnect: everything of a business back to the public link. Its other settings stay.
///
/// # Errors
/// `not_found` (404).
pub fn disconnect(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    let mut business = existing(catalog, id)?.clone();
    business.access.enabled = false;
    let mut change = Change::put_if_new(catalog, Object::Business(business));
    schedule::stay_disconnected(catalog, id, &mut change);
    Ok(change)
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

/// Which way a user is taken by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GraySide {
    /// On the link, whatever the share.
    In,
    /// Not on the link, whatever the share.
    Out,
}

/// Takes a user of the online version in or out by name; `None`: the share decides again.
///
/// # Errors
/// `not_found` (404); `invalid` (422) for a name that cannot be, and for more than 1,000 on a side.
pub fn set_gray_user(
    catalog: &Catalog,
    id: &str,
    user: &str,
    side: Option<GraySide>,
) -> Result<Change, Refusal> {
    let business = existing(catalog, id)?;
    patch::user_name("user", user)?;
    let gray = &business.access.gray;
    let (mut include, mut exclude) = (gray.include.clone(), gray.exclude.clone());
    include.remove(user);
    exclude.remove(user);
    match side {
        Some(GraySide::In) => include.insert(user.to_owned()),
        Some(GraySide::Out) => exclude.insert(user.to_owned()),
        None => true,
    };
    let patch = json!({"access": {"gray": {"include": include, "exclude": exclude}}});
    patch_business(catalog, id, &patch)
}

/// What an operator should know of a business: sentences, none where all is well.
pub fn warnings(catalog: &Catalog, business: &Business) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(program) = catalog.mini_program(&business.appid) else {
        return warnings;
    };
    for domain in no_longer_legal(catalog, business) {
        warnings.push(format!(
            "`{}` is attached, but no longer among the request domains that platform `{}` lists: its calls are \
             refused as not configured until it is listed again. Add it there, or take it out of access.urls.",
            domain.0,
            program.source.as_str()
        ));
    }
    for problem in &program.problems {
        warnings.push(format!(
            "Platform `{}` was asked and something was wrong: {problem}",
            program.source.as_str()
        ));
    }
    warnings
}

/// Attached domains of a mini program that its platform does not list any more. Where the platform never said
/// anything of the mini program, all are legal.
pub(crate) fn no_longer_legal<'b>(
    catalog: &Catalog,
    business: &'b Business,
) -> Vec<&'b AttachedDomain> {
    if business.business_type != BusinessType::MiniProgram {
        return Vec::new();
    }
    let Some(program) = catalog.mini_program(&business.appid) else {
        return Vec::new();
    };
    let listed = program.request_domains.iter();
    let listed: HashSet<Origin> = listed.filter_map(|d| Origin::parse(d).ok()).collect();
    let attached = business.attached_domains.iter();
    attached
        .filter(|domain| Origin::parse(&domain.0).is_ok_and(|origin| !listed.contains(&origin)))
        .collect()
}

pub(super) fn existing<'c>(catalog: &'c Catalog, id: &str) -> Result<&'c Business, Refusal> {
    catalog.business(id).ok_or_else(|| {
        Refusal::not_found(format!(
            "There is no business `{}`. Attach a mini program with \
             POST /admin/v1/gateways/{{gateway}}/one-key-access (its appid is the business's id), anything else \
             with POST /admin/v1/gateways/{{gateway}}/businesses.",
            field::shown(id)
        ))
    })
}
