//! What can be typed after `weir schedule`.

use clap::{Args, Subcommand};

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
pub struct ScheduleArgs {
    #[command(subcommand)]
    pub command: ScheduleCommand,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// The schedules of a business: what, when, and how far they have come
    List { business: String },
    /// Schedule something; one of the same name that has not begun is replaced
    Add(AddScheduleArgs),
    /// Take a schedule away; what it has changed so far stays
    Remove { business: String, schedule: String },
    /// Stop a rise where it is
    Pause(PauseArgs),
    /// Let a paused rise go on, from the share that is set now
    Resume { business: String, schedule: String },
}

#[derive(Debug, Args)]
pub struct AddScheduleArgs {
    /// The business; a mini program's is its appid
    pub business: String,
    /// The schedule's name: 1 to 63 of a-z, 0-9 and -
    pub schedule: String,
    #[command(subcommand)]
    pub plan: PlanArgs,
}

#[derive(Debug, Subcommand)]
pub enum PlanArgs {
    /// A quick disconnect
    Disconnect(TimesArgs),
    /// A change of `access`
    Change(ChangeArgs),
    /// Gray that rises by itself to a target, in steps, and pauses where errors rise (preheating)
    Rise(RiseArgs),
}

#[derive(Debug, Args)]
pub struct TimesArgs {
    /// When: a moment as in 2026-01-31T08:30:00Z, or +90m from now
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub at: String,
    /// When what was changed is set back; left out: it stays
    #[arg(long, value_name = "WHEN", conflicts_with = "lasting")]
    pub until: Option<String>,
    /// For how long, as in 30m, 2h or 3d, instead of --until
    #[arg(long = "for", value_name = "TIME")]
    pub lasting: Option<String>,
}

#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// The fields of access to change, JSON, as in '{"gray": {"percent": 20}}'
    #[arg(long, value_name = "JSON")]
    pub patch: String,
    #[command(flatten)]
    pub times: TimesArgs,
}

#[derive(Debug, Args)]
pub struct RiseArgs {
    /// Where it ends, percent of users
    #[arg(long, value_name = "PERCENT")]
    pub to: f64,
    /// Where it begins; left out: at what is set then
    #[arg(long, value_name = "PERCENT")]
    pub from: Option<f64>,
    /// How long it takes, as in 6h
    #[arg(long, value_name = "TIME")]
    pub over: String,
    /// When it begins: a moment, or +90m from now
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub at: String,
    /// It pauses where a larger share of the calls fails, percent; 0: never [default: 5]
    #[arg(long, value_name = "PERCENT")]
    pub pause_above: Option<f64>,
    /// Paused by errors, it goes on by itself after so long without too many; left out: when you say so
    #[arg(long, value_name = "TIME")]
    pub resume_after: Option<String>,
}

#[derive(Debug, Args)]
pub struct PauseArgs {
    pub business: String,
    pub schedule: String,
    /// For whoever looks at it later
    #[arg(long)]
    pub why: Option<String>,
}
