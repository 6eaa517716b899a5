//! Frames of gossip: read or refused, and what is read is written and read as the same; the guard takes every one.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use chitchat::ChitchatId;
use libfuzzer_sys::fuzz_target;
use weir_cluster::membership::frame::Frame;
use weir_cluster::membership::guard::{Guard, Moment};
use weir_cluster::trust::{Authority, Credentials, Grant, NodeKey, SharedTrust, Trust};

const NOW_MS: u64 = 1_700_000_000_000;

thread_local! {
    static GUARD: RefCell<(Guard, u64)> = RefCell::new((guard(), 0));
}

fn guard() -> Guard {
    let authority = Authority::generate("test", NOW_MS).expect("the system has randomness");
    let key = Arc::new(NodeKey::generate().expect("the system has randomness"));
    let grant = Grant {
        cluster: "test".to_owned(),
        node: "me".parse().expect("a name"),
        enrolment: 1,
        issuer: false,
    };
    let request = key.request().expect("a key can be requested for");
    let certificate = authority.certify(&request, &grant, NOW_MS, 86_400);
    let trust = Trust::new("test", [authority.certificate().clone()], []);
    let certificate = certificate.expect("the request is one");
    let credentials = Credentials::new(key, &certificate, &trust, NOW_MS).expect("its own");
    let me = ChitchatId::new("me", 1, ([127, 0, 0, 1], 7_000).into());
    Guard::new(me, "test".to_owned(), SharedTrust::new(trust, credentials))
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(frame) = Frame::read(bytes) else {
        return;
    };
    assert_eq!(Frame::read(&frame.write()).as_ref(), Ok(&frame));
    GUARD.with_borrow_mut(|(guard, at_ms)| {
        *at_ms += 50;
        let now = Moment {
            at_ms: *at_ms,
            wall_ms: NOW_MS,
        };
        if let Ok((admitted, _)) = guard.admit(frame, bytes.len(), now) {
            assert_eq!(Frame::read(&admitted.write()).as_ref(), Ok(&admitted));
        }
    });
});
