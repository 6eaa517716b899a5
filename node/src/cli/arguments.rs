//! What can be typed, and the help that explains it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::agreement::AgreementArgs;
use super::alarm::AlarmArgs;
use super::business::{AccessArgs, BusinessArgs, GrayArgs};
use super::identity::{RevokeArgs, RotateArgs, TokenArgs};
use super::log::LogArgs;
use super::monitoring::{CallArgs, CallsArgs, MonitorArgs};
use super::package::PackageArgs;
use super::region::RegionArgs;
use super::schedule::ScheduleArgs;
use crate::seal::Secret;

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
    /// Give a node that is stopped its store back: from a backup, or from its peers
    ///
    /// The store that is there is kept aside, in the data directory.
    Restore(RestoreArgs),
    #[command(flatten)]
    Speak(Box<Spoken>),
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
    /// Show what `weir apply` would change, and change nothing
    Diff(DocumentArgs),
    /// Make the configuration as a document says: all of it at once, or nothing
    ///
    /// The document, YAML or JSON, is what `weir export` writes: the lists regions, mini_programs, spaces, gateways
    /// and businesses, each of which may be left out. What would change is shown first, and on a terminal you are
    /// asked. Objects that the document does not list stay, unless --prune is given.
    Apply(ApplyArgs),
    /// Write the whole configuration as one document, without history and without tokens
    Export(ExportArgs),
    /// Show what was changed, by whom and when; bring back what was
    ///
    /// Without a command, the list of all changes, newest first.
    History(HistoryArgs),
    /// Take a consistent copy of a running node's store
    Backup(BackupArgs),
    /// Attach a mini program to a gateway: its trial version only, live traffic untouched
    OneKeyAccess(OneKeyArgs),
    /// Attach a web page, an app or a mini program by hand; take a business off
    Business(BusinessArgs),
    /// Which versions, URLs and users of a business are on the link: change that, or show it
    Access(AccessArgs),
    /// Take a user of the online version in or out by name, whatever the share
    Gray(GrayArgs),
    /// Which access configs the clients of a business decide by: whether a change has arrived
    Clients(ClientsArgs),
    /// What happens to a business by itself: disconnects and changes at a time, gray that rises
    Schedule(ScheduleArgs),
    /// The texts of the service agreement, and who accepts them
    Agreement(AgreementArgs),
    /// Add a region, change its distances, or take it away
    Region(RegionArgs),
    /// Everything of a business back to the public link, at once; nothing is blocked
    Disconnect(SwitchArgs),
    /// A disconnected business back on the link, as it was before
    Connect(SwitchArgs),
    /// What a gateway may carry, and what all nodes carry of it; with a command, change it
    ///
    /// Without a command: the limit, its use now and over the last minutes, and node by node the weight in minting,
    /// the balance, what was given to other nodes and received from them, and the calls beyond the package.
    Package(PackageArgs),
    /// One call by its id, with its story: what became of it and why, and what to do
    ///
    /// Any node answers for every call; the id is in the client's answer (x-wx-call-id, callID) and in the origin's
    /// request.
    #[command(verbatim_doc_comment)]
    Call(CallArgs),
    /// The newest calls that match: errors, calls beyond the package, slow ones, and a sample of the others
    Calls(CallsArgs),
    /// Requests, success, times and sizes of a business or a gateway over time; or what was refused
    Monitor(MonitorArgs),
    /// The nodes: region, liveness, whether they hold the same configuration, and who mints
    ///
    /// Without a command, the table of the nodes.
    Cluster(ClusterArgs),
    /// Tokens that let nodes into the cluster
    Token(TokenArgs),
    /// What the nodes log: show it, or change it while they run, for a time or until they stop
    Log(LogArgs),
    /// What is watched, what is wrong now, and who is told
    Alarm(AlarmArgs),
}

