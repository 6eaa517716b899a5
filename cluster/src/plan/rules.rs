//! Rules that the model check takes away, one at a time, to see that it would notice.

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Rules {
    /// A node takes only a plan that covers what it has seen.
    pub covers: bool,
    /// A node mints nothing while any plan that may be in force leaves it out.
    pub absent_is_none: bool,
    /// A lease needs echoes from half of every plan that may be in force, not of the newest alone.
    pub lease_of_all: bool,
    /// Only echoes of nodes that have seen the same plan count.
    pub echo_of_same: bool,
    /// Members that are left out are dropped only when their leases have run out.
    pub fences: bool,
}

// === impl Rules ===

impl Default for Rules {
    fn default() -> Self {
        Rules {
            covers: true,
            absent_is_none: true,
            lease_of_all: true,
            echo_of_same: true,
            fences: true,
        }
    }
}
