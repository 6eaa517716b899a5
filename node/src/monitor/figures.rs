//! What is counted of calls: one set of figures for any second, minute, hour, node or business, and their sums.

use super::histogram::Histogram;
use super::varint;

/// What became of a call; each call is counted under exactly one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Outcome {
    /// The origin answered with a status below 500, and the answer arrived whole.
    #[default]
    Ok,
    /// Rows 1 to 5 of the decision, or an illegal head.
    Refused,
    /// The client was told to take the public link.
    Public,
    /// The client went away, or what it sent could not be used.
    ClientFault,
    GatewayFault,
    /// No connection, no answer in time, an answer that broke off, or a status of 500 and above.
    OriginFault,
}

/// Figures of calls, over some time. Adding up loses nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// All calls: the sum of the six outcomes.
    pub requests: u64,
    pub ok: u64,
    pub refused: u64,
    pub public: u64,
    pub client_faults: u64,
    pub gateway_faults: u64,
    pub origin_faults: u64,
    /// Of the origin's faults: no answer in time.
    pub origin_timeouts: u64,
    /// Calls that nodes relayed over the public link, whatever became of them.
    pub relayed: u64,
    /// Calls beyond the package, relayed or sent to the public link.
    pub overflow: u64,
    /// Head and body, from clients: what was charged, and of calls that were not, what is known.
    pub request_bytes: u64,
    /// Head and body, to clients.
    pub response_bytes: u64,
    pub largest_request_bytes: u64,
    pub largest_response_bytes: u64,
    /// From arrival to the last byte, microseconds, of calls that went to an origin; their sum.
    pub time_us: u64,
    pub time: Histogram,
    /// From arrival to the head of the origin's answer, microseconds; of calls that got one.
    pub first_byte: Histogram,
}

/// One call, as it is counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    pub outcome: Outcome,
    pub origin_timeout: bool,
    pub relayed: bool,
    pub overflow: bool,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// Of calls that went to an origin.
    pub time_us: Option<u64>,
    pub first_byte_us: Option<u64>,
}

// === impl Figures ===

impl Figures {
    pub fn count(&mut self, call: &Counted) {
        self.requests += 1;
        *self.of_outcome(call.outcome) += 1;
        self.origin_timeouts += u64::from(call.origin_timeout);
        self.relayed += u64::from(call.relayed);
        self.overflow += u64::from(call.overflow);
        self.request_bytes = self.request_bytes.saturating_add(call.request_bytes);
        self.response_bytes = self.response_bytes.saturating_add(call.response_bytes);
        self.largest_request_bytes = self.largest_request_bytes.max(call.request_bytes);
        self.largest_response_bytes = self.largest_response_bytes.max(call.response_bytes);
        if let Some(time_us) = call.time_us {
            self.time_us = self.time_us.saturating_add(time_us);
            self.time.record(time_us);
        }
        if let Some(first_byte_us) = call.first_byte_us {
            self.first_byte.record(first_byte_us);
        }
    }

