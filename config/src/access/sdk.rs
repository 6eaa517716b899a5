//! Versions of the base library and the developer tool (`PRODUCT.md` row 11).

use std::cmp::Ordering;

const SDK_MIN: &str = "3.1.5";
const DEVTOOLS_MIN: &str = "1.06.2310312";
/// Longest version that is read, and most digits of a part: what fits into 64 bits.
const TEXT_MAX: usize = 64;
const PART_DIGITS_MAX: usize = 18;

/// Whether a client's base library is older than a business's floor. One that is not said is not.
pub(super) fn is_older(sdk: Option<&str>, floor: &str) -> bool {
    sdk.is_some_and(|sdk| compare(sdk, floor) == Ordering::Less)
}

/// Whether a developer tool knows the link. A version that is not said is too old.
pub(super) fn devtools_new_enough(sdk: Option<&str>, devtools: Option<&str>) -> bool {
    let at_least =
        |version: Option<&str>, min| version.is_some_and(|v| compare(v, min) != Ordering::Less);
    at_least(sdk, SDK_MIN) && at_least(devtools, DEVTOOLS_MIN)
}

/// Whether a text is a version: numbers with dots between them.
pub(crate) fn is_version(text: &str) -> bool {
    let part = |part: &str| {
        (1..=PART_DIGITS_MAX).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    text.len() <= TEXT_MAX && text.split('.').all(part)
}

/// Compares part by part as numbers, so that `3.10` is newer than `3.9` and `1.06` the same as `1.6`. A part
/// that is missing counts as 0.
fn compare(a: &str, b: &str) -> Ordering {
    let mut a = a.split('.').map(number);
    let mut b = b.split('.').map(number);
    loop {
        match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => match x.unwrap_or(0).cmp(&y.unwrap_or(0)) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
        }
    }
}

fn number(part: &str) -> u64 {
    part.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers_part_by_part() {
        for (newer, older) in [
            ("3.10.0", "3.9.9"),
            ("3.1.5.1", "3.1.5"),
            ("4", "3.1.5"),
            ("1.06.2310312", "1.05.9999999"),
        ] {
            assert_eq!(compare(newer, older), Ordering::Greater, "{newer} {older}");
            assert_eq!(compare(older, newer), Ordering::Less, "{older} {newer}");
        }
        assert_eq!(compare("1.06.2310312", "1.6.2310312.0"), Ordering::Equal);
    }

    #[test]
    fn a_text_that_is_not_numbers_between_dots_is_no_version() {
        for text in [
            "",
            ".",
            "3.",
            ".3",
            "3..1",
            "3.1.5-beta",
            "v3",
            "+3",
            "3 ",
            "３.1",
        ] {
            assert!(!is_version(text), "{text:?}");
        }
        assert!(!is_version(&"9".repeat(19)));
        assert!(!is_version(&"1.".repeat(40)));
        assert!(is_version("1.06.2310312"));
    }
}
