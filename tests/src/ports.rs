//! Ports that nobody else takes between asking and listening.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range the system gives to outgoing connections (from 32,768), so that none of those takes a
/// port while its node is down.
const FIRST: u16 = 20_000;
/// Ports a test may try; every test running at the same time has its own span.
const SPAN: u16 = 400;
const SPANS: u16 = 30;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address that was free a moment ago.
///
/// # Panics
/// Where this test has used up its span.
pub fn free_addr() -> SocketAddr {
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(offset < SPAN, "a test may take {SPAN} ports, no more");
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + span() * SPAN + offset));
        if TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// nextest numbers the tests that run side by side; without it the process id has to do.
fn span() -> u16 {
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT")
        .ok()
        .and_then(|slot| slot.parse().ok());
    let number = slot.unwrap_or_else(std::process::id);
    u16::try_from(number % u32::from(SPANS)).unwrap_or(0)
}
