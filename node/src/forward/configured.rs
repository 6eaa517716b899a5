//! Origins of which more is configured than their name, and how each of their addresses is: one state a node,
//! read and noted by every core without a lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rustls::ClientConfig;
use weir_config::Catalog;
use weir_config::domain::Origin;
use weir_config::object::OriginSettings;

use crate::forward::balance::{self, Addresses};
use crate::tls::origin_tls_trusting;

/// All origins with settings, in one state of the configuration.
#[derive(Debug, Default)]
pub struct ConfiguredOrigins {
    by_business: HashMap<String, Vec<Arc<ConfiguredOrigin>>>,
}

/// One origin of one business. Lives as long as its settings stay as they are, over any number of tables.
#[derive(Debug)]
pub struct ConfiguredOrigin {
    pub business: String,
    pub origin: Origin,
    pub settings: OriginSettings,
    /// In the order of the settings, at most 16; the domain itself where none is set.
    pub addresses: Vec<AddressState>,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
    retired: AtomicBool,
}

/// How one address is, as far as this node knows.
#[derive(Debug)]
pub struct AddressState {
    /// `host:port`.
    pub address: String,
    pub weight: u32,
    /// Failed calls in a row.
    failures: AtomicU32,
    /// In milliseconds of [`now_ms`]; 0: it is not ejected.
    ejected_until_ms: AtomicU64,
    /// The checks say so.
    unhealthy: AtomicBool,
    failed_calls: AtomicU64,
    ejections: AtomicU64,
    passed_checks: AtomicU64,
    failed_checks: AtomicU64,
    last_check: Mutex<Option<CheckResult>>,
}

/// What came of a health check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckResult {
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    pub passed: bool,
    /// The status that was answered, or what went wrong.
    pub said: String,
}

/// An address at one moment, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressHealth {
    pub condition: Condition,
    pub failures_in_a_row: u32,
    /// How long it stays ejected.
    pub ejected_for_ms: Option<u64>,
    pub failed_calls: u64,
    pub ejections: u64,
    pub passed_checks: u64,
    pub failed_checks: u64,
    pub last_check: Option<CheckResult>,
}

/// Whether an address gets calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    Healthy,
    /// By its checks.
    Unhealthy,
    /// By calls that failed.
    Ejected,
}

/// Milliseconds on this node's own clock, which never goes back.
fn now_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis() as u64 + 1
}

// === impl ConfiguredOrigins ===

impl ConfiguredOrigins {
    /// What a catalog says. Origins whose settings are as they were are taken over from `before` with all that
    /// is known of them; of the others, what is known of addresses that stay.
    pub fn compile(catalog: &Catalog, before: &ConfiguredOrigins) -> Self {
        let mut by_business = HashMap::new();
        for business in catalog.businesses().filter(|b| !b.origins.is_empty()) {
            let old = before.of(&business.id);
            let configured = business.origins.iter().filter_map(|settings| {
                let origin = Origin::parse(&settings.domain).ok()?;
                let old = old.iter().find(|old| old.origin == origin);
                Some(match old {
                    Some(old) if old.settings == *settings => old.clone(),
                    _ => {
                        let old = old.map(|old| &**old);
                        Arc::new(ConfiguredOrigin::new(&business.id, origin, settings, old))
                    }
                })
            });
            by_business.insert(business.id.clone(), configured.collect());
        }
        ConfiguredOrigins { by_business }
    }

    /// The settings for calls of a business to one of its domains; `None` where nothing is set.
    pub fn find(&self, business: &str, origin: &Origin) -> Option<&Arc<ConfiguredOrigin>> {
        // Most nodes have none at all: nothing is hashed there.
        if self.by_business.is_empty() {
            return None;
        }
        self.of(business).iter().find(|one| one.origin == *origin)
    }

