//! The mint plan over a small network that loses, delays, repeats and is cut; random by seed.

mod net;
mod plans;
mod schedules;
mod texts;
