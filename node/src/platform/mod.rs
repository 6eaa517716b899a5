//! The platforms that mini programs are registered on: the local one, which is the configuration itself, and the
//! WeChat open platform.
//!
//! ```text
//! admin API ── question ──▶ PlatformActor ─▶ provider ─▶ (HTTP) ─▶ answer
//! schedule, on one node ──▶ PlatformActor ─▶ tokens renewed, mini programs read again ─▶ ConfigActor
//! open platform ── event ─▶ admin port ────▶ PlatformActor ─▶ ticket, authorisations ─▶ ConfigActor
//! ```
//! Never on a call's way: calls go by what was written down.

mod actor;
mod error;
mod facts;
mod front;
mod handle;
mod local;
mod provider;
mod providers;
mod schedule;
mod secrets;
mod sessions;
mod wechat;

pub use actor::{PlatformActor, PlatformParts};
pub use error::PlatformError;
pub use facts::{AuthorisationPage, MiniProgramFacts, Session, TrialQr};
pub use front::Front;
pub use handle::PlatformHandle;
pub use provider::{Answer, Platform};
pub use providers::Providers;
pub use wechat::{Event, MessageError, MessageKeys, Pushed, WechatStatus};
