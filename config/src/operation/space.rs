use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{Object, PlatformProvider, Space};
use crate::operation::{Change, field, mini_program};
use crate::refusal::Refusal;

/// A space as an operator writes it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SpaceInput {
    /// For people; empty when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Where its mini programs are registered. Left out: as it was, `local` for a new space.
    #[serde(default)]
    pub platform: Option<PlatformProvider>,
}

/// Creates a space or renames it. Its agreement and its mini programs stay as they are.
///
/// # Errors
/// `invalid` (422) for an id or a name that cannot be used; `platform_in_use` (409) where the platform would
/// change under mini programs authorised to the space.
pub fn put_space(catalog: &Catalog, id: &str, input: SpaceInput) -> Result<Change, Refusal> {
    field::slug("space", id)?;
    let name = input.name.unwrap_or_default();
    field::name("name", &name)?;
    let mut space = catalog.space(id).cloned().unwrap_or_else(|| Space {
        id: id.to_owned(),
        ..Space::default()
    });
    space.name = name;
    let platform = input.platform.unwrap_or(space.platform);
    if platform != space.platform && !space.mini_programs.is_empty() {
        return Err(Refusal::conflict(
            "platform_in_use",
            format!(
                "Space `{id}` has mini programs of platform `{}` ({} of them), which platform `{}` does not know. \
                 Create another space for those.",
                space.platform.as_str(),
                space.mini_programs.len(),
                platform.as_str()
            ),
        )
        .at("platform"));
    }
    space.platform = platform;
    Ok(Change::put_if_new(catalog, Object::Space(space)))
}

/// Authorises a mini program to a space.
///
/// # Errors
/// `not_found` (404) for an unknown space or mini program, `invalid` (422) for what is no appid.
pub fn authorize(catalog: &Catalog, space: &str, appid: &str) -> Result<Change, Refusal> {
    let known = existing(catalog, space)?;
    field::appid("appid", appid)?;
    if catalog.mini_program(appid).is_none() {
        return Err(Refusal::not_found(format!(
            "The platform knows no mini program `{appid}`. {}",
            mini_program::how_to_register(appid)
        )));
    }
    let mut changed = known.clone();
    changed.mini_programs.insert(appid.to_owned());
    Ok(Change::put_if_new(catalog, Object::Space(changed)))
}

pub(super) fn existing<'c>(catalog: &'c Catalog, id: &str) -> Result<&'c Space, Refusal> {
    catalog.space(id).ok_or_else(|| {
        let id = field::shown(id);
        Refusal::not_found(format!(
            "There is no space `{id}`. Create it with PUT /admin/v1/spaces/{id}."
        ))
    })
}
