//! The access decision against its test vectors, `config/vectors/access.json`: the cases every other
//! implementation is held to as well.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use weir_config::access::{
    AccessTable, Admission, CallFacts, ClientCall, ClientConfig, ClientDecision, Decision,
    PublicReason, RoutedCall, Serving, Source, client_config, decide, decide_as_client,
};
use weir_config::object::EnvVersion;
use weir_config::{Catalog, Record};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    base_domain: String,
    config: Vec<Record>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: Request,
    package: Package,
    expect: Answer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    host: String,
    path_and_query: String,
    headers: BTreeMap<String, String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Package {
    Admitted,
    QpsExceeded,
    BandwidthExceeded,
}

#[derive(Deserialize, Debug, PartialEq, Default)]
#[serde(deny_unknown_fields)]
struct Answer {
    row: u8,
    answer: String,
    status: Option<u16>,
    code: Option<i32>,
    reason: Option<String>,
    origin: Option<String>,
    path_and_query: Option<String>,
    url: Option<String>,
    /// Absent in cases that do not care which rule matched.
    prefix: Option<String>,
    counts_as: Option<String>,
    source: Option<String>,
    envelope: Option<bool>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/access.json")).expect("access.json is readable")
}

fn table(vectors: &Vectors) -> AccessTable {
    let mut catalog = Catalog::default();
    for record in &vectors.config {
        assert!(
            catalog.merge(record.clone()),
            "{} is listed twice",
            record.key
        );
    }
    AccessTable::compile(&catalog, &vectors.base_domain)
}

fn facts(request: &Request) -> CallFacts<'_> {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    CallFacts {
        host: &request.host,
        path_and_query: &request.path_and_query,
        target: header("x-wx-target"),
        http_mode: header("x-wx-http-mode"),
        env_version: header("x-wx-env-version"),
        source: header("x-wx-source"),
        sdk_version: header("x-wx-sdk-version"),
        devtools_version: header("x-wx-devtools-version"),
        user: header("x-wx-user"),
        conf_version: header("x-wx-conf-version"),
    }
}

fn routed(row: u8, answer: &str, call: &RoutedCall<'_>) -> Answer {
    Answer {
        row,
        answer: answer.to_owned(),
        origin: Some(call.origin.to_string()),
        path_and_query: Some(call.path_and_query.to_string()),
        url: Some(call.url()),
        prefix: Some(call.prefix.to_owned()),
        counts_as: Some(call.env_version.as_str().to_owned()),
        source: Some(call.source.as_str().to_owned()),
        envelope: Some(call.envelope),
        ..Answer::default()
    }
}

/// What the implementation answers to a case, and whether it asked the package.
fn answer(table: &AccessTable, case: &Case) -> (Answer, bool) {
    let mut asked = false;
    let decision = decide(table, &facts(&case.request), |_| {
        asked = true;
        match case.package {
            Package::Admitted => Admission::Admitted,
            Package::QpsExceeded => Admission::QpsExceeded,
            Package::BandwidthExceeded => Admission::BandwidthExceeded,
        }
    });
    let answer = match decision {
        Decision::Refuse { refusal, route } => Answer {
            row: match refusal.reason {
                "unknown_access_domain" => 1,
                "malformed" => 2,
                _ => 5,
            },
            answer: if route.is_some() == (refusal.reason != "unknown_access_domain") {
                "refuse".to_owned()
            } else {
                "a route where there is none, or none where there is one".to_owned()
            },
            status: Some(refusal.status),
            code: Some(refusal.code),
            reason: Some(refusal.reason.to_owned()),
            ..Answer::default()
        },
        Decision::PublicLink { reason, call } => Answer {
            status: Some(reason.status()),
            code: reason.code(),
            reason: Some(reason.as_str().to_owned()),
            ..routed(
                if reason.code().is_some() { 7 } else { 6 },
                "public_link",
                &call,
            )
        },
        Decision::Link(call) => routed(8, "link", &call),
    };
    (answer, asked)
}

