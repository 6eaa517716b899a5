//! What a node tells of itself as it runs: structured logs on standard error, every line with the node's name.

mod control;
mod format;
mod levels;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::fmt::format::{Format, JsonFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, reload};

use crate::settings::{LogFormat, LogSettings};
use format::{NamedJson, NamedText};

pub use control::{FOR_S_MAX, LogControl, LogState};
pub use levels::{Levels, LevelsError};

/// Starts logging for the process, panics included, and answers the switch of its levels. Once a process; a later
/// call changes nothing, and its switch moves nothing.
///
/// The levels were checked with the settings; ones that cannot be read here count as `info`.
pub fn init(settings: &LogSettings, node: &str) -> LogControl {
    let levels = settings.level.parse().unwrap_or_default();
    let (filter, handle) = reload::Layer::new(Levels::filter(&levels));
    let node = node.to_owned();
    let lines = fmt::layer()
        // What is said of a log that takes no writes would go to that same log, and panic there.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => {
            let inner = Format::default();
            let lines = lines.event_format(NamedText { node, inner });
            tracing_subscriber::registry()
                .with(filter)
                .with(lines)
                .try_init()
        }
        LogFormat::Json => {
            let inner = Format::default().json().flatten_event(true);
            let lines = lines.fmt_fields(JsonFields::new());
            let lines = lines.event_format(NamedJson { node, inner });
            tracing_subscriber::registry()
                .with(filter)
                .with(lines)
                .try_init()
        }
    };
    if started.is_err() {
        return LogControl::unattached(levels);
    }
    std::panic::set_hook(Box::new(log_panic));
    LogControl::new(levels, move |levels| {
        // Fails only where the subscriber is gone, and with it the log.
        let _ = handle.reload(levels.filter());
    })
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let at = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(
        message,
        at,
        thread,
        "a panic; what it happened in is started again"
    );
}
