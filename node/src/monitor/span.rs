//! What of a call's record goes into its span.

use std::time::Duration;

use super::draft::Draft;
use super::figures::Outcome;
use crate::trace::{CallSpan, TraceContext};

// === impl Draft ===

impl Draft {
    /// Of a call that is over.
    pub(super) fn span(&self, context: TraceContext) -> CallSpan {
        let (route, rule) = (self.route.as_deref(), self.rule.as_deref());
        let outcome = self.end.counted.outcome;
        CallSpan {
            context,
            began_ms: self.at_ms,
            took: Duration::from_micros(self.end.total_us),
            call_id: self.id.to_string(),
            method: self.method.to_string(),
            path: self.path().to_owned(),
            status: self.status,
            decision: self.passed.as_str(),
            reason: self.reason,
            code: self.code,
            failed: matches!(outcome, Outcome::GatewayFault | Outcome::OriginFault),
            business: route.map(|it| it.business.clone()),
            gateway: route.map(|it| it.gateway.clone()),
            rule: rule.map(|it| it.rule.clone()),
            origin: rule.map(|it| it.origin.clone()),
            origin_address: self.end.peer.map(|peer| peer.to_string()),
            attempts: self.end.attempts,
        }
    }
}