#[test]
fn every_vector_is_decided_as_written() {
    let vectors = vectors();
    let table = table(&vectors);
    let mut failures = Vec::new();
    for case in &vectors.cases {
        let (mut got, asked) = answer(&table, case);
        if case.expect.prefix.is_none() {
            got.prefix = None;
        }
        if got != case.expect {
            failures.push(format!(
                "{}\n  expected {:?}\n  got      {got:?}",
                case.name, case.expect
            ));
        }
        // The package is spent by asking, so only a call that would take the link may ask.
        if asked != (case.expect.row >= 7) {
            failures.push(format!("{}\n  asked the package: {asked}", case.name));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases fail:\n{}",
        failures.len(),
        vectors.cases.len(),
        failures.join("\n")
    );
}

/// The access config of the case's business, as a client gets it: through JSON.
fn config_of(table: &AccessTable, case: &Case) -> Option<ClientConfig> {
    let route = table.find(&case.request.host)?;
    let serving = Serving {
        scheme: "https",
        port: 443,
        refresh_seconds: 60,
    };
    let config = client_config(table, route, &route.region, |_| true, &serving);
    let text = serde_json::to_string(&config).expect("a config can be written");
    Some(serde_json::from_str(&text).expect("and read again"))
}

/// What a client is about to ask for, where the case says it without the path of `REROUTE`.
fn url_of(case: &Case) -> Option<String> {
    if let Some(url) = &case.expect.url {
        return Some(url.clone());
    }
    let headers = &case.request.headers;
    let plain = headers
        .get("x-wx-http-mode")
        .is_none_or(|mode| mode == "ENVELOPE");
    let target = headers.get("x-wx-target").filter(|_| plain)?;
    let scheme = if target.contains("://") {
        ""
    } else {
        "https://"
    };
    Some(format!("{scheme}{target}{}", case.request.path_and_query))
}

#[test]
fn a_client_decides_by_its_config_alone_as_the_node_does() {
    let vectors = vectors();
    let table = table(&vectors);
    let (mut decided, mut failures) = (BTreeMap::new(), Vec::new());
    for case in vectors.cases.iter().filter(|case| case.expect.row >= 5) {
        let (Some(config), Some(url)) = (config_of(&table, case), url_of(case)) else {
            continue;
        };
        let header = |name: &str| case.request.headers.get(name).map(String::as_str);
        let call = ClientCall {
            url: &url,
            env_version: header("x-wx-env-version").map_or(EnvVersion::Release, |name| {
                EnvVersion::from_name(name).unwrap()
            }),
            source: header("x-wx-source")
                .map_or(Source::WxClient, |name| Source::from_name(name).unwrap()),
            sdk_version: header("x-wx-sdk-version"),
            devtools_version: header("x-wx-devtools-version"),
            user: header("x-wx-user"),
        };
        let (row, reason) = (case.expect.row, case.expect.reason.as_deref());
        let agrees = match decide_as_client(&config, &call) {
            ClientDecision::NotConfigured => row == 5,
            ClientDecision::PublicLink(public) => row == 6 && reason == Some(public.as_str()),
            // The package is the node's to ask.
            ClientDecision::Link { prefix } => {
                row >= 7 && case.expect.prefix.as_ref().is_none_or(|p| *p == prefix)
            }
        };
        *decided.entry(row).or_insert(0) += 1;
        if !agrees {
            failures.push(format!(
                "{}: {:?}",
                case.name,
                decide_as_client(&config, &call)
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // So that the test cannot pass by deciding nothing.
    for (row, least) in [(5, 50), (6, 60), (7, 5), (8, 120)] {
        assert!(decided[&row] >= least, "{decided:?}");
    }
}

#[test]
fn the_vectors_have_unique_names_and_cover_every_row_and_reason() {
    let vectors = vectors();
    let names: BTreeSet<&str> = vectors
        .cases
        .iter()
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(names.len(), vectors.cases.len(), "a name stands twice");
    assert!(vectors.cases.len() >= 400);

    let rows: BTreeSet<u8> = vectors.cases.iter().map(|case| case.expect.row).collect();
    assert_eq!(rows, BTreeSet::from([1, 2, 5, 6, 7, 8]));

    let covered: BTreeSet<&str> = vectors
        .cases
        .iter()
        .filter_map(|case| case.expect.reason.as_deref())
        .collect();
    let refused = [
        "unknown_access_domain",
        "malformed",
        "url_not_configured",
        "config_outdated",
    ];
    let public = [
        PublicReason::Disconnected,
        PublicReason::VersionNotAttached,
        PublicReason::DevtoolsTooOld,
        PublicReason::SdkTooOld,
        PublicReason::Gray,
        PublicReason::PackageQps,
        PublicReason::PackageBandwidth,
    ];
    let all = refused.into_iter().chain(public.map(PublicReason::as_str));
    assert_eq!(covered, all.collect::<BTreeSet<&str>>());
}
