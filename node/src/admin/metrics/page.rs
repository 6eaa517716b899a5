//! A page of metrics while it is written: the Prometheus text format 0.0.4, or OpenMetrics 1.0.0.

use std::fmt::{Display, Write};

use super::families::{Family, Kind};
use crate::routing::{BOUNDS_S, Exemplar, LatencyFigures};

/// How a page is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/>
    Text,
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>, with exemplars.
    OpenMetrics,
}

/// A page of metrics.
pub struct Page {
    text: String,
    format: Format,
}

// === impl Format ===

impl Format {
    /// The one that an `Accept` header likes best; text where it names neither.
    pub fn accepted(accept: &str) -> Self {
        let mut open: Option<f32> = None;
        let mut text: Option<f32> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or("").to_ascii_lowercase();
            let (mut quality, mut known) = (1.0, true);
            for parameter in parts {
                match parameter.split_once('=') {
                    Some(("q", q)) => quality = q.trim().parse::<f32>().unwrap_or(0.0),
                    Some(("version", version)) if media == "application/openmetrics-text" => {
                        known = matches!(version.trim_matches('"'), "1.0.0" | "0.0.1");
                    }
                    _ => {}
                }
            }
            let best = match media.as_str() {
                "application/openmetrics-text" if known => &mut open,
                "text/plain" | "text/*" => &mut text,
                _ => continue,
            };
            *best = Some(best.map_or(quality, |best| best.max(quality)));
        }
        match (open, text) {
            (Some(open), text) if open > 0.0 && text.is_none_or(|text| open >= text) => {
                Format::OpenMetrics
            }
            _ => Format::Text,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

// === impl Page ===

impl Page {
    pub fn new(format: Format) -> Self {
        Page {
            text: String::with_capacity(16 * 1024),
            format,
        }
    }

    /// Begins a family; its samples follow.
    pub fn family(&mut self, family: &Family) {
        let name = match (self.format, family.kind) {
            (Format::OpenMetrics, Kind::Counter) => {
                family.name.strip_suffix("_total").unwrap_or(family.name)
            }
            _ => family.name,
        };
        let (kind, help) = (family.kind.as_str(), family.help);
        let _ = match self.format {
            Format::Text => writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}"),
            Format::OpenMetrics => {
                writeln!(self.text, "# TYPE {name} {kind}\n# HELP {name} {help}")
            }
        };
    }

    /// One sample; `values` of the family's labels, in their order.
    pub fn sample(&mut self, family: &Family, values: &[&str], value: impl Display) {
        self.line(family, "", values, None);
        let _ = writeln!(self.text, " {value}");
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, family: &Family, value: impl Display) {
        self.family(family);
        self.sample(family, &[], value);
    }

    /// The buckets, sum and count of one histogram.
    pub fn histogram(&mut self, family: &Family, values: &[&str], figures: &LatencyFigures) {
        let mut calls = 0;
        let bounds = BOUNDS_S.iter().copied().map(Some).chain([None]);
        for ((bound, bucket), exemplar) in bounds.zip(figures.buckets).zip(&figures.exemplars) {
            calls += bucket;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| format!("{bound:?}"));
            self.line(family, "_bucket", values, Some(("le", &bound)));
            let _ = write!(self.text, " {calls}");
            self.exemplar(exemplar.as_ref());
        }
        self.line(family, "_sum", values, None);
        let _ = writeln!(self.text, " {}", figures.sum_us as f64 / 1e6);
        self.line(family, "_count", values, None);
        let _ = writeln!(self.text, " {calls}");
    }

    fn exemplar(&mut self, exemplar: Option<&Exemplar>) {
        if let (Format::OpenMetrics, Some(exemplar)) = (self.format, exemplar) {
            let (seconds, at) = (exemplar.us as f64 / 1e6, exemplar.at_ms as f64 / 1e3);
            let id = exemplar.call_id;
            let _ = write!(self.text, " # {{call_id=\"{id}\"}} {seconds} {at:.3}");
        }
        self.text.push('\n');
    }

    fn line(
        &mut self,
        family: &Family,
        suffix: &str,
        values: &[&str],
        extra: Option<(&str, &str)>,
    ) {
        debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
        self.text.push_str(family.name);
        self.text.push_str(suffix);
        let labels = family.labels.iter().copied().zip(values.iter().copied());
        let mut open = '{';
        for (label, text) in labels.chain(extra) {
            let _ = write!(self.text, "{open}{label}=\"");
            escaped(&mut self.text, text);
            self.text.push('"');
            open = ',';
        }
        if open == ',' {
            self.text.push('}');
        }
    }

    pub fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn escaped(page: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '\\' => page.push_str("\\\\"),
            '"' => page.push_str("\\\""),
            '\n' => page.push_str("\\n"),
            letter => page.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::families::{BUSINESS_CALL_SECONDS, BUSINESS_LINK_CALLS, UPTIME};
    use super::*;
    use crate::routing::Latency;

    #[test]
    fn the_format_is_the_one_the_scraper_likes_best() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        for text in [
            "",
            "*/*",
            "text/plain",
            "text/plain;version=0.0.4, application/openmetrics-text;q=0.5",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=none",
        ] {
            assert_eq!(Format::accepted(text), Format::Text, "{text}");
        }
    }

    #[test]
    fn a_page_of_text_is_as_prometheus_has_always_read_it() {
        let mut page = Page::new(Format::Text);
        page.family(&BUSINESS_LINK_CALLS);
        page.sample(&BUSINESS_LINK_CALLS, &["a\"b\\c\nd"], 7);
        page.single(&UPTIME, 1.5);
        assert_eq!(
            page.finish(),
            "# HELP weir_business_link_calls_total Calls that took the link.\n\
             # TYPE weir_business_link_calls_total counter\n\
             weir_business_link_calls_total{business=\"a\\\"b\\\\c\\nd\"} 7\n\
             # HELP weir_uptime_seconds Seconds since the node started.\n\
             # TYPE weir_uptime_seconds gauge\nweir_uptime_seconds 1.5\n"
        );
    }

    #[test]
    fn open_metrics_names_counters_without_total_has_exemplars_and_an_end() {
        let latency = Latency::default();
        let id = uuid::Uuid::from_u128(0x0192_3456_7abc_7000_8000_0000_0000_0001);
        latency.observe(std::time::Duration::from_millis(30), id);
        latency.observe(std::time::Duration::from_secs(60), id);
        let mut page = Page::new(Format::OpenMetrics);
        page.family(&BUSINESS_LINK_CALLS);
        page.sample(&BUSINESS_LINK_CALLS, &["shop"], 2);
        page.family(&BUSINESS_CALL_SECONDS);
        page.histogram(&BUSINESS_CALL_SECONDS, &["shop"], &latency.figures());
        let text = page.finish();
        for line in [
            "# TYPE weir_business_link_calls counter",
            "weir_business_link_calls_total{business=\"shop\"} 2",
            "weir_business_call_seconds_bucket{business=\"shop\",le=\"0.02\"} 0",
            "weir_business_call_seconds_bucket{business=\"shop\",le=\"15.0\"} 1",
            "weir_business_call_seconds_sum{business=\"shop\"} 60.03",
            "weir_business_call_seconds_count{business=\"shop\"} 2",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|there| there == line),
                "no `{line}` in\n{text}"
            );
        }
        let exemplar = "le=\"0.05\"} 1 # {call_id=\"01923456-7abc-7000-8000-000000000001\"} 0.03 ";
        assert!(text.contains(exemplar), "{text}");
    }
}
