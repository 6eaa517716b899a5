//! `weir access`: the versions, URLs and users of a business that are on the link.

use std::io::Write;

use actix_web::http::Method;
use serde_json::{Map, Value, json};

use super::arguments::AccessArgs;
use crate::cli::client::{Client, Content, part};
use crate::cli::failure::Failure;
use crate::cli::object::{line, printable};

/// Changes who is on the link, or shows it where nothing is to be changed.
///
/// # Errors
/// Whatever the admin API refuses.
pub async fn access(
    client: &Client,
    args: &AccessArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let path = format!("/businesses/{}", part(&args.business));
    let mut patch = patch(args)?;
    // All URLs are those of the domains that are attached when it is done.
    let all = args.urls == ["all"];
    let known = match all || patch.is_empty() {
        true => Some(client.get(&path).await?),
        false => None,
    };
    if let Some(known) = known.as_ref().filter(|_| all) {
        let domains = known.body["attached_domains"]
            .as_array()
            .into_iter()
            .flatten();
        let rules: Vec<Value> = domains.map(|domain| json!({"domain": domain})).collect();
        patch.insert("urls".to_owned(), Value::Array(rules));
    }
    let reply = match known {
        Some(known) if patch.is_empty() => known,
        known => {
            let etag = known.as_ref().and_then(|known| known.etag.as_deref());
            let body = json!({"access": patch});
            client
                .send_based_on(Method::PATCH, &path, Content::Json(&body), etag)
                .await?
        }
    };
    reply.print(args.connection.json, out, |business| {
        format!(
            "{}{}",
            shown(business, reply.as_before()),
            super::spread(&reply.spread_note())
        )
    })
}

/// The merge patch of `access`; empty where nothing was given.
fn patch(args: &AccessArgs) -> Result<Map<String, Value>, Failure> {
    let mut patch = Map::new();
    if !args.versions.is_empty() {
        patch.insert("versions".to_owned(), json!(some(&args.versions)));
    }
    if !args.urls.is_empty() && args.urls != ["all"] {
        patch.insert("urls".to_owned(), rules(&args.urls)?);
    }
    if let Some(percent) = args.gray {
        patch.insert("gray".to_owned(), json!({"percent": percent}));
    }
    if !args.manual_domains.is_empty() {
        let domains = json!(some(&args.manual_domains));
        patch.insert("manual_domains".to_owned(), domains);
    }
    if let Some(version) = &args.min_sdk_version {
        patch.insert("min_sdk_version".to_owned(), json!(version));
    }
    Ok(patch)
}

/// What was listed; `none` alone is nothing.
fn some(listed: &[String]) -> &[String] {
    match listed {
        [one] if one == "none" => &[],
        listed => listed,
    }
}

/// Rules of URLs: a domain each, with all path prefixes that were given with it.
///
/// # Errors
/// Where a domain is given whole and with a path, which say different things.
fn rules(urls: &[String]) -> Result<Value, Failure> {
    let mut rules: Vec<(&str, Vec<&str>)> = Vec::new();
    for url in urls {
        let host_at = url.find("://").map_or(0, |at| at + 3);
        let path_at = url[host_at..].find('/').map(|at| host_at + at);
        let (domain, path) =
            path_at.map_or((url.as_str(), None), |at| (&url[..at], Some(&url[at..])));
        match rules.iter_mut().find(|(known, _)| *known == domain) {
            None => rules.push((domain, path.into_iter().collect())),
            Some((_, paths)) => match path {
                Some(path) if !paths.is_empty() => paths.push(path),
                _ => return Err(twice(domain, path.or(paths.first().copied()))),
            },
        }
    }
    let rule = |(domain, paths): (&str, Vec<&str>)| json!({"domain": domain, "paths": paths});
    Ok(rules.into_iter().map(rule).collect())
}

fn twice(domain: &str, path: Option<&str>) -> Failure {
    let domain = printable(domain);
    Failure::Input(match path {
        Some(path) => format!(
            "`{domain}` is given whole and with the path {}: give it whole, or with its paths only.",
            printable(path)
        ),
        None => format!("`{domain}` is given twice; give it once."),
    })
}

/// Who is on the link, for people.
fn shown(business: &Value, before: &str) -> String {
    let (id, access) = (line(&business["id"]), &business["access"]);
    let on = match access["enabled"].as_bool() {
        Some(false) => "is disconnected",
        _ => "is on the link",
    };
    let mut text = format!("Business {id} {on}{before}.\n\n");
    let gray = &access["gray"];
    let count = |names: &Value| names.as_array().map_or(0, Vec::len);
    let share = format!(
        "{}% of users of release, {} in and {} out by name",
        line(&gray["percent"]),
        count(&gray["include"]),
        count(&gray["exclude"])
    );
    let fields = [
        ("versions", line(&access["versions"])),
        ("gray", share),
        ("by hand", line(&access["manual_domains"])),
        ("base library", line(&access["min_sdk_version"])),
    ];
    for (name, value) in fields {
        text.push_str(&format!("{name:13}  {value}\n"));
    }
    for rule in access["urls"].as_array().into_iter().flatten() {
        let paths = match count(&rule["paths"]) {
            0 => "all of it".to_owned(),
            _ => line(&rule["paths"]),
        };
        text.push_str(&format!(
            "{:13}  {}  {paths}\n",
            "URLs",
            line(&rule["domain"])
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(urls: &[&str]) -> Result<Value, Failure> {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        rules(&urls)
    }

    #[test]
    fn paths_of_one_domain_are_one_rule() {
        let rules = of(&[
            "api.shop.example/v1",
            "https://pay.example:8443",
            "api.shop.example/v2/x",
        ]);
        let expected = json!([
            {"domain": "api.shop.example", "paths": ["/v1", "/v2/x"]},
            {"domain": "https://pay.example:8443", "paths": []},
        ]);
        assert_eq!(rules.unwrap(), expected);
    }

    #[test]
    fn a_domain_is_given_whole_or_with_its_paths() {
        for urls in [["a.example", "a.example/v1"], ["a.example/v1", "a.example"]] {
            let failure = of(&urls).unwrap_err().to_string();
            assert!(
                failure.contains("a.example") && failure.contains("/v1"),
                "{failure}"
            );
        }
        assert!(
            of(&["a.example", "a.example"])
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
    }
}
