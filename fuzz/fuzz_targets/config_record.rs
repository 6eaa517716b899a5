//! Records that another node pushes: read one by one, taken in by a replica or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_cluster::mesh::wire::{PULL_CUT_BYTES, PullAsk, Records, StampsAnswer};
use weir_cluster::replication::{Event, MAX_AHEAD_MS, Replica};

const NOW_MS: u64 = 1_700_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(ask) = serde_json::from_slice::<PullAsk>(bytes) {
        let names = ask.read();
        assert_eq!(PullAsk::new(&names).read(), names);
    }
    if let Ok(answer) = serde_json::from_slice::<StampsAnswer>(bytes) {
        let _ = answer.read();
    }
    let Ok(records) = serde_json::from_slice::<Records>(bytes) else {
        return;
    };
    let records = records.read();
    let (body, count) = Records::cut(&records, PULL_CUT_BYTES).expect("a record is written");
    let again: Records = serde_json::from_slice(&body).expect("what is written is read");
    assert_eq!(again.read(), records[..count]);
    let mut replica = Replica::new("me".parse().expect("a name"), []);
    replica.handle(Event::Push {
        peer: "other".parse().expect("a name"),
        now_ms: NOW_MS,
        records,
    });
    let newest = replica.snapshot().newest;
    assert!(newest.is_none_or(|stamp| stamp.wall_ms <= NOW_MS + MAX_AHEAD_MS));
});
