//! The switch of the log's levels while the node runs.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Levels;

/// The longest time levels can be set for, seconds: a day.
pub const FOR_S_MAX: u64 = 24 * 3_600;

/// Changes what is logged, for a time or until the node stops. Clones are the same switch.
#[derive(Clone)]
pub struct LogControl {
    shared: Arc<Shared>,
}

struct Shared {
    /// As the settings have them.
    settings: Levels,
    set: Mutex<Set>,
    apply: Box<dyn Fn(&Levels) + Send + Sync>,
}

#[derive(Clone)]
struct Set {
    levels: Levels,
    by: Option<String>,
    until: Option<Instant>,
    /// Counts the changes, so that an old end does not end a newer change.
    change: u64,
}

/// What is logged now.
#[derive(Clone, Debug, PartialEq)]
pub struct LogState {
    pub levels: Levels,
    /// As the node's settings have them; where `levels` fall back to.
    pub settings: Levels,
    /// Who changed them; `None` where they are the settings'.
    pub changed_by: Option<String>,
    /// Until they fall back by themselves.
    pub left: Option<Duration>,
}

// === impl LogControl ===

impl LogControl {
    pub(super) fn new(settings: Levels, apply: impl Fn(&Levels) + Send + Sync + 'static) -> Self {
        let set = Set {
            levels: settings.clone(),
            by: None,
            until: None,
            change: 0,
        };
        LogControl {
            shared: Arc::new(Shared {
                settings,
                set: Mutex::new(set),
                apply: Box::new(apply),
            }),
        }
    }

    /// A switch that remembers, and moves nothing: the log is another's.
    pub fn unattached(settings: Levels) -> Self {
        LogControl::new(settings, |_| {})
    }

    /// Sets levels; with `lasting`, until that is over. Needs a running runtime for the end.
    pub fn set(&self, levels: Levels, by: &str, lasting: Option<Duration>) {
        let change = self.change(Set {
            levels,
            by: Some(by.to_owned()),
            until: lasting.map(|lasting| Instant::now() + lasting),
            change: 0,
        });
        let Some(lasting) = lasting else { return };
        let control = self.clone();
        actix_rt::spawn(async move {
            tokio::time::sleep(lasting).await;
            if control.is_of(change) {
                control.reset();
                tracing::info!("the levels of the log are those of the settings again");
            }
        });
    }

    /// Back to the settings' levels.
    pub fn reset(&self) {
        self.change(Set {
            levels: self.shared.settings.clone(),
            by: None,
            until: None,
            change: 0,
        });
    }

    pub fn state(&self) -> LogState {
        let set = self.shared.set.lock().clone();
        let now = Instant::now();
        LogState {
            levels: set.levels,
            settings: self.shared.settings.clone(),
            changed_by: set.by,
            left: set.until.map(|until| until.saturating_duration_since(now)),
        }
    }

    /// Under the lock, so that what is in force is what is remembered.
    fn change(&self, next: Set) -> u64 {
        let mut set = self.shared.set.lock();
        let change = set.change + 1;
        *set = Set { change, ..next };
        (self.shared.apply)(&set.levels);
        change
    }

    fn is_of(&self, change: u64) -> bool {
        self.shared.set.lock().change == change
    }
}

impl Default for LogControl {
    fn default() -> Self {
        LogControl::unattached(Levels::default())
    }
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogControl").field(&self.state()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Levels {
        text.parse().unwrap()
    }

    /// A switch, and what it last let through.
    fn control() -> (LogControl, Arc<Mutex<Vec<String>>>) {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let seen = applied.clone();
        let control = LogControl::new(levels("warn"), move |levels| {
            seen.lock().push(levels.to_string());
        });
        (control, applied)
    }

    async fn until_back(control: &LogControl) {
        let back = async {
            while control.state().changed_by.is_some() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let patience = Duration::from_secs(10);
        tokio::time::timeout(patience, back)
            .await
            .expect("it falls back");
    }

    #[actix_rt::test]
    async fn levels_set_for_a_time_fall_back_to_the_settings() {
        let (control, applied) = control();
        control.set(levels("debug"), "li", Some(Duration::from_millis(20)));
        let state = control.state();
        assert_eq!(
            (state.levels, state.changed_by.as_deref()),
            (levels("debug"), Some("li"))
        );
        assert!(
            state
                .left
                .is_some_and(|left| left <= Duration::from_millis(20))
        );
        until_back(&control).await;
        assert_eq!(*applied.lock(), ["debug", "warn"]);
    }

    #[actix_rt::test]
    async fn the_end_of_an_earlier_change_does_not_end_a_later_one() {
        let (control, applied) = control();
        control.set(levels("debug"), "li", Some(Duration::from_millis(10)));
        control.set(levels("trace"), "wang", Some(Duration::from_millis(60)));
        until_back(&control).await;
        assert_eq!(*applied.lock(), ["debug", "trace", "warn"]);
        control.set(levels("error"), "li", None);
        assert_eq!(control.state().left, None);
        control.reset();
        assert_eq!(control.state().levels, levels("warn"));
    }
}
