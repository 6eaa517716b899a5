//! The trace that a call is part of (W3C Trace Context level 1): read from its client, begun where there is none.

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use crate::link::names;

/// The bits of the flags that are passed on (level 2 names the second: the trace id is random).
const SAMPLED: u8 = 1;
const RANDOM: u8 = 2;

/// What a `traceparent` says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceParent {
    pub trace_id: u128,
    /// The caller's span.
    pub span_id: u64,
    pub flags: u8,
}

/// A call's place in its trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceContext {
    pub trace_id: u128,
    /// The caller's span, where it named one.
    pub parent: Option<u64>,
    /// This node's span: the parent of what the origin does.
    pub span_id: u64,
    /// It is sent to the collector.
    pub sampled: bool,
    flags: u8,
}

/// Which calls' spans are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sampler {
    /// A caller that says whether its trace is sampled is followed.
    pub follow_parent: bool,
    /// Of 10,000 calls of whom nobody said it, so many.
    pub per_10000: u32,
}

// === impl TraceParent ===

impl TraceParent {
    /// `None` where there is none, more than one, or one that is not as section 3.2 has it.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(&names::TRACEPARENT).iter();
        let line = lines.next().filter(|_| lines.next().is_none())?;
        TraceParent::read(line.to_str().ok()?)
    }

    fn read(text: &str) -> Option<Self> {
        let whole = match (text.get(..2)?, text.len()) {
            ("ff", _) => false,
            ("00", length) => length == 55,
            // Of a later version, what stands where it always did.
            (_, length) => length == 55 || (length > 55 && text.as_bytes()[55] == b'-'),
        };
        let mut parts = text.split('-');
        let (version, trace_id) = (parts.next()?, parts.next()?);
        let (span_id, flags) = (parts.next()?, parts.next()?);
        let lengths = [version.len(), trace_id.len(), span_id.len(), flags.len()];
        if !whole || lengths != [2, 32, 16, 2] {
            return None;
        }
        hex(version)?;
        Some(TraceParent {
            trace_id: hex(trace_id).filter(|&id| id != 0)?,
            span_id: u64::try_from(hex(span_id)?).ok().filter(|&id| id != 0)?,
            flags: u8::try_from(hex(flags)?).ok()?,
        })
    }
}

/// Lower case only (section 3.2.2).
fn hex(text: &str) -> Option<u128> {
    let legal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let legal = text.bytes().all(legal);
    u128::from_str_radix(text, 16).ok().filter(|_| legal)
}

// === impl Sampler ===

impl Sampler {
    /// The place of a call that has just come. A trace that is begun here has the call's id.
    pub fn begin(&self, headers: &HeaderMap, call_id: Uuid) -> TraceContext {
        let parent = TraceParent::of(headers);
        let followed = parent.filter(|_| self.follow_parent);
        let sampled = match followed {
            Some(parent) => parent.flags & SAMPLED != 0,
            None => rand::random_range(0..10_000) < self.per_10000,
        };
        TraceContext {
            trace_id: parent.map_or(call_id.as_u128(), |parent| parent.trace_id),
            parent: parent.map(|parent| parent.span_id),
            span_id: rand::random::<u64>().max(1),
            sampled,
            flags: parent.map_or(0, |parent| parent.flags & RANDOM),
        }
    }
}

// === impl TraceContext ===

impl TraceContext {
    /// `traceparent` as the origin gets it.
    pub fn value(&self) -> HeaderValue {
        let flags = self.flags | u8::from(self.sampled);
        let (trace, span) = (self.trace_id, self.span_id);
        crate::link::header_value(format!("00-{trace:032x}-{span:016x}-{flags:02x}"))
    }
}

