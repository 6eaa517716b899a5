//! Alarms and their receivers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::object::{
    Alarm, AlarmReceiver, AlarmRule, AlarmScope, Kind, Object, ObjectKey, QuietTime,
    ReceiverFormat, Severity, WebhookUrl, Window,
};
use crate::operation::{Change, field};
use crate::refusal::Refusal;

/// Most alarms of a cluster, and most receivers.
pub const ALARMS_MAX: usize = 100;
pub const RECEIVERS_MAX: usize = 20;
const QUIET_MAX: usize = 20;
const URL_MAX: usize = 2_048;
const FOR_S_MAX: u64 = 86_400;
const REPEAT_S: std::ops::RangeInclusive<u64> = 60..=604_800;

/// An alarm as an operator writes it. What is left out is as before, for a new one as is usual; the rule of a new one
/// has to be given.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmInput {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub enabled: Option<bool>,
    #[serde(default)]
    pub severity: Option<Severity>,
    #[serde(default)]
    pub rule: Option<AlarmRule>,
    #[serde(default)]
    pub scope: Option<AlarmScope>,
    /// Seconds, at most a day.
    #[serde(default)]
    pub for_s: Option<u64>,
    /// Ids of receivers; `null` or left out: as before, for a new alarm every receiver.
    #[serde(default)]
    pub receivers: Option<BTreeSet<String>>,
    #[serde(default)]
    pub quiet: Option<Vec<QuietTime>>,
    /// Seconds, 60 to 604,800; 0: never.
    #[serde(default)]
    pub repeat_s: Option<u64>,
    #[serde(default)]
    pub tell_resolved: Option<bool>,
}

/// A receiver as an operator writes it. What is left out is as before; the URL of a new one has to be given.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmReceiverInput {
    #[serde(default)]
    pub format: Option<ReceiverFormat>,
    /// Of the webhook. Never shown again.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…")]
    pub url: Option<WebhookUrl>,
    #[serde(default)]
    pub enabled: Option<bool>,
}

/// The alarms there are, in the order of their ids: the built-in ones as somebody set them, if at all, and those added.
pub fn effective_alarms(catalog: &Catalog) -> Vec<Alarm> {
    let built_in = Alarm::built_in().into_iter();
    let mut alarms: BTreeMap<String, Alarm> = built_in.map(|a| (a.id.clone(), a)).collect();
    alarms.extend(
        catalog
            .alarms()
            .map(|alarm| (alarm.id.clone(), alarm.clone())),
    );
    alarms.into_values().collect()
}

/// Sets an alarm.
///
/// # Errors
/// `invalid` (422) with the field, `reference_missing` (422) for a scope there is not; `too_many_alarms` (409).
pub fn put_alarm(catalog: &Catalog, id: &str, input: AlarmInput) -> Result<Change, Refusal> {
    field::slug("alarm", id)?;
    let known = effective_alarms(catalog)
        .into_iter()
        .find(|known| known.id == id);
    let rule = input
        .rule
        .clone()
        .or(known.as_ref().map(|known| known.rule.clone()));
    let rule = rule.ok_or_else(|| {
        Refusal::invalid(
            "rule",
            "It is missing: say what is watched, for instance {\"kind\": \"success_rate\", \"below_percent\": 99}.",
        )
    })?;
    let usual = Alarm {
        id: id.to_owned(),
        ..Alarm::built_in().swap_remove(0)
    };
    let before = known.unwrap_or(Alarm {
        name: String::new(),
        severity: Severity::Warning,
        ..usual
    });
    let alarm = Alarm {
        id: id.to_owned(),
        name: input.name.unwrap_or(before.name),
        enabled: input.enabled.unwrap_or(before.enabled),
        severity: input.severity.unwrap_or(before.severity),
        rule,
        scope: input.scope.unwrap_or(before.scope),
        for_s: input.for_s.or(before.for_s),
        receivers: input.receivers.or(before.receivers),
        quiet: input.quiet.unwrap_or(before.quiet),
        repeat_s: input.repeat_s.unwrap_or(before.repeat_s),
        tell_resolved: input.tell_resolved.unwrap_or(before.tell_resolved),
    };
    check(catalog, &alarm)?;
    if catalog.alarm(id).is_none() && catalog.alarms().count() >= ALARMS_MAX {
        let detail = format!(
            "There are {ALARMS_MAX} alarms, the most a cluster can have. Delete one first."
        );
        return Err(Refusal::conflict("too_many_alarms", detail));
    }
    Ok(Change::put_if_new(catalog, Object::Alarm(alarm)))
}

