//! Moments as people write them.

use weir_config::moment;

use super::failure::Failure;
use super::quantity::parse_duration;
use crate::config_actor::now_ms;

/// Of `2026-01-31T08:30:00Z`, `+90m` (from now) or `now`, milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// A sentence that says how to write one.
pub fn parse(text: &str) -> Result<u64, Failure> {
    at(text, now_ms())
}

/// When something ends: at a moment, or so long after it began; `None` where neither is given.
///
/// # Errors
/// As [`parse`].
pub fn end(
    began_ms: u64,
    until: Option<&str>,
    lasting: Option<&str>,
) -> Result<Option<u64>, Failure> {
    match (until, lasting) {
        (Some(until), _) => parse(until).map(Some),
        (None, Some(lasting)) => Ok(Some(began_ms.saturating_add(duration_ms(lasting)?))),
        (None, None) => Ok(None),
    }
}

/// Of `90s`, `30m`, `2h` or `3d`, milliseconds.
///
/// # Errors
/// A sentence that says how to write one.
pub fn duration_ms(text: &str) -> Result<u64, Failure> {
    let duration = parse_duration(text)?;
    Ok(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn at(text: &str, now_ms: u64) -> Result<u64, Failure> {
    let text = text.trim();
    if text == "now" {
        return Ok(now_ms);
    }
    if let Some(ahead) = text.strip_prefix('+') {
        return Ok(now_ms.saturating_add(duration_ms(ahead)?));
    }
    moment::parse(text).ok_or_else(|| {
        Failure::Input(format!(
            "`{text}` is no moment: write it as in 2026-01-31T08:30:00Z, +90m (from now) or now."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_from_now() {
        for (text, ms) in [
            ("2026-01-01T00:00:00Z", 1_767_225_600_000),
            ("2026-01-01T08:00:00+08:00", 1_767_225_600_000),
            ("+90m", 1_000 + 5_400_000),
            ("now", 1_000),
        ] {
            assert_eq!(at(text, 1_000).unwrap(), ms, "{text}");
        }
        for text in ["", "tomorrow", "2026-01-01", "90m"] {
            let failure = at(text, 1_000).unwrap_err().to_string();
            assert!(failure.contains("+90m"), "{text}: {failure}");
        }
        assert!(at("+soon", 1_000).unwrap_err().to_string().contains("2h"));
    }

    #[test]
    fn something_ends_at_a_moment_or_after_a_while() {
        assert_eq!(end(5, None, Some("2h")).unwrap(), Some(5 + 7_200_000));
        let until = Some("2026-01-01T00:00:00Z");
        assert_eq!(end(5, until, None).unwrap(), Some(1_767_225_600_000));
        assert_eq!(end(5, None, None).unwrap(), None);
    }
}
