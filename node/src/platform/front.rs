//! What of the platform the admin port itself answers: who may come in, and where browsers come back to.

use serde::{Deserialize, Serialize};

use super::{Event, MessageError, MessageKeys, PlatformError, Pushed};
use crate::config_actor::now_ms;
use crate::seal::SealKey;

/// How long after its page was given out an authorisation is taken, milliseconds.
const STATE_LIFE_MS: u64 = 60 * 60 * 1_000;
/// The name under which states are sealed.
const STATE: &str = "authorisation state";

/// The keys of the callbacks. Cheap to clone; shows no secret.
#[derive(Clone, Debug)]
pub struct Front {
    pub messages: MessageKeys,
    pub key: SealKey,
    /// Where browsers reach `/platform/wechat/…`.
    pub public_url: Option<String>,
}

/// What an authorisation page is about, carried through the browser sealed.
#[derive(Serialize, Deserialize)]
struct State {
    space: String,
    until_ms: u64,
}

// === impl Front ===

impl Front {
    /// # Errors
    /// Where the message is not the platform's.
    pub fn read(&self, pushed: &Pushed<'_>) -> Result<Event, MessageError> {
        Event::read(&self.messages, pushed)
    }

    /// Where the browser goes after the page, back to any node with what it is about.
    ///
    /// # Errors
    /// `platform_not_configured` where nobody said where browsers reach us.
    pub fn redirect(&self, space: &str) -> Result<String, PlatformError> {
        let public_url = self.public_url.as_deref().ok_or_else(|| {
            PlatformError::new(
                503,
                "platform_not_configured",
                "Where browsers reach this cluster is not set: set platform.wechat.public_url on every node to the \
                 https address under which /platform/wechat/ of the admin port is published, and on open.weixin.qq.com \
                 its host as the authorisation page's domain.",
            )
        })?;
        let state = State {
            space: space.to_owned(),
            until_ms: now_ms().saturating_add(STATE_LIFE_MS),
        };
        let state = serde_json::to_vec(&state).unwrap_or_default();
        let sealed = self.key.seal(STATE, &state);
        let sealed =
            sealed.map_err(|error| PlatformError::new(500, "internal", format!("{error}.")))?;
        let public_url = public_url.trim_end_matches('/');
        Ok(format!(
            "{public_url}/platform/wechat/authorized?state={sealed}"
        ))
    }

    /// The space that an authorisation is for.
    ///
    /// # Errors
    /// 403 `state_invalid` where no node of this cluster gave the page out, or too long ago.
    pub fn space(&self, state: &str) -> Result<String, PlatformError> {
        let refused = || {
            PlatformError::new(
                403,
                "state_invalid",
                "This authorisation was not begun by this cluster, or more than an hour ago. Open a new page with \
                 POST /admin/v1/spaces/{space}/authorization-url.",
            )
        };
        let state = self.key.open(STATE, state).map_err(|_| refused())?;
        let state: State = serde_json::from_slice(&state).map_err(|_| refused())?;
        (now_ms() <= state.until_ms)
            .then_some(state.space)
            .ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::Secret;

    fn front(key: u8) -> Front {
        let (token, aes) = (Secret::new("t"), Secret::new("a".repeat(43)));
        Front {
            messages: MessageKeys::new(token, &aes, "wxc").unwrap(),
            key: SealKey::parse("seal.key", &hex::encode([key; 32])).unwrap(),
            public_url: Some("https://weir.example/".to_owned()),
        }
    }

    #[test]
    fn the_browser_comes_back_with_the_space_to_any_node_with_the_same_key() {
        let redirect = front(1).redirect("acme").unwrap();
        let (path, state) = redirect.split_once("?state=").unwrap();
        assert_eq!(path, "https://weir.example/platform/wechat/authorized");
        assert_eq!(front(1).space(state), Ok("acme".to_owned()));
        for (key, state) in [(2, state), (1, "v1.00000000.AAAA"), (1, "")] {
            assert_eq!(front(key).space(state).unwrap_err().code, "state_invalid");
        }
    }

    #[test]
    fn without_an_address_of_its_own_no_page_is_given_out() {
        let mut front = front(1);
        front.public_url = None;
        let refused = front.redirect("acme").unwrap_err();
        assert!(
            refused.detail.contains("platform.wechat.public_url"),
            "{refused}"
        );
    }
}
