//! The Weir node: actors, the link, the admin API, the store, the command line.

pub mod admin;
pub mod alarm;
pub mod call_id;
pub mod cli;
pub mod config_actor;
pub mod delivery;
pub mod forward;
pub mod identity;
pub mod link;
pub mod monitor;
pub mod origin;
pub mod platform;
mod private_file;
pub mod published;
pub mod quota;
pub mod router_actor;
pub mod routing;
pub mod run;
pub mod schedule;
pub mod seal;
pub mod settings;
pub mod store;
pub mod supervise;
pub mod telemetry;
pub mod tls;
pub mod trace;
#[cfg(test)]
#[path = "../../cluster/tests/nodes/trusted.rs"]
mod trusted;
