//! A request that is made again: answered as it was the first time, without changing anything.

use weir_config::Refusal;
use weir_config::object::request_key;

use super::options::{Applied, WriteOptions};
use super::writer::{Made, Writer, unreadable};

// === impl Writer ===

impl Writer {
    /// What the same request made before; its versions are pushed again, so that it can be told where they are.
    pub(super) fn replay<T>(&mut self, options: &WriteOptions) -> Result<Option<Made<T>>, Refusal> {
        let Some(request) = &options.request else {
            return Ok(None);
        };
        let key = request_key(request);
        let Some(past) = self.replica.find_request(&options.author, key) else {
            return Ok(None);
        };
        if past.request != *request {
            return Err(Refusal::new(
                422,
                "idempotency_key_reused",
                format!(
                    "The Idempotency-Key {key} was used for another request: repeat that one as it was, or \
                     choose a new key for this one."
                ),
            ));
        }
        let records = self.store.lock().versions(&past.versions);
        let records = records.map_err(|error| unreadable(&self.node, &error))?;
        let Some(version) = records.iter().map(|record| record.stamp.clone()).max() else {
            return Ok(None);
        };
        let watched = self.acks.is_waited_for(&version);
        let stored_on = self.wait_for(&version, options.ack);
        let effects = match &stored_on {
            Some(_) if !watched => self.replica.push_again(&records),
            _ => Vec::new(),
        };
        let left = self.settle(effects);
        Ok(Some(Made {
            applied: Applied {
                replayed: true,
                ..self.applied(version, None, records)
            },
            stored_on,
            effects: left,
        }))
    }
}
