//! Who was not let in at the mesh port, counted by the reason.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::trust::NotTrusted;

/// Reasons beside those of certificates.
const OTHERS: [&str; 12] = [
    "no_tls",
    "tls_version",
    "tls_broken",
    "handshake_timeout",
    "too_many_handshakes",
    "too_many_failures",
    "too_many_strangers",
    "no_certificate",
    "no_mesh_address",
    "namesake",
    "address_of_another",
    "bad_message",
];

/// Why somebody was not let in, beside what is wrong with a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reason {
    /// Plain text, or bytes without a sense.
    NoTls,
    /// An older TLS than 1.3.
    TlsVersion,
    /// The handshake broke off, or its other side did not like us.
    TlsBroken,
    HandshakeTimeout,
    TooManyHandshakes,
    /// Too many attempts of this address went wrong just before.
    TooManyFailures,
    /// Too many connections without a certificate at once.
    TooManyStrangers,
    NoCertificate,
    NoMeshAddress,
    Namesake,
    AddressOfAnother,
    /// A node sent what is no message of gossip: too large, or text.
    BadMessage,
}

/// Counts since the node started.
#[derive(Debug, Default)]
pub(super) struct Refused {
    certificates: [AtomicU64; NotTrusted::NAMES.len()],
    others: [AtomicU64; OTHERS.len()],
}

// === impl Refused ===

impl Refused {
    pub fn count(&self, reason: Reason) {
        self.others[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_certificate(&self, why: &NotTrusted) {
        let place = NotTrusted::NAMES
            .iter()
            .position(|name| *name == why.name());
        if let Some(place) = place {
            self.certificates[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every reason with its count.
    pub fn all(&self) -> Vec<(&'static str, u64)> {
        let names = NotTrusted::NAMES.iter().chain(&OTHERS);
        let counts = self.certificates.iter().chain(&self.others);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        names.copied().zip(counts.map(read)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_under_its_name() {
        let refused = Refused::default();
        refused.count(Reason::NoTls);
        refused.count(Reason::AddressOfAnother);
        refused.count_certificate(&NotTrusted::Expired);
        let counted: Vec<_> = refused.all().into_iter().filter(|(_, n)| *n > 0).collect();
        let expected = [("expired", 1), ("no_tls", 1), ("address_of_another", 1)];
        assert_eq!(counted, expected);
    }
}
