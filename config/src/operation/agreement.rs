use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{Agreement, Object};
use crate::operation::{Change, Context, field, space};
use crate::refusal::Refusal;

/// Which text of the service agreement is accepted, and by whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementInput {
    /// The version of the text, for instance `2026-01`.
    pub version: String,
    /// The person or account that accepts it.
    pub accepted_by: String,
}

/// Accepts the service agreement for a space. Accepting the same text again by the same person keeps the
/// time of the first acceptance.
///
/// # Errors
/// `not_found` (404) for an unknown space, `invalid` (422) for an empty field.
pub fn accept_agreement(
    catalog: &Catalog,
    context: &Context,
    space: &str,
    input: AgreementInput,
) -> Result<Change, Refusal> {
    let known = space::existing(catalog, space)?;
    field::text("version", &input.version)?;
    field::text("accepted_by", &input.accepted_by)?;
    if let Some(accepted) = &known.agreement
        && accepted.version == input.version
        && accepted.accepted_by == input.accepted_by
    {
        return Ok(Change::default());
    }
    let mut changed = known.clone();
    changed.agreement = Some(Agreement {
        version: input.version,
        accepted_by: input.accepted_by,
        accepted_at_ms: context.now_ms,
    });
    Ok(Change::put(Object::Space(changed)))
}
