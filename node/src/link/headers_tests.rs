use super::*;

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn to_origin(lines: &[(&str, &str)]) -> HeaderMap {
    from_client(&headers(lines), &HeaderValue::from_static("origin"), false)
}

#[test]
fn nothing_a_client_sends_under_our_names_reaches_the_origin() {
    let sent = [
        ("X-Wx-Appid", "forged"),
        ("x-envoy-internal", "true"),
        ("x_wx_appid", "1"),
        ("x-wx_user", "1"),
    ];
    assert_eq!(to_origin(&sent), headers(&[("host", "origin")]));
}

#[test]
fn hop_by_hop_headers_and_those_that_connection_names_are_for_one_hop_only() {
    let sent = [
        ("connection", "close, X-Secret"),
        ("x-secret", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip"),
        ("upgrade", "websocket"),
        ("accept", "*/*"),
    ];
    assert_eq!(
        to_origin(&sent),
        headers(&[("accept", "*/*"), ("host", "origin")])
    );
}

#[test]
fn te_trailers_is_passed_on() {
    let sent = to_origin(&[("te", "gzip;q=0.5, trailers"), ("trailer", "x-sum")]);
    assert_eq!(sent[TE], "trailers");
    assert_eq!(sent[TRAILER], "x-sum");
}

#[test]
fn an_upgrade_is_passed_on_but_for_h2c() {
    let sent = to_origin(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
    assert_eq!(
        (&sent[UPGRADE], &sent[CONNECTION]),
        (&"websocket".parse().unwrap(), &"upgrade".parse().unwrap())
    );
    let sent = to_origin(&[
        ("connection", "Upgrade, HTTP2-Settings"),
        ("upgrade", "h2c"),
        ("http2-settings", "AA"),
    ]);
    assert_eq!(sent, headers(&[("host", "origin")]));
}

#[test]
fn repeated_headers_stay_repeated() {
    let sent = to_origin(&[("cookie", "a"), ("cookie", "b")]);
    assert_eq!(sent.get_all("cookie").iter().count(), 2);
}

#[test]
fn an_origin_cannot_speak_for_the_gateway() {
    let kept = from_origin(&headers(&[
        ("x-wx-call-id", "x"),
        ("x-wx-errmsg", "x"),
        ("x-wx-link", "x"),
        ("x-own", "y"),
    ]));
    assert_eq!(kept, headers(&[("x-own", "y")]));
}

#[test]
fn the_client_is_appended_to_those_it_forwards_for() {
    let mut sent = headers(&[
        ("x-forwarded-for", "1.1.1.1"),
        ("x-forwarded-proto", "gopher"),
    ]);
    add_forwarded(&mut sent, "9.9.9.9".parse().unwrap(), true, "a.example");
    assert_eq!(sent["x-forwarded-for"], "1.1.1.1, 9.9.9.9");
    assert_eq!(sent["x-forwarded-proto"], "https");
    assert_eq!(sent["x-forwarded-host"], "a.example");
}
