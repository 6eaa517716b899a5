//! Notices to webhooks.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use weir_config::Catalog;
use weir_config::object::{Alarm, AlarmReceiver, ReceiverFormat, Severity};

use super::notice::{Notice, Phase};
use super::state::Letter;
use crate::delivery::{Courier, Letter as Post, Policy, Undelivered, host_of, later};

/// Time for one attempt.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts for one letter, over some ten minutes.
pub const ATTEMPTS_MAX: u32 = 12;
/// A letter that is older is of no use any more.
pub const LETTER_MS: u64 = 3_600_000;
const FIRST_PAUSE_MS: u64 = 1_000;
const LONGEST_PAUSE_MS: u64 = 120_000;

/// One attempt: what comes after it is the letter's affair, which other nodes have too.
const ONCE: Policy = Policy {
    attempts: 1,
    first_pause: Duration::ZERO,
    longest_pause: Duration::ZERO,
    again: later,
};

/// WeCom's errors that pass: too busy, too many messages a minute.
const WECOM_LATER: [i64; 2] = [-1, 45_009];

/// What a receiver said to a notice.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    Taken {
        status: u16,
    },
    /// `again`: another attempt may help.
    Refused {
        why: String,
        status: Option<u16>,
        again: bool,
    },
}

/// What came of a test notice.
#[derive(Clone, PartialEq, Debug)]
pub struct Tested {
    pub receiver: String,
    pub answer: Answer,
}

/// Sends a notice once.
pub async fn post(courier: &Courier, receiver: &AlarmReceiver, notice: &Notice) -> Answer {
    let letter = Post {
        url: &receiver.url.0,
        media: "application/json; charset=utf-8",
        headers: Vec::new(),
        body: Bytes::from(notice.body(receiver.format)),
    };
    match courier.send(&letter, &ONCE).await {
        Ok(delivered) => match wecom_error(receiver.format, &delivered.body) {
            None => Answer::Taken {
                status: delivered.status,
            },
            Some((code, said)) => Answer::Refused {
                why: format!(
                    "{} refused: errcode {code}, {said}",
                    host_of(&receiver.url.0)
                ),
                status: Some(delivered.status),
                again: WECOM_LATER.contains(&code),
            },
        },
        Err(Undelivered { status, why, .. }) => Answer::Refused {
            why,
            again: status.is_none_or(later),
            status,
        },
    }
}

/// WeCom answers with status 200 whatever happens, and says in the body what did.
fn wecom_error(format: ReceiverFormat, body: &[u8]) -> Option<(i64, String)> {
    if format != ReceiverFormat::Wecom {
        return None;
    }
    let answer: Value = serde_json::from_slice(body).ok()?;
    let code = answer["errcode"].as_i64().filter(|&code| code != 0)?;
    let said = answer["errmsg"].as_str().unwrap_or("without a reason");
    Some((code, said.chars().take(100).collect()))
}

/// When a letter is tried again; `None`: it is given up.
pub fn again_ms(letter: &Letter, now_ms: u64, dice: f64) -> Option<u64> {
    let attempts = letter.attempts + 1;
    let old = now_ms.saturating_sub(letter.written_at_ms) > LETTER_MS;
    if old || attempts >= ATTEMPTS_MAX {
        return None;
    }
    let pause_ms = FIRST_PAUSE_MS << attempts.min(16).saturating_sub(1);
    let pause_ms = pause_ms.min(LONGEST_PAUSE_MS) as f64 * (0.5 + dice / 2.0);
    Some(now_ms.saturating_add(pause_ms as u64))
}

/// A notice that says that nothing is wrong.
pub fn test_notice(alarm: &Alarm, cluster: &str, node: &str, by: &str, now_ms: u64) -> Notice {
    Notice {
        key: format!("{cluster}/{}/test", alarm.id),
        cluster: cluster.to_owned(),
        alarm: alarm.id.clone(),
        title: alarm.title().to_owned(),
        kind: alarm.rule.kind().to_owned(),
        severity: Severity::Warning,
        phase: Phase::Test,
        subject: "test".to_owned(),
        text: format!("Nothing is wrong: {by} tries whether notices of this alarm arrive."),
        value: None,
        threshold: None,
        unit: String::new(),
        since_ms: now_ms,
        at_ms: now_ms,
        repeat: 0,
        also: Vec::new(),
        node: node.to_owned(),
    }
}

/// Sends a test notice to each receiver of an alarm, once, and tells what each said.
pub async fn test(
    courier: &Courier,
    catalog: &Catalog,
    alarm: &Alarm,
    notice: &Notice,
) -> Vec<Tested> {
    let receivers = receivers_of(catalog, alarm);
    let posts = receivers.iter().map(async |receiver| Tested {
        receiver: receiver.id.clone(),
        answer: post(courier, receiver, notice).await,
    });
    futures_util::future::join_all(posts).await
}

/// The receivers that an alarm is told to, those that are switched off left out.
fn receivers_of(catalog: &Catalog, alarm: &Alarm) -> Vec<AlarmReceiver> {
    let receivers = catalog.alarm_receivers();
    let told = receivers.filter(|receiver| receiver.enabled && alarm.is_told(&receiver.id));
    told.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::notice::tests::notice;
    use super::*;

    fn letter(attempts: u32) -> Letter {
        Letter {
            id: "n1-1".to_owned(),
            receiver: "ops".to_owned(),
            notice: notice(),
            written_at_ms: 1_000,
            attempts,
            due_ms: 0,
        }
    }

    #[test]
    fn a_letter_is_tried_ever_more_rarely_and_given_up_in_the_end() {
        let pauses: Vec<u64> = (0..ATTEMPTS_MAX - 1)
            .map(|attempts| again_ms(&letter(attempts), 1_000, 1.0).unwrap() - 1_000)
            .collect();
        assert_eq!(pauses[..4], [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(pauses.iter().max(), Some(&LONGEST_PAUSE_MS));
        assert_eq!(
            again_ms(&letter(0), 1_000, 0.0),
            Some(1_500),
            "half of it is left to chance"
        );
        assert_eq!(again_ms(&letter(ATTEMPTS_MAX - 1), 1_000, 1.0), None);
        assert_eq!(
            again_ms(&letter(0), 2_000 + LETTER_MS, 1.0),
            None,
            "old news"
        );
    }

    #[test]
    fn wecom_says_in_the_body_what_went_wrong() {
        let error = |body: &str| wecom_error(ReceiverFormat::Wecom, body.as_bytes());
        assert_eq!(error(r#"{"errcode":0,"errmsg":"ok"}"#), None);
        assert_eq!(
            error(r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#),
            Some((93_000, "invalid webhook url".to_owned()))
        );
        assert_eq!(error("ok"), None);
        assert_eq!(
            wecom_error(ReceiverFormat::Generic, br#"{"errcode":1}"#),
            None
        );
    }
}
