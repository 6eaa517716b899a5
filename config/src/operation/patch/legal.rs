use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{Business, BusinessType};
use crate::operation::field;
use crate::operation::patch::RULES_MAX;
use crate::operation::patch::member::Field;
use crate::refusal::Refusal;

/// The domains a business may name: those attached, and those its platform lists now.
pub(super) struct Legal {
    origins: Vec<Origin>,
    of_platform: bool,
}

// === impl Legal ===

impl Legal {
    pub(super) fn of(catalog: &Catalog, business: &Business) -> Self {
        let program = catalog.mini_program(&business.appid);
        let listed = program
            .into_iter()
            .flat_map(|program| &program.request_domains)
            .filter_map(|text| Origin::parse(text).ok());
        let mut legal = Legal::attached(business);
        if legal.of_platform {
            legal.origins.extend(listed);
        }
        legal
    }

    /// Those attached alone.
    pub(super) fn attached(business: &Business) -> Self {
        let attached = business.attached_domains.iter();
        Legal {
            origins: attached
                .filter_map(|domain| Origin::parse(&domain.0).ok())
                .collect(),
            of_platform: business.business_type == BusinessType::MiniProgram,
        }
    }

    pub(super) fn contains(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }

    /// The domain as written, where it is legal and not among those seen before.
    pub(super) fn unseen_domain(
        &self,
        field: &Field<'_>,
        seen: &mut Vec<Origin>,
    ) -> Result<String, Refusal> {
        let text = field.text()?;
        let origin = field::domain(&field.path, text)?;
        if !self.contains(&origin) {
            let known: Vec<String> = self
                .origins
                .iter()
                .take(RULES_MAX)
                .map(Origin::to_string)
                .collect();
            let how = if self.of_platform {
                "Add it to request_domains on the platform first"
            } else {
                "Add it to attached_domains first"
            };
            return Err(field.refuse(format!(
                "`{origin}` is not a legal domain of this business. {how}, or name one of: {}.",
                known.join(", ")
            )));
        }
        if seen.contains(&origin) {
            return Err(field.refuse(format!(
                "`{origin}` is listed twice; list it once, with all that belongs to it."
            )));
        }
        seen.push(origin);
        Ok(text.to_owned())
    }
}
