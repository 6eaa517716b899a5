//! Packages over several nodes: real actors, real gossip, real stores.

mod cost;
mod gateways;
mod nodes;
mod plan;
mod spending;
