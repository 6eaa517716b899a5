//! Moments in text: RFC 3339, in UTC, to the millisecond.

use serde::{Deserialize, Deserializer, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The last moment that RFC 3339 can tell, 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;

/// A moment as it is answered, `2026-01-31T08:30:00.125Z`.
pub fn text(ms: u64) -> String {
    let nanos = i128::from(ms) * 1_000_000;
    let moment = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    moment
        .and_then(|moment| moment.format(&Rfc3339).ok())
        // Beyond the year 9999, which no clock that is taken from shows.
        .unwrap_or_else(|| format!("{ms} ms"))
}

/// A moment as it was asked for, milliseconds since 1970-01-01 UTC; `None` where it is none, or before 1970.
pub fn parse(text: &str) -> Option<u64> {
    // In a query, a `+` that was not percent-encoded has become a space.
    let text = text.trim().replace(' ', "+");
    let moment = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
    let ms = u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok();
    ms.filter(|&ms| ms <= LAST_MS)
}

/// A field that holds milliseconds and is written as a moment: `#[serde(with = "crate::moment")]`.
///
/// # Errors
/// The format's own.
pub fn serialize<S: Serializer>(ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&text(*ms))
}

/// # Errors
/// Where the text is no moment; the sentence says how to write one.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let written = String::deserialize(deserializer)?;
    parse(&written).ok_or_else(|| serde::de::Error::custom(NO_MOMENT))
}

/// How to write a moment, for whoever did not.
pub const NO_MOMENT: &str = "write a moment in RFC 3339, for instance 2026-01-31T08:30:00Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_its_text_form() {
        for ms in [0, 1_767_225_600_125, 1_767_225_600_000] {
            assert_eq!(parse(&text(ms)), Some(ms), "{}", text(ms));
        }
        assert_eq!(text(1_767_225_600_125), "2026-01-01T00:00:00.125Z");
    }

    #[test]
    fn a_moment_may_be_told_in_any_offset() {
        let there = parse("2026-01-01T08:00:00+08:00");
        assert_eq!(there, Some(1_767_225_600_000));
        assert_eq!(
            parse("2026-01-01T08:00:00 08:00"),
            there,
            "a `+` of a query"
        );
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for wrong in [
            "",
            "yesterday",
            "2026-01-01",
            "1960-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
