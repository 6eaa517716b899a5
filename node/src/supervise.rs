//! Actors that outlive their own panics.
//!
//! A handler that panics ends its actor, and `actix::Supervisor` ends with it. Here every incarnation
//! runs as a task of its own; when that ends, the next one is made from the factory, which rebuilds its
//! state from what is durable or published. Restarts are counted, logged and paced: ten within ten
//! seconds are immediate, beyond that each waits longer, up to thirty seconds. It never gives up.
//!
//! An incarnation's mailbox takes 16 messages, **and one more for every clone of its [`Addr`]**, so an
//! address is no bound. [`Supervised::ask`] and [`Supervised::tell`] go through one shared address, and
//! no more than [`MAX_WAITING`] asks are under way at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::dev::channel::{self, AddressReceiver};
use actix::{Actor, Addr, ArbiterHandle, Context, Handler, Message};
use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

/// Messages of one incarnation that wait in its mailbox.
const MAILBOX: usize = 16;
/// Asks to one actor under way at once, waiting or being answered.
pub const MAX_WAITING: usize = 1_024;
/// So many restarts within [`WINDOW`] are immediate.
const IMMEDIATE: usize = 10;
const WINDOW: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// An actor that is made anew whenever it ends. Dropping the last clone lets it end for good.
pub struct Supervised<A: Actor> {
    shared: Arc<Shared<A>>,
}

struct Shared<A: Actor> {
    name: &'static str,
    current: ArcSwap<Addr<A>>,
    restarts: AtomicU64,
    waiting: Semaphore,
}

/// Why a message was not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AskError {
    /// [`MAX_WAITING`] asks are under way.
    #[error("the {0} has more work waiting than it takes")]
    Busy(&'static str),
    /// The incarnation ended before it answered; what it did of the message is unknown.
    #[error("the {0} failed over this and was started again")]
    Ended(&'static str),
}

/// When the next incarnation may begin.
#[derive(Debug, Default)]
struct Pace {
    recent: VecDeque<Instant>,
    slowed: u32,
}

/// Runs an actor on an arbiter, incarnation after incarnation.
///
/// `make` runs on the arbiter's thread; messages sent meanwhile wait in the mailbox.
pub fn supervise<A>(
    arbiter: &ArbiterHandle,
    name: &'static str,
    make: impl Fn() -> A + Send + Sync + 'static,
) -> Supervised<A>
where
    A: Actor<Context = Context<A>>,
{
    let (sender, mailbox) = channel::channel(MAILBOX);
    let shared = Arc::new(Shared {
        name,
        current: ArcSwap::from_pointee(Addr::new(sender)),
        restarts: AtomicU64::new(0),
        waiting: Semaphore::new(MAX_WAITING),
    });
    if !arbiter.spawn(watch(Arc::downgrade(&shared), mailbox, Arc::new(make))) {
        tracing::error!(actor = name, "not started: its thread has ended");
    }
    Supervised { shared }
}

async fn watch<A, F>(shared: Weak<Shared<A>>, mut mailbox: AddressReceiver<A>, make: Arc<F>)
where
    A: Actor<Context = Context<A>>,
    F: Fn() -> A + Send + Sync + 'static,
{
    let mut pace = Pace::default();
    loop {
        let make = make.clone();
        let incarnation = async move { Context::with_receiver(mailbox).into_future(make()).await };
        let end = tokio::task::spawn_local(incarnation).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        // Published before the pause, so that what is sent meanwhile waits instead of failing.
        let (sender, next) = channel::channel(MAILBOX);
        shared.current.store(Arc::new(Addr::new(sender)));
        mailbox = next;
        let restarts = shared.restarts.fetch_add(1, Ordering::Relaxed) + 1;
        let delay = pace.delay(Instant::now());
        let cause = match end {
            Ok(()) => "it stopped".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::error!(
            actor = shared.name,
            restarts,
            delay_ms = delay.as_millis() as u64,
            cause,
            "an actor ended and is started again"
        );
        drop(shared);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
    }
}

// === impl Supervised ===

impl<A: Actor> Supervised<A> {
    /// The address of the current incarnation. Take it anew for every use: it goes out of date with the
    /// incarnation, and a clone that is kept makes the mailbox one message longer.
    pub fn addr(&self) -> Addr<A> {
        self.shared.current.load().as_ref().clone()
    }

    /// How often the actor has been started again.
    pub fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }
}

impl<A: Actor<Context = Context<A>>> Supervised<A> {
    /// Sends a message and waits for the answer, as long as that takes: callers set their own deadline.
    /// A message whose caller stops waiting before the mailbox had room is not delivered.
    pub async fn ask<M>(&self, message: M) -> Result<M::Result, AskError>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let name = self.shared.name;
        let _permit = self
            .shared
            .waiting
            .try_acquire()
            .map_err(|_| AskError::Busy(name))?;
        let answer = self.shared.current.load().send(message);
        answer.await.map_err(|_| AskError::Ended(name))
    }

    /// Sends a message that needs no answer; `false` where the mailbox is full and it was not sent.
    pub fn tell<M>(&self, message: M) -> bool
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.shared.current.load().try_send(message).is_ok()
    }
}

