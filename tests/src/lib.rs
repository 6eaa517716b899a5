//! What the end-to-end tests stand on: real `weir` processes on free ports, an origin, a client that sees
//! every byte, and waiting for conditions instead of sleeping.
//!
//! Only processes started here are ever signalled, and all of them are ended when a test ends, however it
//! ends. A test that panics prints the last lines of every process's log.

pub mod admin;
pub mod client;
pub mod cluster;
pub mod collector;
pub mod command;
pub mod load;
pub mod monitored;
pub mod node;
pub mod open_platform;
pub mod origin;
pub mod package_run;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod random;
pub mod sentence;
pub mod wait;
pub mod webhook;
pub mod wire;

pub use admin::{Admin, Business};
pub use client::{Answer, Call};
pub use cluster::Cluster;
pub use node::Node;
pub use open_platform::OpenPlatform;
pub use origin::{Origin, ScriptedOrigin};
pub use random::Random;
pub use wait::wait_until;
