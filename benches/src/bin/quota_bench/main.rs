//! `scripts/bench.sh quota`, the part with real nodes: the package under real load, and what the ledger's gossip
//! costs, measured beside what is wanted.
//!
//! Arguments name the tables to make; without any, all are made.

use std::process::ExitCode;

use weir_benches::figures::asked_tables;

mod gossip;
mod limit;

/// A table by its name.
const TABLES: [&str; 2] = ["limit", "gossip"];

#[tokio::main]
async fn main() -> ExitCode {
    let tables = match asked_tables(&TABLES) {
        Ok(tables) => tables,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    for table in tables {
        match table {
            "limit" => limit::measure().await,
            _ => gossip::measure().await,
        }
    }
    ExitCode::SUCCESS
}
