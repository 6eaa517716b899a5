//! What holds now, of each kind of rule: from the facts of all nodes, the cluster's view and the configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weir_cluster::membership::{ClusterView, NodeView};
use weir_config::object::{Alarm, AlarmRule, Business};
use weir_config::{Catalog, moment, operation};

use super::facts::Facts;

const DAY_MS: u64 = 24 * 3_600_000;
/// The subject of a rule about all nodes together.
const CLUSTER: &str = "cluster";

/// A rule that holds, in words and figures.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// One sentence.
    pub text: String,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    /// Of both.
    pub unit: String,
}

/// What was seen for one alarm: the subjects for which it holds, and what that says of the others.
#[derive(Clone, PartialEq, Debug)]
pub struct Look {
    pub readings: BTreeMap<String, Reading>,
    pub rest: Rest,
}

/// Of subjects without a reading.
#[derive(Clone, PartialEq, Debug)]
pub enum Rest {
    /// It does not hold for any of them; in words.
    Clear(String),
    /// Nobody can say: a node did not answer.
    Unseen,
    /// It does not hold for these; of all others nobody can say.
    ClearOf(BTreeSet<String>, String),
}

/// All that is looked at.
pub struct Sight<'s> {
    pub catalog: &'s Catalog,
    pub view: &'s ClusterView,
    /// Digest of the configuration of the node that looks.
    pub root: &'s str,
    /// Of the nodes that answered, this one among them.
    pub facts: &'s BTreeMap<String, Facts>,
    /// Calls and packages of all of those.
    pub sum: &'s Facts,
    /// Every live node answered.
    pub complete: bool,
    pub now_ms: u64,
}

// === impl Sight ===

