use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::domain::Origin;
use crate::object::{EnvVersion, MiniProgram, Object, PlatformProvider, PlatformVersions};
use crate::operation::{Change, Context, field};
use crate::refusal::Refusal;

/// Most legal request domains a mini program may list.
pub(super) const REQUEST_DOMAINS_MAX: usize = 200;
const VERSION_MAX: usize = 64;
/// Longest problem that is kept, characters.
const PROBLEM_MAX: usize = 600;
const QR_URL_MAX: usize = 2048;
/// Most sentences kept of what was wrong when the platform was asked.
const PROBLEMS_MAX: usize = 20;
const READ_AT_STEP_MS: u64 = 6 * 60 * 60 * 1_000;

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
/// `invalid` (422) names the field that cannot be used; `platform_read_only` (409) where another platform says
/// what the mini program is.
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
    if let Some(program) = catalog.mini_program(appid)
        && program.source != PlatformProvider::Local
    {
        return Err(Refusal::conflict(
            "platform_read_only",
            format!(
                "Mini program `{appid}` is registered with platform `{}`: change it there. What it says is read \
                 again on a schedule, and at once when asked.",
                program.source.as_str()
            ),
        ));
    }
    Ok(Change::put_if_new(
        catalog,
        Object::MiniProgram(MiniProgram {
            appid: appid.to_owned(),
            name,
            request_domains: input.request_domains,
            versions: input.versions,
            ..MiniProgram::default()
        }),
    ))
}

/// What a platform that is asked answered of a mini program.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PlatformReading {
    pub source: PlatformProvider,
    pub name: String,
    /// In the platform's order. What cannot be called, and what is beyond 200, is left out and told of.
    pub request_domains: Vec<String>,
    pub versions: PlatformVersions,
}

/// Writes what a platform said of a mini program, or that it could not be asked (`Err`: a sentence why; what it
/// said before stays). Where it says the same as before, only the time is new, and that is written once in six
/// hours: clients' configs begin a new version with it.
///
/// # Errors
/// `invalid` (422) for what is no appid; `not_found` (404) where a mini program that is not known could not be
/// asked for.
pub fn put_platform_reading(
    catalog: &Catalog,
    context: &Context,
    appid: &str,
    reading: Result<PlatformReading, String>,
) -> Result<Change, Refusal> {
    field::appid("appid", appid)?;
    let known = catalog.mini_program(appid);
    let mut program = match (reading, known) {
        (Ok(reading), _) => read(appid, reading),
        (Err(problem), Some(known)) => MiniProgram {
            problems: vec![sentences(&problem)],
            ..known.clone()
        },
        (Err(problem), None) => {
            return Err(Refusal::not_found(format!(
                "The platform could not be asked for mini program `{appid}`: {}",
                sentences(&problem)
            )));
        }
    };
    program.read_at_ms = known.and_then(|known| known.read_at_ms);
    let age_ms = context
        .now_ms
        .saturating_sub(program.read_at_ms.unwrap_or(0));
    if known == Some(&program) && age_ms < READ_AT_STEP_MS {
        return Ok(Change::default());
    }
    program.read_at_ms = Some(context.now_ms);
    check(&program)?;
    Ok(Change::put(Object::MiniProgram(program)))
}

fn read(appid: &str, reading: PlatformReading) -> MiniProgram {
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    let mut domains = Vec::new();
    for text in reading.request_domains {
        match Origin::parse(&text) {
            Err(error) => problems.push(format!("A request domain cannot be used: {error}.")),
            Ok(origin) if !seen.insert(origin.clone()) => {}
            Ok(_) => domains.push(text),
        }
    }
    if domains.len() > REQUEST_DOMAINS_MAX {
        problems.push(format!(
            "The platform lists {} request domains; the first {REQUEST_DOMAINS_MAX} count.",
            domains.len()
        ));
        domains.truncate(REQUEST_DOMAINS_MAX);
    }
    problems.truncate(PROBLEMS_MAX);
    MiniProgram {
        appid: appid.to_owned(),
        name: one_line(&reading.name),
        request_domains: domains,
        versions: reading.versions,
        source: reading.source,
        read_at_ms: None,
        problems,
    }
}

/// What another system said, short enough to keep and to show.
fn one_line(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(field::TEXT_MAX).collect()
}

/// Why a platform could not be asked, and what to do.
fn sentences(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(PROBLEM_MAX).collect()
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
