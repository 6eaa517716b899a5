//! What a core knows of each origin: its address in ready-made parts, and how busy it is.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::uri::{Authority, Scheme};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weir_config::domain::{self, Origin};

use crate::forward::CallError;

/// Origins kept at once; beyond that the unused are forgotten.
const MAX_ORIGINS: usize = 10_000;

/// One origin as this core knows it.
#[derive(Debug)]
pub struct OriginSlot {
    pub scheme: Scheme,
    pub authority: Authority,
    /// `Host` of its calls.
    pub host: HeaderValue,
    places: Arc<Semaphore>,
    waiting: Cell<usize>,
    limit: usize,
}

/// All origins that calls of this core went to.
#[derive(Debug, Default)]
pub struct Origins {
    slots: RefCell<HashMap<Origin, Rc<OriginSlot>>>,
}

// === impl Origins ===

impl Origins {
    /// `limit`: calls under way to it from this core.
    pub fn slot(&self, origin: &Origin, limit: usize) -> Result<Rc<OriginSlot>, CallError> {
        if let Some(slot) = self.slots.borrow().get(origin) {
            return Ok(slot.clone());
        }
        let slot = Rc::new(OriginSlot::new(origin, limit)?);
        let mut slots = self.slots.borrow_mut();
        if slots.len() >= MAX_ORIGINS {
            slots.retain(|_, slot| !slot.unused());
        }
        slots.insert(origin.clone(), slot.clone());
        Ok(slot)
    }

    /// Forgets origins without a call under way.
    pub fn forget_unused(&self) {
        self.slots.borrow_mut().retain(|_, slot| !slot.unused());
    }
}

// === impl OriginSlot ===

impl OriginSlot {
    fn new(origin: &Origin, limit: usize) -> Result<Self, CallError> {
        let authority = Bytes::from(origin.authority());
        let unusable = || CallError::Internal("the origin's name cannot be used in a request");
        Ok(OriginSlot {
            scheme: match origin.scheme {
                domain::Scheme::Http => Scheme::HTTP,
                domain::Scheme::Https => Scheme::HTTPS,
            },
            host: HeaderValue::from_maybe_shared(authority.clone()).map_err(|_| unusable())?,
            authority: Authority::from_maybe_shared(authority).map_err(|_| unusable())?,
            places: Arc::new(Semaphore::new(limit)),
            waiting: Cell::new(0),
            limit,
        })
    }

    fn unused(&self) -> bool {
        self.waiting.get() == 0 && self.places.available_permits() == self.limit
    }

    /// A place among the calls under way. As many calls as have places may wait for one, each at most
    /// `patience`; more are refused at once.
    pub async fn place(&self, patience: Duration) -> Result<OwnedSemaphorePermit, CallError> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        if self.waiting.get() >= self.limit {
            return Err(CallError::OriginBusy);
        }
        let _waiting = Waiting::one_more(&self.waiting);
        match tokio::time::timeout(patience, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(CallError::OriginBusy),
        }
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
