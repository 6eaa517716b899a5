//! The whole configuration as a document, JSON or YAML: read and planned, or refused with a place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use weir_config::Catalog;
use weir_config::operation::document::{self, Document};

const NOW_MS: u64 = 1_700_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    let value: Option<Value> = match bytes.first() {
        Some(b'{') => serde_json::from_slice(bytes).ok(),
        _ => {
            let options = serde_saphyr::options! {
                budget: serde_saphyr::budget! { max_nodes: 10_000, max_events: 20_000 },
            };
            serde_saphyr::from_slice_with_options(bytes, options).ok()
        }
    };
    let Some(Ok(document)) = value.map(|value| Document::read(&value)) else {
        return;
    };
    let _ = document::plan(&Catalog::default(), NOW_MS, &document, true);
});
