//! What is done without being asked, by one node at a time: tokens are renewed before they expire, and what the
//! platform says of each mini program is read again.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use sha2::{Digest, Sha256};
use weir_cluster::membership::ClusterView;
use weir_config::object::PlatformProvider;

use super::{PlatformError, Providers};

/// Renewals and readings under way at once.
const AT_ONCE: usize = 4;
/// Those begun at one look; the rest is due at the next.
const A_LOOK: usize = 100;
/// How long a renewal that failed is left alone, and one that a person has to mend.
const REST: Duration = Duration::from_secs(15);
const LONG_REST: Duration = Duration::from_secs(10 * 60);
/// The third-party platform's own token, among those of mini programs.
const OWN: &str = "";
/// Within this a node that takes over has begun to read every mini program, where they are not read more often.
const TAKE_OVER: Duration = Duration::from_secs(60);

/// Whether the schedule is this node's: it is the lowest that lives. While two think so, both do the same, and the
/// later of two renewed tokens is in force everywhere.
pub(super) fn is_mine(view: &ClusterView) -> bool {
    let serving = view.nodes.iter().filter(|node| node.live && !node.leaving);
    let lowest = serving.map(|node| &node.id).min();
    lowest.is_none_or(|lowest| view.me <= *lowest)
}

/// One look at what is due, and all that is done about it.
pub(super) async fn work(providers: Rc<Providers>, every: Duration) {
    let Some(wechat) = &providers.wechat else {
        return;
    };
    if rests(&providers, OWN) {
        return;
    }
    if let Err(error) = wechat.renew_component_if_due().await {
        rest(&providers, OWN, &error);
        // Without it nothing else can be asked either.
        return;
    }
    let due = wechat.due_authorizers(A_LOOK, |appid| rests(&providers, appid));
    let all = &providers;
    let renewals = stream::iter(due).map(|appid| async move {
        if let Err(error) = wechat.renew_authorizer_if_due(&appid).await {
            rest(all, &appid, &error);
        }
    });
    renewals.buffer_unordered(AT_ONCE).collect::<()>().await;
    let readings = stream::iter(due_readings(&providers, every, Instant::now()));
    let readings = readings.map(|appid| {
        let providers = providers.clone();
        async move { providers.refresh_scheduled(&appid).await }
    });
    readings.buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Whether a renewal failed lately.
fn rests(providers: &Providers, whose: &str) -> bool {
    let resting = providers.resting.borrow();
    resting
        .get(whose)
        .is_some_and(|until| Instant::now() < *until)
}

/// Logs why a renewal failed, and leaves it alone for a while: longer where only a person can mend it.
fn rest(providers: &Providers, whose: &str, error: &PlatformError) {
    let pause = match error.code {
        "not_authorized" | "platform_settings_wrong" | "platform_rate_limited" => LONG_REST,
        _ => REST,
    };
    let until = Instant::now() + pause;
    let mut resting = providers.resting.borrow_mut();
    resting.retain(|_, until| Instant::now() < *until);
    resting.insert(whose.to_owned(), until);
    tracing::warn!(
        appid = whose,
        code = error.code,
        errcode = error.errcode,
        again_in_s = pause.as_secs(),
        "a token could not be renewed: {error}"
    );
}

/// The mini programs to read now; each gets its next time, spread out by its name.
fn due_readings(providers: &Providers, every: Duration, now: Instant) -> Vec<String> {
    let snapshot = providers.config.catalog();
    let programs = snapshot.catalog.mini_programs();
    let appids = programs.filter(|program| program.source == PlatformProvider::Wechat);
    let mut next = providers.next_reading.borrow_mut();
    let mut due = Vec::new();
    for program in appids {
        let share = spread(&program.appid);
        let first = || now + every.min(TAKE_OVER).mul_f64(share);
        let at = next.entry(program.appid.clone()).or_insert_with(first);
        if *at > now || due.len() == A_LOOK {
            continue;
        }
        // 0.9 to 1.1 of the time: those that were read together drift apart.
        *at = now + every.mul_f64(0.9 + 0.2 * share);
        due.push(program.appid.clone());
    }
    if next.len() > snapshot.catalog.len() {
        next.retain(|appid, _| snapshot.catalog.mini_program(appid).is_some());
    }
    due
}

/// A number from 0 to 1 by which mini programs differ.
fn spread(appid: &str) -> f64 {
    let digest = Sha256::digest(appid.as_bytes());
    f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use weir_cluster::membership::NodeView;

    use super::*;

    fn node(id: &str, live: bool, leaving: bool) -> NodeView {
        NodeView {
            live,
            leaving,
            ..NodeView::new(id.parse().unwrap(), "127.0.0.1:1".parse().unwrap())
        }
    }

    #[test]
    fn the_lowest_live_node_works_and_the_next_takes_over() {
        let mine = |me: &str, nodes: Vec<NodeView>| {
            let me = me.parse().unwrap();
            is_mine(&ClusterView { me, nodes })
        };
        let all = || vec![node("n1", true, false), node("n2", true, false)];
        assert!(mine("n1", all()) && !mine("n2", all()));
        let dead = || vec![node("n1", false, false), node("n2", true, false)];
        assert!(mine("n2", dead()));
        let leaving = || vec![node("n1", true, true), node("n2", true, false)];
        assert!(mine("n2", leaving()));
        assert!(mine("n1", Vec::new()), "a node alone");
    }

    #[test]
    fn mini_programs_are_spread_over_the_whole_time() {
        let shares: Vec<f64> = (0..100).map(|i| spread(&format!("wx{i:016x}"))).collect();
        for tenth in 0..10 {
            let within = |share: &&f64| (**share * 10.0) as usize == tenth;
            assert!(shares.iter().filter(within).count() > 0, "{tenth}");
        }
    }
}
