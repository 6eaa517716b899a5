use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ElasticPack;

/// Belongs to a space, holds one package and many businesses.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Gateway {
    pub id: String,
    pub space: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub package: Package,
    /// What happens beyond the package, for businesses that do not say otherwise.
    #[serde(default)]
    pub overflow: Overflow,
    /// What comes on top of the package for a while, at most 16; those that have ended add nothing, and go
    /// with the next change of the gateway.
    #[serde(default)]
    pub elastic_packs: Vec<ElasticPack>,
}

/// The limit of a gateway over all regions together: a package by name, or a custom one. A named one may be
/// written as its name alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "PackageText")]
pub struct Package {
    pub name: PackageName,
    /// Bits a second, request plus response, heads and bodies. At least 8.
    pub bandwidth_bps: u64,
    /// Requests a second; absent: no limit on requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qps: Option<u64>,
}

/// A package as it is written: with all its figures, or by its name.
#[derive(Deserialize)]
struct PackageText {
    name: PackageName,
    bandwidth_bps: Option<u64>,
    qps: Option<u64>,
}

/// The packages of `PRODUCT.md`, "Terms".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PackageName {
    Trial,
    Entry,
    Basic,
    Standard,
    Custom,
}

/// What a client gets that cannot take the public link by itself, where the link is not for its call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// `307` to the origin's own URL.
    #[default]
    Redirect,
    /// The node passes the call to the origin, unprotected and marked so.
    Relay,
}

// === impl Package ===

impl Package {
    /// A package by its name; `None` for `custom`, whose figures are its owner's.
    ///
    /// `trial` and `standard` are the figures of `PRODUCT.md`; `entry` and `basic` are steps between them.
    pub fn named(name: PackageName) -> Option<Self> {
        let (bandwidth_bps, qps) = match name {
            PackageName::Trial => (1_000_000, None),
            PackageName::Entry => (5_000_000, Some(200)),
            PackageName::Basic => (10_000_000, Some(500)),
            PackageName::Standard => (20_000_000, Some(1_000)),
            PackageName::Custom => return None,
        };
        Some(Package {
            name,
            bandwidth_bps,
            qps,
        })
    }

    /// Bytes a second: 1 Mbps is 125,000 B/s.
    pub fn bytes_per_second(&self) -> u64 {
        self.bandwidth_bps / 8
    }
}

impl TryFrom<PackageText> for Package {
    type Error = &'static str;

    fn try_from(text: PackageText) -> Result<Self, Self::Error> {
        match (text.bandwidth_bps, Package::named(text.name)) {
            (Some(bandwidth_bps), _) => Ok(Package {
                name: text.name,
                bandwidth_bps,
                qps: text.qps,
            }),
            (None, Some(package)) => Ok(Package {
                qps: text.qps.or(package.qps),
                ..package
            }),
            (None, None) => Err("a custom package needs bandwidth_bps, in bits a second"),
        }
    }
}

impl Default for Package {
    fn default() -> Self {
        Package {
            name: PackageName::Trial,
            bandwidth_bps: 1_000_000,
            qps: None,
        }
    }
}
