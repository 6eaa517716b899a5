use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gateway::{BANDWIDTH_BPS, QPS, existing, within};
use crate::catalog::Catalog;
use crate::moment;
use crate::object::{ElasticPack, Gateway, Object};
use crate::operation::{Change, Context, field};
use crate::refusal::Refusal;

/// Elastic packs a gateway may have at once, in force or waiting.
pub const PACKS_MAX: usize = 16;

/// An elastic pack as an operator writes it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ElasticPackInput {
    /// Bits a second on top of the package, 8 to 10^12; may be left out where `qps` is given.
    #[serde(default)]
    pub bandwidth_bps: Option<u64>,
    /// Calls a second on top, 1 to 10^7; of no effect on a gateway without a limit on calls.
    #[serde(default)]
    pub qps: Option<u64>,
    /// RFC 3339; at once when left out.
    #[serde(default)]
    #[schema(format = DateTime, example = "2026-01-31T08:30:00Z")]
    pub from: Option<String>,
    /// RFC 3339; must be given: a limit without an end is a package.
    #[serde(default)]
    #[schema(format = DateTime, example = "2026-02-01T08:30:00Z")]
    pub until: Option<String>,
}

/// Gives a gateway an elastic pack, or replaces the one of this name. Packs that have ended go.
///
/// # Errors
/// `not_found` (404) for an unknown gateway; `invalid` (422) names the field; `too_many_packs` (409) beyond
/// [`PACKS_MAX`].
pub fn put_elastic_pack(
    catalog: &Catalog,
    context: &Context,
    gateway: &str,
    id: &str,
    input: ElasticPackInput,
) -> Result<Change, Refusal> {
    let known = existing(catalog, gateway)?;
    field::slug("pack", id)?;
    let mut changed = without_ended(known, context.now_ms);
    let same = changed.elastic_packs.iter().find(|pack| pack.id == id);
    // Sent again without its beginning, a pack goes on as it began.
    let begun_ms = same.map_or(context.now_ms, |pack| pack.from_ms);
    let pack = ElasticPack {
        id: id.to_owned(),
        bandwidth_bps: input.bandwidth_bps.unwrap_or(0),
        qps: input.qps,
        from_ms: match &input.from {
            Some(text) => moment_of("from", text)?,
            None => begun_ms,
        },
        until_ms: match &input.until {
            Some(text) => moment_of("until", text)?,
            None => {
                let detail = "An elastic pack needs its end: give `until`, for instance \
                              2026-01-31T08:30:00Z. For a limit without an end, change the package.";
                return Err(Refusal::invalid("until", detail));
            }
        },
    };
    check_pack(&pack)?;
    if pack.has_ended(context.now_ms) {
        let detail = format!(
            "{} is over already (it is {} here). Give a later moment.",
            moment::text(pack.until_ms),
            moment::text(context.now_ms)
        );
        return Err(Refusal::invalid("until", detail));
    }
    changed.elastic_packs.retain(|other| other.id != id);
    if changed.elastic_packs.len() >= PACKS_MAX {
        let detail = format!(
            "Gateway `{gateway}` has {PACKS_MAX} elastic packs that have not ended, which is the most it may \
             have. Remove one with DELETE /admin/v1/gateways/{gateway}/elastic-packs/{{pack}}, or change one."
        );
        return Err(Refusal::conflict("too_many_packs", detail));
    }
    changed.elastic_packs.push(pack);
    changed.elastic_packs.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Change::put_if_new(catalog, Object::Gateway(changed)))
}

/// Takes an elastic pack away, in force or not. Packs that have ended go too.
///
/// # Errors
/// `not_found` (404) for an unknown gateway, and where it has no pack of this name.
pub fn delete_elastic_pack(
    catalog: &Catalog,
    context: &Context,
    gateway: &str,
    id: &str,
) -> Result<Change, Refusal> {
    let known = existing(catalog, gateway)?;
    if !known.elastic_packs.iter().any(|pack| pack.id == id) {
        let named: Vec<&str> = known.elastic_packs.iter().map(|p| p.id.as_str()).collect();
        let there = match named.as_slice() {
            [] => "it has none".to_owned(),
            named => format!("it has: {}", named.join(", ")),
        };
        return Err(Refusal::not_found(format!(
            "Gateway `{gateway}` has no elastic pack `{}`; {there}. Packs that have ended go with the next \
             change of the gateway.",
            field::shown(id)
        )));
    }
    let mut changed = without_ended(known, context.now_ms);
    changed.elastic_packs.retain(|pack| pack.id != id);
    Ok(Change::put_if_new(catalog, Object::Gateway(changed)))
}

/// Checks the packs of a gateway as they are kept; ended ones may be among them.
pub(super) fn check_packs(packs: &[ElasticPack]) -> Result<(), Refusal> {
    if packs.len() > PACKS_MAX {
        let detail = format!(
            "{} elastic packs; a gateway may have at most {PACKS_MAX}.",
            packs.len()
        );
        return Err(Refusal::invalid("elastic_packs", detail));
    }
    for (i, pack) in packs.iter().enumerate() {
        let place = format!("elastic_packs[{i}]");
        let checked = field::slug("id", &pack.id).and_then(|()| check_pack(pack));
        checked.map_err(|refusal| refusal.within(&place))?;
        if packs[..i].iter().any(|other| other.id == pack.id) {
            let detail = format!("`{}` is listed twice; list it once.", pack.id);
            return Err(Refusal::invalid(format!("{place}.id"), detail));
        }
    }
    Ok(())
}

fn check_pack(pack: &ElasticPack) -> Result<(), Refusal> {
    // A pack of calls alone is one; a pack of nothing is none.
    if pack.bandwidth_bps > 0 || pack.qps.is_none() {
        let (unit, range) = ("bits a second", BANDWIDTH_BPS);
        within("bandwidth_bps", unit, pack.bandwidth_bps, range)?;
    }
    if let Some(qps) = pack.qps {
        within("qps", "calls a second", qps, QPS)?;
    }
    if pack.until_ms <= pack.from_ms {
        let detail = format!(
            "It would end at {}, which is not after its beginning at {}. Give a later moment.",
            moment::text(pack.until_ms),
            moment::text(pack.from_ms)
        );
        return Err(Refusal::invalid("until", detail));
    }
    Ok(())
}

fn moment_of(path: &str, text: &str) -> Result<u64, Refusal> {
    moment::parse(text).ok_or_else(|| {
        let detail = format!(
            "`{}` is no moment: {}.",
            field::shown(text),
            moment::NO_MOMENT
        );
        Refusal::invalid(path, detail)
    })
}

fn without_ended(gateway: &Gateway, now_ms: u64) -> Gateway {
    let mut gateway = gateway.clone();
    gateway.elastic_packs.retain(|pack| !pack.has_ended(now_ms));
    gateway
}

// === impl Change ===

impl Change {
    /// The same without elastic packs that have ended, in the gateways that it writes.
    pub fn without_ended_packs(mut self, now_ms: u64) -> Self {
        for object in &mut self.puts {
            if let Object::Gateway(gateway) = object {
                *gateway = without_ended(gateway, now_ms);
            }
        }
        self
    }
}
