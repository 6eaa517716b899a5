//! The actor that owns one core's pools.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context};

use crate::forward::Forwarder;
use crate::settings::Limits;

/// How often what is no longer used is forgotten.
const SWEEP: Duration = Duration::from_secs(10);

/// Owns the upstream pools of its core and publishes the handle that calls use.
pub struct ForwardActor {
    forwarder: Rc<Forwarder>,
}

thread_local! {
    /// A core is a thread: its calls find the pools of their own core here, without a lock.
    static CURRENT: RefCell<Option<Rc<Forwarder>>> = const { RefCell::new(None) };
}

/// The pools of this core; `None` before its actor has started.
pub fn current() -> Option<Rc<Forwarder>> {
    CURRENT.with_borrow(Clone::clone)
}

// === impl ForwardActor ===

impl ForwardActor {
    /// `tls`: how origins' certificates are checked.
    pub fn new(tls: rustls::ClientConfig, limits: &Limits) -> Self {
        ForwardActor {
            forwarder: Rc::new(Forwarder::new(tls, limits)),
        }
    }
}

impl Actor for ForwardActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        CURRENT.set(Some(self.forwarder.clone()));
        ctx.run_interval(SWEEP, |actor, _| actor.forwarder.sweep());
    }
}
