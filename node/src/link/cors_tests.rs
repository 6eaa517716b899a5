use super::*;

fn rule(allowed: &[&str], credentials: bool) -> Cors {
    Cors {
        allowed_origins: allowed.iter().map(|&page| page.to_owned()).collect(),
        allow_credentials: credentials,
        max_age_s: 600,
    }
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    values.join(", ")
}

const PAGE: &str = "https://shop.example";

#[test]
fn an_allowed_page_is_granted_what_it_asks_for_before_the_call() {
    let asked = headers(&[
        ("origin", PAGE),
        ("access-control-request-method", "PATCH"),
        (
            "access-control-request-headers",
            "content-type,x-wx-env-version",
        ),
    ]);
    let answer = pre_flight(&rule(&[PAGE], true), &asked);
    assert_eq!(answer.status(), 204);
    let answer = answer.headers();
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "PATCH"),
        (
            "access-control-allow-headers",
            "content-type,x-wx-env-version",
        ),
        ("access-control-max-age", "600"),
        (
            "vary",
            "origin, access-control-request-method, access-control-request-headers",
        ),
    ] {
        assert_eq!(text(answer, name), value, "{name}");
    }
}

#[test]
fn a_page_is_allowed_exactly_or_not_at_all() {
    let cors = rule(&[PAGE], false);
    for page in [
        "https://shop.example.evil.example",
        "http://shop.example",
        "https://shop.example:444",
        "https://SHOP.example",
        "null",
        "",
    ] {
        let asked = headers(&[("access-control-request-method", "GET")]);
        let mut asked = asked;
        asked.insert(ORIGIN, HeaderValue::from_static(page));
        let answer = pre_flight(&cors, &asked);
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.headers().len(), 1, "{page}: only vary");
        let mut marked = HeaderMap::new();
        mark(&cors, asked.get(ORIGIN), &mut marked);
        assert_eq!(marked, headers(&[("vary", "origin")]), "{page}");
    }
}

#[test]
fn ours_take_the_place_of_the_origins_own_and_what_it_exposes_stays_exposed() {
    let mut answer = headers(&[
        ("access-control-allow-origin", "https://other.example"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-total"),
        ("vary", "accept"),
    ]);
    mark(
        &rule(&[PAGE], false),
        Some(&HeaderValue::from_static(PAGE)),
        &mut answer,
    );
    assert_eq!(text(&answer, "access-control-allow-origin"), PAGE);
    assert_eq!(text(&answer, "access-control-allow-credentials"), "");
    assert_eq!(text(&answer, "vary"), "accept, origin");
    let exposed = text(&answer, "access-control-expose-headers");
    assert!(
        exposed.contains("x-wx-call-id") && exposed.ends_with("x-total"),
        "{exposed}"
    );
}

#[test]
fn a_star_lets_every_page_in_and_none_with_its_cookies() {
    let page = HeaderValue::from_static("https://any.example");
    let mut answer = HeaderMap::new();
    mark(&rule(&["*"], false), Some(&page), &mut answer);
    assert_eq!(text(&answer, "access-control-allow-origin"), "*");
    assert_eq!(text(&answer, "vary"), "");

    let mut answer = HeaderMap::new();
    mark(&rule(&["*", PAGE], true), Some(&page), &mut answer);
    assert_eq!(text(&answer, "access-control-allow-credentials"), "");
    let mut answer = HeaderMap::new();
    let named = HeaderValue::from_static(PAGE);
    mark(&rule(&["*", PAGE], true), Some(&named), &mut answer);
    assert_eq!(text(&answer, "access-control-allow-credentials"), "true");
}
