//! What every gateway may spend: its package turned into tokens, second by second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use weir_cluster::ledger::{Bucket, Meter};
use weir_config::object::Package;

/// The allowances of all gateways, by gateway.
#[derive(Debug, Default)]
pub(super) struct Allowances(BTreeMap<String, Allowance>);

#[derive(Debug)]
struct Allowance {
    meter: Arc<Meter>,
    /// `None`: the meter came from an earlier incarnation and its package is not known yet.
    rates: Option<Rates>,
}

/// A package as it is minted. The burst is one second of the rate (`QUOTA.md`).
#[derive(Debug)]
struct Rates {
    package: Package,
    bytes: Bucket,
    requests: Option<Bucket>,
}

// === impl Allowances ===

impl Allowances {
    /// Goes on with meters that are in use.
    pub fn of_meters(meters: BTreeMap<String, Arc<Meter>>) -> Self {
        let known = |(id, meter)| (id, Allowance { meter, rates: None });
        Allowances(meters.into_iter().map(known).collect())
    }

    pub fn meters(&self) -> BTreeMap<String, Arc<Meter>> {
        self.0
            .iter()
            .map(|(id, allowance)| (id.clone(), allowance.meter.clone()))
            .collect()
    }

    /// Takes the packages of all gateways. Gateways that are not named lose their meter; calls under
    /// way hold on to it.
    pub fn set_packages<'a>(&mut self, packages: impl Iterator<Item = (&'a str, Package)>) {
        let mut known = std::mem::take(&mut self.0);
        for (id, package) in packages {
            let (id, allowance) = match known.remove_entry(id) {
                Some((id, allowance)) => (id, allowance.with(package)),
                None => (id.to_owned(), Allowance::new(package)),
            };
            self.0.insert(id, allowance);
        }
    }

    /// Mints what `elapsed` is worth.
    pub fn mint(&mut self, elapsed: Duration) {
        self.0
            .values_mut()
            .for_each(|allowance| allowance.mint(elapsed));
    }
}

// === impl Allowance ===

impl Allowance {
    /// A gateway this node has not seen before: it begins with one burst.
    fn new(package: Package) -> Self {
        let meter = Meter::new();
        meter.mint_bytes(package.bytes_per_second(), package.bytes_per_second());
        match package.qps {
            Some(qps) => meter.mint_requests(qps, qps),
            None => meter.lift_request_limit(),
        }
        Allowance {
            meter,
            rates: Some(Rates::new(package)),
        }
    }

    /// The same meter under a package, from now on.
    fn with(mut self, package: Package) -> Self {
        if self
            .rates
            .as_ref()
            .is_some_and(|rates| rates.package == package)
        {
            return self;
        }
        match package.qps {
            None => self.meter.lift_request_limit(),
            // A limit that was not there before begins with one burst.
            Some(qps) if self.meter.balance_requests().is_none() => {
                self.meter.mint_requests(qps, qps);
            }
            Some(_) => {}
        }
        self.rates = Some(Rates::new(package));
        self
    }

    fn mint(&mut self, elapsed: Duration) {
        let Some(rates) = &mut self.rates else { return };
        let burst = rates.package.bytes_per_second();
        self.meter.mint_bytes(rates.bytes.advance(elapsed), burst);
        if let (Some(requests), Some(qps)) = (&mut rates.requests, rates.package.qps) {
            self.meter.mint_requests(requests.advance(elapsed), qps);
        }
    }
}

// === impl Rates ===

impl Rates {
    fn new(package: Package) -> Self {
        let second_of = |rate| Bucket::new(rate, rate);
        Rates {
            package,
            bytes: second_of(package.bytes_per_second()),
            requests: package.qps.map(second_of),
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_config::object::PackageName;

    use super::*;

    fn package(bytes_per_second: u64, qps: Option<u64>) -> Package {
        Package {
            name: PackageName::Custom,
            bandwidth_bps: bytes_per_second * 8,
            qps,
        }
    }

    fn allowances(package: Package) -> (Allowances, Arc<Meter>) {
        let mut allowances = Allowances::default();
        allowances.set_packages([("shop", package)].into_iter());
        let meter = allowances.meters()["shop"].clone();
        (allowances, meter)
    }

    /// Spends all that is there.
    fn drain(meter: &Arc<Meter>) {
        let there = u64::try_from(meter.balance_bytes()).unwrap();
        meter.admit(0).unwrap().add(there);
    }

    #[test]
    fn a_new_gateway_begins_with_one_second_of_its_package() {
        let (_, meter) = allowances(package(1_000, Some(10)));
        assert_eq!(meter.balance_bytes(), 1_000);
        assert_eq!(meter.balance_requests(), Some(10));
    }

    #[test]
    fn a_second_of_minting_is_worth_the_rate_however_it_is_cut() {
        let (mut allowances, meter) = allowances(package(999, None));
        drain(&meter);
        (0..50).for_each(|_| allowances.mint(Duration::from_millis(20)));
        assert_eq!(meter.balance_bytes(), 999);
    }

    #[test]
    fn minting_stops_at_one_second_of_the_package() {
        let (mut allowances, meter) = allowances(package(1_000, Some(10)));
        allowances.mint(Duration::from_secs(60));
        assert_eq!(meter.balance_bytes(), 1_000);
        assert_eq!(meter.balance_requests(), Some(10));
    }

    #[test]
    fn a_new_package_keeps_the_balance_and_changes_the_rate_at_once() {
        let (mut allowances, meter) = allowances(package(1_000, Some(10)));
        drain(&meter);
        allowances.set_packages([("shop", package(5_000, Some(20)))].into_iter());
        assert!(Arc::ptr_eq(&allowances.meters()["shop"], &meter));
        assert_eq!(
            meter.balance_bytes(),
            0,
            "a change of package is no free burst"
        );
        allowances.mint(Duration::from_millis(200));
        assert_eq!(meter.balance_bytes(), 1_000);
        assert_eq!(meter.balance_requests(), Some(9 + 4));
    }

    #[test]
    fn a_limit_on_requests_comes_and_goes_with_the_package() {
        let (mut allowances, meter) = allowances(package(1_000, None));
        assert_eq!(meter.balance_requests(), None);
        allowances.set_packages([("shop", package(1_000, Some(5)))].into_iter());
        assert_eq!(meter.balance_requests(), Some(5));
        allowances.set_packages([("shop", package(1_000, None))].into_iter());
        assert_eq!(meter.balance_requests(), None);
        allowances.mint(Duration::from_secs(1));
        assert_eq!(
            meter.balance_requests(),
            None,
            "minting brings no limit back"
        );
    }

    #[test]
    fn a_restarted_actor_gives_no_free_burst() {
        let (before, meter) = allowances(package(1_000, Some(10)));
        drain(&meter);
        let mut after = Allowances::of_meters(before.meters());
        after.set_packages([("shop", package(1_000, Some(10)))].into_iter());
        assert_eq!(meter.balance_bytes(), 0);
        assert_eq!(meter.balance_requests(), Some(9));
        after.mint(Duration::from_millis(100));
        assert_eq!(meter.balance_bytes(), 100);
    }

    #[test]
    fn a_gateway_that_is_gone_loses_its_meter() {
        let (mut allowances, _) = allowances(package(1_000, None));
        allowances.set_packages(std::iter::empty());
        assert!(allowances.meters().is_empty());
    }
}
