//! The link against real sockets: a link of one core, scripted origins, raw clients.

mod charging;
mod errors;
mod forwarding;
mod harness;
mod http2;
mod lifecycle;
mod public;
mod streaming;
mod upgrade;
