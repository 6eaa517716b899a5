use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::moment;
use crate::object::{Agreement, AgreementText, BUILT_IN_AGREEMENT, Gateway, Object, Space};
use crate::operation::{Change, Context, field, space};
use crate::refusal::Refusal;

/// Longest text of the agreement, bytes, and longest name of a version.
const TEXT_MAX: usize = 256 * 1024;
const VERSION_MAX: usize = 64;
/// Most acceptances a space keeps.
const ACCEPTANCES_MAX: usize = 1_000;

/// Which text of the service agreement is accepted, and by whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementInput {
    /// The version of the text, for instance `2026-01`: one of `GET /agreements`.
    pub version: String,
    /// The person or account that accepts it.
    pub accepted_by: String,
}

/// A version of the service agreement, as an operator writes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementTextInput {
    pub title: String,
    /// The whole of it, plain text or Markdown, at most 256 KiB.
    pub text: String,
    /// From when on it is needed for attaching, RFC 3339. Left out: as before, for a new version from now on.
    #[serde(default)]
    #[schema(format = DateTime, example = "2026-01-31T08:30:00Z")]
    pub effective_at: Option<String>,
}

/// Sets a version of the service agreement. Businesses that are attached stay so; nothing is attached from
/// `effective_at` on before the space has accepted it.
///
/// # Errors
/// `invalid` (422) names the field; `agreement_accepted` (409) where a space has accepted other words under this
/// version.
pub fn put_agreement_text(
    catalog: &Catalog,
    context: &Context,
    version: &str,
    input: AgreementTextInput,
) -> Result<Change, Refusal> {
    let known = catalog.agreement_text(version);
    let since = known.map(|known| known.effective_at_ms);
    let asked = match &input.effective_at {
        Some(text) => Some(moment_of(text)?),
        None => None,
    };
    let text = AgreementText {
        id: version.to_owned(),
        title: input.title,
        text: input.text,
        effective_at_ms: asked.or(since).unwrap_or(context.now_ms),
    };
    check_text(&text)?;
    let before = text_of(catalog, version);
    let same_words =
        before.is_some_and(|b| (b.title, b.text) == (text.title.clone(), text.text.clone()));
    let accepted = catalog.spaces().find(|space| space.has_accepted(version));
    if let Some(space) = accepted.filter(|_| !same_words) {
        return Err(Refusal::conflict(
            "agreement_accepted",
            format!(
                "Space `{}` has accepted version {version} as it is, so its words stay. Set the new text under a \
                 version of its own: PUT /admin/v1/agreements/{{version}}.",
                space.id
            ),
        ));
    }
    Ok(Change::put_if_new(catalog, Object::AgreementText(text)))
}

/// Every version of the agreement, in the order in which they take effect.
pub fn agreement_texts(catalog: &Catalog) -> Vec<AgreementText> {
    let mut texts: Vec<AgreementText> = catalog.agreement_texts().cloned().collect();
    if catalog.agreement_text(BUILT_IN_AGREEMENT).is_none() {
        texts.push(AgreementText::built_in());
    }
    texts.sort_by(|a, b| (a.effective_at_ms, &a.id).cmp(&(b.effective_at_ms, &b.id)));
    texts
}

/// The version that has to be accepted for something to be attached now: the one that took effect last.
pub fn required_agreement(catalog: &Catalog, now_ms: u64) -> AgreementText {
    let mut newest_first = agreement_texts(catalog).into_iter().rev();
    let in_force = newest_first.find(|text| text.effective_at_ms <= now_ms);
    in_force.unwrap_or_else(AgreementText::built_in)
}

