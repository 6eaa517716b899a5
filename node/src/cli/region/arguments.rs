//! What can be typed after `weir region`.

use clap::{Args, Subcommand};

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
pub struct RegionArgs {
    #[command(subcommand)]
    pub command: RegionCommand,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum RegionCommand {
    /// Add a region, or change its name and distances; what is not said stays
    Put(PutRegionArgs),
    /// Take a region away that no business is in
    Remove { region: String },
}

#[derive(Debug, Args)]
pub struct PutRegionArgs {
    /// A part of host names: 1 to 63 of a-z, 0-9 and -
    pub region: String,
    /// For people
    #[arg(long)]
    pub name: Option<String>,
    /// How far another region is, as in tianjin=955; may be given several times
    #[arg(long = "distance", value_name = "REGION=KM")]
    pub distances: Vec<String>,
}
