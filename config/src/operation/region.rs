use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{Kind, Object, ObjectKey, Region, default_distance_km};
use crate::operation::{Change, field};
use crate::refusal::Refusal;

const DISTANCES_MAX: usize = 200;
const DISTANCE_MAX: u32 = 1_000_000;

/// A region as an operator writes it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionInput {
    /// For people; empty when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// How far other regions are, kilometres or any other measure that all use. Left out: as before.
    #[serde(default)]
    pub distances: Option<BTreeMap<String, u32>>,
}

/// Adds a region to those that are known, or changes its name and its distances.
///
/// # Errors
/// `invalid` (422) for an id that is no DNS label, a name that cannot be used, or a distance to no known region.
pub fn put_region(catalog: &Catalog, id: &str, input: RegionInput) -> Result<Change, Refusal> {
    field::slug("region", id)?;
    let name = input.name.unwrap_or_default();
    field::name("name", &name)?;
    let mut region = effective(catalog, id);
    region.name = name;
    if let Some(distances) = input.distances {
        for other in distances.keys() {
            known(
                catalog,
                &format!("distances.{}", field::shown(other)),
                other,
            )?;
        }
        region.distances = distances;
    }
    check(&region)?;
    Ok(Change::put_if_new(catalog, Object::Region(region)))
}

/// Takes a region away. Access domains that name it stop working; other regions' distances to it go too.
///
/// # Errors
/// `not_found` (404); 409 with `region_in_use`, naming a business that is there, or `last_region`.
pub fn delete_region(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    let known = catalog.region_ids();
    if !known.contains(id) {
        return Err(Refusal::not_found(format!(
            "There is no region `{}`. The regions are: {}.",
            field::shown(id),
            known.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    if let Some(business) = catalog.businesses().find(|b| b.region == id) {
        let count = catalog.businesses().filter(|b| b.region == id).count();
        return Err(Refusal::conflict(
            "region_in_use",
            format!(
                "Region `{id}` has {count} businesses (`{0}` for one), whose access domains name it. Move each to \
                 another region first: PATCH /admin/v1/businesses/{0} with {{\"region\": …}}.",
                business.id
            ),
        ));
    }
    if known.len() == 1 {
        return Err(Refusal::conflict(
            "last_region",
            format!("`{id}` is the only region there is. Add another before this one goes."),
        ));
    }
    let mut change = Change::delete(ObjectKey::new(Kind::Region, id));
    let mention = catalog
        .regions()
        .filter(|r| r.id != id && r.distances.contains_key(id));
    for region in mention {
        let mut region = region.clone();
        region.distances.remove(id);
        change.puts.push(Object::Region(region));
    }
    Ok(change)
}

/// The regions there are, in the order of their ids.
pub fn effective_regions(catalog: &Catalog) -> impl Iterator<Item = Region> {
    let ids = catalog.region_ids().into_iter();
    ids.map(|id| effective(catalog, id))
}

/// A region as it counts: the default ones have no record until somebody changes them.
fn effective(catalog: &Catalog, id: &str) -> Region {
    catalog.region(id).cloned().unwrap_or_else(|| {
        let known = catalog.region_ids();
        let mut region = Region::named(id);
        region
            .distances
            .retain(|other, _| known.contains(other.as_str()));
        region
    })
}

/// Checks a region's own fields. Another region that its distances name may have gone since.
pub(super) fn check(region: &Region) -> Result<(), Refusal> {
    field::slug("id", &region.id)?;
    field::name("name", &region.name)?;
    if region.distances.len() > DISTANCES_MAX {
        return Err(Refusal::invalid(
            "distances",
            format!(
                "{} distances are given; a region may have at most {DISTANCES_MAX}.",
                region.distances.len()
            ),
        ));
    }
    for (other, distance) in &region.distances {
        let path = format!("distances.{}", field::shown(other));
        field::slug(&path, other)?;
        if *other == region.id {
            return Err(Refusal::invalid(
                path,
                "A region is not away from itself; leave it out.",
            ));
        }
        if *distance > DISTANCE_MAX {
            return Err(Refusal::invalid(
                path,
                format!("A distance is a whole number, 0 to {DISTANCE_MAX}."),
            ));
        }
    }
    Ok(())
}

/// All regions, the one given first where it is known, then the nearest to it; of two equally near ones the one
/// whose id comes first. A region whose distance nobody says is farther than all others.
pub fn endpoint_order(catalog: &Catalog, from: &str) -> Vec<String> {
    let mut order: Vec<(u64, &str)> = catalog
        .region_ids()
        .into_iter()
        .map(|id| (distance(catalog, from, id), id))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, id)| id.to_owned()).collect()
}

/// What `from` says of the distance; else what the other says; else what is known of the default regions.
fn distance(catalog: &Catalog, from: &str, to: &str) -> u64 {
    if from == to {
        return 0;
    }
    let said = |by: &str, of: &str| catalog.region(by)?.distances.get(of).copied();
    let distance = said(from, to).or_else(|| said(to, from));
    // Another region may be in the same city, 0 away; it still comes after the one asked for.
    let distance = distance.or_else(|| default_distance_km(from, to));
    distance.map_or(u64::MAX, |distance| u64::from(distance) + 1)
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
