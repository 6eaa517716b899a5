use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 256,
    headers: 5,
};

fn judge(text: &str) -> Result<u32, BadHead> {
    let mut guard = HeadGuard::new(LIMITS);
    guard.feed(text.as_bytes()).map_err(|(_, bad)| bad)?;
    Ok(guard.heads())
}

fn is_malformed(text: &str) -> bool {
    matches!(judge(text), Err(BadHead::Malformed(_)))
}

#[test]
fn requests_with_and_without_bodies_follow_each_other() {
    let text = "GET / HTTP/1.1\r\nhost: a\r\n\r\n\
        POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab\r\nc\
        \r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nt: 1\r\n\r\n\
        GET / HTTP/1.1\r\n\r\n";
    assert_eq!(judge(text), Ok(4));
}

#[test]
fn both_lengths_are_refused_in_either_order() {
    assert!(is_malformed(
        "POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
    ));
    assert!(is_malformed(
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n"
    ));
}

#[test]
fn duplicate_and_odd_lengths_are_refused() {
    assert!(is_malformed(
        "POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n"
    ));
    for odd in ["5, 5", "+5", "-1", "0x5", "", "99999999999999999999999"] {
        assert!(
            is_malformed(&format!("POST / HTTP/1.1\r\ncontent-length: {odd}\r\n\r\n")),
            "{odd}"
        );
    }
}

#[test]
fn encodings_other_than_exactly_chunked_are_refused() {
    for odd in [
        "gzip, chunked",
        "chunked, chunked",
        "identity",
        "xchunked",
        "chunked;q=1",
        "\"chunked\"",
    ] {
        assert!(
            is_malformed(&format!(
                "POST / HTTP/1.1\r\ntransfer-encoding: {odd}\r\n\r\n"
            )),
            "{odd}"
        );
    }
    let twice = "transfer-encoding: chunked\r\ntransfer-encoding: chunked";
    assert!(is_malformed(&format!("POST / HTTP/1.1\r\n{twice}\r\n\r\n")));
}

#[test]
fn bare_line_ends_folded_lines_and_odd_names_are_refused() {
    assert!(is_malformed("GET / HTTP/1.1\nhost: a\r\n\r\n"));
    assert!(is_malformed("GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n"));
    assert!(is_malformed("GET / HTTP/1.1\r\nhost: a\rx: b\r\n\r\n"));
    assert!(is_malformed("GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n"));
    assert!(is_malformed("GET / HTTP/1.1\r\ncontent-length : 5\r\n\r\n"));
    assert!(is_malformed("GET / HTTP/1.1\r\n: a\r\n\r\n"));
    assert!(is_malformed("GET / HTTP/1.1\r\nx: a\0b\r\n\r\n"));
}

#[test]
fn broken_chunks_are_refused() {
    for odd in [
        "x\r\n",
        "\r\n",
        "5\nhello",
        "5\r\nhelloX",
        "11111111111111111\r\n",
    ] {
        assert!(
            is_malformed(&format!(
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{odd}"
            )),
            "{odd:?}"
        );
    }
}

#[test]
fn a_head_may_be_as_large_as_the_limit_and_not_a_byte_larger() {
    let head = |filler: usize| format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(filler));
    let fits = LIMITS.bytes - head(0).len();
    assert_eq!(judge(&head(fits)), Ok(1));
    assert_eq!(judge(&head(fits + 1)), Err(BadHead::TooLarge));
    let headers = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "x: a\r\n".repeat(count));
    assert_eq!(judge(&headers(5)), Ok(1));
    assert_eq!(judge(&headers(6)), Err(BadHead::TooLarge));
}

/// Texts near to requests: pieces of them, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("GET / HTTP/1.1\r\n"),
        Just("POST /x HTTP/1.1\r\n"),
        Just("content-length: 3\r\n"),
        Just("Content-Length:0\r\n"),
        Just("transfer-encoding: chunked\r\n"),
        Just("host: a\r\n"),
        Just("\r\n"),
        Just("\r\n\r\n"),
        Just("abc"),
        Just("3\r\nabc\r\n0\r\n\r\n"),
        Just("3;e\r\n"),
        Just("\n"),
        Just("\r"),
        Just(" "),
        Just("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: y\r\n"),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_of_the_same_bytes_gives_the_same_verdict(text in pieces(), cuts in prop::collection::vec(1usize..9, 1..40)) {
        let mut whole = HeadGuard::new(LIMITS);
        let at_once = whole.feed(text.as_bytes());
        let mut split = HeadGuard::new(LIMITS);
        let (mut fed, mut cuts) = (0, cuts.iter().cycle());
        let mut in_pieces = Ok(());
        while fed < text.len() && in_pieces.is_ok() {
            let end = text.len().min(fed + cuts.next().unwrap());
            in_pieces = split.feed(&text.as_bytes()[fed..end]).map_err(|(at, bad)| (fed + at, bad));
            fed = end;
        }
        prop_assert_eq!(at_once, in_pieces);
        prop_assert_eq!(whole.heads(), split.heads());
        prop_assert_eq!(whole.in_head(), split.in_head());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = HeadGuard::new(LIMITS).feed(&bytes);
    }
}
