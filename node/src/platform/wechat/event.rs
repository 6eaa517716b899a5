//! What the open platform pushes to us: tickets, and who let us in or not any more.

use super::message::{MessageError, MessageKeys};
use super::xml;

/// A message as it came: the parameters of its URL and its body.
#[derive(Clone, Debug)]
pub struct Pushed<'p> {
    pub msg_signature: &'p str,
    pub timestamp: &'p str,
    pub nonce: &'p str,
    pub body: &'p str,
}

/// What a message says. Times are seconds since 1970-01-01 UTC by the platform's clock.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    Ticket {
        ticket: String,
        made_s: u64,
    },
    /// A mini program's owner let us in, or changed what we may.
    Authorised {
        appid: String,
        code: String,
    },
    /// And shut us out.
    Unauthorised {
        appid: String,
        said_s: u64,
    },
    /// Of another kind: nothing of ours.
    Other(String),
}

// === impl Event ===

impl Event {
    /// Opens and reads a pushed message.
    ///
    /// # Errors
    /// Where it is not the platform's, not for us, or not in the documented form.
    pub fn read(keys: &MessageKeys, pushed: &Pushed<'_>) -> Result<Self, MessageError> {
        let outer = xml::fields(pushed.body)?;
        let encrypted = outer.get("Encrypt").ok_or(MessageError::Form)?;
        let Pushed {
            msg_signature,
            timestamp,
            nonce,
            ..
        } = pushed;
        let text = keys.open(msg_signature, timestamp, nonce, encrypted)?;
        let fields = xml::fields(&text)?;
        let field = |name: &str| {
            let value = fields.get(name).filter(|value| !value.is_empty());
            value.cloned().ok_or(MessageError::Form)
        };
        let time = || field("CreateTime")?.parse().map_err(|_| MessageError::Form);
        let kind = field("InfoType")?;
        Ok(match kind.as_str() {
            "component_verify_ticket" => Event::Ticket {
                ticket: field("ComponentVerifyTicket")?,
                made_s: time()?,
            },
            "authorized" | "updateauthorized" => Event::Authorised {
                appid: field("AuthorizerAppid")?,
                code: field("AuthorizationCode")?,
            },
            "unauthorized" => Event::Unauthorised {
                appid: field("AuthorizerAppid")?,
                said_s: time()?,
            },
            _ => Event::Other(kind.chars().take(64).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::{COMPONENT, encrypt, keys};
    use super::*;

    fn read(inner: &str) -> Result<Event, MessageError> {
        let keys = keys();
        let encrypted = encrypt(&keys, inner, COMPONENT);
        let signature = keys.signature("1413192605", "n", &encrypted);
        let body = format!(
            "<xml><AppId><![CDATA[{COMPONENT}]]></AppId><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        );
        let pushed = Pushed {
            msg_signature: &signature,
            timestamp: "1413192605",
            nonce: "n",
            body: &body,
        };
        Event::read(&keys, &pushed)
    }

    fn of_type(kind: &str, more: &str) -> Result<Event, MessageError> {
        read(&format!(
            "<xml><AppId>{COMPONENT}</AppId><CreateTime>1413192605</CreateTime><InfoType><![CDATA[{kind}]]>\
             </InfoType>{more}</xml>"
        ))
    }

    #[test]
    fn each_documented_event_is_read() {
        let ticket = of_type(
            "component_verify_ticket",
            "<ComponentVerifyTicket><![CDATA[ticket@@@x]]></ComponentVerifyTicket>",
        );
        let made_s = 1_413_192_605;
        let expected = Event::Ticket {
            ticket: "ticket@@@x".to_owned(),
            made_s,
        };
        assert!(ticket == Ok(expected));
        let owner = "<AuthorizerAppid>wx1</AuthorizerAppid>";
        let granted = format!("{owner}<AuthorizationCode>c</AuthorizationCode>");
        for kind in ["authorized", "updateauthorized"] {
            let expected = Event::Authorised {
                appid: "wx1".to_owned(),
                code: "c".to_owned(),
            };
            assert!(of_type(kind, &granted) == Ok(expected));
        }
        let expected = Event::Unauthorised {
            appid: "wx1".to_owned(),
            said_s: made_s,
        };
        assert!(of_type("unauthorized", owner) == Ok(expected));
        assert!(
            of_type("notify_third_fasteregister", "")
                == Ok(Event::Other("notify_third_fasteregister".to_owned()))
        );
    }

    #[test]
    fn an_event_without_what_it_is_about_is_refused() {
        for kind in ["component_verify_ticket", "authorized", "unauthorized"] {
            assert!(of_type(kind, "") == Err(MessageError::Form), "{kind}");
        }
        assert!(read("no xml") == Err(MessageError::Form));
    }
}
