//! What can be typed after `weir package`.

use clap::{Args, Subcommand};

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct PackageArgs {
    pub gateway: String,
    #[command(subcommand)]
    pub command: Option<PackageCommand>,
    /// Show it again every so many seconds, until Ctrl-C
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "1"
    )]
    pub watch: Option<f64>,
    /// End after so many looks
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum PackageCommand {
    /// Give the gateway another package
    Set(SetPackageArgs),
    /// More bandwidth or calls for a while; a pack of the same name is replaced
    AddPack(AddPackArgs),
    /// Take an elastic pack away, in force or not
    RemovePack { pack: String },
}

#[derive(Debug, Args)]
pub struct SetPackageArgs {
    /// trial, entry, basic or standard
    #[arg(required_unless_present = "bandwidth", conflicts_with = "bandwidth")]
    pub name: Option<String>,
    /// Of a package of your own, as in 5Mbps or 500kbps
    #[arg(long, value_name = "BANDWIDTH")]
    pub bandwidth: Option<String>,
    /// Calls a second of a package of your own; left out: no limit on calls
    #[arg(long, value_name = "N", conflicts_with = "name")]
    pub qps: Option<u64>,
}

#[derive(Debug, Args)]
pub struct AddPackArgs {
    /// The pack's name: 1 to 63 of a-z, 0-9 and -
    pub pack: String,
    /// On top of the package, as in 5Mbps or 500kbps
    #[arg(long, value_name = "BANDWIDTH", required_unless_present = "qps")]
    pub bandwidth: Option<String>,
    /// Calls a second on top of the package
    #[arg(long, value_name = "N")]
    pub qps: Option<u64>,
    /// When it begins, as in 2026-01-31T08:30:00Z; left out: at once
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// When it ends
    #[arg(
        long,
        value_name = "MOMENT",
        required_unless_present = "lasting",
        conflicts_with = "lasting"
    )]
    pub until: Option<String>,
    /// How long it lasts, as in 30m, 2h or 3d, instead of --until
    #[arg(long = "for", value_name = "TIME")]
    pub lasting: Option<String>,
}
