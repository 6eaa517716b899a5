//! Sessions that were asked for lately: a platform takes a login code once, a client may send it more often.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::Session;

/// Sessions kept; beyond, the oldest goes.
const SESSIONS_MAX: usize = 10_000;
/// How long a session is kept: as long as a login code can be used.
const KEEP: Duration = Duration::from_secs(5 * 60);

/// A digest of the appid and the code: the codes themselves are not kept.
type SessionKey = [u8; 32];

/// The sessions of one node, at most [`SESSIONS_MAX`].
#[derive(Debug, Default)]
pub struct Sessions {
    by_code: HashMap<SessionKey, (Session, Instant)>,
    /// In the order they were put in.
    order: VecDeque<SessionKey>,
}

// === impl Sessions ===

impl Sessions {
    pub fn get(&self, appid: &str, code: &str, now: Instant) -> Option<Session> {
        let (session, since) = self.by_code.get(&key(appid, code))?;
        (now.duration_since(*since) < KEEP).then(|| session.clone())
    }

    pub fn put(&mut self, appid: &str, code: &str, session: Session, now: Instant) {
        let key = key(appid, code);
        // A code seen before goes to the end: the order stays that of the times.
        if self.by_code.insert(key, (session, now)).is_some() {
            self.order.retain(|known| *known != key);
        }
        self.order.push_back(key);
        while let Some(oldest) = self.order.front() {
            let since = self.by_code.get(oldest).map(|(_, since)| *since);
            let expired = since.is_none_or(|since| now.duration_since(since) >= KEEP);
            if !expired && self.order.len() <= SESSIONS_MAX {
                break;
            }
            self.by_code.remove(oldest);
            self.order.pop_front();
        }
    }
}

fn key(appid: &str, code: &str) -> SessionKey {
    let mut digest = Sha256::new();
    digest.update(appid.as_bytes());
    digest.update([0]);
    digest.update(code.as_bytes());
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(openid: &str) -> Session {
        Session {
            openid: openid.to_owned(),
            unionid: None,
        }
    }

    #[test]
    fn a_session_is_kept_for_its_code_and_its_time() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        sessions.put("wx1", "code", session("o1"), now);
        assert_eq!(sessions.get("wx1", "code", now), Some(session("o1")));
        assert_eq!(sessions.get("wx2", "code", now), None);
        assert_eq!(sessions.get("wx1", "code", now + KEEP), None);
    }

    #[test]
    fn no_more_sessions_are_kept_than_there_is_room_for() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        for i in 0..=SESSIONS_MAX {
            sessions.put("wx1", &i.to_string(), session("o"), now);
        }
        assert_eq!(sessions.by_code.len(), SESSIONS_MAX);
        assert_eq!(sessions.get("wx1", "0", now), None, "the oldest went");
        sessions.put("wx1", "late", session("o"), now + KEEP);
        assert_eq!(sessions.by_code.len(), 1, "what is too old goes");
    }
}
