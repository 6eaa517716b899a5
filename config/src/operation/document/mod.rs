//! The whole configuration as one declarative document, and the plan that makes the configuration so.

mod plan;
mod read;

pub use plan::{Action, Plan, Step, plan};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{AgreementText, Alarm, Business, Gateway, MiniProgram, Object, Region, Space};
use crate::operation::region;

/// What is configured, without history, tokens, receivers of alarms, and schedules (which are on their way, and would begin anew). Lists are in the order of the ids.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The default regions too. Empty: the regions stay as they are.
    #[serde(default)]
    pub regions: Vec<Region>,
    #[serde(default)]
    pub mini_programs: Vec<MiniProgram>,
    /// The built-in text is not among them. Empty: the texts stay as they are.
    #[serde(default)]
    pub agreement_texts: Vec<AgreementText>,
    #[serde(default)]
    pub spaces: Vec<Space>,
    #[serde(default)]
    pub gateways: Vec<Gateway>,
    #[serde(default)]
    pub businesses: Vec<Business>,
    /// Those that somebody has set; the built-in ones are as they are. Empty: the alarms stay as they are. Receivers are
    /// in no document, since their URLs are secrets.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
}

/// The configuration as a document. The same configuration always gives the same document.
pub fn export(catalog: &Catalog) -> Document {
    Document {
        regions: region::effective_regions(catalog).collect(),
        mini_programs: catalog.mini_programs().cloned().collect(),
        agreement_texts: catalog.agreement_texts().cloned().collect(),
        spaces: catalog.spaces().cloned().collect(),
        gateways: catalog.gateways().cloned().collect(),
        businesses: catalog.businesses().cloned().collect(),
        alarms: catalog.alarms().cloned().collect(),
    }
}

// === impl Document ===

impl Document {
    /// Everything in it, each with its place (`businesses[2]`); what others refer to comes first.
    fn objects(&self) -> impl Iterator<Item = (String, Object)> {
        let regions = placed("regions", &self.regions, Object::Region);
        let programs = placed("mini_programs", &self.mini_programs, Object::MiniProgram);
        let texts = placed(
            "agreement_texts",
            &self.agreement_texts,
            Object::AgreementText,
        );
        let spaces = placed("spaces", &self.spaces, Object::Space);
        let gateways = placed("gateways", &self.gateways, Object::Gateway);
        let businesses = placed("businesses", &self.businesses, Object::Business);
        let alarms = placed("alarms", &self.alarms, Object::Alarm);
        regions
            .chain(programs)
            .chain(texts)
            .chain(spaces)
            .chain(gateways)
            .chain(businesses)
            .chain(alarms)
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
