//! What can be asked of calls.

use clap::Args;

use crate::cli::arguments::Connection;
use crate::cli::client::part;
use crate::cli::failure::Failure;
use crate::cli::when;
use weir_config::moment;

#[derive(Debug, Args)]
pub struct CallArgs {
    /// The call's id: the answer's header x-wx-call-id, or callID in its JSON
    #[arg(value_name = "ID")]
    pub call_id: String,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct CallsArgs {
    /// Only of this business; a mini program's is its appid
    #[arg(long)]
    pub business: Option<String>,
    /// Only of this gateway
    #[arg(long)]
    pub gateway: Option<String>,
    /// Only with this error code, as in 102021 or -601008
    #[arg(long, allow_hyphen_values = true)]
    pub code: Option<i32>,
    /// Only with this status
    #[arg(long)]
    pub status: Option<u16>,
    /// Only for this reason, as in package_bandwidth or origin_timeout
    #[arg(long)]
    pub reason: Option<String>,
    /// Only link, relay, public, refused or own
    #[arg(long)]
    pub decision: Option<String>,
    /// Only with paths that begin so
    #[arg(long, value_name = "PREFIX")]
    pub path: Option<String>,
    /// Only of this user: the id as clients send it, or its hash
    #[arg(long)]
    pub user: Option<String>,
    /// Only from this address
    #[arg(long, value_name = "IP")]
    pub client_ip: Option<String>,
    /// Only of the last so long, as in 15m, 2h or 7d
    #[arg(long, value_name = "TIME", conflicts_with = "from")]
    pub last: Option<String>,
    /// Arrived at this moment or later, as in 2026-01-31T08:30:00Z
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Arrived before this moment
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// Calls to show at most, 1 to 200 [default: 50]
    #[arg(long, value_name = "N")]
    pub limit: Option<u16>,
    /// Begin after this call
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

#[derive(Debug, Args)]
pub struct MonitorArgs {
    /// The business; a mini program's is its appid
    #[arg(required_unless_present_any = ["gateway", "refused"])]
    pub business: Option<String>,
    /// A gateway with all its businesses, instead of one business
    #[arg(long, conflicts_with = "business")]
    pub gateway: Option<String>,
    /// What was refused, by reason, and the newest refusals; of everything, where neither business nor gateway is said
    #[arg(long, conflicts_with = "by")]
    pub refused: bool,
    /// Apart by rule, region, node, version, source, status, reason, decision or business
    #[arg(long, value_name = "WHAT")]
    pub by: Option<String>,
    /// The last so long, as in 15m, 2h or 7d [default: 15m]
    #[arg(long, value_name = "TIME", conflicts_with = "from")]
    pub last: Option<String>,
    /// From this moment on, as in 2026-01-31T08:30:00Z
    #[arg(long, value_name = "MOMENT")]
    pub from: Option<String>,
    /// Up to this moment
    #[arg(long, value_name = "MOMENT")]
    pub to: Option<String>,
    /// How far the points are apart, as in 1s, 1m or 1h
    #[arg(long, value_name = "TIME")]
    pub step: Option<String>,
    #[command(flatten)]
    pub connection: Connection,
}

/// Parameters of the admin API.
pub type Pairs = Vec<(&'static str, String)>;

/// A moment as it was written, in the form of the admin API.
fn moment_text(text: &str) -> Result<String, Failure> {
    Ok(moment::text(when::parse(text)?))
}

// === impl CallsArgs ===

impl CallsArgs {
    /// As parameters of the admin API.
    pub fn pairs(&self) -> Result<Pairs, Failure> {
        let mut from = self.from.as_deref().map(moment_text).transpose()?;
        if let Some(last) = &self.last {
            let ago_ms = when::duration_ms(last)?;
            from = Some(moment::text(
                crate::config_actor::now_ms().saturating_sub(ago_ms),
            ));
        }
        let pairs = [
            ("business", self.business.clone()),
            ("gateway", self.gateway.clone()),
            ("code", self.code.map(|it| it.to_string())),
            ("status", self.status.map(|it| it.to_string())),
            ("reason", self.reason.clone()),
            ("decision", self.decision.clone()),
            ("path_prefix", self.path.clone()),
            ("user", self.user.clone()),
            ("client_ip", self.client_ip.clone()),
            ("from", from),
            ("to", self.to.as_deref().map(moment_text).transpose()?),
            ("limit", self.limit.map(|it| it.to_string())),
            ("after", self.after.clone()),
        ];
        Ok(given(pairs))
    }
}

// === impl MonitorArgs ===

impl MonitorArgs {
    /// The path of the admin API and its parameters.
    pub fn asked(&self) -> Result<(String, Pairs), Failure> {
        let mut pairs = given([
            ("last", self.last.clone()),
            ("from", self.from.as_deref().map(moment_text).transpose()?),
            ("to", self.to.as_deref().map(moment_text).transpose()?),
            ("step", self.step.clone()),
            ("by", self.by.clone()),
        ]);
        if self.refused {
            pairs.extend(given([
                ("business", self.business.clone()),
                ("gateway", self.gateway.clone()),
            ]));
            return Ok(("/monitoring/security".to_owned(), pairs));
        }
        let path = match (&self.business, &self.gateway) {
            (Some(business), _) => format!("/monitoring/businesses/{}", part(business)),
            (None, Some(gateway)) => format!("/monitoring/gateways/{}", part(gateway)),
            (None, None) => {
                let detail = "Say which business, or which --gateway.".to_owned();
                return Err(Failure::Input(detail));
            }
        };
        Ok((path, pairs))
    }
}

fn given<const N: usize>(pairs: [(&'static str, Option<String>); N]) -> Pairs {
    let given = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    given.collect()
}
