//! What became of the calls of each business, on this node.

use super::families::{
    BUSINESS_CALL_SECONDS, BUSINESS_ERRORS, BUSINESS_LINK_BYTES, BUSINESS_LINK_CALLS,
    BUSINESS_PUBLIC_BYTES, BUSINESS_PUBLIC_CALLS, Family,
};
use super::{AdminState, Page, summed_up};
use crate::routing::{BusinessFigures, FAULTS, LatencyFigures, REASONS, UseFigures};

/// A family, and how its figure is read.
type Column = (&'static Family, fn(&UseFigures) -> u64);

#[derive(Default)]
struct Figures {
    calls: BusinessFigures,
    latency: LatencyFigures,
}

/// Reasons, faults and times that never were have no sample.
pub fn figures(state: &AdminState, page: &mut Page) {
    let table = state.routing.load();
    let all = table.all_counters().map(|(business, counters)| {
        let figures = Figures {
            calls: counters.figures(),
            latency: counters.latency(),
        };
        (business.to_owned(), figures)
    });
    let all = summed_up(all, |sum, other| {
        sum.calls += other.calls;
        sum.latency += &other.latency;
    });
    let link: [Column; 2] = [
        (&BUSINESS_LINK_CALLS, |link| link.calls),
        (&BUSINESS_LINK_BYTES, |link| link.bytes),
    ];
    for (family, read) in link {
        page.family(family);
        for (business, figures) in &all {
            page.sample(family, &[business], read(&figures.calls.link));
        }
    }
    let public: [Column; 2] = [
        (&BUSINESS_PUBLIC_CALLS, |used| used.calls),
        (&BUSINESS_PUBLIC_BYTES, |used| used.bytes),
    ];
    for (family, read) in public {
        page.family(family);
        for (business, figures) in &all {
            let used = REASONS.iter().zip(&figures.calls.public);
            for (reason, used) in used.filter(|(_, used)| used.calls > 0) {
                page.sample(family, &[business, reason.as_str()], read(used));
            }
        }
    }
    page.family(&BUSINESS_ERRORS);
    for (business, figures) in &all {
        let errors = FAULTS.iter().zip(figures.calls.errors);
        for ((_, source), errors) in errors.filter(|(_, errors)| *errors > 0) {
            page.sample(&BUSINESS_ERRORS, &[business, source], errors);
        }
    }
    page.family(&BUSINESS_CALL_SECONDS);
    for (business, figures) in all
        .iter()
        .filter(|(_, figures)| figures.latency.calls() > 0)
    {
        page.histogram(&BUSINESS_CALL_SECONDS, &[business], &figures.latency);
    }
}
