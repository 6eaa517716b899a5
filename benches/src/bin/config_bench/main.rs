//! `scripts/bench.sh config`: what the configuration costs, measured on real nodes, beside what is wanted.
//!
//! Arguments name the tables to make; without any, all are made.

use std::process::ExitCode;

mod caller;
mod hot_path;
mod propagation;
mod scale;

/// A table by its name.
const TABLES: [&str; 3] = ["propagation", "scale", "hot-path"];

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
    if wanted("propagation") {
        propagation::measure().await;
    }
    if wanted("scale") {
        scale::measure().await;
    }
    if wanted("hot-path") {
        hot_path::measure().await;
    }
    ExitCode::SUCCESS
}
