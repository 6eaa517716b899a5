use crate::operation::Context;

/// What is drawn by lot for a new business.
pub(super) struct Mark {
    eight_hex: String,
    /// Of its gray.
    pub(super) salt: String,
    /// For an id of its own, where nobody gives one: eight hexadecimal digits.
    pub(super) id: String,
}

// === impl Mark ===

impl Mark {
    pub(super) fn of(context: &Context) -> Self {
        let drawn = &context.random;
        Mark {
            eight_hex: hex::encode(&drawn[..4]),
            salt: hex::encode(&drawn[8..]),
            id: hex::encode(&drawn[4..8]),
        }
    }

    /// First label of the access domain: `a<8 hex>-<id>`.
    pub(super) fn access_label(&self, id: &str) -> String {
        format!("a{}-{id}", self.eight_hex)
    }

    pub(super) fn route_tag(&self) -> String {
        format!("a{}", self.eight_hex)
    }
}
