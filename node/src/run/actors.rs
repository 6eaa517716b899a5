//! The actors that are one a node, each supervised on a thread of its own.

use std::sync::Arc;

use actix::{Actor, Arbiter};
use tokio::sync::watch;
use weir_cluster::membership::ClusterView;
use weir_cluster::mesh::MeshHandle;

use super::StartError;
use crate::admin::RestartCount;
use crate::alarm::{self, AlarmHandle, AlarmParts};
use crate::config_actor::{ConfigActor, ConfigHandle, ConfigParts, now_ms};
use crate::identity::{IdentityActor, IdentityParts};
use crate::platform::{PlatformActor, PlatformParts};
use crate::quota::{QuotaHandle, QuotaParts};
use crate::router_actor::{RouterActor, TableInService};
use crate::routing::SharedRouting;
use crate::schedule::{self, ScheduleActor, ScheduleParts};
use crate::supervise::{Supervised, supervise};

/// QuotaActor and RouterActor: from a snapshot to a table that calls are looked up in.
pub(super) struct Routing {
    pub table: SharedRouting,
    pub quota: QuotaHandle,
    pub router: Supervised<RouterActor>,
}

/// Starts a thread for actors.
pub(super) fn arbiter() -> Result<Arbiter, StartError> {
    Arbiter::try_new().map_err(StartError::Thread)
}

/// How often an actor was started again, for `/metrics`.
pub(super) fn restarts<A: Actor>(actor: &Supervised<A>) -> RestartCount {
    let actor = actor.clone();
    Arc::new(move || actor.restarts())
}

pub(super) fn start_config(arbiter: &Arbiter, parts: ConfigParts) -> Supervised<ConfigActor> {
    supervise(&arbiter.handle(), "ConfigActor", move || {
        ConfigActor::new(&parts)
    })
}

/// Starts what sees to the schedules, and answers other nodes what they need for that.
pub(super) fn start_schedules(
    arbiter: &Arbiter,
    config: &ConfigHandle,
    cluster: watch::Receiver<Arc<ClusterView>>,
    routing: SharedRouting,
    mesh: &MeshHandle,
) -> Supervised<ScheduleActor> {
    let parts = ScheduleParts {
        config: config.clone(),
        cluster,
        routing,
        mesh: mesh.clone(),
        clock: Arc::new(now_ms),
        recent: Arc::default(),
    };
    schedule::answer_calls(&parts);
    supervise(&arbiter.handle(), "ScheduleActor", move || {
        ScheduleActor::new(&parts)
    })
}

pub(super) fn start_identity(arbiter: &Arbiter, parts: IdentityParts) -> Supervised<IdentityActor> {
    supervise(&arbiter.handle(), "IdentityActor", move || {
        IdentityActor::new(&parts)
    })
}

/// Starts what watches for alarms, and answers other nodes what they need for that.
pub(super) fn start_alarms(arbiter: &Arbiter, parts: AlarmParts) -> AlarmHandle {
    alarm::answer_others(&parts);
    AlarmHandle::start(&arbiter.handle(), parts)
}

pub(super) fn start_platform(arbiter: &Arbiter, parts: PlatformParts) -> Supervised<PlatformActor> {
    supervise(&arbiter.handle(), "PlatformActor", move || {
        PlatformActor::new(&parts)
    })
}

// === impl Routing ===

