use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{Gateway, Object, Overflow, Package, PackageName};
use crate::operation::{Change, field};
use crate::refusal::Refusal;

/// A custom package's limits on its own figures: one byte a second to 1 Tbps; one to ten million calls a second.
pub(super) const BANDWIDTH_BPS: std::ops::RangeInclusive<u64> = 8..=1_000_000_000_000;
pub(super) const QPS: std::ops::RangeInclusive<u64> = 1..=10_000_000;

/// A gateway as an operator writes it. What is left out takes its default.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayInput {
    /// The space it belongs to.
    pub space: String,
    /// For people; empty when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// `trial` when left out.
    #[serde(default)]
    pub package: Option<PackageInput>,
    /// `redirect` when left out.
    #[serde(default)]
    pub overflow: Option<Overflow>,
}

/// A package by name, or the figures of a custom one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageInput {
    /// `custom` where figures are given without a name.
    #[serde(default)]
    pub name: Option<PackageName>,
    /// Bits a second, 8 to 10^12. Needed for `custom`.
    #[serde(default)]
    pub bandwidth_bps: Option<u64>,
    /// Calls a second, 1 to 10^7; left out or null: no limit on calls.
    #[serde(default)]
    pub qps: Option<u64>,
}

/// Creates a gateway or replaces its name, package and overflow. Its elastic packs stay.
///
/// # Errors
/// `invalid` (422) names the field that cannot be used; `gateway_in_use` (409) where a gateway with
/// businesses would move to another space.
pub fn put_gateway(catalog: &Catalog, id: &str, input: GatewayInput) -> Result<Change, Refusal> {
    field::slug("gateway", id)?;
    field::slug("space", &input.space)?;
    let name = input.name.unwrap_or_default();
    field::name("name", &name)?;
    let package = match input.package {
        Some(package) => package.package()?,
        None => Package::default(),
    };
    if catalog.space(&input.space).is_none() {
        return Err(Refusal::invalid(
            "space",
            format!(
                "There is no space `{0}`. Create it with PUT /admin/v1/spaces/{0}.",
                input.space
            ),
        ));
    }
    check_move(catalog, id, &input.space)?;
    let known = catalog.gateway(id);
    Ok(Change::put_if_new(
        catalog,
        Object::Gateway(Gateway {
            id: id.to_owned(),
            space: input.space,
            name,
            package,
            overflow: input.overflow.unwrap_or_default(),
            elastic_packs: known.map_or_else(Vec::new, |known| known.elastic_packs.clone()),
        }),
    ))
}

/// Checks the figures of a package as it is kept.
pub(super) fn check_package(package: &Package) -> Result<(), Refusal> {
    let input = PackageInput {
        name: Some(package.name),
        bandwidth_bps: Some(package.bandwidth_bps),
        qps: package.qps,
    };
    if input.package()? == *package {
        return Ok(());
    }
    Err(Refusal::invalid(
        "package.qps",
        "A named package has figures of its own. Write them as they are, or name the package \"custom\".",
    ))
}

/// The gateway, or a refusal that says how to make one.
pub(super) fn existing<'c>(catalog: &'c Catalog, id: &str) -> Result<&'c Gateway, Refusal> {
    catalog.gateway(id).ok_or_else(|| {
        let id = field::shown(id);
        Refusal::not_found(format!(
            "There is no gateway `{id}`. Create it with PUT /admin/v1/gateways/{id}."
        ))
    })
}

/// Businesses are attached under the authorisation of the gateway's space, so it cannot change under them.
fn check_move(catalog: &Catalog, id: &str, space: &str) -> Result<(), Refusal> {
    let moves = catalog
        .gateway(id)
        .is_some_and(|known| known.space != space);
    match catalog.businesses().find(|b| moves && b.gateway == id) {
        None => Ok(()),
        Some(business) => {
            let mut refusal = Refusal::conflict(
                "gateway_in_use",
                format!(
                    "Gateway `{id}` has businesses (`{}` for one) and cannot move to another space. \
                     Delete them first, or create another gateway in space `{space}`.",
                    business.id
                ),
            );
            refusal.field = Some("space".to_owned());
            Err(refusal)
        }
    }
}

// === impl PackageInput ===

impl PackageInput {
    fn package(self) -> Result<Package, Refusal> {
        match self.name.map(|name| (name, Package::named(name))) {
            Some((name, Some(package))) => self.named(name, package),
            Some((_, None)) | None => self.custom(),
        }
    }

    /// A named package; its own figures may be repeated, so that what was read can be written back.
    fn named(self, name: PackageName, package: Package) -> Result<Package, Refusal> {
        let differs = |given: Option<u64>, own: Option<u64>| given.is_some() && given != own;
        let at_fault = if differs(self.bandwidth_bps, Some(package.bandwidth_bps)) {
            "package.bandwidth_bps"
        } else if differs(self.qps, package.qps) {
            "package.qps"
        } else {
            return Ok(package);
        };
        let name = serde_json::to_value(name).unwrap_or_default();
        Err(Refusal::invalid(
            at_fault,
            format!(
                "Package {name} has figures of its own. Leave them out, or name the package \"custom\"."
            ),
        ))
    }

    fn custom(self) -> Result<Package, Refusal> {
        let Some(bandwidth_bps) = self.bandwidth_bps else {
            return Err(Refusal::invalid(
                "package.bandwidth_bps",
                "A custom package needs its bandwidth in bits a second. \
                 Give it, or name one of trial, entry, basic, standard.",
            ));
        };
        within(
            "package.bandwidth_bps",
            "bits a second",
            bandwidth_bps,
            BANDWIDTH_BPS,
        )?;
        if let Some(qps) = self.qps {
            within("package.qps", "calls a second", qps, QPS)?;
        }
        Ok(Package {
            name: PackageName::Custom,
            bandwidth_bps,
            qps: self.qps,
        })
    }
}

pub(super) fn within(
    path: &str,
    unit: &str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<(), Refusal> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Refusal::invalid(
        path,
        format!(
            "{value} is out of range: {} to {} {unit}.",
            range.start(),
            range.end()
        ),
    ))
}