impl<A: Actor> Clone for Supervised<A> {
    fn clone(&self) -> Self {
        Supervised {
            shared: self.shared.clone(),
        }
    }
}

impl<A: Actor> fmt::Debug for Supervised<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervised")
            .field("name", &self.shared.name)
            .field("restarts", &self.restarts())
            .finish()
    }
}

// === impl Pace ===

impl Pace {
    /// How long to wait before an incarnation that is due now.
    fn delay(&mut self, now: Instant) -> Duration {
        while self
            .recent
            .front()
            .is_some_and(|&at| now.duration_since(at) > WINDOW)
        {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        if self.recent.len() <= IMMEDIATE {
            // A slowed actor has fewer ends in the window just because it is slowed: only a quiet
            // window takes the slowing back.
            if self.recent.len() == 1 {
                self.slowed = 0;
            }
            if self.slowed == 0 {
                return Duration::ZERO;
            }
        }
        if self.recent.len() > IMMEDIATE {
            self.recent.pop_front();
        }
        self.slowed = (self.slowed + 1).min(16);
        (FIRST_DELAY * 2u32.pow(self.slowed - 1)).min(LONGEST_DELAY)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Counter {
        incarnation: usize,
        count: usize,
    }

    #[derive(Message)]
    #[rtype(result = "(usize, usize)")]
    struct Count;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Break;

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Stop;

    impl Actor for Counter {
        type Context = Context<Self>;
    }

    impl Handler<Count> for Counter {
        type Result = actix::MessageResult<Count>;
        fn handle(&mut self, _: Count, _: &mut Context<Self>) -> Self::Result {
            self.count += 1;
            actix::MessageResult((self.incarnation, self.count))
        }
    }

    impl Handler<Break> for Counter {
        type Result = ();
        fn handle(&mut self, _: Break, _: &mut Context<Self>) {
            panic!("broken on purpose");
        }
    }

    impl Handler<Stop> for Counter {
        type Result = ();
        fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
            actix::ActorContext::stop(ctx);
        }
    }

    fn counter() -> Supervised<Counter> {
        let made = AtomicUsize::new(0);
        supervise(&actix::Arbiter::current(), "counter", move || Counter {
            incarnation: made.fetch_add(1, Ordering::Relaxed) + 1,
            count: 0,
        })
    }

    /// The answer of the incarnation after the one that has just ended.
    async fn next_answer(counter: &Supervised<Counter>) -> (usize, usize) {
        loop {
            match counter.ask(Count).await {
                Ok(answer) => return answer,
                Err(AskError::Ended(_)) => tokio::task::yield_now().await,
                Err(busy) => panic!("{busy}"),
            }
        }
    }

    #[actix_rt::test]
    async fn a_panicking_handler_is_replaced_by_an_incarnation_fresh_from_the_factory() {
        let counter = counter();
        assert_eq!(counter.ask(Count).await, Ok((1, 1)));
        assert_eq!(counter.ask(Count).await, Ok((1, 2)));
        assert_eq!(counter.ask(Break).await, Err(AskError::Ended("counter")));
        assert_eq!(next_answer(&counter).await, (2, 1));
        assert_eq!(counter.restarts(), 1);
    }

    #[actix_rt::test]
    async fn an_actor_that_stops_by_itself_is_started_again_too() {
        let counter = counter();
        counter.ask(Stop).await.unwrap();
        while counter.restarts() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(next_answer(&counter).await, (2, 1));
    }

    #[actix_rt::test]
    async fn a_factory_that_panics_is_tried_again() {
        let made = AtomicUsize::new(0);
        let counter = supervise(&actix::Arbiter::current(), "counter", move || {
            let incarnation = made.fetch_add(1, Ordering::Relaxed) + 1;
            assert!(incarnation > 2, "not yet");
            Counter {
                incarnation,
                count: 0,
            }
        });
        assert_eq!(next_answer(&counter).await, (3, 1));
        assert_eq!(counter.restarts(), 2);
    }

    #[actix_rt::test]
    async fn more_asks_than_are_taken_are_refused_at_once() {
        let counter = counter();
        let all = counter
            .shared
            .waiting
            .try_acquire_many(MAX_WAITING as u32)
            .unwrap();
        assert_eq!(counter.ask(Count).await, Err(AskError::Busy("counter")));
        drop(all);
        assert_eq!(counter.ask(Count).await, Ok((1, 1)));
    }

    #[test]
    fn restarts_are_immediate_at_first_then_ever_slower_and_never_given_up() {
        let mut pace = Pace::default();
        let mut now = Instant::now();
        for _ in 0..IMMEDIATE {
            assert_eq!(pace.delay(now), Duration::ZERO);
        }
        let mut delays = Vec::new();
        for _ in 0..7 {
            let delay = pace.delay(now);
            delays.push(delay.as_secs());
            now += delay.min(WINDOW);
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(
            pace.delay(now + WINDOW * 2),
            Duration::ZERO,
            "after a quiet window"
        );
    }
}