impl Routing {
    /// Starts both; when this returns, a table of the published configuration is in service and every
    /// gateway in it has its meter. A node that begins a cluster mints by then.
    pub async fn start(parts: QuotaParts, base_domain: &str) -> Result<Self, StartError> {
        let quota = QuotaHandle::start(&arbiter()?.handle(), parts).await;
        let quota = quota.map_err(|_| StartError::Actor("package ledger"))?;
        let metered = quota.metered();

        let table = SharedRouting::default();
        let (routing, base_domain) = (table.clone(), base_domain.to_owned());
        let router = supervise(&arbiter()?.handle(), "RouterActor", move || {
            RouterActor::new(metered.clone(), routing.clone(), base_domain.clone())
        });
        let compiled = router.ask(TableInService).await;
        compiled.map_err(|_| StartError::Actor("routing table"))?;
        Ok(Routing {
            table,
            quota,
            router,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;
    use tokio::sync::watch;
    use weir_cluster::replication::Replica;
    use weir_config::operation::{self, Change, Context};
    use weir_config::{Catalog, Refusal};

    use super::*;
    use crate::config_actor::{Published, SharedStore};
    use crate::store::Store;

    const APPID: &str = "wx0123456789abcdef";

    /// A configuration as the ConfigActor would publish it.
    struct Configured {
        replica: Replica,
        published: Published,
        disk: TempDir,
    }

    impl Configured {
        fn with_one_business() -> Self {
            let replica = Replica::new("n1".parse().unwrap(), []);
            let published = Published {
                snapshot: replica.snapshot().shared(),
                changed: Arc::new(watch::Sender::new(0)),
                announce: Arc::new(|_| {}),
            };
            let disk = tempfile::tempdir().unwrap();
            let mut configured = Configured {
                replica,
                published,
                disk,
            };
            let program = json!({
                "request_domains": ["https://api.shop.example"],
                "versions": {"trial": "1.0.0"}
            });
            let program = serde_json::from_value(program).unwrap();
            configured.change(|c, _| operation::put_mini_program(c, APPID, program));
            configured.change(|c, _| {
                operation::put_space(c, "demo", serde_json::from_value(json!({})).unwrap())
            });
            let agreement =
                serde_json::from_value(json!({"version": "1", "accepted_by": "li"})).unwrap();
            configured
                .change(|c, context| operation::accept_agreement(c, context, "demo", agreement));
            configured.change(|c, _| operation::authorize(c, "demo", APPID));
            configured.set_package(json!({"bandwidth_bps": 8_000}));
            let one_key = serde_json::from_value(json!({"appid": APPID})).unwrap();
            configured.change(|c, context| {
                operation::one_key_access(c, context, "shop", one_key).map(|outcome| outcome.change)
            });
            configured
        }

        fn set_package(&mut self, package: serde_json::Value) {
            let gateway = json!({"space": "demo", "package": package});
            let gateway = serde_json::from_value(gateway).unwrap();
            self.change(|c, _| operation::put_gateway(c, "shop", gateway));
        }

        fn change(
            &mut self,
            operation: impl FnOnce(&Catalog, &Context) -> Result<Change, Refusal>,
        ) {
            let context = Context {
                now_ms: 1,
                random: [7; 16],
                default_region: "shanghai".to_owned(),
            };
            let change = operation(&self.replica.state().catalog, &context).unwrap();
            self.replica.write(1, "root", None, change);
            self.published
                .snapshot
                .store(Arc::new(self.replica.snapshot()));
            self.published.changed.send_modify(|count| *count += 1);
        }

        /// A node of this configuration that begins a cluster.
        async fn start(&self) -> Routing {
            let store = Store::open_file(&self.disk.path().join("store.db")).unwrap();
            let parts = QuotaParts::new(
                "n1".parse().unwrap(),
                "shanghai".to_owned(),
                SharedStore::new(store.into()),
                self.published.snapshot.clone(),
                self.published.changed.subscribe(),
                watch::Sender::new(None).subscribe(),
            );
            Routing::start(parts, "weir.localhost").await.unwrap()
        }

        fn host(&self) -> String {
            let snapshot = self.replica.state();
            let business = snapshot.catalog.business(APPID).unwrap();
            format!("{}.shanghai.weir.localhost", business.access_label)
        }
    }

    async fn until(what: impl Fn() -> bool) {
        let coming = async {
            while !what() {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(10);
        tokio::time::timeout(patience, coming)
            .await
            .expect("it comes into service");
    }

    #[actix_rt::test]
    async fn a_started_node_looks_its_calls_up_and_meters_them_from_the_first_one_on() {
        let configured = Configured::with_one_business();
        let routing = configured.start().await;
        let table = routing.table.load();
        let route = table.access.find(&configured.host()).unwrap();
        let meter = table.meter(route);
        until(|| meter.balance_bytes() > 0).await;
        assert!(meter.balance_bytes() <= 500, "half a burst at most");
    }

    #[actix_rt::test]
    async fn a_change_comes_into_service_and_keeps_what_the_gateway_has_left() {
        let mut configured = Configured::with_one_business();
        let routing = configured.start().await;
        let before = routing.table.load_full();
        let meter = before.meters[0].clone();
        until(|| meter.balance_bytes() > 0).await;
        // Debt keeps the minting of the test's own time from being seen.
        meter.admit(0).unwrap().add(1_000_000);
        configured.set_package(json!({"bandwidth_bps": 16_000, "qps": 5}));
        configured.change(|catalog, _| operation::disconnect(catalog, APPID));
        until(|| {
            let table = routing.table.load();
            let route = table.access.find(&configured.host());
            route.is_some_and(|route| {
                let newest = configured.replica.state().newest.as_ref();
                Some(&route.conf_version) == newest
            })
        })
        .await;
        let table = routing.table.load();
        assert!(Arc::ptr_eq(&table.meters[0], &meter));
        assert!(
            meter
                .balance_requests()
                .is_some_and(|requests| requests <= 2)
        );
        assert!(meter.balance_bytes() < -900_000, "no free burst");
    }

    #[actix_rt::test]
    async fn what_is_counted_of_a_business_outlives_a_change_and_goes_with_the_business() {
        let mut configured = Configured::with_one_business();
        let routing = configured.start().await;
        let counted = || {
            let table = routing.table.load();
            let figures = table
                .all_counters()
                .next()
                .map(|(_, it)| it.figures().link.calls);
            (table.access.routes().count(), figures)
        };
        let before = routing.table.load_full();
        let route = before.access.find(&configured.host()).unwrap();
        before.counters(route).link().count(7, 70);
        configured.set_package(json!({"bandwidth_bps": 16_000}));
        until(|| !Arc::ptr_eq(&routing.table.load(), &before)).await;
        assert_eq!(counted(), (1, Some(7)));
        configured.change(|catalog, _| operation::delete_business(catalog, APPID));
        until(|| counted() == (0, None)).await;
    }

    #[actix_rt::test]
    async fn a_deleted_business_is_not_found_any_more() {
        let mut configured = Configured::with_one_business();
        let routing = configured.start().await;
        let host = configured.host();
        assert!(routing.table.load().access.find(&host).is_some());
        configured.change(|catalog, _| operation::delete_business(catalog, APPID));
        until(|| routing.table.load().access.find(&host).is_none()).await;
    }
}