/// Accepts the service agreement for a space. Accepting the same text again by the same person keeps the
/// time of the first acceptance; every acceptance is kept.
///
/// # Errors
/// `not_found` (404) for an unknown space, `unknown_agreement` (422) for a version there is not, `invalid` (422)
/// for an empty field.
pub fn accept_agreement(
    catalog: &Catalog,
    context: &Context,
    space: &str,
    input: AgreementInput,
) -> Result<Change, Refusal> {
    let known = space::existing(catalog, space)?;
    field::text("version", &input.version)?;
    field::text("accepted_by", &input.accepted_by)?;
    if text_of(catalog, &input.version).is_none() {
        return Err(unknown_version(catalog, &input.version));
    }
    let mut changed = known.clone();
    // Spaces written by earlier releases have the last acceptance only.
    if let Some(last) = known
        .agreement
        .iter()
        .find(|_| known.acceptances.is_empty())
    {
        changed.acceptances.push(last.clone());
    }
    let is_same = |a: &Agreement| a.version == input.version && a.accepted_by == input.accepted_by;
    if changed.acceptances.iter().any(is_same) {
        return Ok(Change::default());
    }
    if changed.acceptances.len() >= ACCEPTANCES_MAX {
        return Err(Refusal::invalid(
            "accepted_by",
            format!(
                "Space `{space}` keeps {ACCEPTANCES_MAX} acceptances already, the most it can. Version {} counts \
                 as accepted where any one of them is of it.",
                field::shown(&input.version)
            ),
        ));
    }
    let accepted = Agreement {
        version: input.version,
        accepted_by: input.accepted_by,
        accepted_at_ms: context.now_ms,
    };
    changed.agreement = Some(accepted.clone());
    changed.acceptances.push(accepted);
    Ok(Change::put(Object::Space(changed)))
}

/// The space of a gateway, where it may attach something now.
///
/// # Errors
/// `agreement_not_accepted` (409), naming the version that is missing.
pub(super) fn agreed_space<'c>(
    catalog: &'c Catalog,
    now_ms: u64,
    gateway: &Gateway,
) -> Result<&'c Space, Refusal> {
    let needed = required_agreement(catalog, now_ms).id;
    let space = catalog.space(&gateway.space);
    if let Some(space) = space.filter(|space| space.has_accepted(&needed)) {
        return Ok(space);
    }
    let (id, gateway) = (&gateway.space, &gateway.id);
    let accepted = space.and_then(|space| space.agreement.as_ref());
    let what = match accepted {
        None => format!("has not accepted the service agreement, version {needed}"),
        Some(last) => format!(
            "has accepted version {} of the service agreement, but version {needed} is in force",
            last.version
        ),
    };
    Err(Refusal::conflict(
        "agreement_not_accepted",
        format!(
            "Space `{id}`, which gateway `{gateway}` belongs to, {what}; nothing can be attached before. Read it at \
             GET /admin/v1/agreements/{needed}, accept it with PUT /admin/v1/spaces/{id}/agreement and \
             {{\"version\": \"{needed}\", \"accepted_by\": …}}, then try again.",
        ),
    ))
}

/// Checks a text as it is kept.
pub(super) fn check_text(text: &AgreementText) -> Result<(), Refusal> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let version = text.id.as_str();
    if !(1..=VERSION_MAX).contains(&version.len()) || !version.bytes().all(legal) {
        return Err(Refusal::invalid(
            "id",
            format!(
                "`{}` cannot name a version: use 1 to {VERSION_MAX} of A-Z, a-z, 0-9, -, _ and ., as in 2026-01.",
                field::shown(version)
            ),
        ));
    }
    field::text("title", &text.title)?;
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.text.trim().is_empty() || text.text.len() > TEXT_MAX || text.text.chars().any(control) {
        return Err(Refusal::invalid(
            "text",
            format!(
                "The text has to be there, in at most {TEXT_MAX} bytes, without control characters but line \
                 breaks and tabs."
            ),
        ));
    }
    Ok(())
}

fn moment_of(text: &str) -> Result<u64, Refusal> {
    moment::parse(text).ok_or_else(|| {
        let detail = format!(
            "`{}` is no moment: {}.",
            field::shown(text),
            moment::NO_MOMENT
        );
        Refusal::invalid("effective_at", detail)
    })
}

fn text_of(catalog: &Catalog, version: &str) -> Option<AgreementText> {
    let texts = agreement_texts(catalog).into_iter();
    texts.into_iter().find(|text| text.id == version)
}

fn unknown_version(catalog: &Catalog, version: &str) -> Refusal {
    let known: Vec<String> = agreement_texts(catalog)
        .into_iter()
        .map(|text| text.id)
        .collect();
    let detail = format!(
        "There is no version `{}` of the service agreement. The versions are: {}; read them at GET \
         /admin/v1/agreements.",
        field::shown(version),
        known.join(", ")
    );
    Refusal::new(422, "unknown_agreement", detail).at("version")
}