/// Takes an alarm away; a built-in one is then as it was in the beginning.
///
/// # Errors
/// `not_found` (404).
pub fn delete_alarm(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    if catalog.alarm(id).is_some() {
        return Ok(Change::delete(ObjectKey::new(Kind::Alarm, id)));
    }
    let shown = field::shown(id);
    let built_in = Alarm::built_in().iter().any(|alarm| alarm.id == id);
    Err(Refusal::not_found(match built_in {
        true => format!(
            "Alarm `{shown}` is as it was in the beginning, and cannot be taken away. Switch it off: PUT \
             /admin/v1/alarms/{shown} with {{\"enabled\": false}}."
        ),
        false => {
            format!("There is no alarm `{shown}`. GET /admin/v1/alarms lists those there are.")
        }
    }))
}

/// Sets a receiver of alarms.
///
/// # Errors
/// `invalid` (422) with the field; `too_many_receivers` (409).
pub fn put_alarm_receiver(
    catalog: &Catalog,
    id: &str,
    input: AlarmReceiverInput,
) -> Result<Change, Refusal> {
    field::slug("receiver", id)?;
    let known = catalog.alarm_receiver(id);
    let url = input.url.or(known.map(|known| known.url.clone()));
    let url =
        url.ok_or_else(|| Refusal::invalid("url", "It is missing: say where the webhook is."))?;
    let receiver = AlarmReceiver {
        id: id.to_owned(),
        format: input
            .format
            .or(known.map(|known| known.format))
            .unwrap_or_default(),
        url,
        enabled: input
            .enabled
            .or(known.map(|known| known.enabled))
            .unwrap_or(true),
    };
    check_receiver(&receiver)?;
    if known.is_none() && catalog.alarm_receivers().count() >= RECEIVERS_MAX {
        let detail = format!(
            "There are {RECEIVERS_MAX} receivers of alarms, the most a cluster can have. Delete one first."
        );
        return Err(Refusal::conflict("too_many_receivers", detail));
    }
    Ok(Change::put_if_new(catalog, Object::AlarmReceiver(receiver)))
}

/// Takes a receiver away. Alarms that name it alone are told to nobody then.
///
/// # Errors
/// `not_found` (404).
pub fn delete_alarm_receiver(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    if catalog.alarm_receiver(id).is_none() {
        let detail = format!("There is no receiver of alarms `{}`.", field::shown(id));
        return Err(Refusal::not_found(detail));
    }
    Ok(Change::delete(ObjectKey::new(Kind::AlarmReceiver, id)))
}

/// Checks an alarm as it is kept. Receivers that it names may come later, as their URLs are in no document.
pub(super) fn check(catalog: &Catalog, alarm: &Alarm) -> Result<(), Refusal> {
    field::slug("id", &alarm.id)?;
    field::name("name", &alarm.name)?;
    check_rule(&alarm.rule)?;
    check_scope(catalog, alarm)?;
    if alarm.for_s.is_some_and(|for_s| for_s > FOR_S_MAX) {
        let detail = format!("It has to be 0 to {FOR_S_MAX} seconds.");
        return Err(Refusal::invalid("for_s", detail));
    }
    if alarm.repeat_s != 0 && !REPEAT_S.contains(&alarm.repeat_s) {
        let detail = "It has to be 60 to 604800 seconds, a week; 0: it is told once.";
        return Err(Refusal::invalid("repeat_s", detail));
    }
    for (i, receiver) in alarm.receivers.iter().flatten().enumerate() {
        field::slug(&format!("receivers[{i}]"), receiver)?;
    }
    if alarm.quiet.len() > QUIET_MAX {
        let detail = format!("An alarm has at most {QUIET_MAX} quiet times.");
        return Err(Refusal::invalid("quiet", detail));
    }
    for (i, quiet) in alarm.quiet.iter().enumerate() {
        if quiet.times().is_none_or(|(from, to, _)| from == to) {
            return Err(Refusal::invalid(
                format!("quiet[{i}]"),
                "Write two different times of the day and the clock they are of, as in {\"from\": \"22:00\", \"to\": \
                 \"07:00\", \"utc_offset\": \"+08:00\"}.",
            ));
        }
    }
    Ok(())
}

