//! The link against real sockets: a link of one core, scripted origins, raw clients.

mod charging;
mod cors;
mod errors;
mod forwarding;
mod harness;
mod http2;
mod lifecycle;
mod origin_addresses;
mod origin_errors;
mod origin_http2;
mod public;
mod recording;
mod recording_kept;
mod secure_origin;
mod streaming;
mod upgrade;
mod well_known;