impl Sight<'_> {
    pub fn look(&self, alarm: &Alarm) -> Look {
        match &alarm.rule {
            AlarmRule::NodeGone {} => self.gone(),
            AlarmRule::ConfigDisagreement {} => self.disagreement(),
            AlarmRule::NodeFenced {} => self.fenced(),
            AlarmRule::CertificateExpiring { days } => self.certificates(*days),
            AlarmRule::AgreementExpiring { days } => self.agreements(*days),
            AlarmRule::SuccessRate {
                below_percent,
                min_calls,
                window_s,
            } => self.success(alarm, *below_percent, *min_calls, window_s.0),
            AlarmRule::P95 {
                above_ms,
                min_calls,
                window_s,
            } => self.p95(alarm, *above_ms, *min_calls, window_s.0),
            AlarmRule::PackageUse {
                above_percent,
                window_s,
            } => self.package_use(alarm, *above_percent, window_s.0),
            AlarmRule::OverflowBegins { window_s } => self.overflow(alarm, window_s.0),
        }
    }

    fn gone(&self) -> Look {
        let gone = |node: &&NodeView| node.id != self.view.me && !node.live && !node.leaving;
        let readings = self.view.nodes.iter().filter(gone).map(|node| {
            let text = format!(
                "Node {} in {} is not heard of and has not taken its leave; other nodes answer its calls.",
                node.id, node.region
            );
            (node.id.to_string(), said(text))
        });
        let there = self.view.nodes.iter().filter(|node| !gone(node));
        let there = there.map(|node| node.id.to_string()).collect();
        Look {
            readings: readings.collect(),
            // One that is forgotten by the others is not back.
            rest: Rest::ClearOf(there, "The node is back.".to_owned()),
        }
    }

    fn disagreement(&self) -> Look {
        let others = self.view.live_peers();
        let differing = others.filter(|node| node.config_root.as_deref() != Some(self.root));
        let differing: Vec<&str> = differing.map(|node| node.id.as_str()).collect();
        let mut readings = BTreeMap::new();
        if !differing.is_empty() {
            let text = format!(
                "Not all live nodes hold the same configuration: {} hold another than {}.",
                differing.join(", "),
                self.view.me
            );
            readings.insert(CLUSTER.to_owned(), said(text));
        }
        let clear = "All live nodes hold the same configuration again.";
        Look {
            readings,
            rest: Rest::Clear(clear.to_owned()),
        }
    }

    fn fenced(&self) -> Look {
        let fenced = self.facts.iter().filter_map(|(node, facts)| {
            let why = facts.fenced.as_ref()?;
            Some((
                node.clone(),
                said(format!("Node {node} mints nothing: {why}.")),
            ))
        });
        Look {
            readings: fenced.collect(),
            rest: Rest::ClearOf(
                self.facts.keys().cloned().collect(),
                "The node mints its share again.".to_owned(),
            ),
        }
    }

    fn certificates(&self, days: u32) -> Look {
        let (mut readings, mut known) = (BTreeMap::new(), BTreeSet::new());
        for (node, facts) in self.facts {
            for certificate in &facts.certificates {
                let subject = format!("{node}: {}", certificate.names);
                known.insert(subject.clone());
                let left_ms = certificate.not_after_ms.saturating_sub(self.now_ms);
                if left_ms >= u64::from(days) * DAY_MS {
                    continue;
                }
                let end = moment::text(certificate.not_after_ms);
                let text = match left_ms {
                    0 => format!(
                        "The certificate for {} on node {node} has ended at {end}.",
                        certificate.names
                    ),
                    _ => format!(
                        "The certificate for {} on node {node} ends at {end}.",
                        certificate.names
                    ),
                };
                let left_days = (left_ms as f64 / DAY_MS as f64 * 10.0).round() / 10.0;
                readings.insert(subject, figure(text, left_days, days.into(), "days"));
            }
        }
        let clear = "The node has a certificate that lasts.".to_owned();
        Look {
            readings,
            rest: Rest::ClearOf(known, clear),
        }
    }

    fn agreements(&self, days: u32) -> Look {
        let then_ms = self.now_ms.saturating_add(u64::from(days) * DAY_MS);
        let needed = operation::required_agreement(self.catalog, then_ms);
        let behind = self
            .catalog
            .spaces()
            .filter(|space| space.agreement.is_some() && !space.has_accepted(&needed.id));
        let readings = behind.map(|space| {
            let text = format!(
                "Space {} has not accepted version {} of the service agreement, without which nothing is attached from \
                 {} on.",
                space.id,
                needed.id,
                moment::text(needed.effective_at_ms)
            );
            (space.id.clone(), said(text))
        });
        Look {
            readings: readings.collect(),
            rest: Rest::Clear("The space has accepted what is needed.".to_owned()),
        }
    }

    /// The businesses that an alarm is about, with the calls of each.
    fn calls(
        &self,
        alarm: &Alarm,
        window_s: u64,
    ) -> impl Iterator<Item = (&Business, &crate::monitor::Figures)> {
        let scope = alarm.scope.clone();
        let calls = self.sum.calls.get(&window_s).into_iter().flatten();
        calls.filter_map(move |(business, figures)| {
            let business = self.catalog.business(business)?;
            let of_gateway = scope
                .gateway
                .as_ref()
                .is_none_or(|it| *it == business.gateway);
            let of_business = scope.business.as_ref().is_none_or(|it| *it == business.id);
            (of_gateway && of_business).then_some((business, &figures.0))
        })
    }

    fn success(&self, alarm: &Alarm, below_percent: f64, min_calls: u64, window_s: u64) -> Look {
        let readings = self.calls(alarm, window_s).filter_map(|(business, figures)| {
            let failed = figures.gateway_faults.saturating_add(figures.origin_faults);
            let calls = figures.ok.saturating_add(failed);
            let percent = figures.success_rate()? * 100.0;
            if calls < min_calls || percent >= below_percent {
                return None;
            }
            let text = format!(
                "{percent:.1} % of the calls of business {} went well in the last {}: {failed} of {calls} failed, {} by \
                 the origin's fault.",
                business.id,
                time(window_s),
                figures.origin_faults
            );
            Some((business.id.clone(), figure(text, percent, below_percent, "%")))
        });
        Look {
            readings: readings.collect(),
            rest: self.rest("Enough of its calls go well again, or there are too few to tell."),
        }
    }

    fn p95(&self, alarm: &Alarm, above_ms: u64, min_calls: u64, window_s: u64) -> Look {
        let readings = self
            .calls(alarm, window_s)
            .filter_map(|(business, figures)| {
                let p95_ms = figures.percentile_ms(0.95)?;
                if figures.time.count() < min_calls || p95_ms <= above_ms as f64 {
                    return None;
                }
                let text = format!(
                    "5 of 100 calls of business {} took longer than {p95_ms:.0} ms in the last {}.",
                    business.id,
                    time(window_s)
                );
                Some((
                    business.id.clone(),
                    figure(text, p95_ms, above_ms as f64, "ms"),
                ))
            });
        Look {
            readings: readings.collect(),
            rest: self.rest("Its calls are quick enough again, or there are too few to tell."),
        }
    }

    fn packages(
        &self,
        alarm: &Alarm,
        window_s: u64,
    ) -> impl Iterator<Item = (&String, &super::facts::Carried)> {
        let scope = alarm.scope.gateway.clone();
        let packages = self.sum.packages.get(&window_s).into_iter().flatten();
        packages.filter(move |(gateway, _)| scope.as_ref().is_none_or(|it| it == *gateway))
    }

    fn package_use(&self, alarm: &Alarm, above_percent: f64, window_s: u64) -> Look {
        let readings = self.packages(alarm, window_s).filter_map(|(gateway, carried)| {
            let limit = self.catalog.gateway(gateway)?.limit_at(self.now_ms);
            let part = |used: u64, limit: u64| match limit {
                0 => 0.0,
                limit => used as f64 / window_s as f64 / limit as f64 * 100.0,
            };
            let of_bytes = part(carried.bytes, limit.bytes_per_second());
            let of_calls = part(carried.calls, limit.qps.unwrap_or(0));
            let percent = of_bytes.max(of_calls);
            if percent <= above_percent {
                return None;
            }
            let what = if of_calls > of_bytes { "calls" } else { "bandwidth" };
            let text = format!(
                "Gateway {gateway} used {percent:.1} % of its package's {what} in the last {}; what is beyond the package \
                 takes the public link.",
                time(window_s)
            );
            Some((gateway.clone(), figure(text, percent, above_percent, "%")))
        });
        Look {
            readings: readings.collect(),
            rest: self.rest("It uses less of its package again."),
        }
    }

    fn overflow(&self, alarm: &Alarm, window_s: u64) -> Look {
        let beyond = self
            .packages(alarm, window_s)
            .filter(|(_, carried)| carried.overflow_calls > 0);
        let readings = beyond.map(|(gateway, carried)| {
            let calls = carried.overflow_calls;
            let text = format!(
                "The package of gateway {gateway} is used up: {calls} calls took the public link, unprotected, in the last \
                 {}.",
                time(window_s)
            );
            (gateway.clone(), figure(text, calls as f64, 0.0, "calls"))
        });
        Look {
            readings: readings.collect(),
            rest: self.rest("No call took the public link for want of the package any more."),
        }
    }

    fn rest(&self, clear: &str) -> Rest {
        match self.complete {
            true => Rest::Clear(clear.to_owned()),
            false => Rest::Unseen,
        }
    }
}

fn said(text: String) -> Reading {
    Reading {
        text,
        ..Reading::default()
    }
}

fn figure(text: String, value: f64, threshold: f64, unit: &str) -> Reading {
    Reading {
        text,
        value: Some((value * 100.0).round() / 100.0),
        threshold: Some(threshold),
        unit: unit.to_owned(),
    }
}

fn time(seconds: u64) -> String {
    match seconds {
        60 => "minute".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
