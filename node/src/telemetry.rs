//! Structured logs on standard error, every line with the node's name.

use std::fmt;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::settings::{LogFormat, LogSettings};

/// Puts the node's name into what another format writes.
struct Named<F> {
    node: String,
    inner: F,
}

/// Text: `node` before the line.
type NamedText = Named<Format>;
/// JSON: `"node"` as the first field.
type NamedJson = Named<Format<Json>>;

/// Starts logging for the process, panics included. Once a process; later calls change nothing.
///
/// The level was checked with the settings; one that cannot be read here counts as `info`.
pub fn init(settings: &LogSettings, node: &str) {
    let filter = filter(&settings.level);
    let node = node.to_owned();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // What is said of a log that takes no writes would go to that same log, and panic there.
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => {
            let inner = Format::default();
            builder.event_format(NamedText { node, inner }).try_init()
        }
        LogFormat::Json => {
            let inner = Format::default().json().flatten_event(true);
            let builder = builder.fmt_fields(JsonFields::new());
            builder.event_format(NamedJson { node, inner }).try_init()
        }
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn filter(level: &str) -> EnvFilter {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    // Its comings and goings at `info` say nothing of a node; who names it gets it.
    match "actix_server=warn".parse() {
        Ok(quieter) if !level.contains("actix") => filter.add_directive(quieter),
        _ => filter,
    }
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

// === impl Named ===

impl<S, N> FormatEvent<S, N> for NamedText
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{} ", self.node)?;
        self.inner.format_event(context, writer, event)
    }
}

impl<S, N> FormatEvent<S, N> for NamedJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.inner
            .format_event(context, Writer::new(&mut line), event)?;
        // Node names are of a-z, 0-9 and -, so they need no escape.
        let rest = line.strip_prefix('{').unwrap_or(&line);
        write!(writer, "{{\"node\":\"{}\",{rest}", self.node)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    #[test]
    fn every_line_of_json_is_an_object_with_the_nodes_name() {
        let lines = Lines::default();
        let writer = lines.clone();
        let named = NamedJson {
            node: "n1".to_owned(),
            inner: Format::default().json().flatten_event(true),
        };
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(named)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || tracing::info!(bytes = 7, "hello"));
        let line: serde_json::Value = serde_json::from_str(lines.text().trim_end()).unwrap();
        assert_eq!((&line["node"], &line["bytes"]), (&"n1".into(), &7.into()));
        assert_eq!(line["message"], "hello");
    }

    #[test]
    fn every_line_of_text_begins_with_the_nodes_name() {
        let lines = Lines::default();
        let writer = lines.clone();
        let named = NamedText {
            node: "n1".to_owned(),
            inner: Format::default(),
        };
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(named)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || tracing::info!("hello"));
        assert!(lines.text().starts_with("n1 20"), "{}", lines.text());
        assert!(lines.text().contains("hello"));
    }
}
