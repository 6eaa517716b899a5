//! What is wrong now and who has been told: a state machine that takes what is seen and gives notices.
//!
//! ```text
//!         holds            for as long as the alarm says           does not hold
//! nothing ─────▶ pending ──────────────────────────▶ firing ─────────────────────▶ over
//!            does not hold ──▶ nothing               told; told again at times      told, where its firing was
//! ```
//! What cannot be seen changes nothing. In a quiet time nothing is told; what still holds at its end is told then.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weir_config::object::Alarm;

use super::notice::{Notice, Phase};
use super::readings::{Look, Reading, Rest};

/// Subjects of one alarm that are followed; what is beyond is not looked at.
pub const SUBJECTS_MAX: usize = 500;
/// With more subjects at once, one notice tells of all of them.
const TOLD_APART: usize = 5;
/// Letters that wait; the oldest goes for a newer one.
pub const LETTERS_MAX: usize = 500;
/// How long something that cannot be seen any more is kept in mind.
const UNSEEN_MS: u64 = 24 * 3_600_000;

/// Everything that outlives a look: of the node whose turn it is, and a copy on every other.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The node that made it.
    pub holder: String,
    /// Grows with every change.
    pub version: u64,
    /// By alarm and subject.
    pub episodes: BTreeMap<String, BTreeMap<String, Episode>>,
    /// What is to be delivered, in the order it was written.
    pub letters: Vec<Letter>,
    /// Of other holders: up to which version theirs is in here.
    pub taken: BTreeMap<String, u64>,
}

/// One subject of one alarm for which the rule holds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Episode {
    /// Since when, milliseconds since 1970-01-01 UTC.
    pub since_ms: u64,
    /// When it had held for long enough; absent: not yet.
    pub fired_at_ms: Option<u64>,
    /// When its receivers were last written to.
    pub told_at_ms: Option<u64>,
    /// How often.
    pub told: u32,
    /// It is over, and that is to be told after a quiet time.
    pub over_at_ms: Option<u64>,
    /// When it was last seen, holding or not.
    pub seen_at_ms: u64,
    pub reading: Reading,
}

/// A notice on its way to one receiver.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Letter {
    /// Its own, over all nodes.
    pub id: String,
    pub receiver: String,
    pub notice: Notice,
    pub written_at_ms: u64,
    pub attempts: u32,
    /// Not before.
    pub due_ms: u64,
}

/// Who looks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Now<'n> {
    pub cluster: &'n str,
    pub node: &'n str,
    /// Milliseconds since 1970-01-01 UTC.
    pub ms: u64,
}

// === impl State ===

impl State {
    /// Takes in what was seen for one alarm, and writes to those of `receivers` that it is told to.
    pub fn look(&mut self, alarm: &Alarm, look: &Look, receivers: &[String], now: Now<'_>) {
        let quiet = alarm.is_quiet(now.ms);
        let mut episodes = self.episodes.remove(&alarm.id).unwrap_or_default();
        let before = episodes.clone();
        let mut told = Vec::new();
        let mut subjects: BTreeSet<String> = episodes.keys().cloned().collect();
        let room = SUBJECTS_MAX.saturating_sub(subjects.len());
        let new = look
            .readings
            .keys()
            .filter(|subject| !episodes.contains_key(*subject));
        subjects.extend(new.take(room).cloned().collect::<Vec<_>>());
        for subject in subjects {
            let seen = look.of(&subject);
            let known = episodes.remove(&subject);
            if let Some(mut episode) = next(known, seen, alarm, now.ms) {
                match episode.due(alarm, quiet, now.ms) {
                    // Nothing is said of what nobody can see.
                    _ if matches!(seen, Seen::Unseen) => {}
                    Due::Nothing => {}
                    Due::Tell => {
                        told.push(notice(alarm, &subject, &episode, Phase::Firing, now));
                        episode.told_at_ms = Some(now.ms);
                        episode.told += 1;
                    }
                    Due::TellOver => {
                        told.push(notice(alarm, &subject, &episode, Phase::Resolved, now));
                        continue;
                    }
                    Due::Forget => continue,
                }
                episodes.insert(subject, episode);
            }
        }
        if episodes != before {
            self.version = (self.version + 1).max(now.ms);
        }
        if !episodes.is_empty() {
            self.episodes.insert(alarm.id.clone(), episodes);
        }
        for notice in together(told) {
            self.write(&notice, alarm, receivers, now);
        }
    }

    /// Forgets what alarms said that there are no more.
    pub fn keep(&mut self, alarms: &[Alarm], now_ms: u64) {
        let there = |id: &str| alarms.iter().any(|alarm| alarm.id == id);
        let before = self.episodes.len();
        self.episodes.retain(|alarm, _| there(alarm));
        if self.episodes.len() != before {
            self.version = (self.version + 1).max(now_ms);
        }
    }

    fn write(&mut self, notice: &Notice, alarm: &Alarm, receivers: &[String], now: Now<'_>) {
        for receiver in receivers.iter().filter(|id| alarm.is_told(id)) {
            self.version = (self.version + 1).max(now.ms);
            self.letters.push(Letter {
                id: format!("{}-{}", now.node, self.version),
                receiver: receiver.clone(),
                notice: notice.clone(),
                written_at_ms: now.ms,
                attempts: 0,
                due_ms: now.ms,
            });
        }
    }

    /// A letter was tried: it is tried again at a moment, or is done with.
    pub fn attempted(&mut self, id: &str, again_ms: Option<u64>) {
        self.version += 1;
        match again_ms {
            None => self.letters.retain(|letter| letter.id != id),
            Some(due_ms) => {
                let letter = self.letters.iter_mut().find(|letter| letter.id == id);
                if let Some(letter) = letter {
                    letter.attempts += 1;
                    letter.due_ms = due_ms;
                }
            }
        }
    }

