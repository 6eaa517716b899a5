use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{Object, Region};
use crate::operation::{Change, field};
use crate::refusal::Refusal;

/// A region as an operator writes it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionInput {
    /// For people; empty when left out.
    #[serde(default)]
    pub name: Option<String>,
}

/// Adds a region to those that are known, or renames one.
///
/// # Errors
/// `invalid` (422) for an id that is no DNS label, or a name that cannot be used.
pub fn put_region(catalog: &Catalog, id: &str, input: RegionInput) -> Result<Change, Refusal> {
    field::slug("region", id)?;
    let name = input.name.unwrap_or_default();
    field::name("name", &name)?;
    let id = id.to_owned();
    Ok(Change::put_if_new(
        catalog,
        Object::Region(Region { id, name }),
    ))
}

/// Checks that a region is known.
pub(super) fn known(catalog: &Catalog, path: &str, region: &str) -> Result<(), Refusal> {
    let known = catalog.region_ids();
    if known.contains(region) {
        return Ok(());
    }
    let known: Vec<&str> = known.into_iter().collect();
    Err(Refusal::invalid(
        path,
        format!(
            "There is no region `{}`. Known regions: {}.",
            field::shown(region),
            known.join(", ")
        ),
    ))
}
