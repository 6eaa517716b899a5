//! The objects of the configuration, and the record in which one travels between nodes.

mod agreement_text;
mod alarm;
mod business;
mod elastic;
mod gateway;
mod mini_program;
mod node;
mod origin;
mod platform_secret;
mod region;
mod schedule;
mod space;
mod token;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use agreement_text::{AgreementText, BUILT_IN_AGREEMENT};
pub use alarm::{
    Alarm, AlarmReceiver, AlarmRule, AlarmScope, Day, QuietTime, ReceiverFormat, Severity,
    WebhookUrl, Window,
};
pub use business::{
    Access, AttachedDomain, Business, BusinessType, Cors, EnvVersion, Gray, MIN_SDK_VERSION,
    UrlRule,
};
pub use elastic::{ElasticPack, Limit};
pub use gateway::{Gateway, Overflow, Package, PackageName};
pub use mini_program::{MiniProgram, PlatformVersion, PlatformVersions};
pub use node::{Authority, Node};
pub use origin::{Ejection, HealthCheck, OriginAddress, OriginSettings, OriginTls};
pub use platform_secret::PlatformSecret;
pub use region::{DEFAULT_REGIONS, Region, default_distance_km};
pub use schedule::{
    Schedule, SchedulePlan, ScheduleProgress, ScheduleState, ScheduledChange, ScheduledDisconnect,
    ScheduledRise,
};
pub use space::{Agreement, PlatformProvider, Space};
pub use token::Token;

use crate::stamp::Stamp;

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Space,
    MiniProgram,
    Gateway,
    Business,
    Region,
    Token,
    AgreementText,
    Schedule,
    PlatformSecret,
    Node,
    Authority,
    Alarm,
    AlarmReceiver,
}

/// An object's name over the whole cluster, `business/wx0123456789abcdef` in text. A mini program's
/// business is named by its appid: whatever happens, it cannot be bound twice.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectKey {
    pub kind: Kind,
    pub id: String,
}

/// One object as configured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Object {
    Space(Space),
    MiniProgram(MiniProgram),
    Gateway(Gateway),
    Business(Business),
    Region(Region),
    Token(Token),
    AgreementText(AgreementText),
    Schedule(Schedule),
    PlatformSecret(PlatformSecret),
    Node(Node),
    Authority(Authority),
    Alarm(Alarm),
    AlarmReceiver(AlarmReceiver),
}

/// One version of one object: what the store keeps and what nodes pull from each other. It never changes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    pub key: ObjectKey,
    pub stamp: Stamp,
    /// The version of this object that its writer had; `None`: the writer knew of no such object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<Stamp>,
    /// Who asked for the change: a token's name, or `system`.
    pub author: String,
    /// What the asker called his request, so that asking again changes nothing; see [`request_key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// `None`: deleted, by this very stamp (a tombstone).
    pub object: Option<Object>,
}

/// The part of [`Record::request`] that the asker chose (the `Idempotency-Key`): all up to the last `#`, after
/// which the node wrote a digest of what was asked.
pub fn request_key(request: &str) -> &str {
    request.rsplit_once('#').map_or(request, |(key, _)| key)
}

/// A text that names no object.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` names no object: write kind/id, for instance gateway/shop")]
pub struct ParseKeyError(String);

// === impl Kind ===

impl Kind {
    pub const ALL: [Kind; 13] = [
        Kind::Space,
        Kind::MiniProgram,
        Kind::Gateway,
        Kind::Business,
        Kind::Region,
        Kind::Token,
        Kind::AgreementText,
        Kind::Schedule,
        Kind::PlatformSecret,
        Kind::Node,
        Kind::Authority,
        Kind::Alarm,
        Kind::AlarmReceiver,
    ];

    /// Holds a secret, is made by nodes for nodes, or says whom the cluster lets in: no document and no restore
    /// carries it.
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            Kind::Token | Kind::PlatformSecret | Kind::Node | Kind::Authority | Kind::AlarmReceiver
        )
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Space => "space",
            Kind::MiniProgram => "mini_program",
            Kind::Gateway => "gateway",
            Kind::Business => "business",
            Kind::Region => "region",
            Kind::Token => "token",
            Kind::AgreementText => "agreement_text",
            Kind::Schedule => "schedule",
            Kind::PlatformSecret => "platform_secret",
            Kind::Node => "node",
            Kind::Authority => "authority",
            Kind::Alarm => "alarm",
            Kind::AlarmReceiver => "alarm_receiver",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl ObjectKey ===

impl ObjectKey {
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        ObjectKey {
            kind,
            id: id.into(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl FromStr for ObjectKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseKeyError(text.chars().take(80).collect());
        let (kind, id) = text.split_once('/').ok_or_else(wrong)?;
        let kind = Kind::ALL
            .into_iter()
            .find(|k| k.as_str() == kind)
            .ok_or_else(wrong)?;
        if id.is_empty() || id.len() > 128 {
            return Err(wrong());
        }
        Ok(ObjectKey::new(kind, id))
    }
}

impl Serialize for ObjectKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

// === impl Object ===

impl Object {
    pub fn key(&self) -> ObjectKey {
        match self {
            Object::Space(o) => ObjectKey::new(Kind::Space, &o.id),
            Object::MiniProgram(o) => ObjectKey::new(Kind::MiniProgram, &o.appid),
            Object::Gateway(o) => ObjectKey::new(Kind::Gateway, &o.id),
            Object::Business(o) => ObjectKey::new(Kind::Business, &o.id),
            Object::Region(o) => ObjectKey::new(Kind::Region, &o.id),
            Object::Token(o) => ObjectKey::new(Kind::Token, &o.id),
            Object::PlatformSecret(o) => ObjectKey::new(Kind::PlatformSecret, &o.id),
            Object::Node(o) => ObjectKey::new(Kind::Node, &o.id),
            Object::Authority(o) => ObjectKey::new(Kind::Authority, &o.id),
            Object::Alarm(o) => ObjectKey::new(Kind::Alarm, &o.id),
            Object::AlarmReceiver(o) => ObjectKey::new(Kind::AlarmReceiver, &o.id),
            Object::AgreementText(o) => ObjectKey::new(Kind::AgreementText, &o.id),
            Object::Schedule(o) => {
                ObjectKey::new(Kind::Schedule, Schedule::object_id(&o.business, &o.id))
            }
        }
    }
}
