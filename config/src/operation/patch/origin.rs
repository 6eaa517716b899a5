use crate::domain::{Origin, Scheme};
use crate::object::{Business, Ejection, HealthCheck, OriginAddress, OriginSettings, OriginTls};
use crate::operation::field;
use crate::operation::patch::legal::Legal;
use crate::operation::patch::member::Field;
use crate::refusal::Refusal;

const ADDRESSES_MAX: usize = 16;
const WEIGHT: std::ops::RangeInclusive<u32> = 1..=100;
const CONNECT_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 1..=60_000;
const RESPONSE_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 1..=600_000;
const CA_PEM_MAX: usize = 64 * 1024;
const HEALTH_INTERVAL_MS: std::ops::RangeInclusive<u32> = 500..=600_000;
const HEALTH_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 100..=60_000;
const HEALTH_COUNT: std::ops::RangeInclusive<u32> = 1..=100;
const HEALTH_PATH_MAX: usize = 1_024;
const STATUS: std::ops::RangeInclusive<u32> = 100..=599;
const EJECTION_FAILURES: std::ops::RangeInclusive<u32> = 0..=1_000;
const EJECTION_MS: std::ops::RangeInclusive<u32> = 1_000..=3_600_000;

const FIELDS: &str = "domain, addresses, host, connect_timeout_ms, response_timeout_ms, http2, tls, health, ejection";

/// The settings of attached domains, each domain once. `null` takes all away.
pub(super) fn settings(
    business: &Business,
    field: &Field<'_>,
) -> Result<Vec<OriginSettings>, Refusal> {
    if field.value.is_null() {
        return Ok(Vec::new());
    }
    let attached = Legal::attached(business);
    let mut seen = Vec::new();
    let mut all = Vec::new();
    for item in &field.items()? {
        let (domain, settings) = one(item)?;
        if !attached.contains(&domain) {
            return Err(item.member_refusal(
                "domain",
                &format!(
                    "`{domain}` is not attached to this business, so nothing is sent there. Attach it first: \
                     name it in access.urls."
                ),
            ));
        }
        if seen.contains(&domain) {
            return Err(item.member_refusal(
                "domain",
                &format!("`{domain}` is listed twice; list it once, with all that belongs to it."),
            ));
        }
        seen.push(domain);
        all.push(settings);
    }
    Ok(all)
}

fn one(item: &Field<'_>) -> Result<(Origin, OriginSettings), Refusal> {
    let mut settings = OriginSettings::of("");
    let mut domain = None;
    for member in item.members()? {
        match member.name {
            "domain" => {
                settings.domain = member.text()?.to_owned();
                domain = Some(field::domain(&member.path, &settings.domain)?);
            }
            "addresses" => settings.addresses = addresses(&member)?,
            "host" => settings.host = member.optional(host)?,
            "connect_timeout_ms" => {
                settings.connect_timeout_ms =
                    member.optional(|m| m.whole_number(CONNECT_TIMEOUT_MS, "milliseconds"))?;
            }
            "response_timeout_ms" => {
                settings.response_timeout_ms =
                    member.optional(|m| m.whole_number(RESPONSE_TIMEOUT_MS, "milliseconds"))?;
            }
            "http2" => settings.http2 = member.boolean()?,
            "tls" => settings.tls = member.optional(tls)?.unwrap_or_default(),
            "health" => settings.health = member.optional(health)?,
            "ejection" => settings.ejection = member.optional(ejection)?.unwrap_or_default(),
            _ => return Err(member.unknown(FIELDS)),
        }
    }
    let Some(domain) = domain else {
        return Err(item.member_refusal(
            "domain",
            "Settings need the attached domain that they are for.",
        ));
    };
    let said = settings.tls != OriginTls::default();
    if said && domain.scheme == Scheme::Http {
        return Err(item.member_refusal(
            "tls",
            &format!(
                "`{domain}` is reached without TLS; leave it out, or attach the https domain."
            ),
        ));
    }
    Ok((domain, settings))
}

fn addresses(field: &Field<'_>) -> Result<Vec<OriginAddress>, Refusal> {
    if field.value.is_null() {
        return Ok(Vec::new());
    }
    let items = field.items()?;
    if items.len() > ADDRESSES_MAX {
        return Err(field.refuse(format!(
            "{} addresses are given; an origin has at most {ADDRESSES_MAX}.",
            items.len()
        )));
    }
    let mut addresses: Vec<OriginAddress> = Vec::with_capacity(items.len());
    for item in &items {
        let (mut address, mut weight) = (None, 1);
        for member in item.members()? {
            match member.name {
                "address" => address = Some(address_of(&member)?),
                "weight" => weight = member.whole_number(WEIGHT, "shares")?,
                _ => return Err(member.unknown("address, weight")),
            }
        }
        let address =
            address.ok_or_else(|| item.member_refusal("address", "It is missing: host:port."))?;
        if addresses.iter().any(|known| known.address == address) {
            return Err(item.member_refusal(
                "address",
                &format!("`{address}` is listed twice; list it once and give it its weight."),
            ));
        }
        addresses.push(OriginAddress { address, weight });
    }
    Ok(addresses)
}

/// `host:port`, in the form that all comparisons use.
fn address_of(field: &Field<'_>) -> Result<String, Refusal> {
    let text = field.text()?;
    let wrong = || {
        field.refuse(format!(
            "`{}` is not an address: write host:port, as in 10.0.0.7:8443 or [2001:db8::7]:8443.",
            field::shown(text)
        ))
    };
    let port = text.rsplit_once(':').map(|(_, port)| port);
    let said =
        port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    let address = authority(text).filter(|_| said).ok_or_else(wrong)?;
    Ok(format!("{}:{}", address.host, address.port))
}

