//! What can be typed after `weir alarm`.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
pub struct AlarmArgs {
    #[command(subcommand)]
    pub command: AlarmCommand,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum AlarmCommand {
    /// What is watched, what is wrong now, and whether anybody is told
    List,
    /// One alarm
    Show { alarm: String },
    /// Set an alarm: one of your own, or how a built-in one is to be; what is not said stays
    Put(Box<PutAlarmArgs>),
    /// Watch again what was switched off
    On { alarm: String },
    /// Watch it no more
    Off { alarm: String },
    /// Take an alarm away; a built-in one is then as it was in the beginning
    Remove { alarm: String },
    /// Send a test notice to the receivers of an alarm, and show what they answer
    Test { alarm: String },
    /// Who is told: webhooks
    #[command(subcommand)]
    Receiver(ReceiverCommand),
}

#[derive(Debug, Args)]
pub struct PutAlarmArgs {
    /// The alarm's name: 1 to 63 of a-z, 0-9 and -
    pub alarm: String,
    /// What is watched; left out for an alarm there is: as before
    pub kind: Option<RuleKind>,
    /// success_rate: percent; fewer calls that go well are too few
    #[arg(long, value_name = "PERCENT")]
    pub below: Option<f64>,
    /// p95: milliseconds; package_use: percent
    #[arg(long, value_name = "NUMBER")]
    pub above: Option<f64>,
    /// success_rate, p95: with fewer calls in the window nothing is said
    #[arg(long, value_name = "N")]
    pub min_calls: Option<u64>,
    /// Over which time is summed up: 10s, 1m, 5m or 15m
    #[arg(long, value_name = "TIME")]
    pub window: Option<String>,
    /// certificate_expiring, agreement_expiring: days before
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// Only this gateway, or its businesses
    #[arg(long, conflicts_with = "business")]
    pub gateway: Option<String>,
    /// Only this business
    #[arg(long)]
    pub business: Option<String>,
    /// How long it has to hold before it is told, as in 5m
    #[arg(long = "for", value_name = "TIME")]
    pub lasting: Option<String>,
    /// Whom it is told; may be given several times; left out: every receiver
    #[arg(long = "receiver", value_name = "ID")]
    pub receivers: Vec<String>,
    /// When nobody is told, as in 22:00-07:00+08:00; may be given several times
    #[arg(long, value_name = "FROM-TO+OFFSET")]
    pub quiet: Vec<String>,
    /// Told again after so long while it lasts, as in 4h; never: told once
    #[arg(long, value_name = "TIME")]
    pub repeat: Option<String>,
    #[arg(long)]
    pub severity: Option<SeverityArg>,
    /// For people
    #[arg(long)]
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum RuleKind {
    SuccessRate,
    P95,
    PackageUse,
    OverflowBegins,
    NodeGone,
    ConfigDisagreement,
    CertificateExpiring,
    AgreementExpiring,
    NodeFenced,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SeverityArg {
    Warning,
    Critical,
}

#[derive(Debug, Subcommand)]
pub enum ReceiverCommand {
    /// The receivers, without their URLs
    List,
    /// Set a receiver; what is not said stays
    Put(PutReceiverArgs),
    /// Take a receiver away
    Remove { receiver: String },
}

#[derive(Debug, Args)]
pub struct PutReceiverArgs {
    /// The receiver's name: 1 to 63 of a-z, 0-9 and -
    pub receiver: String,
    /// What it understands
    #[arg(long)]
    pub format: Option<FormatArg>,
    /// Of the webhook; never shown again. From the environment, so that it is in no shell history
    #[arg(long, env = "WEIR_ALARM_URL", hide_env_values = true)]
    pub url: Option<String>,
    /// Told nothing until it is switched on again
    #[arg(long, conflicts_with = "on")]
    pub off: bool,
    #[arg(long)]
    pub on: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatArg {
    Generic,
    Wecom,
    Slack,
}