    pub fn of(&self, business: &str) -> &[Arc<ConfiguredOrigin>] {
        self.by_business.get(business).map_or(&[], Vec::as_slice)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<ConfiguredOrigin>> {
        self.by_business.values().flatten()
    }

    #[cfg(test)]
    pub fn of_one(origin: Arc<ConfiguredOrigin>) -> Self {
        let by_business = HashMap::from([(origin.business.clone(), vec![origin])]);
        ConfiguredOrigins { by_business }
    }

    /// Marks what `after` has no more: its pools are let go, its checks end.
    pub fn retire_all_but(&self, after: &ConfiguredOrigins) {
        for old in self.iter() {
            let kept = after
                .of(&old.business)
                .iter()
                .any(|new| Arc::ptr_eq(new, old));
            if !kept {
                old.retired.store(true, Ordering::Relaxed);
            }
        }
    }
}

// === impl ConfiguredOrigin ===

impl ConfiguredOrigin {
    pub fn new(
        business: &str,
        origin: Origin,
        settings: &OriginSettings,
        before: Option<&ConfiguredOrigin>,
    ) -> Self {
        let known = |address: &str| {
            let same_checks = before.filter(|before| before.settings.health == settings.health);
            let mut addresses = before.iter().flat_map(|before| &before.addresses);
            let old = addresses.find(|old| old.address == address)?;
            Some((old, same_checks.is_some()))
        };
        let addresses = match settings.addresses.as_slice() {
            [] => vec![(format!("{}:{}", origin.host, origin.port), 1)],
            listed => {
                let listed = listed.iter().take(Addresses::BITS as usize);
                listed.map(|a| (a.address.clone(), a.weight)).collect()
            }
        };
        ConfiguredOrigin {
            business: business.to_owned(),
            addresses: addresses
                .into_iter()
                .map(|(address, weight)| {
                    let known = known(&address);
                    AddressState::new(address, weight, known)
                })
                .collect(),
            origin,
            settings: settings.clone(),
            tls: OnceLock::new(),
            retired: AtomicBool::new(false),
        }
    }

    /// No longer in the configuration.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// How its certificate is verified: by its own authorities where it has any, else as `node` says.
    ///
    /// # Errors
    /// A sentence naming the field whose authorities cannot be used.
    pub fn tls(&self, node: &Arc<ClientConfig>) -> Result<Arc<ClientConfig>, String> {
        let Some(pem) = &self.settings.tls.ca_pem else {
            return Ok(node.clone());
        };
        let own = self.tls.get_or_init(|| {
            let why = |why| format!("origins[{}].tls.ca_pem: {why}", self.settings.domain);
            origin_tls_trusting(pem).map(Arc::new).map_err(why)
        });
        own.clone()
    }

    /// The addresses that get calls: all that are neither unhealthy nor ejected, and where that leaves none, all.
    pub fn usable(&self) -> Addresses {
        match self.available() {
            0 => balance::all(self.addresses.len()),
            some => some,
        }
    }

    fn available(&self) -> Addresses {
        let mut now = None;
        let mut available = 0;
        for (i, address) in self.addresses.iter().enumerate() {
            let until = address.ejected_until_ms.load(Ordering::Relaxed);
            let ejected = until != 0 && until > *now.get_or_insert_with(now_ms);
            if !ejected && !address.unhealthy.load(Ordering::Relaxed) {
                available |= 1 << i;
            }
        }
        available
    }

    /// A call got an answer from this address, whatever the answer was.
    pub fn succeeded(&self, index: usize) {
        let Some(address) = self.addresses.get(index) else {
            return;
        };
        if address.failures.load(Ordering::Relaxed) != 0 {
            address.failures.store(0, Ordering::Relaxed);
            address.ejected_until_ms.store(0, Ordering::Relaxed);
        }
    }

