//! Rows of gossip: the first byte says of which kind; what is read is written and read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_cluster::ledger::GatewayRow;
use weir_cluster::plan::{Kept, MintRow, Plan};
use weir_config::{ObjectKey, Stamp};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    match kind % 6 {
        0 => {
            if let Ok(row) = GatewayRow::decode(text) {
                assert_eq!(GatewayRow::decode(&row.encode()).ok(), Some(row));
            }
        }
        1 => {
            if let Ok(row) = MintRow::decode(text) {
                assert_eq!(MintRow::decode(&row.encode()).ok(), Some(row));
            }
        }
        2 => {
            if let Ok(plan) = Plan::decode(text) {
                assert_eq!(Plan::decode(&plan.encode()).ok(), Some(plan));
            }
        }
        3 => {
            if let Ok(kept) = Kept::decode(text) {
                assert_eq!(Kept::decode(&kept.encode()).ok(), Some(kept));
            }
        }
        4 => {
            if let Ok(stamp) = text.parse::<Stamp>() {
                assert_eq!(stamp.to_string().parse::<Stamp>().ok(), Some(stamp));
            }
        }
        _ => {
            if let Ok(key) = text.parse::<ObjectKey>() {
                assert_eq!(key.to_string().parse::<ObjectKey>().ok(), Some(key));
            }
        }
    }
});
