//! What the benches measure on: configurations of a given size.

pub mod figures;
pub mod quota_sim;

use weir_config::object::{
    Access, AttachedDomain, Business, BusinessType, EnvVersion, Gateway, Gray, MIN_SDK_VERSION,
    Overflow, Package, UrlRule,
};
use weir_config::{Catalog, Hlc, NodeId, Object, Record};

/// The appid of business number `i`.
pub fn appid(i: usize) -> String {
    format!("wx{i:016x}")
}

/// The access domain of business number `i`.
pub fn access_domain(i: usize) -> String {
    format!("a{i:08x}-{}.shanghai.weir.localhost", appid(i))
}

/// A catalog of `businesses` attached mini programs, a hundred a gateway, each with three domains and
/// four path prefixes on each, all versions attached, half of the users in gray.
///
/// # Panics
/// Never: the objects are sound by construction.
pub fn catalog(businesses: usize) -> Catalog {
    let node: NodeId = "bench-1".parse().expect("a node id");
    let mut clock = Hlc::new(node);
    let mut catalog = Catalog::default();
    let mut put = |object: Object| {
        catalog.merge(Record {
            key: object.key(),
            stamp: clock.tick(1),
            based_on: None,
            author: "bench".to_owned(),
            request: None,
            object: Some(object),
        });
    };
    for gateway in 0..businesses.div_ceil(100) {
        put(Object::Gateway(Gateway {
            id: format!("gw-{gateway}"),
            space: "bench".to_owned(),
            name: String::new(),
            package: Package::default(),
            overflow: Overflow::Redirect,
            elastic_packs: Vec::new(),
        }));
    }
    for i in 0..businesses {
        put(Object::Business(business(i)));
    }
    catalog
}

/// Business number `i` as [`catalog`] has it.
pub fn business(i: usize) -> Business {
    let domains: Vec<String> = (0..3)
        .map(|d| format!("https://api{d}.shop{i}.example"))
        .collect();
    let paths = ["/orders", "/users", "/v1/items", "/v2"]
        .map(str::to_owned)
        .to_vec();
    Business {
        id: appid(i),
        gateway: format!("gw-{}", i / 100),
        business_type: BusinessType::MiniProgram,
        name: String::new(),
        appid: appid(i),
        access_label: format!("a{i:08x}-{}", appid(i)),
        region: "shanghai".to_owned(),
        route_tag: format!("tag-{i}"),
        attached_domains: domains.iter().cloned().map(AttachedDomain).collect(),
        origins: Vec::new(),
        access: Access {
            enabled: true,
            versions: EnvVersion::ALL.into(),
            urls: domains
                .into_iter()
                .map(|domain| UrlRule {
                    domain,
                    paths: paths.clone(),
                })
                .collect(),
            gray: Gray {
                percent: 50.0,
                salt: "salt".to_owned(),
                ..Gray::default()
            },
            manual_domains: Vec::new(),
            min_sdk_version: MIN_SDK_VERSION.to_owned(),
        },
        timeout_ms: 15_000,
        overflow: None,
        cors: None,
    }
}