    /// A call got no answer from this address. After so many in a row it is ejected for a while, unless it is the
    /// last one that gets calls. Back again it is on trial: the next failure ejects it at once, an answer clears it.
    pub fn failed(&self, index: usize) {
        let Some(address) = self.addresses.get(index) else {
            return;
        };
        address.failed_calls.fetch_add(1, Ordering::Relaxed);
        let failures = address
            .failures
            .fetch_add(1, Ordering::Relaxed)
            .saturating_add(1);
        let ejection = &self.settings.ejection;
        if ejection.failures == 0 || failures < ejection.failures {
            return;
        }
        let available = self.available();
        let others = available & !(1 << index);
        if available & (1 << index) == 0 || others == 0 {
            return;
        }
        let until = now_ms() + u64::from(ejection.for_ms);
        address.ejected_until_ms.store(until, Ordering::Relaxed);
        address.ejections.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            business = self.business,
            origin = %self.origin,
            address = address.address,
            failures,
            for_ms = ejection.for_ms,
            "an address of an origin failed calls and gets none for a while"
        );
    }

    /// What a check found, and whether the address is healthy after it; `None`: as before.
    pub fn checked(&self, index: usize, passed: bool, said: String, healthy: Option<bool>) {
        let Some(address) = self.addresses.get(index) else {
            return;
        };
        let count = match passed {
            true => &address.passed_checks,
            false => &address.failed_checks,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if let Some(healthy) = healthy
            && address.unhealthy.swap(!healthy, Ordering::Relaxed) == healthy
        {
            tracing::info!(
                business = self.business,
                origin = %self.origin,
                address = address.address,
                healthy,
                said,
                "the checks of an origin's address changed their mind"
            );
        }
        *address.last_check.lock() = Some(CheckResult {
            at_ms: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_millis() as u64),
            passed,
            said,
        });
    }
}

// === impl AddressState ===

impl AddressState {
    /// `before`: the same address under the settings before, and whether its checks were the same.
    fn new(address: String, weight: u32, before: Option<(&AddressState, bool)>) -> Self {
        let (old, same_checks) = match before {
            Some((old, same_checks)) => (Some(old), same_checks),
            None => (None, false),
        };
        let count = |of: fn(&AddressState) -> &AtomicU64| {
            AtomicU64::new(old.map_or(0, |old| of(old).load(Ordering::Relaxed)))
        };
        AddressState {
            address,
            weight,
            failures: AtomicU32::new(0),
            ejected_until_ms: count(|old| &old.ejected_until_ms),
            unhealthy: AtomicBool::new(same_checks && old.is_some_and(AddressState::is_unhealthy)),
            failed_calls: count(|old| &old.failed_calls),
            ejections: count(|old| &old.ejections),
            passed_checks: count(|old| &old.passed_checks),
            failed_checks: count(|old| &old.failed_checks),
            last_check: Mutex::new(
                old.filter(|_| same_checks)
                    .and_then(|old| old.last_check.lock().clone()),
            ),
        }
    }

    pub fn is_unhealthy(&self) -> bool {
        self.unhealthy.load(Ordering::Relaxed)
    }

    pub fn health(&self) -> AddressHealth {
        let until = self.ejected_until_ms.load(Ordering::Relaxed);
        let ejected_for_ms = Some(until.saturating_sub(now_ms())).filter(|&left| left > 0);
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        AddressHealth {
            condition: match ejected_for_ms {
                _ if self.is_unhealthy() => Condition::Unhealthy,
                Some(_) => Condition::Ejected,
                None => Condition::Healthy,
            },
            failures_in_a_row: self.failures.load(Ordering::Relaxed),
            ejected_for_ms,
            failed_calls: count(&self.failed_calls),
            ejections: count(&self.ejections),
            passed_checks: count(&self.passed_checks),
            failed_checks: count(&self.failed_checks),
            last_check: self.last_check.lock().clone(),
        }
    }
}

// === impl Condition ===

impl Condition {
    pub const ALL: [Condition; 3] = [Condition::Healthy, Condition::Unhealthy, Condition::Ejected];

    pub fn as_str(self) -> &'static str {
        match self {
            Condition::Healthy => "healthy",
            Condition::Unhealthy => "unhealthy",
            Condition::Ejected => "ejected",
        }
    }
}

#[cfg(test)]
#[path = "configured_tests.rs"]
mod tests;
