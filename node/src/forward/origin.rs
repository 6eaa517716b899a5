//! What a core knows of each origin: how it is reached, whose turn it is, and how busy it is.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};
use rustls::ClientConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_config::domain::{self, Origin};

use crate::forward::CallError;
use crate::forward::address::{AddressSlot, Reach};
use crate::forward::balance::{Addresses, Balance};
use crate::forward::configured::ConfiguredOrigin;

/// Origins kept at once; beyond that the unused are forgotten.
const MAX_ORIGINS: usize = 10_000;
/// An origin that was not called between so many sweeps is forgotten.
const IDLE_SWEEPS: u32 = 6;

/// What all origins of a core have in common.
#[derive(Clone, Debug)]
pub struct Common {
    pub tls: Arc<ClientConfig>,
    /// Calls under way to one origin, and connections that rest, per core.
    pub places: usize,
    pub connect_timeout: Duration,
}

/// One origin as this core knows it.
#[derive(Debug)]
pub struct OriginSlot {
    /// `Host` of its calls.
    pub host: HeaderValue,
    authority: Authority,
    pub reach: Reach,
    addresses: Vec<AddressSlot>,
    balance: Balance,
    configured: Option<Arc<ConfiguredOrigin>>,
    places: Arc<Semaphore>,
    waiting: Cell<usize>,
    limit: usize,
    idle_sweeps: Cell<u32>,
}

/// All origins that calls of this core went to.
#[derive(Debug, Default)]
pub struct Origins {
    by_name: RefCell<HashMap<Origin, Rc<OriginSlot>>>,
    /// By the address of their state, which each slot keeps from being used again.
    configured: RefCell<HashMap<usize, Rc<OriginSlot>>>,
}

// === impl Origins ===

impl Origins {
    /// The slot of an origin: shared by all businesses where nothing is set, else of its own.
    pub fn slot(
        &self,
        origin: &Origin,
        configured: Option<&Arc<ConfiguredOrigin>>,
        common: &Common,
    ) -> Result<Rc<OriginSlot>, CallError> {
        match configured {
            Some(state) => {
                let key = Arc::as_ptr(state) as usize;
                let make = || OriginSlot::configured(state.clone(), common);
                Self::find_or_make(&self.configured, &key, make)
            }
            None => {
                let make = || OriginSlot::plain(origin, common);
                Self::find_or_make(&self.by_name, origin, make)
            }
        }
    }

    fn find_or_make<K: std::hash::Hash + Eq + Clone>(
        slots: &RefCell<HashMap<K, Rc<OriginSlot>>>,
        key: &K,
        make: impl FnOnce() -> Result<OriginSlot, CallError>,
    ) -> Result<Rc<OriginSlot>, CallError> {
        if let Some(slot) = slots.borrow().get(key) {
            slot.idle_sweeps.set(0);
            return Ok(slot.clone());
        }
        let slot = Rc::new(make()?);
        let mut slots = slots.borrow_mut();
        if slots.len() >= MAX_ORIGINS {
            slots.retain(|_, slot| !slot.unused());
        }
        slots.insert(key.clone(), slot.clone());
        Ok(slot)
    }

    /// Forgets origins that had no call for some sweeps, and at once those whose settings were replaced. Calls under
    /// way keep their connections.
    pub fn sweep(&self) {
        self.by_name.borrow_mut().retain(|_, slot| slot.stays());
        self.configured.borrow_mut().retain(|_, slot| slot.stays());
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.by_name.borrow().len() + self.configured.borrow().len()
    }
}

// === impl OriginSlot ===

impl OriginSlot {
    fn plain(origin: &Origin, common: &Common) -> Result<Self, CallError> {
        let reach = Reach {
            scheme: scheme(origin),
            server_name: origin.host.clone(),
            tls: common.tls.clone(),
            http2: false,
            connect_timeout: common.connect_timeout,
            keep: common.places,
        };
        let address = format!("{}:{}", origin.host, origin.port);
        let addresses = vec![AddressSlot::new(&address)?];
        Self::new(&origin.authority(), reach, addresses, None, common)
    }