    /// Takes out the letters there is no room for, the oldest first; how many.
    pub fn drop_letters(&mut self) -> usize {
        let beyond = self.letters.len().saturating_sub(LETTERS_MAX);
        self.letters.drain(..beyond);
        beyond
    }

    /// Subjects that are firing, by alarm.
    pub fn firing(&self) -> impl Iterator<Item = (&str, &str, &Episode)> {
        let all = self.episodes.iter().flat_map(|(alarm, episodes)| {
            let of_alarm = episodes.iter();
            of_alarm.map(move |(subject, episode)| (alarm.as_str(), subject.as_str(), episode))
        });
        all.filter(|(_, _, episode)| episode.fired_at_ms.is_some() && episode.over_at_ms.is_none())
    }
}

/// The subject as it is after a look; `None`: nothing is wrong with it, and nobody is to be told.
fn next(known: Option<Episode>, seen: Seen<'_>, alarm: &Alarm, now_ms: u64) -> Option<Episode> {
    match (known, seen) {
        (None, Seen::Holds(reading)) => Some(Episode {
            since_ms: now_ms,
            reading: reading.clone(),
            ..Episode::default()
        }),
        (None, _) => None,
        (Some(episode), Seen::Holds(reading)) => Some(Episode {
            reading: reading.clone(),
            over_at_ms: None,
            ..episode
        }),
        (Some(episode), Seen::Unseen) => {
            let long_ago = now_ms.saturating_sub(episode.seen_at_ms) > UNSEEN_MS;
            return (!long_ago).then_some(episode);
        }
        (Some(episode), Seen::Clear(text)) => {
            let told = episode.told > 0 && alarm.tell_resolved;
            told.then(|| Episode {
                over_at_ms: episode.over_at_ms.or(Some(now_ms)),
                reading: Reading {
                    text: text.to_owned(),
                    value: None,
                    ..episode.reading.clone()
                },
                ..episode
            })
        }
    }
    .map(|episode| {
        let long_enough = now_ms.saturating_sub(episode.since_ms) >= alarm.for_ms();
        let fires = episode.over_at_ms.is_none() && long_enough;
        Episode {
            fired_at_ms: episode.fired_at_ms.or(fires.then_some(now_ms)),
            seen_at_ms: now_ms,
            ..episode
        }
    })
}

/// What was seen of a subject.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'l> {
    Holds(&'l Reading),
    /// It does not hold, in words.
    Clear(&'l str),
    /// Nobody can say.
    Unseen,
}

/// What is to be done with an episode now.
enum Due {
    Nothing,
    Tell,
    TellOver,
    Forget,
}

// === impl Episode ===

impl Episode {
    fn due(&self, alarm: &Alarm, quiet: bool, now_ms: u64) -> Due {
        if self.over_at_ms.is_some() {
            return match quiet {
                true => Due::Nothing,
                false if self.told > 0 && alarm.tell_resolved => Due::TellOver,
                false => Due::Forget,
            };
        }
        let repeat_ms = alarm.repeat_s.saturating_mul(1_000);
        let again =
            |told_at_ms: u64| repeat_ms > 0 && now_ms.saturating_sub(told_at_ms) >= repeat_ms;
        let tell = self.fired_at_ms.is_some() && self.told_at_ms.is_none_or(again);
        match tell && !quiet {
            true => Due::Tell,
            false => Due::Nothing,
        }
    }
}

// === impl Look ===

impl Look {
    fn of(&self, subject: &str) -> Seen<'_> {
        match (self.readings.get(subject), &self.rest) {
            (Some(reading), _) => Seen::Holds(reading),
            (None, Rest::Clear(text)) => Seen::Clear(text),
            (None, Rest::Unseen) => Seen::Unseen,
            (None, Rest::ClearOf(clear, text)) if clear.contains(subject) => Seen::Clear(text),
            (None, Rest::ClearOf(..)) => Seen::Unseen,
        }
    }
}

fn notice(alarm: &Alarm, subject: &str, episode: &Episode, phase: Phase, now: Now<'_>) -> Notice {
    let reading = &episode.reading;
    Notice {
        key: format!("{}/{}/{subject}", now.cluster, alarm.id),
        cluster: now.cluster.to_owned(),
        alarm: alarm.id.clone(),
        title: alarm.title().to_owned(),
        kind: alarm.rule.kind().to_owned(),
        severity: alarm.severity,
        phase,
        subject: subject.to_owned(),
        text: reading.text.clone(),
        value: reading.value,
        threshold: reading.threshold,
        unit: reading.unit.clone(),
        since_ms: episode.since_ms,
        at_ms: now.ms,
        repeat: episode.told,
        also: Vec::new(),
        node: now.node.to_owned(),
    }
}

/// Notices of one alarm and one moment: each by itself, or where they are many, those of a phase in one.
fn together(told: Vec<Notice>) -> Vec<Notice> {
    let (firing, over): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|it| it.phase == Phase::Firing);
    let mut all = Vec::new();
    for mut notices in [firing, over] {
        if notices.len() <= TOLD_APART {
            all.append(&mut notices);
            continue;
        }
        let count = notices.len();
        let mut first = notices.swap_remove(0);
        first.also = notices.into_iter().map(|notice| notice.text).collect();
        first.subject = format!("{count} subjects");
        first.key = format!("{}/{}/*", first.cluster, first.alarm);
        (first.value, first.threshold, first.unit) = (None, None, String::new());
        all.push(first);
    }
    all
}
