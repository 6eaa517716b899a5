//! Quantities as people write and read them: bandwidths, bytes, durations, shares.

use std::time::Duration;

use super::failure::Failure;

/// `12.5 Mbps` of bits a second.
pub fn bandwidth(bps: f64) -> String {
    scaled(bps, 1_000.0, &["bps", "kbps", "Mbps", "Gbps", "Tbps"])
}

/// `3.1 MB` of bytes; negative for debt.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, 1_000.0, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// A count with its thousands: `12.4 k`.
pub fn count(count: f64) -> String {
    let text = scaled(count, 1_000.0, &["", "k", "M", "G", "T"]);
    text.trim_end().to_owned()
}

/// Three digits at least, at most one decimal.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    // What would be rounded up to the step is of the next unit.
    while value.abs() >= step - 0.05 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    format!("{} {}", decimal(value), units[unit])
}

/// At most one decimal, and none where it would be 0.
pub fn decimal(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// Of `5Mbps`, `500 kbps`, `1Gbps` or bits a second, bits a second.
///
/// # Errors
/// A sentence that says how to write one.
pub fn parse_bandwidth(text: &str) -> Result<u64, Failure> {
    let wrong = || {
        let detail = format!(
            "`{text}` is no bandwidth: write it as in 5Mbps, 500kbps or 1Gbps, or as bits a second."
        );
        Failure::Input(detail)
    };
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = match lower[digits.len()..].trim() {
        "" | "bps" => 1.0,
        "kbps" => 1e3,
        "mbps" => 1e6,
        "gbps" => 1e9,
        "tbps" => 1e12,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.parse().map_err(|_| wrong())?;
    let bps = (number * unit).round();
    // Beyond, a float is no exact number; the admin API has limits of its own.
    if (0.0..=9e15).contains(&bps) {
        Ok(bps as u64)
    } else {
        Err(wrong())
    }
}

/// Of `90s`, `30m`, `2h` or `3d`, that long.
///
/// # Errors
/// A sentence that says how to write one.
pub fn parse_duration(text: &str) -> Result<Duration, Failure> {
    let wrong = || {
        let detail = format!("`{text}` is no duration: write it as in 30m, 2h or 3d.");
        Failure::Input(detail)
    };
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let seconds: u64 = match &lower[digits.len()..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let whole = number.checked_mul(seconds).filter(|&s| s > 0);
    whole.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_three_digits_and_a_unit() {
        for (bps, text) in [
            (0.0, "0 bps"),
            (64_000.0, "64 kbps"),
            (20_000_000.0, "20 Mbps"),
            (12_540_000.0, "12.5 Mbps"),
            (999_999.0, "1 Mbps"),
            (1e12, "1 Tbps"),
            (1e15, "1000 Tbps"),
        ] {
            assert_eq!(bandwidth(bps), text);
        }
        assert_eq!(bytes(-125_000.0), "-125 kB");
        assert_eq!(
            (count(7.0), count(12_400.0)),
            ("7".to_owned(), "12.4 k".to_owned())
        );
        assert_eq!(decimal(-0.01), "0");
    }

    #[test]
    fn a_bandwidth_is_read_with_or_without_its_unit() {
        for (text, bps) in [
            ("8", 8),
            ("8 bps", 8),
            ("500kbps", 500_000),
            ("2.5 Mbps", 2_500_000),
            ("1GBPS", 1_000_000_000),
        ] {
            assert_eq!(parse_bandwidth(text).unwrap(), bps, "{text}");
        }
        for text in ["", "fast", "5MB", "-5", "1e99", "NaN", "Mbps", "5 Mbps x"] {
            let failure = parse_bandwidth(text).unwrap_err().to_string();
            assert!(failure.contains("5Mbps"), "{text}: {failure}");
        }
    }

    #[test]
    fn a_duration_is_read_with_its_unit() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("3d", 259_200)] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in [
            "",
            "2",
            "h",
            "0h",
            "-2h",
            "2 weeks",
            "99999999999999999999d",
        ] {
            let failure = parse_duration(text).unwrap_err().to_string();
            assert!(failure.contains("2h"), "{text}: {failure}");
        }
    }
}
