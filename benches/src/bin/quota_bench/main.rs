//! `scripts/bench.sh quota`, the part with real nodes: the package under real load, and what the ledger's gossip
//! costs, measured beside what is wanted.
//!
//! Arguments name the tables to make; without any, all are made.

use std::process::ExitCode;

mod gossip;
mod limit;

/// A table by its name.
const TABLES: [&str; 2] = ["limit", "gossip"];

#[tokio::main]
async fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|name| !TABLES.contains(&name.as_str())) {
        eprintln!(
            "there is no table `{unknown}`; there are {}",
            TABLES.join(", ")
        );
        return ExitCode::from(2);
    }
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    if wanted("limit") {
        limit::measure().await;
    }
    if wanted("gossip") {
        gossip::measure().await;
    }
    ExitCode::SUCCESS
}