    fn of_outcome(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Ok => &mut self.ok,
            Outcome::Refused => &mut self.refused,
            Outcome::Public => &mut self.public,
            Outcome::ClientFault => &mut self.client_faults,
            Outcome::GatewayFault => &mut self.gateway_faults,
            Outcome::OriginFault => &mut self.origin_faults,
        }
    }

    pub fn merge(&mut self, other: &Figures) {
        for (mine, other) in self.sums_mut().into_iter().zip(other.sums()) {
            *mine = mine.saturating_add(other);
        }
        self.largest_request_bytes = self.largest_request_bytes.max(other.largest_request_bytes);
        self.largest_response_bytes = self
            .largest_response_bytes
            .max(other.largest_response_bytes);
        self.time.merge(&other.time);
        self.first_byte.merge(&other.first_byte);
    }

    /// Of calls that could have gone well: not those that were refused or sent elsewhere, nor those that their own
    /// client ended. From 0 to 1; `None` where there are none.
    pub fn success_rate(&self) -> Option<f64> {
        let failed = self.gateway_faults.saturating_add(self.origin_faults);
        let all = self.ok.saturating_add(failed);
        (all > 0).then(|| self.ok as f64 / all as f64)
    }

    /// Milliseconds from arrival to the last byte; `None` without calls that went to an origin.
    pub fn mean_ms(&self) -> Option<f64> {
        let count = self.time.count();
        (count > 0).then(|| self.time_us as f64 / count as f64 / 1_000.0)
    }

    /// Milliseconds from arrival to the last byte, of a part of the calls (0.95: of 95 in 100); within
    /// [`super::RELATIVE_ERROR`] of the true percentile.
    pub fn percentile_ms(&self, part: f64) -> Option<f64> {
        self.time.percentile(part).map(|us| us / 1_000.0)
    }

    /// As [`Figures::percentile_ms`], to the head of the origin's answer.
    pub fn first_byte_ms(&self, part: f64) -> Option<f64> {
        self.first_byte.percentile(part).map(|us| us / 1_000.0)
    }

    /// Request and response.
    pub fn bytes(&self) -> u64 {
        self.request_bytes.saturating_add(self.response_bytes)
    }

    fn sums(&self) -> [u64; 13] {
        [
            self.requests,
            self.ok,
            self.refused,
            self.public,
            self.client_faults,
            self.gateway_faults,
            self.origin_faults,
            self.origin_timeouts,
            self.relayed,
            self.overflow,
            self.request_bytes,
            self.response_bytes,
            self.time_us,
        ]
    }

    fn sums_mut(&mut self) -> [&mut u64; 13] {
        [
            &mut self.requests,
            &mut self.ok,
            &mut self.refused,
            &mut self.public,
            &mut self.client_faults,
            &mut self.gateway_faults,
            &mut self.origin_faults,
            &mut self.origin_timeouts,
            &mut self.relayed,
            &mut self.overflow,
            &mut self.request_bytes,
            &mut self.response_bytes,
            &mut self.time_us,
        ]
    }

    /// For memory, disk and other nodes: most figures take a byte or two.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        let largest = [self.largest_request_bytes, self.largest_response_bytes];
        for figure in self.sums().into_iter().chain(largest) {
            varint::write(&mut out, figure);
        }
        self.time.write(&mut out);
        self.first_byte.write(&mut out);
        out
    }

    /// `None` where the bytes are no figures.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let mut figures = Figures::default();
        for figure in figures.sums_mut() {
            *figure = varint::read(bytes)?;
        }
        figures.largest_request_bytes = varint::read(bytes)?;
        figures.largest_response_bytes = varint::read(bytes)?;
        figures.time = Histogram::read(bytes)?;
        figures.first_byte = Histogram::read(bytes)?;
        Some(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(outcome: Outcome, time_us: u64) -> Counted {
        Counted {
            outcome,
            request_bytes: 100,
            response_bytes: time_us,
            time_us: Some(time_us),
            first_byte_us: Some(time_us / 2),
            ..Counted::default()
        }
    }

    #[test]
    fn every_call_is_counted_under_one_outcome_and_figures_come_back_from_their_bytes() {
        let mut figures = Figures::default();
        let outcomes = [
            Outcome::Ok,
            Outcome::Refused,
            Outcome::Public,
            Outcome::ClientFault,
            Outcome::GatewayFault,
            Outcome::OriginFault,
        ];
        for (at, outcome) in outcomes.into_iter().enumerate() {
            figures.count(&call(outcome, 1_000 * (at as u64 + 1)));
        }
        let each = [
            figures.ok,
            figures.refused,
            figures.public,
            figures.client_faults,
            figures.gateway_faults,
            figures.origin_faults,
        ];
        assert_eq!((figures.requests, each), (6, [1; 6]));
        assert_eq!(
            (figures.request_bytes, figures.response_bytes),
            (600, 21_000)
        );
        assert_eq!(figures.largest_response_bytes, 6_000);
        assert_eq!(figures.mean_ms(), Some(3.5));
        assert_eq!(Figures::from_bytes(&figures.to_bytes()), Some(figures));
        assert_eq!(Figures::from_bytes(&[1, 2, 3]), None);
    }

    #[test]
    fn what_was_refused_sent_elsewhere_or_left_by_its_client_is_no_failure() {
        let mut figures = Figures::default();
        assert_eq!(figures.success_rate(), None);
        for outcome in [Outcome::Refused, Outcome::Public, Outcome::ClientFault] {
            figures.count(&call(outcome, 1));
        }
        assert_eq!(figures.success_rate(), None);
        (0..3).for_each(|_| figures.count(&call(Outcome::Ok, 1)));
        figures.count(&call(Outcome::OriginFault, 1));
        assert_eq!(figures.success_rate(), Some(0.75));
    }

    #[test]
    fn sums_are_those_of_all_calls() {
        let (mut some, mut others) = (Figures::default(), Figures::default());
        some.count(&call(Outcome::Ok, 10));
        others.count(&call(Outcome::OriginFault, 50_000));
        let mut sum = some.clone();
        sum.merge(&others);
        some.count(&call(Outcome::OriginFault, 50_000));
        assert_eq!(sum, some);
    }
}
