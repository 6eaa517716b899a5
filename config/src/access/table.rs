use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::access::gray;
use crate::access::host::AccessHost;
use crate::access::rule::Rule;
use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{Business, EnvVersion, Gateway, Kind, ObjectKey, Overflow};
use crate::stamp::Stamp;

/// All businesses, compiled for look-up by access domain.
#[derive(Debug, Default)]
pub struct AccessTable {
    /// By first label of the access domain, in lower case.
    by_label: HashMap<String, Arc<Route>>,
    regions: HashSet<String>,
    /// `weir.localhost`: lower case, no trailing dot.
    base_domain: String,
    /// The gateways, in the order `Route::gateway_index` counts.
    pub gateways: Vec<String>,
}

/// One business, compiled: all that a call needs to know of it.
#[derive(Debug)]
pub struct Route {
    pub business: String,
    pub gateway: String,
    /// Index into [`AccessTable::gateways`], so that a call finds its meter without hashing.
    pub gateway_index: usize,
    pub appid: String,
    pub route_tag: String,
    pub overflow: Overflow,
    /// How long the origin may take to answer, milliseconds.
    pub timeout_ms: u32,
    /// The newest stamp of what this route was compiled from; `x-wx-conf-version`.
    pub conf_version: Stamp,
    pub(super) enabled: bool,
    pub(super) versions: Vec<EnvVersion>,
    pub(super) gray_basis_points: u32,
    pub(super) gray_salt: String,
    /// The business's own domains, with rules or without.
    pub(super) attached: Vec<Origin>,
    pub(super) rules: Vec<Rule>,
}

// === impl AccessTable ===

impl AccessTable {
    /// Compiles every business of the catalog. Regions are those of [`Catalog::region_ids`].
    ///
    /// A business whose gateway is not known (it is on its way from another node) is left out, and so is a
    /// rule for a domain that is not attached.
    pub fn compile(catalog: &Catalog, base_domain: &str) -> Self {
        let gateways: Vec<String> = catalog.gateways().map(|g| g.id.clone()).collect();
        let index: HashMap<&str, usize> = gateways
            .iter()
            .enumerate()
            .map(|(i, id)| (id.as_str(), i))
            .collect();
        let route = |business: &Business| {
            let gateway = catalog.gateway(&business.gateway)?;
            let gateway_index = *index.get(gateway.id.as_str())?;
            let route = Route::compile(catalog, business, gateway, gateway_index)?;
            Some((business.access_label.to_ascii_lowercase(), Arc::new(route)))
        };
        AccessTable {
            by_label: catalog.businesses().filter_map(route).collect(),
            regions: catalog
                .region_ids()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            base_domain: base_domain.trim_matches('.').to_ascii_lowercase(),
            gateways,
        }
    }

    /// The business of an access domain, `None` where the domain is not one of ours. The nodes of every
    /// region serve every business, so any region that is known will do.
    pub fn find(&self, host: &str) -> Option<&Arc<Route>> {
        let host = AccessHost::read(host, &self.base_domain)?;
        // Hosts nearly always come in lower case; only others cost a copy.
        if host
            .label
            .bytes()
            .chain(host.region.bytes())
            .any(|b| b.is_ascii_uppercase())
        {
            self.look_up(
                &host.label.to_ascii_lowercase(),
                &host.region.to_ascii_lowercase(),
            )
        } else {
            self.look_up(host.label, host.region)
        }
    }

    /// Every business.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.by_label.values()
    }

    fn look_up(&self, label: &str, region: &str) -> Option<&Arc<Route>> {
        let route = self.by_label.get(label)?;
        self.regions.contains(region).then_some(route)
    }
}

// === impl Route ===

impl Route {
    fn compile(
        catalog: &Catalog,
        business: &Business,
        gateway: &Gateway,
        gateway_index: usize,
    ) -> Option<Self> {
        let stamp = |kind, id: &str| Some(&catalog.record(&ObjectKey::new(kind, id))?.stamp);
        let conf_version =
            stamp(Kind::Business, &business.id)?.max(stamp(Kind::Gateway, &gateway.id)?);
        let attached: Vec<Origin> = business
            .attached_domains
            .iter()
            .filter_map(|domain| Origin::parse(&domain.0).ok())
            .collect();
        let rule = |domain: &str, paths: &[String]| {
            let origin = Origin::parse(domain)
                .ok()
                .filter(|o| attached.contains(o))?;
            let paths = paths.to_vec();
            Some(Rule { origin, paths })
        };
        let access = &business.access;
        Some(Route {
            business: business.id.clone(),
            gateway: gateway.id.clone(),
            gateway_index,
            appid: business.appid.clone(),
            route_tag: business.route_tag.clone(),
            overflow: business.overflow.unwrap_or(gateway.overflow),
            timeout_ms: business.timeout_ms,
            conf_version: conf_version.clone(),
            enabled: access.enabled,
            versions: access.versions.iter().copied().collect(),
            gray_basis_points: access.gray.basis_points().min(gray::EVERYONE),
            gray_salt: access.gray.salt.clone(),
            rules: access
                .urls
                .iter()
                .filter_map(|url| rule(&url.domain, &url.paths))
                .collect(),
            attached,
        })
    }
}
