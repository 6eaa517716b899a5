//! The checks of single settings and of what belongs together.

use std::net::SocketAddr;

use weir_config::NodeId;

use super::{Settings, SettingsError};

/// Checks what the types cannot. `wrong` makes the error for a key and a reason.
pub(super) fn validate(
    settings: &Settings,
    wrong: impl Fn(&str, String) -> SettingsError,
) -> Result<(), SettingsError> {
    let check = |key: &str, result: Result<(), String>| result.map_err(|why| wrong(key, why));
    let node = &settings.node;
    check("node.id", node_id(&node.id))?;
    check("node.region", dns_label(&node.region))?;
    check("node.cluster", dns_label(&node.cluster))?;
    check("node.data_dir", not_empty(&node.data_dir.to_string_lossy()))?;
    check("link.base_domain", domain(&settings.link.base_domain))?;
    check(
        "link.workers",
        within(settings.link.workers as u64, 0, 1_024),
    )?;
    let mesh = &settings.mesh;
    let advertise = mesh.advertise.as_deref();
    check("mesh.advertise", advertise.map_or(Ok(()), reachable))?;
    check("mesh.listen", dialled(mesh.listen, advertise))?;
    check(
        "mesh.certificate_life_s",
        within(mesh.certificate_life_s, 5, 31_536_000),
    )?;
    check(
        "mesh.seeds",
        mesh.seeds.iter().try_for_each(|seed| host_and_port(seed)),
    )?;
    check(
        "mesh.gossip_interval_ms",
        within(mesh.gossip_interval_ms, 10, 10_000),
    )?;
    check(
        "mesh.ack_timeout_ms",
        within(mesh.ack_timeout_ms, 10, 60_000),
    )?;
    let package = &settings.package;
    check("package.fence_ms", within(package.fence_ms, 1_000, 600_000))?;
    check("package.burst_ms", within(package.burst_ms, 100, 10_000))?;
    let history = &settings.history;
    check(
        "history.keep_versions",
        within(history.keep_versions as u64, 1, 10_000),
    )?;
    check("history.keep_days", within(history.keep_days, 1, 3_650))?;
    check(
        "history.keep_deleted_days",
        within(history.keep_deleted_days, 1, 3_650),
    )?;
    super::platform::check(&settings.seal, &settings.platform)
        .map_err(|(key, why)| wrong(key, why))?;
    super::traces::check(&settings.traces, settings.monitor.enabled)
        .map_err(|(key, why)| wrong(key, why))?;
    let bounds = limits(settings)
        .into_iter()
        .chain(super::monitor::bounds(settings));
    for (key, value, least, most) in bounds {
        check(key, within(value, least, most))?;
    }
    check("log.level", log_level(&settings.log.level))?;
    for certificate in &settings.tls.certificates {
        let names = match certificate.names.as_slice() {
            [] => Err("a certificate has no names: list the host names it is for".to_owned()),
            names => names.iter().try_for_each(|name| certificate_name(name)),
        };
        check("tls.certificates", names)?;
    }
    different_ports(settings, wrong)
}

