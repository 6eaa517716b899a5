//! What can be typed after `weir agreement`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
pub struct AgreementArgs {
    #[command(subcommand)]
    pub command: AgreementCommand,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum AgreementCommand {
    /// Every version of the text, and which one is required now
    List,
    /// One version, to be read
    Show { version: String },
    /// Set a version of the text; what is attached stays, what is not needs it once it is in force
    Put(PutAgreementArgs),
    /// Accept a version for a space
    Accept(AcceptArgs),
}

#[derive(Debug, Args)]
pub struct PutAgreementArgs {
    /// The version's name, as in 2026-01
    pub version: String,
    #[arg(long)]
    pub title: String,
    /// The text, plain or Markdown; - for the standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// From when on it is required, as in 2026-01-31T08:30:00Z or +7d; left out: at once
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
}

#[derive(Debug, Args)]
pub struct AcceptArgs {
    pub space: String,
    /// The version that is accepted
    pub version: String,
    /// The person or account that accepts it
    #[arg(long, value_name = "NAME")]
    pub by: String,
}