/// Writes the trace into what the origin gets: this node's span as the parent; where the node makes none, what the
/// client said as it is, or a trace begun with the call's own id. A `tracestate` goes with the trace it belongs to only.
pub fn hand_on(headers: &mut HeaderMap, context: Option<&TraceContext>, call_id: Uuid) {
    let said = TraceParent::of(headers).is_some();
    if !said {
        headers.remove(&names::TRACESTATE);
    }
    let value = match context {
        Some(context) => context.value(),
        None if said => return,
        None => {
            let (trace, span) = (call_id.as_u128(), rand::random::<u64>().max(1));
            crate::link::header_value(format!("00-{trace:032x}-{span:016x}-00"))
        }
    };
    headers.insert(names::TRACEPARENT, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(names::TRACEPARENT, line.parse().unwrap());
        }
        headers.insert(
            names::TRACESTATE,
            HeaderValue::from_static("rojo=00f067aa0ba902b7"),
        );
        headers
    }

    fn sampler(per_10000: u32, follow_parent: bool) -> Sampler {
        Sampler {
            follow_parent,
            per_10000,
        }
    }

    #[test]
    fn a_traceparent_is_read_as_the_specification_has_it() {
        let parent = TraceParent::of(&headers(&[PARENT])).unwrap();
        assert_eq!(
            (parent.trace_id, parent.span_id, parent.flags),
            (TRACE, 0x00f0_67aa_0ba9_02b7, 1)
        );
        let later = PARENT.replacen("00", "cc", 1);
        assert_eq!(TraceParent::read(&later), Some(parent));
        assert_eq!(TraceParent::read(&format!("{later}-more")), Some(parent));
        for wrong in [
            String::new(),
            PARENT[..54].to_owned(),
            format!("{PARENT}-more"),
            format!("{later}.more"),
            PARENT.replacen("00", "ff", 1),
            PARENT.to_uppercase(),
            PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            PARENT.replace('-', "_"),
            PARENT.replacen("-0", "--", 1),
            format!("+0{}", &PARENT[2..]),
            "ä".repeat(30),
        ] {
            assert_eq!(TraceParent::read(&wrong), None, "{wrong}");
        }
        assert_eq!(
            TraceParent::of(&headers(&[PARENT, PARENT])),
            None,
            "which of them?"
        );
    }

    #[test]
    fn a_caller_that_says_whether_it_is_sampled_is_followed_unless_told_otherwise() {
        let id = Uuid::from_u128(7);
        let followed = sampler(0, true).begin(&headers(&[PARENT]), id);
        assert!(followed.sampled);
        assert_eq!(
            (followed.trace_id, followed.parent),
            (TRACE, Some(0x00f0_67aa_0ba9_02b7))
        );
        assert_ne!(Some(followed.span_id), followed.parent);
        let unsampled = format!("{}00", &PARENT[..53]);
        assert!(
            !sampler(10_000, true)
                .begin(&headers(&[&unsampled]), id)
                .sampled
        );
        assert!(
            sampler(10_000, false)
                .begin(&headers(&[&unsampled]), id)
                .sampled
        );
        assert!(!sampler(0, false).begin(&headers(&[PARENT]), id).sampled);
        let begun = sampler(10_000, true).begin(&HeaderMap::new(), id);
        assert_eq!(
            (begun.trace_id, begun.parent, begun.sampled),
            (7, None, true)
        );
    }

    #[test]
    fn a_share_of_the_calls_is_sampled() {
        let sampler = sampler(2_500, true);
        let id = Uuid::from_u128(7);
        let sampled = (0..10_000).filter(|_| sampler.begin(&HeaderMap::new(), id).sampled);
        let sampled = sampled.count();
        // Seven standard deviations.
        assert!((2_197..2_803).contains(&sampled), "{sampled}");
    }

    #[test]
    fn the_origin_gets_this_nodes_span_as_parent_and_the_state_of_the_trace_it_belongs_to() {
        let id = Uuid::from_u128(7);
        let mut sent = headers(&[PARENT]);
        let context = sampler(0, true).begin(&sent, id);
        hand_on(&mut sent, Some(&context), id);
        let parent = TraceParent::of(&sent).unwrap();
        assert_eq!(
            (parent.trace_id, parent.span_id, parent.flags),
            (TRACE, context.span_id, 1)
        );
        assert!(sent.contains_key(&names::TRACESTATE));

        let mut wrong = headers(&["00-xyz"]);
        let context = sampler(0, true).begin(&wrong, id);
        hand_on(&mut wrong, Some(&context), id);
        assert_eq!(TraceParent::of(&wrong).unwrap().trace_id, 7);
        assert!(!wrong.contains_key(&names::TRACESTATE));
    }

    #[test]
    fn a_node_that_makes_no_spans_leaves_a_trace_as_it_is() {
        let id = Uuid::from_u128(7);
        let mut said = headers(&[PARENT]);
        hand_on(&mut said, None, id);
        assert_eq!(said[names::TRACEPARENT], PARENT);
        let mut none = HeaderMap::new();
        hand_on(&mut none, None, id);
        let begun = TraceParent::of(&none).unwrap();
        assert_eq!((begun.trace_id, begun.flags), (7, 0));
    }
}
