//! From what was typed to a rule, its scope and its times.

use serde_json::{Value, json};

use super::arguments::{PutAlarmArgs, RuleKind};
use super::named;
use crate::cli::failure::Failure;
use crate::cli::when;

/// `None` where no kind is given, and so nothing of a rule may be.
pub fn rule(args: &PutAlarmArgs) -> Result<Option<Value>, Failure> {
    let numbers = [
        ("--below", args.below.is_some()),
        ("--above", args.above.is_some()),
        ("--min-calls", args.min_calls.is_some()),
        ("--window", args.window.is_some()),
        ("--days", args.days.is_some()),
    ];
    let Some(kind) = args.kind else {
        return match numbers.iter().find(|(_, given)| *given) {
            None => Ok(None),
            Some((option, _)) => Err(Failure::Input(format!(
                "{option} is part of a rule: say which kind it is, as in `weir alarm put {} success_rate --below 99`.",
                args.alarm
            ))),
        };
    };
    let takes: &[&str] = match kind {
        RuleKind::SuccessRate => &["--below", "--min-calls", "--window"],
        RuleKind::P95 => &["--above", "--min-calls", "--window"],
        RuleKind::PackageUse => &["--above", "--window"],
        RuleKind::OverflowBegins => &["--window"],
        RuleKind::CertificateExpiring | RuleKind::AgreementExpiring => &["--days"],
        RuleKind::NodeGone | RuleKind::ConfigDisagreement | RuleKind::NodeFenced => &[],
    };
    let kind_name = named(&kind);
    if let Some((option, _)) = numbers
        .iter()
        .find(|(option, given)| *given && !takes.contains(option))
    {
        return Err(Failure::Input(format!("{kind_name} takes no {option}.")));
    }
    let needed = |given: Option<Value>, option: &str| {
        given.ok_or_else(|| Failure::Input(format!("{kind_name} needs {option}.")))
    };
    let mut rule = json!({ "kind": kind_name });
    match kind {
        RuleKind::SuccessRate => {
            rule["below_percent"] = needed(args.below.map(Value::from), "--below")?
        }
        RuleKind::P95 => {
            rule["above_ms"] = needed(args.above.map(|ms| (ms as u64).into()), "--above")?
        }
        RuleKind::PackageUse => {
            rule["above_percent"] = needed(args.above.map(Value::from), "--above")?
        }
        RuleKind::CertificateExpiring | RuleKind::AgreementExpiring => {
            rule["days"] = needed(args.days.map(Value::from), "--days")?;
        }
        _ => {}
    }
    if let Some(min_calls) = args.min_calls {
        rule["min_calls"] = min_calls.into();
    }
    if let Some(window_s) = seconds(args.window.as_deref())? {
        rule["window_s"] = window_s.into();
    }
    Ok(Some(rule))
}

pub fn scope(args: &PutAlarmArgs) -> Option<Value> {
    match (&args.gateway, &args.business) {
        (Some(gateway), _) => Some(json!({ "gateway": gateway })),
        (None, Some(business)) => Some(json!({ "business": business })),
        (None, None) => None,
    }
}

pub fn seconds(text: Option<&str>) -> Result<Option<u64>, Failure> {
    let ms = text.map(when::duration_ms).transpose()?;
    Ok(ms.map(|ms| ms.div_ceil(1_000)))
}

pub fn repeat_s(text: Option<&str>) -> Result<Option<u64>, Failure> {
    match text {
        Some("never") => Ok(Some(0)),
        text => seconds(text),
    }
}

/// `22:00-07:00+08:00`, or `none` to take all away.
pub fn quiet(given: &[String]) -> Result<Option<Value>, Failure> {
    match given {
        [] => Ok(None),
        [none] if none == "none" => Ok(Some(json!([]))),
        given => given
            .iter()
            .map(|text| one_quiet(text))
            .collect::<Result<_, _>>()
            .map(Some),
    }
}

fn one_quiet(text: &str) -> Result<Value, Failure> {
    let read = || {
        let (from, rest) = text.split_once('-')?;
        let (to, offset) = rest.split_at_checked(5)?;
        let offset = if offset.is_empty() { "+00:00" } else { offset };
        Some(json!({"from": from, "to": to, "utc_offset": offset}))
    };
    read().ok_or_else(|| {
        Failure::Input(format!(
            "`{text}` is no quiet time: write it as in 22:00-07:00+08:00, or `none`."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_time_is_from_to_and_the_clock_it_is_of() {
        let quiet = |text: &str| quiet(&[text.to_owned()]);
        let night = json!([{"from": "22:00", "to": "07:00", "utc_offset": "+08:00"}]);
        assert_eq!(quiet("22:00-07:00+08:00").unwrap(), Some(night));
        assert_eq!(
            quiet("22:00-07:00").unwrap().unwrap()[0]["utc_offset"],
            "+00:00"
        );
        assert_eq!(quiet("none").unwrap(), Some(json!([])));
        assert!(
            quiet("at night")
                .unwrap_err()
                .to_string()
                .contains("22:00-07:00+08:00")
        );
        assert_eq!(repeat_s(Some("never")).unwrap(), Some(0));
        assert_eq!(repeat_s(Some("4h")).unwrap(), Some(14_400));
    }
}