fn host(field: &Field<'_>) -> Result<String, Refusal> {
    let text = field.text()?;
    match authority(text) {
        Some(_) => Ok(text.to_ascii_lowercase()),
        None => Err(field.refuse(format!(
            "`{}` cannot stand in Host: write host or host:port, without a scheme.",
            field::shown(text)
        ))),
    }
}

fn authority(text: &str) -> Option<Origin> {
    let bare = !text.contains("://");
    Origin::parse(text).ok().filter(|_| bare)
}

fn tls(field: &Field<'_>) -> Result<OriginTls, Refusal> {
    let mut tls = OriginTls::default();
    for member in field.members()? {
        match member.name {
            "ca_pem" => tls.ca_pem = member.optional(certificates)?,
            "server_name" => tls.server_name = member.optional(server_name)?,
            _ => return Err(member.unknown("ca_pem, server_name")),
        }
    }
    Ok(tls)
}

fn server_name(field: &Field<'_>) -> Result<String, Refusal> {
    let text = field.text()?;
    let port = text.contains(':') && !text.ends_with(']');
    match authority(text) {
        Some(origin) if !port => Ok(origin.host),
        _ => Err(field.refuse(format!(
            "`{}` is not a name of a server: write a host name, without scheme and port.",
            field::shown(text)
        ))),
    }
}

/// Certificates in PEM (RFC 7468). Whether they are certificates of authorities is for TLS to say.
fn certificates(field: &Field<'_>) -> Result<String, Refusal> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let pem = field.text()?;
    if pem.len() > CA_PEM_MAX {
        return Err(field.refuse(format!(
            "It has {} bytes; certificates may have {CA_PEM_MAX} together.",
            pem.len()
        )));
    }
    if pem.contains("PRIVATE KEY") {
        return Err(field.refuse(
            "There is a private key in it. Only certificates belong here; consider that key known to others.",
        ));
    }
    let mut rest = pem;
    let mut count = 0;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let legal =
            |b: u8| b.is_ascii_alphanumeric() || b.is_ascii_whitespace() || b"+/=".contains(&b);
        let whole = after
            .split_once(END)
            .filter(|(body, _)| !body.trim().is_empty() && body.bytes().all(legal));
        let Some((_, after)) = whole else {
            return Err(field.refuse(format!(
                "Certificate {} in it is not PEM, or is cut short: give it from {BEGIN} to {END}.",
                count + 1
            )));
        };
        count += 1;
        rest = after;
    }
    if count == 0 {
        return Err(field.refuse(format!(
            "There is no certificate in it: PEM begins with {BEGIN}."
        )));
    }
    Ok(pem.to_owned())
}

fn health(field: &Field<'_>) -> Result<HealthCheck, Refusal> {
    let mut check = HealthCheck::of("");
    for member in field.members()? {
        match member.name {
            "path" => check.path = health_path(&member)?,
            "interval_ms" => {
                check.interval_ms = member.whole_number(HEALTH_INTERVAL_MS, "milliseconds")?;
            }
            "timeout_ms" => {
                check.timeout_ms = member.whole_number(HEALTH_TIMEOUT_MS, "milliseconds")?;
            }
            "unhealthy_after" => {
                check.unhealthy_after = member.whole_number(HEALTH_COUNT, "failures")?;
            }
            "healthy_after" => {
                check.healthy_after = member.whole_number(HEALTH_COUNT, "successes")?;
            }
            "status_min" => check.status_min = status(&member)?,
            "status_max" => check.status_max = status(&member)?,
            _ => {
                return Err(member.unknown(
                    "path, interval_ms, timeout_ms, unhealthy_after, healthy_after, status_min, status_max",
                ));
            }
        }
    }
    if check.path.is_empty() {
        return Err(field.member_refusal("path", "It is missing: what to ask for, as in /healthz."));
    }
    if check.timeout_ms > check.interval_ms {
        return Err(field.member_refusal(
            "timeout_ms",
            "A check may not take longer than the time to the next: at most interval_ms.",
        ));
    }
    if check.status_min > check.status_max {
        return Err(field.member_refusal(
            "status_min",
            "It is above status_max, so that no status would count as success.",
        ));
    }
    Ok(check)
}

fn health_path(field: &Field<'_>) -> Result<String, Refusal> {
    let path = field.text()?;
    let typed = |b: u8| b.is_ascii_graphic() && b != b'#';
    if path.starts_with('/') && path.len() <= HEALTH_PATH_MAX && path.bytes().all(typed) {
        return Ok(path.to_owned());
    }
    Err(field.refuse(format!(
        "A path begins with / and is written as it stands in a request, at most {HEALTH_PATH_MAX} bytes."
    )))
}

fn status(field: &Field<'_>) -> Result<u16, Refusal> {
    let status = field.whole_number(STATUS, "a status")?;
    Ok(u16::try_from(status).unwrap_or(u16::MAX))
}

fn ejection(field: &Field<'_>) -> Result<Ejection, Refusal> {
    let mut ejection = Ejection::default();
    for member in field.members()? {
        match member.name {
            "failures" => {
                ejection.failures = member.whole_number(EJECTION_FAILURES, "failures")?;
            }
            "for_ms" => ejection.for_ms = member.whole_number(EJECTION_MS, "milliseconds")?,
            _ => return Err(member.unknown("failures, for_ms")),
        }
    }
    Ok(ejection)
}
