//! What can be typed after `weir business`, `weir access` and `weir gray`.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::arguments::Connection;

#[derive(Debug, Args)]
pub struct BusinessArgs {
    #[command(subcommand)]
    pub command: BusinessCommand,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum BusinessCommand {
    /// Attach a web page, an app or a mini program by hand
    Add(AddBusinessArgs),
    /// Take a business off its gateway for good; its access domain stops working
    Remove(RemoveBusinessArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum BusinessKind {
    Web,
    App,
    MiniProgram,
}

#[derive(Debug, Args)]
pub struct AddBusinessArgs {
    /// The gateway to attach it to
    pub gateway: String,
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: BusinessKind,
    /// Its id, 1 to 53 of a-z, 0-9 and -; a mini program's is its appid. Left out: one is drawn
    #[arg(long)]
    pub id: Option<String>,
    /// For people
    #[arg(long)]
    pub name: Option<String>,
    /// One of its own servers, [scheme://]host[:port]; may be given several times
    #[arg(long = "origin", value_name = "DOMAIN")]
    pub origins: Vec<String>,
    /// The region of its access domain; left out, that of the node that is asked
    #[arg(long)]
    pub region: Option<String>,
    /// For web: the origin of a page that may call, as in https://shop.example, or *; may be given several times
    #[arg(long = "cors-origin", value_name = "ORIGIN")]
    pub cors_origins: Vec<String>,
    /// For web: pages may send cookies and the like
    #[arg(long, requires = "cors_origins")]
    pub cors_credentials: bool,
}

#[derive(Debug, Args)]
pub struct RemoveBusinessArgs {
    pub business: String,
    /// Do not ask; needed where there is no terminal
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct AccessArgs {
    /// The business; a mini program's is its appid
    pub business: String,
    /// Versions that use the link, as in release,trial; or none
    #[arg(long, value_name = "VERSIONS", value_delimiter = ',')]
    pub versions: Vec<String>,
    /// URLs that use the link, each a domain or a domain and a path prefix, as in api.shop.example/v1; or all
    #[arg(long, value_name = "URL", num_args = 1..)]
    pub urls: Vec<String>,
    /// Share of the users of the online version on the link, percent
    #[arg(long, value_name = "PERCENT")]
    pub gray: Option<f64>,
    /// Domains that the client's own code sends through the link by hand; or none
    #[arg(long, value_name = "DOMAINS", value_delimiter = ',')]
    pub manual_domains: Vec<String>,
    /// The oldest base library that uses the link, as in 3.0.2
    #[arg(long, value_name = "VERSION")]
    pub min_sdk_version: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

/// Which way a user is taken.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Side {
    /// On the link, whatever the share
    In,
    /// Not on the link, whatever the share
    Out,
    /// As the share says
    Share,
}

#[derive(Debug, Args)]
pub struct GrayArgs {
    /// The business; a mini program's is its appid
    pub business: String,
    pub side: Side,
    /// The user, as the client says it in x-wx-user
    pub user: String,
    #[command(flatten)]
    pub connection: Connection,
}
