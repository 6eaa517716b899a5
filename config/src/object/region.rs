use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The regions a new cluster begins with.
pub const DEFAULT_REGIONS: [&str; 3] = ["shanghai", "shenzhen", "tianjin"];

/// How far the default regions are from each other as the crow flies, kilometres.
const DEFAULT_DISTANCES_KM: [(&str, &str, u32); 3] = [
    ("shanghai", "shenzhen", 1_213),
    ("shanghai", "tianjin", 955),
    ("shenzhen", "tianjin", 1_863),
];

/// A place where nodes stand.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Region {
    /// A DNS label: part of every access domain of the region.
    pub id: String,
    #[serde(default)]
    pub name: String,
    /// How far other regions are, kilometres or any other measure that all use. Said by one of two regions, it is
    /// said for both; a region of which nothing is said is farther than all others.
    #[serde(default)]
    pub distances: BTreeMap<String, u32>,
}

/// How far two of the default regions are from each other, where nobody says otherwise.
pub fn default_distance_km(a: &str, b: &str) -> Option<u32> {
    let between = |(x, y, _): &&(&str, &str, u32)| (*x, *y) == (a, b) || (*x, *y) == (b, a);
    let found = DEFAULT_DISTANCES_KM.iter().find(between);
    found.map(|(_, _, distance_km)| *distance_km)
}

// === impl Region ===

impl Region {
    /// A region of which only its id is known; a default one has the stated distances.
    pub fn named(id: &str) -> Self {
        let distance = |other: &&str| default_distance_km(id, other);
        let others = DEFAULT_REGIONS.iter();
        Region {
            id: id.to_owned(),
            name: String::new(),
            distances: others
                .filter_map(|other| Some(((*other).to_owned(), distance(other)?)))
                .collect(),
        }
    }
}
