//! Which time a question is about: from, to, or the last so long; and how far its points are apart.

use super::problem::Problem;
use super::query::unusable;
use weir_config::moment;

/// What is asked where nobody says.
const LAST_S: u64 = 15 * 60;
/// As far back as anything is kept.
const LONGEST_S: u64 = 370 * 24 * 60 * 60;
/// Points that a question gets where nobody says how far they are apart.
const POINTS: u64 = 60;
/// Steps that people like.
const STEPS_S: [u64; 13] = [
    1, 5, 10, 15, 30, 60, 300, 900, 1_800, 3_600, 21_600, 86_400, 604_800,
];

/// Seconds since 1970-01-01 UTC; `to_s` is not included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub from_s: u64,
    pub to_s: u64,
    pub step_s: u64,
}

/// Of a moment in a query, milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// 400 `invalid_query`.
pub fn moment_ms(name: &str, text: &str) -> Result<u64, Problem> {
    moment::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        let detail = format!("`{name}` is `{shown}`: {}.", moment::NO_MOMENT);
        unusable(name, &detail)
    })
}

/// Of `90s`, `15m`, `2h` or `7d`, seconds.
fn duration_s(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_s = match &text[digits.len()..] {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(unit_s).filter(|&s| s > 0)
}

// === impl Span ===

impl Span {
    /// Of the parameters of a query; times and steps may have units, as in `last=2h`.
    ///
    /// # Errors
    /// 400 `invalid_query`.
    pub fn read(
        from: Option<&str>,
        to: Option<&str>,
        last: Option<&str>,
        step: Option<&str>,
        now_ms: u64,
    ) -> Result<Self, Problem> {
        let duration = |name: &str, text: &str| {
            duration_s(text).ok_or_else(|| {
                let detail = format!("`{name}` has to be a time as in 90s, 15m, 2h or 7d.");
                unusable(name, &detail)
            })
        };
        if last.is_some() && from.is_some() {
            let detail = "Give either `from` or `last`, not both.";
            return Err(unusable("last", detail));
        }
        // The second under way is shown too.
        let to_s = match to {
            Some(to) => moment_ms("to", to)?.div_ceil(1_000),
            None => now_ms / 1_000 + 1,
        };
        let last_s = last.map_or(Ok(LAST_S), |last| duration("last", last))?;
        let from_s = match from {
            Some(from) => moment_ms("from", from)? / 1_000,
            None => to_s.saturating_sub(last_s),
        };
        if from_s >= to_s {
            return Err(unusable(
                "from",
                "`from` has to be before `to`, and in the past.",
            ));
        }
        if to_s - from_s > LONGEST_S {
            let detail = "That is longer than the year that is kept: ask for less at once.";
            return Err(unusable("from", detail));
        }
        let fitting = |step_s: &&u64| **step_s * POINTS >= to_s - from_s;
        let step_s = match step {
            Some(step) => duration("step", step)?,
            None => *STEPS_S.iter().find(fitting).unwrap_or(&604_800),
        };
        Ok(Span {
            from_s,
            to_s,
            step_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_767_225_600_000;

    fn read(from: &str, to: &str, last: &str, step: &str) -> Result<Span, Problem> {
        let [from, to, last, step] =
            [from, to, last, step].map(|text| (!text.is_empty()).then_some(text));
        Span::read(from, to, last, step, NOW_MS)
    }

    #[test]
    fn without_a_word_it_is_the_last_quarter_of_an_hour_in_some_sixty_points() {
        let span = read("", "", "", "").unwrap();
        assert_eq!(
            (span.to_s, span.to_s - span.from_s, span.step_s),
            (NOW_MS / 1_000 + 1, 900, 15)
        );
        assert_eq!(read("", "", "7d", "").unwrap().step_s, 21_600);
        assert_eq!(read("", "", "2h", "1m").unwrap().step_s, 60);
        let span = read("2025-12-31T00:00:00Z", "2025-12-31T00:01:00Z", "", "").unwrap();
        assert_eq!((span.to_s - span.from_s, span.step_s), (60, 1));
    }

    #[test]
    fn what_makes_no_time_is_refused_by_name() {
        for (from, to, last, step, field) in [
            ("x", "", "", "", "from"),
            ("", "x", "", "", "to"),
            ("", "", "soon", "", "last"),
            ("", "", "", "0s", "step"),
            ("2027-01-01T00:00:00Z", "", "", "", "from"),
            ("2020-01-01T00:00:00Z", "", "", "", "from"),
            ("2025-12-31T00:00:00Z", "", "1h", "", "last"),
        ] {
            let problem = read(from, to, last, step).unwrap_err();
            assert_eq!(
                problem.field.as_deref(),
                Some(field),
                "{from} {to} {last} {step}"
            );
        }
    }
}