    pub fn configured(state: Arc<ConfiguredOrigin>, common: &Common) -> Result<Self, CallError> {
        let (origin, settings) = (&state.origin, &state.settings);
        let own_timeout = settings.connect_timeout_ms;
        let reach = Reach {
            scheme: scheme(origin),
            server_name: match &settings.tls.server_name {
                Some(name) => name.clone(),
                None => origin.host.clone(),
            },
            tls: state.tls(&common.tls).map_err(CallError::Settings)?,
            http2: settings.http2,
            connect_timeout: own_timeout.map_or(common.connect_timeout, |ms| {
                Duration::from_millis(ms.into())
            }),
            keep: common.places,
        };
        let addresses = state.addresses.iter();
        let addresses = addresses.map(|a| AddressSlot::new(&a.address));
        let addresses = addresses.collect::<Result<_, _>>()?;
        let host = settings.host.clone().unwrap_or_else(|| origin.authority());
        Self::new(&host, reach, addresses, Some(state), common)
    }

    fn new(
        host: &str,
        reach: Reach,
        addresses: Vec<AddressSlot>,
        configured: Option<Arc<ConfiguredOrigin>>,
        common: &Common,
    ) -> Result<Self, CallError> {
        let unusable = || CallError::Settings(format!("`{host}` cannot be the host of a request"));
        let shared = Bytes::from(host.to_owned());
        let weights = configured.iter().flat_map(|state| &state.addresses);
        let balance = Balance::new(weights.map(|a| a.weight), rand::random());
        Ok(OriginSlot {
            host: HeaderValue::from_maybe_shared(shared.clone()).map_err(|_| unusable())?,
            authority: Authority::from_maybe_shared(shared).map_err(|_| unusable())?,
            reach,
            addresses,
            balance,
            configured,
            places: Arc::new(Semaphore::new(common.places)),
            waiting: Cell::new(0),
            limit: common.places,
            idle_sweeps: Cell::new(0),
        })
    }

    /// The URL of a call: on HTTP/2 its `:authority`, on HTTP/1.1 only its path is sent.
    pub fn url(&self, path_and_query: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.reach.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// How long the origin may take to answer, where its settings say so.
    pub fn response_timeout(&self) -> Option<Duration> {
        let ms = self.configured.as_ref()?.settings.response_timeout_ms?;
        Some(Duration::from_millis(ms.into()))
    }

    pub fn has_several(&self) -> bool {
        self.count() > 1
    }

    /// Its addresses.
    pub fn count(&self) -> usize {
        self.addresses.len()
    }

    /// The address whose turn it is among those that were not tried, healthy ones first; where all were tried, any.
    pub fn turn(&self, tried: Addresses) -> usize {
        let Some(state) = self.configured.as_ref().filter(|_| self.has_several()) else {
            return 0;
        };
        let usable = state.usable();
        let untried = [usable & !tried, self.balance.all() & !tried, usable];
        let mut choices = untried.into_iter().filter(|these| *these != 0);
        choices
            .next()
            .and_then(|these| self.balance.next(these))
            .unwrap_or(0)
    }

    pub fn address(&self, index: usize) -> Result<&AddressSlot, CallError> {
        self.addresses
            .get(index)
            .ok_or(CallError::Internal("an origin without an address"))
    }

    /// An answer came from this address.
    pub fn succeeded(&self, index: usize) {
        if let Some(state) = &self.configured {
            state.succeeded(index);
        }
    }

    /// No answer came from this address.
    pub fn failed(&self, index: usize) {
        if let Some(state) = &self.configured {
            state.failed(index);
        }
    }

    fn unused(&self) -> bool {
        self.waiting.get() == 0 && self.places.available_permits() == self.limit
    }

    fn stays(&self) -> bool {
        if self.configured.as_ref().is_some_and(|s| s.is_retired()) {
            return false;
        }
        self.idle_sweeps.set(self.idle_sweeps.get() + 1);
        !self.unused() || self.idle_sweeps.get() <= IDLE_SWEEPS
    }

    /// A place among the calls under way. As many calls as have places may wait for one, each at most
    /// as long as for a connection; more are refused at once. With it, how long was waited.
    pub async fn place(&self) -> Result<(OwnedSemaphorePermit, Duration), CallError> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok((place, Duration::ZERO));
        }
        if self.waiting.get() >= self.limit {
            return Err(CallError::OriginBusy);
        }
        let _waiting = Waiting::one_more(&self.waiting);
        let began = Instant::now();
        let patience = self.reach.connect_timeout;
        match tokio::time::timeout(patience, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok((place, began.elapsed())),
            _ => Err(CallError::OriginBusy),
        }
    }
}

fn scheme(origin: &Origin) -> Scheme {
    match origin.scheme {
        domain::Scheme::Http => Scheme::HTTP,
        domain::Scheme::Https => Scheme::HTTPS,
    }
}

/// Counted as waiting until dropped, also where the wait is given up.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn one_more(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
