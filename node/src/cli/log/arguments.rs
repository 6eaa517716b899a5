//! What can be typed after `weir log`.

use clap::Args;

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
pub struct LogArgs {
    /// Levels to log with: off, error, warn, info, debug or trace, and per module as in info,weir::link=debug;
    /// left out: show them
    pub levels: Option<String>,
    /// Only this node; left out: every live one
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// After so long the levels are those of the settings again, as in 10m; left out: when the node stops
    #[arg(long = "for", value_name = "TIME", requires = "levels")]
    pub lasting: Option<String>,
    /// Log as the settings say again
    #[arg(long, conflicts_with = "levels")]
    pub reset: bool,
    #[command(flatten)]
    pub connection: Connection,
}
