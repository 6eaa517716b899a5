//! Which plan may follow which. The one rule that keeps rival plans apart: a node takes only a plan that
//! covers all that may be, or become, complete among those it has seen.

use std::collections::BTreeMap;

use super::document::{Members, Plan, PlanId, Replaced};

/// A plan with all it stands for: itself alone once it is complete, before also what it replaces.
#[derive(Clone, Copy)]
pub(super) struct Lineage<'a> {
    pub plan: &'a Plan,
    pub complete: bool,
}

// === impl Lineage ===

impl<'a> Lineage<'a> {
    /// The newest plan of it that is known to be complete.
    pub fn settled(self) -> &'a PlanId {
        match self.complete {
            true => &self.plan.id,
            false => &self.plan.settled,
        }
    }

    /// All plans that may be in force somewhere, as this lineage knows.
    pub fn replaced(self) -> impl Iterator<Item = Replaced> + 'a {
        let before = if self.complete {
            &[]
        } else {
            &self.plan.over[..]
        };
        let own = std::iter::once_with(move || Replaced {
            id: self.plan.id.clone(),
            members: self.plan.members(),
        });
        before.iter().cloned().chain(own)
    }

    fn holds(self, id: &PlanId) -> bool {
        self.plan.id == *id || !self.complete && self.plan.replaces(id)
    }

    /// Whether no plan of this lineage can be complete now or ever if `base` is. Of two complete plans the
    /// newer covers the older; these plans do not know of `base`, and would have to.
    fn is_void_after(self, base: &PlanId) -> bool {
        base > self.settled() && !self.holds(base)
    }

    /// Whether a node that has seen this lineage may take `next`. `complete`: it is known that `next` is.
    pub fn admits(self, next: Self) -> bool {
        let (plan, base) = (next.plan, &next.plan.settled);
        if plan.id <= self.plan.id {
            return false;
        }
        // A complete plan covers all complete ones before it.
        if next.complete || self.is_void_after(base) {
            return true;
        }
        let mut newer = self.replaced().filter(|replaced| replaced.id > *base);
        base >= self.settled() && newer.all(|replaced| plan.replaces(&replaced.id))
    }
}

/// What a plan has to replace that nodes of all these lineages may take, the settled plan first. Nothing if no
/// lineage says who was in the settled plan.
pub(super) fn merge(lineages: &[Lineage<'_>]) -> Option<Vec<Replaced>> {
    let base = lineages.iter().map(|lineage| lineage.settled()).max()?;
    let valid = lineages
        .iter()
        .filter(|lineage| !lineage.is_void_after(base));
    let all: BTreeMap<PlanId, Members> = valid
        .flat_map(|lineage| lineage.replaced())
        .filter(|replaced| replaced.id >= *base)
        .map(|replaced| (replaced.id, replaced.members))
        .collect();
    let over = all
        .into_iter()
        .map(|(id, members)| Replaced { id, members });
    let over: Vec<Replaced> = over.collect();
    (over.first()?.id == *base).then_some(over)
}
