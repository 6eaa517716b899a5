//! Figures of the whole cluster: every node is asked for its own, and what they answer is added up.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::MeshHandle;

use super::carried::{CarriedQuery, CarriedSeries};
use super::handle::MonitorHandle;
use super::series::{Dimension, Scope, Series, SeriesQuery};
use crate::admin::fan_out::{FanOut, NOT_YET, Unanswered, ask_nodes};

/// The names of the questions that nodes ask each other.
const SERIES: &str = "monitor_series";
const CARRIED: &str = "monitor_carried";
/// Groups of one node's answer; what is beyond is under `other`.
const GROUPS_MAX: usize = 50;
/// Bytes of an answer, below what the mesh takes; a larger one gets longer steps.
const ANSWER_BYTES: usize = 900 * 1024;
/// Points of one node's answer of what a gateway carried: an hour by second, and to spare.
const CARRIED_POINTS_MAX: u64 = 4_000;
/// Of a node that answers, and has nothing to say.
const NOTHING: &str = "monitoring is off on it, or its disk cannot be read: its log tells";

/// The monitoring of all nodes, read from this one. Cheap to copy.
#[derive(Clone)]
pub struct ClusterMonitor {
    pub here: MonitorHandle,
    mesh: MeshHandle,
    cluster: watch::Receiver<Arc<ClusterView>>,
}

/// What the nodes answered, put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Together<T> {
    pub whole: T,
    /// The nodes whose figures are in it.
    pub nodes: Vec<String>,
    /// Nodes whose figures are missing, and why.
    pub unanswered: Vec<Unanswered>,
}

/// A question as one node writes it for another.
struct Asked {
    from: u64,
    to: u64,
    step: u64,
    business: Option<String>,
    gateway: Option<String>,
    by: Option<Dimension>,
    decision: Option<String>,
}

// === impl ClusterMonitor ===

impl ClusterMonitor {
    pub fn new(
        here: MonitorHandle,
        mesh: MeshHandle,
        cluster: watch::Receiver<Arc<ClusterView>>,
    ) -> Self {
        ClusterMonitor {
            here,
            mesh,
            cluster,
        }
    }

    /// Answers other nodes that ask for this one's figures.
    pub fn answer_others(&self) {
        let here = self.here.clone();
        self.mesh.answer(SERIES, move |query: &str| {
            let (asked, here) = (read(query), here.clone());
            async move {
                let series = series_here(&here, asked?.series()).await?;
                serde_json::to_vec(&series).ok()
            }
            .boxed_local()
        });
        let here = self.here.clone();
        self.mesh.answer(CARRIED, move |query: &str| {
            let (asked, here) = (read(query), here.clone());
            async move {
                let carried = carried_here(&here, asked?.carried()?).await?;
                serde_json::to_vec(&carried).ok()
            }
            .boxed_local()
        });
    }

    /// The figures of all nodes that answer in time.
    pub async fn series(&self, query: &SeriesQuery) -> Together<Series> {
        let here = series_here(&self.here, query.clone()).await;
        let told = self.ask(SERIES, &Asked::of_series(query), here).await;
        let view = self.cluster.borrow().clone();
        let mut together: Together<Series> = Together {
            unanswered: told.unanswered,
            ..Together::default()
        };
        for answered in told.answered {
            let series: Series = answered.answer;
            let series = match query.by {
                Some(Dimension::Node) => series.under(&answered.node),
                Some(Dimension::Region) => {
                    let node = view.nodes.iter().find(|it| it.id.as_str() == answered.node);
                    series.under(node.map_or("", |it| &it.region))
                }
                _ => series,
            };
            together.whole.merge(series);
            together.nodes.push(answered.node);
        }
        together.whole.narrow(GROUPS_MAX);
        together
    }

    /// What a gateway carried on all nodes that answer in time.
    pub async fn carried(&self, query: &CarriedQuery) -> Together<CarriedSeries> {
        let here = carried_here(&self.here, query.clone()).await;
        let told = self.ask(CARRIED, &Asked::of_carried(query), here).await;
        let mut together: Together<CarriedSeries> = Together {
            unanswered: told.unanswered,
            ..Together::default()
        };
        for answered in told.answered {
            let carried: CarriedSeries = answered.answer;
            together.whole.merge(carried);
            together.nodes.push(answered.node);
        }
        together
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        asked: &Asked,
        here: Option<T>,
    ) -> FanOut<T> {
        let query = asked.text();
        let view = self.cluster.borrow().clone();
        let mut told = ask_nodes(&view, &self.mesh.client(), what, &query, here).await;
        for unanswered in &mut told.unanswered {
            if unanswered.reason == NOT_YET {
                unanswered.reason = NOTHING.to_owned();
            }
        }
        told
    }
}

