//! Checks that several operations share. Each takes the field's path for the refusal.

use crate::domain::Origin;
use crate::refusal::Refusal;

/// Longest name or free text an operator may give, in characters.
pub(super) const TEXT_MAX: usize = 128;

/// An id chosen by an operator: 1 to 63 of `a-z 0-9 -`, so that it fits into a host name and a URL.
pub(super) fn slug(path: &str, id: &str) -> Result<(), Refusal> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let edge = |b: Option<&u8>| b.is_some_and(|&b| b != b'-');
    let bytes = id.as_bytes();
    let fits = bytes.len() <= 63 && bytes.iter().all(|&b| legal(b));
    if fits && edge(bytes.first()) && edge(bytes.last()) {
        return Ok(());
    }
    Err(Refusal::invalid(
        path,
        format!(
            "`{}` cannot be an id: use 1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends.",
            shown(id)
        ),
    ))
}

/// A mini program's appid: `wx` and 16 lower-case hexadecimal digits.
pub(super) fn appid(path: &str, appid: &str) -> Result<(), Refusal> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match appid.strip_prefix("wx") {
        Some(digits) if digits.len() == 16 && digits.bytes().all(hex) => Ok(()),
        _ => Err(Refusal::invalid(
            path,
            format!(
                "`{}` is not an appid: write wx and 16 hexadecimal digits in lower case, \
                 for instance wx0123456789abcdef.",
                shown(appid)
            ),
        )),
    }
}

/// A name for people; may be empty.
pub(super) fn name(path: &str, text: &str) -> Result<(), Refusal> {
    if text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
        return Err(Refusal::invalid(
            path,
            format!("Use at most {TEXT_MAX} characters, on one line."),
        ));
    }
    Ok(())
}

/// A text for people that has to be there.
pub(super) fn text(path: &str, text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::invalid(path, "It is empty; it has to be given."));
    }
    name(path, text)
}

/// A domain of the business's own, in any of the forms that [`Origin::parse`] reads.
pub(super) fn domain(path: &str, text: &str) -> Result<Origin, Refusal> {
    Origin::parse(text).map_err(|error| {
        Refusal::invalid(
            path,
            format!(
                "{error}. Write [scheme://]host[:port], for instance https://api.shop.example."
            ),
        )
    })
}

/// What was given, short enough to show in a sentence.
pub(super) fn shown(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
