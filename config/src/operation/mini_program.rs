use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{EnvVersion, MiniProgram, Object, PlatformVersions};
use crate::operation::{Change, field};
use crate::refusal::Refusal;

/// Most legal request domains a mini program may list.
pub(super) const REQUEST_DOMAINS_MAX: usize = 200;
const VERSION_MAX: usize = 64;
const QR_URL_MAX: usize = 2048;

/// A mini program as registered on the local platform. What is left out is empty afterwards.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MiniProgramInput {
    /// For people; empty when left out.
    #[serde(default)]
    pub name: Option<String>,
    /// Legal request domains, each `[scheme://]host[:port]`; https unless written. At most 200.
    #[serde(default)]
    pub request_domains: Vec<String>,
    /// The versions that exist.
    #[serde(default)]
    pub versions: PlatformVersions,
}

/// Registers a mini program with the local platform, or replaces what it says of one.
///
/// # Errors
/// `invalid` (422) names the field that cannot be used.
pub fn put_mini_program(
    catalog: &Catalog,
    appid: &str,
    input: MiniProgramInput,
) -> Result<Change, Refusal> {
    field::appid("appid", appid)?;
    let name = input.name.unwrap_or_default();
    field::name("name", &name)?;
    check_domains(&input.request_domains)?;
    check_versions(&input.versions)?;
    Ok(Change::put_if_new(
        catalog,
        Object::MiniProgram(MiniProgram {
            appid: appid.to_owned(),
            name,
            request_domains: input.request_domains,
            versions: input.versions,
        }),
    ))
}

/// Checks a mini program's own fields.
pub(super) fn check(program: &MiniProgram) -> Result<(), Refusal> {
    field::appid("appid", &program.appid)?;
    field::name("name", &program.name)?;
    check_domains(&program.request_domains)?;
    check_versions(&program.versions)
}

/// Where to register a mini program that the platform does not know.
pub(super) fn how_to_register(appid: &str) -> String {
    format!("Register it with PUT /admin/v1/platform/mini-programs/{appid}.")
}

fn check_domains(domains: &[String]) -> Result<(), Refusal> {
    if domains.len() > REQUEST_DOMAINS_MAX {
        return Err(Refusal::invalid(
            "request_domains",
            format!(
                "{} domains are listed; a mini program may list at most {REQUEST_DOMAINS_MAX}.",
                domains.len()
            ),
        ));
    }
    let mut seen = HashMap::new();
    for (i, text) in domains.iter().enumerate() {
        let path = format!("request_domains[{i}]");
        let origin = field::domain(&path, text)?;
        if let Some(first) = seen.insert(origin, i) {
            return Err(Refusal::invalid(
                path,
                format!("`{text}` is the same domain as request_domains[{first}]; list it once."),
            ));
        }
    }
    Ok(())
}

fn check_versions(versions: &PlatformVersions) -> Result<(), Refusal> {
    for kind in EnvVersion::ALL {
        let Some(version) = versions.get(kind) else {
            continue;
        };
        let path = format!("versions.{}", kind.as_str());
        let number = &version.version;
        let legal = |c: char| !c.is_control() && !c.is_whitespace();
        if number.is_empty() || number.chars().count() > VERSION_MAX || !number.chars().all(legal) {
            return Err(Refusal::invalid(
                path,
                format!(
                    "A version's number has 1 to {VERSION_MAX} characters and no spaces, for instance 1.4.2."
                ),
            ));
        }
        if let Some(url) = &version.qr_url
            && (url.is_empty() || url.len() > QR_URL_MAX || !url.chars().all(legal))
        {
            return Err(Refusal::invalid(
                format!("{path}.qr_url"),
                format!("A QR code's URL has 1 to {QR_URL_MAX} bytes and no spaces."),
            ));
        }
    }
    Ok(())
}