/// Every limit with the least and the most that can be set.
fn limits(settings: &Settings) -> [(&'static str, u64, u64, u64); 13] {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    const MOST: u64 = 1 << 31;
    let limits = &settings.limits;
    [
        // hyper's read buffer is never smaller.
        (
            "limits.head_bytes",
            limits.head_bytes as u64,
            8_192,
            1 << 24,
        ),
        ("limits.headers", limits.headers as u64, 1, 10_000),
        ("limits.body_bytes", limits.body_bytes, 1, 1 << 50),
        (
            "limits.envelope_bytes",
            limits.envelope_bytes as u64,
            1,
            1 << 30,
        ),
        ("limits.h2_streams", limits.h2_streams.into(), 1, MOST - 1),
        ("limits.head_timeout_ms", limits.head_timeout_ms, 1, DAY_MS),
        (
            "limits.body_idle_timeout_ms",
            limits.body_idle_timeout_ms,
            1,
            DAY_MS,
        ),
        (
            "limits.keep_alive_timeout_ms",
            limits.keep_alive_timeout_ms,
            1,
            DAY_MS,
        ),
        (
            "limits.connections_per_core",
            limits.connections_per_core as u64,
            1,
            MOST,
        ),
        (
            "limits.connections_per_ip",
            limits.connections_per_ip as u64,
            1,
            MOST,
        ),
        (
            "limits.origin_connections_per_core",
            limits.origin_connections_per_core as u64,
            1,
            MOST,
        ),
        (
            "limits.connect_timeout_ms",
            limits.connect_timeout_ms,
            1,
            DAY_MS,
        ),
        (
            "limits.drain_timeout_ms",
            limits.drain_timeout_ms,
            1,
            DAY_MS,
        ),
    ]
}

fn different_ports(
    settings: &Settings,
    wrong: impl Fn(&str, String) -> SettingsError,
) -> Result<(), SettingsError> {
    let listens = [
        ("link.http", settings.link.http),
        ("link.https", settings.link.https),
        ("admin.listen", settings.admin.listen),
        ("mesh.listen", settings.mesh.listen),
    ];
    for (i, &(key, address)) in listens.iter().enumerate() {
        let same = |&&(_, other): &&(&str, SocketAddr)| other == address && address.port() != 0;
        if let Some((other, _)) = listens[..i].iter().find(same) {
            let why = format!("{other} has the same address {address}: give each its own port");
            return Err(wrong(key, why));
        }
    }
    Ok(())
}

fn node_id(text: &str) -> Result<(), String> {
    let parsed: Result<NodeId, _> = text.parse();
    parsed.map(drop).map_err(|error| error.to_string())
}

fn dns_label(text: &str) -> Result<(), String> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let whole = (1..=63).contains(&text.len()) && text.bytes().all(legal);
    if whole && !text.starts_with('-') && !text.ends_with('-') {
        return Ok(());
    }
    let rule = "1 to 63 of a-z, 0-9 and -, neither beginning nor ending with -";
    Err(format!("`{text}` is not a DNS label: write {rule}"))
}

/// The access label and the region stand before it, and 253 characters are the most a name can have.
fn domain(text: &str) -> Result<(), String> {
    if text.len() > 150 {
        return Err("it is longer than 150 characters: take a shorter domain".to_owned());
    }
    let whole = text.split('.').all(|label| dns_label(label).is_ok());
    let say =
        || format!("`{text}` is not a domain: write labels of a-z, 0-9 and - with dots between");
    whole.then_some(()).ok_or_else(say)
}

fn certificate_name(text: &str) -> Result<(), String> {
    domain(text.strip_prefix("*.").unwrap_or(text))
}

fn not_empty(text: &str) -> Result<(), String> {
    let say = || "it is empty: name a directory".to_owned();
    (!text.is_empty()).then_some(()).ok_or_else(say)
}

pub(super) fn within(value: u64, least: u64, most: u64) -> Result<(), String> {
    let say = || format!("{value} is out of range: write {least} to {most}");
    (least..=most)
        .contains(&value)
        .then_some(())
        .ok_or_else(say)
}

/// Others have to know where this node is.
fn dialled(address: SocketAddr, advertise: Option<&str>) -> Result<(), String> {
    if address.ip().is_unspecified() && advertise.is_none() {
        return Err(format!(
            "{address} is every address of this machine, and others have to dial one: set mesh.advertise to the \
             host:port at which other nodes reach it"
        ));
    }
    Ok(())
}

pub(super) fn http_url(text: &str) -> Result<(), String> {
    let uri = text.parse::<http::Uri>().ok();
    let whole = uri.is_some_and(|uri| {
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        scheme && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none()
    });
    let say = || format!("`{text}` is no URL: write https://host, without a query");
    whole.then_some(()).ok_or_else(say)
}

fn reachable(text: &str) -> Result<(), String> {
    host_and_port(text)?;
    let address: Option<SocketAddr> = text.parse().ok();
    if address.is_some_and(|address| address.ip().is_unspecified()) {
        return Err(format!(
            "{text} cannot be dialled: write an address others reach"
        ));
    }
    Ok(())
}

fn host_and_port(text: &str) -> Result<(), String> {
    let parts = text.rsplit_once(':');
    let whole = parts.is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    let say = || format!("`{text}` is not host:port: write as in 127.0.0.1:7001");
    whole.then_some(()).ok_or_else(say)
}

fn log_level(text: &str) -> Result<(), String> {
    let parsed = text.parse::<crate::telemetry::Levels>();
    parsed.map(drop).map_err(|error| error.to_string())
}
