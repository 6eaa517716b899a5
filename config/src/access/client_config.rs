//! The access config of clients (`CONTRACT.md` 2): all that a client needs to decide as a node would.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::access::table::{AccessTable, Route};
use crate::object::EnvVersion;
use crate::stamp::Stamp;

/// `GET https://<access domain>/.well-known/weir/access`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientConfig {
    /// What clients say in `x-wx-conf-version`.
    #[schema(value_type = String, example = "019234567abc0000-n1")]
    pub conf_version: Stamp,
    pub appid: String,
    pub route_tag: String,
    /// False after a quick disconnect: nothing takes the link.
    pub enabled: bool,
    /// Versions that use the link.
    pub versions: Vec<EnvVersion>,
    /// URLs that use the link.
    pub urls: Vec<ClientUrl>,
    pub gray: ClientGray,
    /// Where the link is, nearest first.
    pub endpoints: Vec<Endpoint>,
    /// How long the origin may take to answer, milliseconds.
    pub timeout_ms: u32,
    /// Domains that the client's own code sends through the link by hand.
    pub manual_domains: Vec<String>,
    /// After how long to ask for this again, seconds.
    pub refresh_seconds: u32,
    /// Clients with an older base library take the public link; developer tools have a rule of their own.
    pub min_sdk_version: String,
}

/// A domain and its path prefixes; none: the whole domain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientUrl {
    /// `scheme://host[:port]`: host in lower case, the port where it is not the scheme's own.
    pub domain: String,
    pub paths: Vec<String>,
}

/// The share of users of `release` on the link.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClientGray {
    /// 0 to 100.
    pub percent: f64,
    pub salt: String,
    /// Users who are in, and users who are out, whatever the share: of each the SHA-256 over salt then user, 64
    /// hexadecimal digits, in their order. Who they are stays with the node.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

/// The link in one region.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    pub region: String,
    /// `https://<access domain>`, with the port where it is not the scheme's own.
    pub url: String,
    /// `false`: no node of this region is alive as far as the answering one knows. Left out where one is.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub live: bool,
}

/// What a node knows that the configuration does not.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'s> {
    /// `http` or `https`.
    pub scheme: &'s str,
    /// The port clients reach the link at.
    pub port: u16,
    pub refresh_seconds: u32,
}

/// What clients of a business decide by.
///
/// `region` is where the distances begin: the business's own ([`Route::region`]) or the answering node's. Regions
/// without a live node come last, for a client that only tries the first ones.
pub fn client_config(
    table: &AccessTable,
    route: &Route,
    region: &str,
    is_live: impl Fn(&str) -> bool,
    serving: &Serving<'_>,
) -> ClientConfig {
    let endpoint = |region: &String| Endpoint {
        url: url(serving, &table.access_domain(route, region)),
        live: is_live(region),
        region: region.clone(),
    };
    let order = match table.regions_from(region) {
        [] => table.regions_from(&route.region),
        order => order,
    };
    let mut endpoints: Vec<Endpoint> = order.iter().map(endpoint).collect();
    endpoints.sort_by_key(|endpoint| !endpoint.live);
    let gray = &route.gray;
    let hidden = |users: &std::collections::BTreeSet<String>| {
        let mut users: Vec<String> = users.iter().map(|u| hidden_user(&gray.salt, u)).collect();
        users.sort_unstable();
        users
    };
    ClientConfig {
        conf_version: route.conf_version.clone(),
        appid: route.appid.clone(),
        route_tag: route.route_tag.clone(),
        enabled: route.enabled,
        versions: route.versions.clone(),
        urls: route
            .rules
            .iter()
            .map(|rule| ClientUrl {
                domain: rule.origin.to_string(),
                paths: rule.paths.clone(),
            })
            .collect(),
        gray: ClientGray {
            percent: gray.percent,
            salt: gray.salt.clone(),
            include: hidden(&gray.include),
            exclude: hidden(&gray.exclude),
        },
        endpoints,
        timeout_ms: route.timeout_ms,
        manual_domains: route.manual_domains.clone(),
        refresh_seconds: serving.refresh_seconds,
        min_sdk_version: route.min_sdk_version.clone(),
    }
}

/// A user in [`ClientGray::include`] and `exclude`: SHA-256 over salt then user, hexadecimal.
pub fn hidden_user(salt: &str, user: &str) -> String {
    hex::encode(
        Sha256::new()
            .chain_update(salt)
            .chain_update(user)
            .finalize(),
    )
}

fn url(serving: &Serving<'_>, host: &str) -> String {
    let own = match serving.scheme {
        "http" => 80,
        _ => 443,
    };
    if serving.port == own {
        format!("{}://{host}", serving.scheme)
    } else {
        format!("{}://{host}:{}", serving.scheme, serving.port)
    }
}

fn yes() -> bool {
    true
}

fn is_yes(live: &bool) -> bool {
    *live
}

// === impl ClientConfig ===

impl ClientConfig {
    /// Its `ETag`: the config's version, and where the endpoints are not all alive, a mark of which are. So a
    /// client learns of a region that went away though nobody changed the configuration.
    pub fn etag(&self) -> String {
        let dead = self.endpoints.iter().filter(|endpoint| !endpoint.live);
        let mut dead = dead.map(|endpoint| endpoint.region.as_str()).peekable();
        if dead.peek().is_none() {
            return format!("\"{}\"", self.conf_version);
        }
        let mark = Sha256::digest(dead.collect::<Vec<_>>().join(","));
        format!("\"{}.{}\"", self.conf_version, hex::encode(&mark[..4]))
    }
}
