//! The whole configuration as one declarative document, and the plan that makes the configuration so.

mod plan;
mod read;

pub use plan::{Action, Plan, Step, plan};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{Business, Gateway, MiniProgram, Object, Region, Space};

/// What is configured, without history and without tokens. Lists are in the order of the ids.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The default regions too. Empty: the regions stay as they are.
    #[serde(default)]
    pub regions: Vec<Region>,
    #[serde(default)]
    pub mini_programs: Vec<MiniProgram>,
    #[serde(default)]
    pub spaces: Vec<Space>,
    #[serde(default)]
    pub gateways: Vec<Gateway>,
    #[serde(default)]
    pub businesses: Vec<Business>,
}

/// The configuration as a document. The same configuration always gives the same document.
pub fn export(catalog: &Catalog) -> Document {
    Document {
        regions: effective_regions(catalog).collect(),
        mini_programs: catalog.mini_programs().cloned().collect(),
        spaces: catalog.spaces().cloned().collect(),
        gateways: catalog.gateways().cloned().collect(),
        businesses: catalog.businesses().cloned().collect(),
    }
}

/// The regions there are; the default ones have no record until somebody changes them.
fn effective_regions(catalog: &Catalog) -> impl Iterator<Item = Region> {
    let region = |id: &str| {
        catalog.region(id).cloned().unwrap_or_else(|| Region {
            id: id.to_owned(),
            name: String::new(),
        })
    };
    catalog.region_ids().into_iter().map(region)
}

// === impl Document ===

impl Document {
    /// Everything in it, each with its place (`businesses[2]`); what others refer to comes first.
    fn objects(&self) -> impl Iterator<Item = (String, Object)> {
        let regions = placed("regions", &self.regions, Object::Region);
        let programs = placed("mini_programs", &self.mini_programs, Object::MiniProgram);
        let spaces = placed("spaces", &self.spaces, Object::Space);
        let gateways = placed("gateways", &self.gateways, Object::Gateway);
        let businesses = placed("businesses", &self.businesses, Object::Business);
        regions
            .chain(programs)
            .chain(spaces)
            .chain(gateways)
            .chain(businesses)
    }
}

fn placed<'d, T: Clone>(
    list: &'d str,
    items: &'d [T],
    object: fn(T) -> Object,
) -> impl Iterator<Item = (String, Object)> + 'd {
    let items = items.iter().cloned().enumerate();
    items.map(move |(i, item)| (format!("{list}[{i}]"), object(item)))
}