fn check_rule(rule: &AlarmRule) -> Result<(), Refusal> {
    if rule
        .window()
        .is_some_and(|window| !Window::ALL.contains(&window))
    {
        let detail =
            "Calls and bytes are summed up over 10, 60, 300 or 900 seconds; take one of them.";
        return Err(Refusal::invalid("rule.window_s", detail));
    }
    let percent = |field: &str, percent: f64| match percent > 0.0 && percent <= 100.0 {
        true => Ok(()),
        false => Err(Refusal::invalid(
            field,
            "A share is a number above 0 and at most 100, percent.",
        )),
    };
    match rule {
        AlarmRule::SuccessRate { below_percent, .. } => {
            percent("rule.below_percent", *below_percent)
        }
        AlarmRule::PackageUse { above_percent, .. } => {
            percent("rule.above_percent", *above_percent)
        }
        AlarmRule::P95 { above_ms, .. } if !(1..=600_000).contains(above_ms) => Err(
            Refusal::invalid("rule.above_ms", "It has to be 1 to 600000 milliseconds."),
        ),
        AlarmRule::CertificateExpiring { days } if !(1..=365).contains(days) => {
            Err(Refusal::invalid("rule.days", "It has to be 1 to 365 days."))
        }
        AlarmRule::AgreementExpiring { days } if *days > 365 => {
            Err(Refusal::invalid("rule.days", "It has to be 0 to 365 days."))
        }
        _ => Ok(()),
    }
}

fn check_scope(catalog: &Catalog, alarm: &Alarm) -> Result<(), Refusal> {
    let scope = &alarm.scope;
    if *scope != AlarmScope::default() && !alarm.rule.has_scope() {
        let detail = format!(
            "A rule `{}` watches the nodes or the cluster, not gateways: leave the scope out.",
            alarm.rule.kind()
        );
        return Err(Refusal::invalid("scope", detail));
    }
    if scope.gateway.is_some() && scope.business.is_some() {
        let detail = "Name a gateway or a business, not both: a business belongs to one gateway.";
        return Err(Refusal::invalid("scope", detail));
    }
    if scope.business.is_some() && !alarm.rule.is_of_businesses() {
        let detail = format!(
            "A rule `{}` watches whole gateways, since businesses share the package: name a gateway.",
            alarm.rule.kind()
        );
        return Err(Refusal::invalid("scope.business", detail));
    }
    let missing = |what: &str, id: &str| {
        let detail = format!(
            "There is no {what} `{}`: create it first, or name another.",
            field::shown(id)
        );
        let mut refusal = Refusal::invalid(format!("scope.{what}"), detail);
        refusal.code = "reference_missing";
        Err(refusal)
    };
    match (&scope.gateway, &scope.business) {
        (Some(gateway), _) if catalog.gateway(gateway).is_none() => missing("gateway", gateway),
        (_, Some(business)) if catalog.business(business).is_none() => {
            missing("business", business)
        }
        _ => Ok(()),
    }
}

/// Checks a receiver as it is kept.
pub(super) fn check_receiver(receiver: &AlarmReceiver) -> Result<(), Refusal> {
    field::slug("id", &receiver.id)?;
    let url = receiver.url.0.as_str();
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let whole = host.is_some_and(|host| !host.is_empty() && !host.contains('@'));
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic()) && url.len() <= URL_MAX;
    match whole && plain {
        true => Ok(()),
        // What was given is a secret, so it is not said.
        false => Err(Refusal::invalid(
            "url",
            format!(
                "It is no URL of a webhook: write https://host/path in ASCII, without a name and password, at most \
                 {URL_MAX} bytes."
            ),
        )),
    }
}