#[derive(Args)]
pub struct NodeArgs {
    /// The node's settings, TOML; every one of them also as WEIR_SECTION_KEY in the environment
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// At its first start: what lets it into a cluster, as `weir token join` prints it; ignored afterwards
    #[arg(
        long,
        value_name = "TOKEN@HOST:PORT",
        env = "WEIR_JOIN",
        hide_env_values = true
    )]
    pub join: Option<String>,
    /// Of a cluster only this store is left: make new keys for it; every other node has to join anew
    #[arg(long, conflicts_with = "join")]
    pub begin_anew: bool,
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
        global = true,
        default_value = "http://127.0.0.1:9000"
    )]
    pub admin: String,
    /// Bearer token; the first one is in the file admin-token in the first node's data directory
    #[arg(
        long,
        value_name = "TOKEN",
        env = "WEIR_TOKEN",
        hide_env_values = true,
        global = true
    )]
    pub token: Option<String>,
    /// Print the admin API's answer as it is, for programs; nothing is asked
    #[arg(long, global = true)]
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
pub struct DocumentArgs {
    /// The document, YAML or JSON; - for the standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Delete what the document does not list; tokens never, regions only where it lists any
    #[arg(long)]
    pub prune: bool,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub document: DocumentArgs,
    /// Do not ask; needed for deletions where there is no terminal
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DocumentFormat {
    Yaml,
    Json,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    pub format: DocumentFormat,
    /// A new file for it; left out: the standard output
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct HistoryArgs {
    #[command(subcommand)]
    pub command: Option<HistoryCommand>,
    #[command(flatten)]
    pub list: HistoryListArgs,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// One version: what it changed, and the object as it was
    Show { version: String },
    /// Bring back what was: one object as a version has it, or everything as it was at a moment
    Restore(RestoreVersionArgs),
}

#[derive(Debug, Args)]
pub struct HistoryListArgs {
    /// Only this object, as in gateway/shop, or all of a kind, as in gateway
    #[arg(long, value_name = "OBJECT")]
    pub object: Option<String>,
    /// Only what this author changed: a token's name, or system
    #[arg(long)]
    pub author: Option<String>,
    /// Only what was changed on this node
    #[arg(long)]
    pub node: Option<String>,
    /// Only versions that lost without having been seen by whoever wrote over them
    #[arg(long)]
    pub conflicts: bool,
    /// Made at this moment or later, as in 2026-01-31T08:30:00Z
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Made before this moment
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// Changes to show at most, 1 to 500 [default: 100]
    #[arg(long, value_name = "N")]
    pub limit: Option<u16>,
    /// Begin after this version
    #[arg(long, value_name = "VERSION")]
    pub after: Option<String>,
}

#[derive(Debug, Args)]
pub struct RestoreVersionArgs {
    /// The version whose object comes back
    #[arg(required_unless_present = "at", conflicts_with = "at")]
    pub version: Option<String>,
    /// Everything as it was at this moment (2026-01-31T08:30:00Z), or just after this version
    #[arg(long, value_name = "MOMENT")]
    pub at: Option<String>,
    /// Only show what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask; needed for deletions where there is no terminal
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct BackupArgs {
    /// A new file for the copy
    #[arg(short, long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The node's settings: which node, and where its data directory is
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The backup to take
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "from_peer",
        conflicts_with = "from_peer"
    )]
    pub from: Option<PathBuf>,
    /// Begin with nothing: at its next start the node takes everything from its peers (mesh.seeds)
    #[arg(long)]
    pub from_peer: bool,
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
    /// Make no call through the link to each domain afterwards
    #[arg(long)]
    pub no_link_test: bool,
    /// Write the QR code to a file too: .svg, .png, or .jpg where the platform gives a picture
    #[arg(long, value_name = "FILE")]
    pub qr_code: Option<PathBuf>,
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
pub struct ClientsArgs {
    /// The business; a mini program's is its appid
    pub business: String,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct ClusterArgs {
    #[command(subcommand)]
    pub command: Option<ClusterCommand>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Say that a node is gone for good, where the others cannot agree on it by themselves
    ///
    /// For two nodes of which one is lost, or any cluster in which no side has more than half. If the node is not
    /// gone but only cut off, both sides may carry the package for a while.
    #[command(verbatim_doc_comment)]
    Forget(ForgetArgs),
    /// Make a node's certificates worthless, at once and on every node
    ///
    /// For a machine that was stolen or is given away. It comes back only with a new join token.
    Revoke(RevokeArgs),
    /// Change the keys that certify nodes, while the cluster runs
    ///
    /// Three steps, each when every live node is ready: a new authority that all believe, certificates of the new one,
    /// the old one believed no more. Ask a node that may let nodes in. Stopped in between, it goes on with the same
    /// command.
    #[command(verbatim_doc_comment)]
    RotateKeys(RotateArgs),
}

#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The node's name
    pub node: String,
    /// Do not ask; needed where there is no terminal
    #[arg(short, long)]
    pub yes: bool,
}

// === impl NodeArgs ===

impl std::fmt::Debug for NodeArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let join = self.join.as_ref().map(|join| Secret::new(&**join));
        write!(f, "NodeArgs({:?}, {join:?})", self.config)
    }
}

// === impl Spoken ===

impl Spoken {
    pub fn connection(&self) -> &Connection {
        match self {
            Spoken::Get(args) => &args.connection,
            Spoken::Diff(args) => &args.connection,
            Spoken::Apply(args) => &args.document.connection,
            Spoken::Export(args) => &args.connection,
            Spoken::History(args) => &args.connection,
            Spoken::Backup(args) => &args.connection,
            Spoken::OneKeyAccess(args) => &args.connection,
            Spoken::Business(args) => &args.connection,
            Spoken::Access(args) => &args.connection,
            Spoken::Gray(args) => &args.connection,
            Spoken::Clients(args) => &args.connection,
            Spoken::Schedule(args) => &args.connection,
            Spoken::Agreement(args) => &args.connection,
            Spoken::Region(args) => &args.connection,
            Spoken::Disconnect(args) | Spoken::Connect(args) => &args.connection,
            Spoken::Package(args) => &args.connection,
            Spoken::Call(args) => &args.connection,
            Spoken::Calls(args) => &args.connection,
            Spoken::Monitor(args) => &args.connection,
            Spoken::Cluster(args) => &args.connection,
            Spoken::Token(args) => &args.connection,
            Spoken::Log(args) => &args.connection,
            Spoken::Alarm(args) => &args.connection,
        }
    }
}
