use weir_config::domain::{Origin, split_url};

#[test]
fn a_domain_is_the_same_however_it_is_written() {
    for (text, same) in [
        ("api.shop.example", "https://api.shop.example"),
        ("API.Shop.Example.", "https://api.shop.example"),
        ("https://api.shop.example:443", "https://api.shop.example"),
        ("HTTP://api.shop.example:80", "http://api.shop.example"),
        ("http://api.shop.example:443", "http://api.shop.example:443"),
        ("localhost:8900", "https://localhost:8900"),
        ("http://127.0.0.1:8900", "http://127.0.0.1:8900"),
        ("[0:0::1]", "https://[::1]"),
        ("http://[2001:DB8::1]:8080", "http://[2001:db8::1]:8080"),
        ("a_b.example", "https://a_b.example"),
        ("1.2.3.4.example", "https://1.2.3.4.example"),
    ] {
        assert_eq!(Origin::parse(text).unwrap().to_string(), same, "{text}");
    }
}

#[test]
fn what_is_no_domain_is_refused_with_the_reason() {
    let long_label = format!("{}.example", "a".repeat(64));
    let long_name = format!("{}example", "abcdefghi.".repeat(26));
    let longer = "a".repeat(10_000);
    for (text, why) in [
        ("", "empty"),
        ("https://", "host is missing"),
        (":443", "host is missing"),
        (".", "host is missing"),
        ("a..b", "between dots"),
        ("a.example..", "between dots"),
        (long_label.as_str(), "between dots"),
        (long_name.as_str(), "253"),
        (longer.as_str(), "253"),
        ("-a.example", "hyphen"),
        ("a-.example", "hyphen"),
        ("*.shop.example", "wildcards"),
        ("u:p@shop.example", "user name"),
        ("shop.example/", "path"),
        ("shop.example?x", "path"),
        ("shop.example#x", "path"),
        ("shop.example\\x", "path"),
        ("ftp://shop.example", "scheme"),
        ("://shop.example", "scheme"),
        ("shop.example:", "port"),
        ("shop.example:0", "port"),
        ("shop.example:65536", "port"),
        ("shop.example:+80", "port"),
        ("shop.example:080", "port"),
        ("shop.example:80:80", "port is given once"),
        ("::1", "square brackets"),
        ("[::1", "end with ]"),
        ("[::g]", "no IPv6 address"),
        ("[fe80::1%25eth0]", "no IPv6 address"),
        ("[::1]x", "only a port"),
        ("127.1", "four numbers"),
        ("127.0.0.01", "four numbers"),
        ("2130706433", "four numbers"),
        ("0x7f.0x1", "four numbers"),
        ("shop.example ", "spaces"),
        ("shop\r\n.example", "spaces"),
        ("接口.example", "xn--"),
    ] {
        let error = Origin::parse(text).unwrap_err();
        assert!(error.to_string().contains(why), "{text:?}: {error}");
        assert!(error.text.len() <= 90, "the error shows all of a long text");
    }
}

#[test]
fn a_url_is_split_into_origin_and_the_rest_as_typed() {
    for (url, origin, rest) in [
        (
            "https://api.shop.example/v1/%2Fx?y=//z",
            "https://api.shop.example",
            "/v1/%2Fx?y=//z",
        ),
        (
            "http://API.shop.example:8080",
            "http://api.shop.example:8080",
            "",
        ),
        ("https://[::1]:8443?q", "https://[::1]:8443", "?q"),
    ] {
        let (split, path_and_query) = split_url(url).unwrap();
        assert_eq!(
            (split.to_origin().to_string().as_str(), path_and_query),
            (origin, rest)
        );
    }
    for url in [
        "api.shop.example/v1",
        "/v1",
        "https:///v1",
        "https://a.example/v1#top",
        "//a.example",
        "x?u=https://a.example/",
    ] {
        assert!(split_url(url).is_err(), "{url}");
    }
}