async fn series_here(here: &MonitorHandle, query: SeriesQuery) -> Option<Series> {
    if !here.is_enabled() {
        return None;
    }
    let here = here.clone();
    let read = move || {
        let mut series = here.series(&query)?;
        series.narrow(GROUPS_MAX);
        while series.answer_bytes() > ANSWER_BYTES {
            series = series.folded_twice();
        }
        Ok(series)
    };
    blocking(read).await
}

/// By second for at most an hour: with more, the answer would not fit.
fn carried_step_s(query: &CarriedQuery) -> u64 {
    let span_s = query.to_s.saturating_sub(query.from_s);
    query.step_s.max(span_s.div_ceil(CARRIED_POINTS_MAX))
}

async fn carried_here(here: &MonitorHandle, query: CarriedQuery) -> Option<CarriedSeries> {
    if !here.is_enabled() {
        return None;
    }
    let here = here.clone();
    let step_s = carried_step_s(&query);
    let read = move || Ok(here.carried(&query)?.folded(step_s));
    blocking(read).await
}

/// Reads where waiting for the disk holds up nobody.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, super::ReadError> + Send + 'static,
) -> Option<T> {
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(read)) => Some(read),
        Ok(Err(error)) => {
            tracing::warn!(%error, "monitoring");
            None
        }
        Err(_) => None,
    }
}

fn read(query: &str) -> Option<Asked> {
    let pairs: BTreeMap<String, String> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            (name.to_owned(), value.into_owned())
        })
        .collect();
    let number = |name| {
        pairs
            .get(name)
            .and_then(|value: &String| value.parse().ok())
    };
    Some(Asked {
        from: number("from")?,
        to: number("to")?,
        step: number("step").unwrap_or(1),
        business: pairs.get("business").cloned(),
        gateway: pairs.get("gateway").cloned(),
        by: pairs.get("by").and_then(|by| Dimension::from_name(by)),
        decision: pairs.get("decision").cloned(),
    })
}

// === impl Asked ===

impl Asked {
    fn of_series(query: &SeriesQuery) -> Self {
        let (mut business, mut gateway) = (None, None);
        match &query.scope {
            Scope::Business(id) => business = Some(id.clone()),
            Scope::Gateway(id) => gateway = Some(id.clone()),
            Scope::All => {}
        }
        Asked {
            from: query.from_s,
            to: query.to_s,
            step: query.step_s,
            business,
            gateway,
            by: query.by,
            decision: query.decision.clone(),
        }
    }

    fn of_carried(query: &CarriedQuery) -> Self {
        Asked {
            from: query.from_s,
            to: query.to_s,
            step: query.step_s,
            business: None,
            gateway: Some(query.gateway.clone()),
            by: None,
            decision: None,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("from={}&to={}&step={}", self.from, self.to, self.step);
        let by = self.by.map(Dimension::as_str);
        let texts = [
            ("business", self.business.as_deref()),
            ("gateway", self.gateway.as_deref()),
            ("by", by),
            ("decision", self.decision.as_deref()),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                let all = percent_encoding::NON_ALPHANUMERIC;
                let value = percent_encoding::utf8_percent_encode(value, all);
                text += &format!("&{name}={value}");
            }
        }
        text
    }

    fn series(self) -> SeriesQuery {
        SeriesQuery {
            scope: match (self.business, self.gateway) {
                (Some(business), _) => Scope::Business(business),
                (None, Some(gateway)) => Scope::Gateway(gateway),
                (None, None) => Scope::All,
            },
            from_s: self.from,
            to_s: self.to,
            step_s: self.step,
            by: self.by,
            decision: self.decision,
        }
    }

    fn carried(self) -> Option<CarriedQuery> {
        Some(CarriedQuery {
            gateway: self.gateway?,
            from_s: self.from,
            to_s: self.to,
            step_s: self.step,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_arrives_as_it_was_asked() {
        let query = SeriesQuery {
            scope: Scope::Business("wx & more=%".to_owned()),
            from_s: 5,
            to_s: 10,
            step_s: 2,
            by: Some(Dimension::Rule),
            decision: Some("refused".to_owned()),
        };
        let arrived = read(&Asked::of_series(&query).text()).unwrap().series();
        assert_eq!(arrived, query);
        let query = CarriedQuery {
            gateway: "shop".to_owned(),
            from_s: 5,
            to_s: 10,
            step_s: 3,
        };
        let arrived = read(&Asked::of_carried(&query).text()).unwrap();
        assert_eq!(arrived.carried(), Some(query));
        assert!(read("from=x").is_none());
    }
}
