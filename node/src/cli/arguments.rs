//! What can be typed, and the help that explains it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Weir, a clustered security gateway for mini programs.
///
/// `weir node` runs a node, `weir origin` an echo origin to try it with. The other commands speak to the admin
/// API of any node: say which with --admin or WEIR_ADMIN, and prove who you are with --token or WEIR_TOKEN.
#[derive(Debug, Parser)]
#[command(name = "weir", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node, until SIGTERM or Ctrl-C
    Node(NodeArgs),
    /// Run an echo origin, which answers with what it received
    Origin(OriginArgs),
    #[command(flatten)]
    Speak(Spoken),
}

/// A command that speaks to the admin API of a node.
#[derive(Debug, Subcommand)]
pub enum Spoken {
    /// Show what is configured: a list, or one object
    ///
    /// KIND is regions, mini-programs, spaces, gateways, businesses or package (of a gateway), in the singular or
    /// the plural. With an id, the object: `weir get business wx0123456789abcdef`, `weir get gateway/shop`.
    #[command(verbatim_doc_comment)]
    Get(GetArgs),
    /// Make the cluster as a JSON document says
    ///
    /// The document is one object or a list of objects, each with `kind` and `id`:
    ///   {"kind": "region", "id": "beijing", "name": "Beijing"}
    ///   {"kind": "mini_program", "id": "wx0123456789abcdef", "name": "Shop",
    ///    "request_domains": ["api.shop.example"], "versions": {"trial": "1.0.0"}}
    ///   {"kind": "space", "id": "acme", "name": "Acme", "mini_programs": ["wx0123456789abcdef"],
    ///    "agreement": {"version": "2026-01", "accepted_by": "li.lei"}}
    ///   {"kind": "gateway", "id": "shop", "space": "acme", "package": {"name": "standard"}}
    ///   {"kind": "business", "id": "wx0123456789abcdef", "access": {"gray": {"percent": 20}}}
    /// They are applied in this order whatever their order in the document. A business must be attached already
    /// (`weir one-key-access`); its fields are a merge patch.
    #[command(verbatim_doc_comment)]
    Apply(ApplyArgs),
    /// Attach a mini program to a gateway: its trial version only, live traffic untouched
    OneKeyAccess(OneKeyArgs),
    /// Everything of a business back to the public link, at once; nothing is blocked
    Disconnect(SwitchArgs),
    /// A disconnected business back on the link, as it was before
    Connect(SwitchArgs),
    /// The nodes: region, liveness, and whether they hold the same configuration
    Cluster(ClusterArgs),
}

#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The node's settings, TOML; every one of them also as WEIR_SECTION_KEY in the environment
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct OriginArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8900")]
    pub listen: SocketAddr,
}

/// Which node, and as whom.
#[derive(Clone, Debug, Args)]
pub struct Connection {
    /// Admin address of any node
    #[arg(
        long,
        value_name = "URL",
        env = "WEIR_ADMIN",
        default_value = "http://127.0.0.1:9000"
    )]
    pub admin: String,
    /// Bearer token; the first one is in the file admin-token in the first node's data directory
    #[arg(long, value_name = "TOKEN", env = "WEIR_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Print the admin API's answer as it is, for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct GetArgs {
    /// What to show: KIND, or KIND/ID
    #[arg(value_name = "KIND")]
    pub what: String,
    /// One object instead of the list
    pub id: Option<String>,
    /// Only the businesses of this gateway
    #[arg(long)]
    pub gateway: Option<String>,
    /// Objects to show at most, 1 to 500 [default: 100]
    #[arg(long, value_name = "N")]
    pub limit: Option<u16>,
    /// Begin after this id
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The document; - for the standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct OneKeyArgs {
    /// The gateway to attach it to
    pub gateway: String,
    /// The mini program: wx and 16 hexadecimal digits
    pub appid: String,
    /// The region of its access domain; left out, that of the node that is asked
    #[arg(long)]
    pub region: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// The business; a mini program's is its appid
    pub business: String,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct ClusterArgs {
    #[command(flatten)]
    pub connection: Connection,
}

// === impl Spoken ===

impl Spoken {
    pub fn connection(&self) -> &Connection {
        match self {
            Spoken::Get(args) => &args.connection,
            Spoken::Apply(args) => &args.connection,
            Spoken::OneKeyAccess(args) => &args.connection,
            Spoken::Disconnect(args) | Spoken::Connect(args) => &args.connection,
            Spoken::Cluster(args) => &args.connection,
        }
    }
}
