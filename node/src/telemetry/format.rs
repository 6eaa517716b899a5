//! The format of a line of log: another format's, with the node's name in it.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Puts the node's name into what another format writes.
pub(super) struct Named<F> {
    pub node: String,
    pub inner: F,
}

/// Text: `node` before the line.
pub(super) type NamedText = Named<Format>;
/// JSON: `"node"` as the first field.
pub(super) type NamedJson = Named<Format<Json>>;

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
    use tracing_subscriber::fmt::format::JsonFields;

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
