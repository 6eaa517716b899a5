use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Something that is to happen to a business by itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Unique within its business.
    pub id: String,
    pub business: String,
    pub plan: SchedulePlan,
    #[serde(default)]
    pub state: ScheduleState,
    /// Whoever asked for it: a token's name.
    #[serde(default)]
    pub created_by: String,
    /// Milliseconds since 1970-01-01 UTC.
    #[serde(default)]
    pub created_at_ms: u64,
    /// How far it has come.
    #[serde(default)]
    pub progress: ScheduleProgress,
}

/// What is to happen, and when. Moments are written in RFC 3339; in memory, milliseconds since 1970-01-01 UTC.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum SchedulePlan {
    /// A change of `access`.
    Change(ScheduledChange),
    /// A quick disconnect.
    Disconnect(ScheduledDisconnect),
    /// Preheating: gray that rises by itself.
    Rise(ScheduledRise),
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledChange {
    /// A merge patch of the business's `access`.
    #[schema(value_type = Object)]
    pub patch: Value,
    #[serde(rename = "at", with = "crate::moment")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T08:30:00Z")]
    pub at_ms: u64,
    /// When what was changed is set back. Absent: it stays.
    #[serde(
        rename = "until",
        default,
        with = "moment_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub until_ms: Option<u64>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledDisconnect {
    #[serde(rename = "at", with = "crate::moment")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T08:30:00Z")]
    pub at_ms: u64,
    /// When the business is connected again, if it was before. Absent: it stays disconnected.
    #[serde(
        rename = "until",
        default,
        with = "moment_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub until_ms: Option<u64>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduledRise {
    /// Where it ends, percent, at most 100, two decimals.
    pub target_percent: f64,
    /// Where it begins. Absent: at what is set when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_percent: Option<f64>,
    #[serde(rename = "start", with = "crate::moment")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T08:30:00Z")]
    pub start_ms: u64,
    /// How long it takes, milliseconds, one minute to 30 days; in at most 100 steps, at least 10 s apart.
    pub over_ms: u64,
    /// It pauses where more than this share of the business's calls fails, percent; 0: never.
    #[serde(default = "pause_above_default")]
    pub pause_above_error_percent: f64,
    /// Paused by errors, it goes on by itself after so long a time without too many, milliseconds, one minute to
    /// 7 days. Absent: when somebody says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_after_ms: Option<u64>,
}

/// Where a schedule is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum ScheduleState {
    #[default]
    Waiting,
    /// Begun, and not ended yet.
    Running,
    /// Goes on when somebody says so.
    Paused {
        why: String,
    },
    Done,
    Failed {
        why: String,
    },
}

/// What a schedule has to remember between its steps.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleProgress {
    /// The merge patch of `access` that sets back what was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub revert: Option<Value>,
    /// Where a rise began, or went on after a pause, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at_percent: Option<f64>,
    /// Which of its steps that was.
    #[serde(default)]
    pub began_at_step: u32,
    /// Which of its steps it made last.
    #[serde(default)]
    pub step: u32,
    /// What a rise set last, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Since when it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at_ms: Option<u64>,
    /// Errors paused it last, nobody by hand.
    #[serde(default)]
    pub paused_by_errors: bool,
    /// How long it stood still before that, milliseconds: paused, or while no node ran.
    #[serde(default)]
    pub paused_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_ms: Option<u64>,
    /// Counts the versions of this schedule, so that each change has a name of its own.
    #[serde(default)]
    pub changes: u32,
}

/// A moment that may be left out.
mod moment_or_none {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::moment;

    #[derive(Deserialize)]
    struct Moment(#[serde(with = "moment")] u64);

    pub(super) fn serialize<S: Serializer>(
        ms: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match ms {
            Some(ms) => moment::serialize(ms, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        Ok(Option::<Moment>::deserialize(deserializer)?.map(|moment| moment.0))
    }
}

fn pause_above_default() -> f64 {
    5.0
}

// === impl Schedule ===

impl Schedule {
    /// The id of its object: schedules of two businesses may have the same name.
    pub fn object_id(business: &str, schedule: &str) -> String {
        format!("{business}/{schedule}")
    }
}

// === impl ScheduleState ===

impl ScheduleState {
    pub fn name(&self) -> &'static str {
        match self {
            ScheduleState::Waiting => "waiting",
            ScheduleState::Running => "running",
            ScheduleState::Paused { .. } => "paused",
            ScheduleState::Done => "done",
            ScheduleState::Failed { .. } => "failed",
        }
    }

    /// Whether nothing more comes of it.
    pub fn is_over(&self) -> bool {
        matches!(self, ScheduleState::Done | ScheduleState::Failed { .. })
    }
}
