use std::collections::HashMap;
use std::sync::Arc;

use crate::access::host::AccessHost;
use crate::access::rule::Rule;
use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{
    Business, BusinessType, Cors, EnvVersion, Gateway, Gray, Kind, ObjectKey, OriginSettings,
    Overflow,
};
use crate::operation::{endpoint_order, no_longer_legal};
use crate::stamp::Stamp;

/// All businesses, compiled for look-up by access domain.
#[derive(Debug, Default)]
pub struct AccessTable {
    /// By first label of the access domain, in lower case.
    by_label: HashMap<String, Arc<Route>>,
    /// Of each region, all regions, nearest first.
    regions: HashMap<String, Vec<String>>,
    by_business: HashMap<String, Arc<Route>>,
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
    pub business_type: BusinessType,
    pub access_label: String,
    /// The region the business was given.
    pub region: String,
    pub route_tag: String,
    /// For `web` businesses.
    pub cors: Option<Cors>,
    pub overflow: Overflow,
    /// How long the origin may take to answer, milliseconds.
    pub timeout_ms: u32,
    /// The newest stamp of what this route was compiled from; `x-wx-conf-version`.
    pub conf_version: Stamp,
    pub(super) enabled: bool,
    pub(super) versions: Vec<EnvVersion>,
    pub(super) gray: Gray,
    pub(super) min_sdk_version: String,
    pub(super) manual_domains: Vec<String>,
    /// The business's own domains, with rules or without.
    pub(super) attached: Vec<Origin>,
    pub(super) rules: Vec<Rule>,
}

// === impl AccessTable ===

impl AccessTable {
    /// Compiles every business of the catalog. Regions are those of [`Catalog::region_ids`].
    ///
    /// A business whose gateway is not known (it is on its way from another node) is left out, and so is a
    /// rule for a domain that is not attached, or no longer legal.
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
            Some(Arc::new(route))
        };
        let routes: Vec<Arc<Route>> = catalog.businesses().filter_map(route).collect();
        let labelled =
            |route: &Arc<Route>| (route.access_label.to_ascii_lowercase(), route.clone());
        AccessTable {
            by_label: routes.iter().map(labelled).collect(),
            regions: catalog
                .region_ids()
                .into_iter()
                .map(|id| (id.to_owned(), endpoint_order(catalog, id)))
                .collect(),
            by_business: routes
                .iter()
                .map(|route| (route.business.clone(), route.clone()))
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

    /// A business by its id, which is its appid.
    pub fn business(&self, id: &str) -> Option<&Arc<Route>> {
        self.by_business.get(id)
    }

    /// All regions, nearest to `from` first; none where `from` is not known.
    pub fn regions_from(&self, from: &str) -> &[String] {
        self.regions.get(from).map_or(&[], Vec::as_slice)
    }

    /// The host name of a business in a region.
    pub fn access_domain(&self, route: &Route, region: &str) -> String {
        format!("{}.{region}.{}", route.access_label, self.base_domain)
    }

    fn look_up(&self, label: &str, region: &str) -> Option<&Arc<Route>> {
        let route = self.by_label.get(label)?;
        self.regions.contains_key(region).then_some(route)
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
        let mut conf_version =
            stamp(Kind::Business, &business.id)?.max(stamp(Kind::Gateway, &gateway.id)?);
        // Which domains are legal is the platform's to say.
        if business.business_type == BusinessType::MiniProgram
            && let Some(program) = stamp(Kind::MiniProgram, &business.appid)
        {
            conf_version = conf_version.max(program);
        }
        let attached: Vec<Origin> = business
            .attached_domains
            .iter()
            .filter_map(|domain| Origin::parse(&domain.0).ok())
            .collect();
        let gone = no_longer_legal(catalog, business).into_iter();
        let gone: Vec<Origin> = gone.filter_map(|d| Origin::parse(&d.0).ok()).collect();
        let origins: Vec<Arc<OriginSettings>> =
            business.origins.iter().cloned().map(Arc::new).collect();
        let rule = |domain: &str, paths: &[String]| {
            let origin = Origin::parse(domain)
                .ok()
                .filter(|o| attached.contains(o) && !gone.contains(o))?;
            let of_origin = |s: &&Arc<OriginSettings>| {
                Origin::parse(&s.domain).is_ok_and(|domain| domain == origin)
            };
            let settings = origins.iter().find(of_origin).cloned();
            Some(Rule::new(origin, paths, settings))
        };
        let access = &business.access;
        Some(Route {
            business: business.id.clone(),
            gateway: gateway.id.clone(),
            gateway_index,
            appid: business.appid.clone(),
            business_type: business.business_type,
            access_label: business.access_label.clone(),
            region: business.region.clone(),
            route_tag: business.route_tag.clone(),
            cors: business.cors.clone(),
            overflow: business.overflow.unwrap_or(gateway.overflow),
            timeout_ms: business.timeout_ms,
            conf_version: conf_version.clone(),
            enabled: access.enabled,
            versions: access.versions.iter().copied().collect(),
            gray: access.gray.clone(),
            min_sdk_version: access.min_sdk_version.clone(),
            manual_domains: access.manual_domains.clone(),
            rules: access
                .urls
                .iter()
                .filter_map(|url| rule(&url.domain, &url.paths))
                .collect(),
            attached,
        })
    }
}
