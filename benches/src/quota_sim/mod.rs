//! A simulation of the package ledger over regions: virtual time, seeded, the ledger's real code.
//!
//! Three to a thousand nodes take calls (Poisson arrivals, exponential sizes), gossip as chitchat does, and
//! limit by one of four schemes. What is looked at is in `measure.rs`, what happens in `scenario.rs`.

mod dice;
mod exchange;
mod gossip;
mod measure;
mod plan;
mod scenario;
mod scheme;
#[cfg(test)]
mod tests;
mod world;

pub use measure::Figures;
pub use scenario::Scenario;
pub use scheme::Scheme;
pub use world::run;
