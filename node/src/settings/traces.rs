//! `traces`: where the spans of calls go.

use awc::http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::validate::{http_url, within};
use crate::seal::Secret;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TracesSettings {
    /// `http://collector:4318/v1/traces`; absent: no spans are made.
    pub endpoint: Option<String>,
    /// Of 10,000 calls whose caller says nothing, so many.
    pub sample_per_10000: u32,
    /// A caller that says whether its trace is sampled is followed.
    pub follow_parent: bool,
    /// `name=value`, with every request to the collector.
    pub headers: Vec<Secret>,
    /// Spans that wait for the collector at most.
    pub queue_spans: usize,
    /// Time for one request to the collector.
    pub timeout_ms: u64,
}

/// Checks the section; `monitored`: calls are recorded. What is wrong with which key.
pub(super) fn check(
    traces: &TracesSettings,
    monitored: bool,
) -> Result<(), (&'static str, String)> {
    let key = |name: &'static str| move |why: String| (name, why);
    if let Some(url) = traces.endpoint.as_deref().filter(|url| !url.is_empty()) {
        http_url(url).map_err(key("traces.endpoint"))?;
    }
    if traces.endpoint.is_some() && !monitored {
        let why = "spans are made of call records, which are off: set monitor.enabled = true, or no endpoint";
        return Err(("traces.endpoint", why.to_owned()));
    }
    within(traces.sample_per_10000.into(), 0, 10_000).map_err(key("traces.sample_per_10000"))?;
    within(traces.queue_spans as u64, 1, 1_000_000).map_err(key("traces.queue_spans"))?;
    within(traces.timeout_ms, 100, 60_000).map_err(key("traces.timeout_ms"))?;
    for (place, header) in traces.headers.iter().enumerate() {
        let pair = header.expose().split_once('=');
        let whole = pair.is_some_and(|(name, value)| {
            let name = HeaderName::from_bytes(name.trim().as_bytes());
            name.is_ok() && HeaderValue::from_str(value.trim()).is_ok()
        });
        if !whole {
            let why = format!("entry {} is no header: write name=value", place + 1);
            return Err(("traces.headers", why));
        }
    }
    Ok(())
}

// === impl TracesSettings ===

impl TracesSettings {
    /// Name and value of each header.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.headers.iter();
        let pairs = pairs.filter_map(|header| header.expose().split_once('='));
        pairs.map(|(name, value)| (name.trim(), value.trim()))
    }
}

impl Default for TracesSettings {
    fn default() -> Self {
        TracesSettings {
            endpoint: None,
            sample_per_10000: 100,
            follow_parent: true,
            headers: Vec::new(),
            queue_spans: 8_192,
            timeout_ms: 10_000,
        }
    }
}
