//! What an operator can ask for: each a pure function from the catalog to the objects to write.
//!
//! Every operation checks all of its input first and answers either with the whole change or with one
//! [`Refusal`](crate::Refusal) that names the field and the fix; nothing is half-applied. An operation that
//! would write what is there already answers with an empty change, so repeating one is harmless.

mod agreement;
mod alarm;
mod business;
pub mod document;
mod elastic;
mod field;
mod gateway;
mod manual;
mod mark;
mod mini_program;
mod node;
mod one_key;
mod patch;
mod platform;
mod referential;
mod region;
mod restore;
mod schedule;
mod space;
mod token;

pub use agreement::{
    AgreementInput, AgreementTextInput, accept_agreement, agreement_texts, put_agreement_text,
    required_agreement,
};
pub use alarm::{
    ALARMS_MAX, AlarmInput, AlarmReceiverInput, RECEIVERS_MAX, delete_alarm, delete_alarm_receiver,
    effective_alarms, put_alarm, put_alarm_receiver,
};
pub(crate) use business::no_longer_legal;
pub use business::{
    GraySide, connect, delete_business, disconnect, patch_business, set_gray_user, warnings,
};
pub use elastic::{ElasticPackInput, PACKS_MAX, delete_elastic_pack, put_elastic_pack};
pub use gateway::{GatewayInput, PackageInput, put_gateway};
pub use manual::{BusinessInput, add_business};
pub use mini_program::{MiniProgramInput, PlatformReading, put_mini_program, put_platform_reading};
pub use node::{
    distrust_authority, issue_by, issuing_authority, let_in, revoke_node, trust_authority,
};
pub use one_key::{OneKeyInput, OneKeyOutcome, one_key_access};
pub use platform::{
    authorize_by_platform, delete_platform_secret, put_platform_secret, trial_qr_content,
};
pub use region::{RegionInput, delete_region, effective_regions, endpoint_order, put_region};
pub use restore::{restore, restore_catalog};
pub use schedule::{
    Step, delete_schedule, due, due_step, next_due_ms, pause_for_errors, pause_schedule,
    put_schedule, resume_schedule,
};
pub use space::{SpaceInput, authorize, put_space};
pub use token::create_token;

use crate::catalog::Catalog;
use crate::object::{Object, ObjectKey, Record};
use crate::stamp::{Hlc, NodeId};

/// The time, the dice and the place an operation runs with: what a pure function cannot have of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    /// Milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
    /// Fresh random bytes, for access labels and gray salts.
    pub random: [u8; 16],
    /// Where a business goes that names no region: the region of the node that was asked.
    pub default_region: String,
}

/// The objects one operation writes, all or none.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Change {
    pub puts: Vec<Object>,
    pub deletes: Vec<ObjectKey>,
}

// === impl Change ===

impl Change {
    pub fn put(object: Object) -> Self {
        Change {
            puts: vec![object],
            deletes: Vec::new(),
        }
    }

    pub fn delete(key: ObjectKey) -> Self {
        Change {
            puts: Vec::new(),
            deletes: vec![key],
        }
    }

    /// True where the configuration says already what was asked for.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty()
    }

    /// The catalog as it will be, for checks of the outcome; versions in it say nothing.
    pub fn applied_to(&self, catalog: &Catalog) -> Catalog {
        let mut clock = Hlc::new(NodeId::outcome());
        let stamps = catalog.records().map(|record| &record.stamp);
        stamps
            .max()
            .into_iter()
            .for_each(|newest| clock.observe(newest));
        let puts = self.puts.iter().map(|o| (o.key(), Some(o.clone())));
        let deletes = self.deletes.iter().map(|key| (key.clone(), None));
        let mut after = catalog.clone();
        for (key, object) in puts.chain(deletes) {
            after.merge(Record {
                key,
                stamp: clock.tick(0),
                based_on: None,
                author: String::new(),
                request: None,
                object,
            });
        }
        after
    }

    /// Writes the object unless the catalog holds the very same.
    fn put_if_new(catalog: &Catalog, object: Object) -> Self {
        if catalog.object(&object.key()) == Some(&object) {
            Change::default()
        } else {
            Change::put(object)
        }
    }
}
