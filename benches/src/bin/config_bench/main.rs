//! `scripts/bench.sh config`: what the configuration costs, measured on real nodes, beside what is wanted.
//!
//! Arguments name the tables to make; without any, all are made.

use std::process::ExitCode;

use weir_benches::figures::asked_tables;

mod caller;
mod hot_path;
mod propagation;
mod scale;

/// A table by its name.
const TABLES: [&str; 3] = ["propagation", "scale", "hot-path"];

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
            "propagation" => propagation::measure().await,
            "scale" => scale::measure().await,
            _ => hot_path::measure().await,
        }
    }
    ExitCode::SUCCESS
}
