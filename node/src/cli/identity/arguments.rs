//! What can be typed after `weir token`, `weir cluster revoke` and `weir cluster rotate-keys`.

use clap::{Args, Subcommand};

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    pub command: TokenCommand,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token that lets one node into the cluster, once and soon
    ///
    /// Prints TOKEN@HOST:PORT for `weir node --join`. The node asked has to be one that may let nodes in: the first
    /// one, or one that joined with such a token of --issuer.
    Join(JoinTokenArgs),
}

#[derive(Debug, Args)]
pub struct JoinTokenArgs {
    /// Only a node of this name may use it
    #[arg(long, value_name = "ID")]
    pub node: Option<String>,
    /// How long it may be used, up to 24h
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub valid_for: String,
    /// Whoever joins with it may let nodes in and renew certificates itself: it gets the keys of the cluster
    #[arg(long)]
    pub issuer: bool,
    /// Where the node that joins reaches this one's mesh, where that is not what it tells the others
    #[arg(long, value_name = "HOST:PORT")]
    pub at: Option<String>,
}

#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The node's name
    pub node: String,
    /// Do not ask; needed where there is no terminal
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct RotateArgs {
    /// How long to wait for the live nodes before each step
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub wait: String,
    /// Take one step only
    #[arg(long)]
    pub step: bool,
    /// Go on though nodes that are not live have to join anew afterwards
    #[arg(short, long)]
    pub yes: bool,
}
