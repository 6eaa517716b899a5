//! Asking and charging: `Meter` and `Charge`.

use std::sync::Arc;

use super::*;

fn meter(bytes: u64) -> Arc<Meter> {
    let meter = Meter::new();
    meter.lift_request_limit();
    meter.grant_bytes(bytes);
    meter
}

fn hints(expected_call_bytes: u64, refund_cap_bytes: u64, reserve_cap_bytes: u64) -> Hints {
    Hints {
        expected_call_bytes,
        refund_cap_parts: refund_cap_bytes * PARTS,
        reserve_cap_bytes,
        refill_bytes_per_second: 1_000,
        refill_requests_per_second_parts: 2 * PARTS,
    }
}

#[test]
fn a_call_is_admitted_while_the_balance_is_positive_and_may_leave_a_debt() {
    let meter = meter(10);
    let charge = meter.admit(0).unwrap();
    charge.add(25);
    assert_eq!(meter.balance_bytes(), -15);
    assert_eq!(meter.admit(0).unwrap_err(), Exceeded::Bandwidth);
    meter.grant_bytes(16);
    assert!(meter.admit(0).is_ok());
}

#[test]
fn one_part_of_a_token_admits_a_call_which_then_owes_the_rest() {
    let meter = Meter::new();
    meter.bytes().add_up_to(1, 1);
    meter.requests().add_up_to(1, 1);
    drop(meter.admit(0).unwrap());
    assert_eq!(meter.balance_requests(), Some(-1));
    assert_eq!(meter.requests().parts(), 1 - PARTS as i64);
    assert_eq!(meter.admit(0).unwrap_err(), Exceeded::Qps);
}

#[test]
fn reserved_bytes_are_charged_once_and_given_back_when_they_do_not_flow() {
    let meter = meter(100);
    let charge = meter.admit(60).unwrap();
    assert_eq!(meter.balance_bytes(), 40);
    charge.add(50);
    assert_eq!(meter.balance_bytes(), 40);
    drop(charge);
    assert_eq!(meter.balance_bytes(), 50);
    assert_eq!(meter.charged_bytes(), 50);
    assert_eq!(meter.finished_calls(), 1);
}

#[test]
fn bytes_beyond_the_reservation_are_charged_too() {
    let meter = meter(100);
    let charge = meter.admit(10).unwrap();
    charge.add(4);
    charge.add(10);
    drop(charge);
    assert_eq!(meter.balance_bytes(), 86);
}

#[test]
fn a_call_that_does_not_say_reserves_what_calls_weigh() {
    let meter = meter(100);
    meter.set_hints(hints(80, 1_000, 1_000));
    let first = meter.admit(5).unwrap();
    assert_eq!(meter.balance_bytes(), 20);
    let second = meter.admit(5).unwrap();
    assert_eq!(meter.balance_bytes(), -60);
    assert!(
        meter.admit(5).is_err(),
        "a third at once is not admitted on the same tokens"
    );
    drop((first, second));
    assert_eq!(meter.balance_bytes(), 100);
}

#[test]
fn a_forged_length_cannot_turn_debt_into_credit() {
    let meter = meter(100);
    let charge = meter.admit(u64::MAX).unwrap();
    assert!(meter.balance_bytes() < 0);
    drop(charge);
    assert_eq!(meter.balance_bytes(), 100);
}

#[test]
fn a_length_announced_held_and_abandoned_gains_no_burst() {
    let meter = meter(1_000);
    meter.set_hints(hints(10, 500, 1_000));
    let charge = meter.admit(10_000_000).unwrap();
    assert_eq!(meter.balance_bytes(), 0, "at most one burst is reserved");
    // Meanwhile the ledger mints up to its cap.
    meter.bytes().add_up_to(500 * PARTS, 500 * PARTS);
    drop(charge);
    assert_eq!(meter.balance_bytes(), 500);
    assert_eq!(meter.unreturned_parts(), 1_000 * PARTS);
}

#[test]
fn refused_calls_are_counted_as_wish_and_not_as_use() {
    let meter = meter(0);
    meter.set_hints(hints(70, 1_000, 1_000));
    for _ in 0..10 {
        assert_eq!(meter.admit(30).unwrap_err(), Exceeded::Bandwidth);
    }
    assert_eq!(meter.refused_calls(Exceeded::Bandwidth), 10);
    assert_eq!((meter.charged_bytes(), meter.admitted_calls()), (0, 0));
    assert_eq!(meter.balance_bytes(), 0);
    assert_eq!(
        meter.offered(),
        Offered {
            bytes: 700 * PARTS,
            requests: 0
        }
    );
}

#[test]
fn a_request_that_the_bytes_refuse_costs_no_request() {
    let meter = Meter::new();
    meter.grant_requests(5);
    assert_eq!(meter.admit(0).unwrap_err(), Exceeded::Bandwidth);
    assert_eq!(meter.balance_requests(), Some(5));
}

#[test]
fn a_call_that_the_requests_refuse_costs_no_bytes() {
    let meter = Meter::new();
    meter.grant_bytes(1_000);
    meter.grant_requests(1);
    assert!(meter.admit(0).is_ok());
    assert_eq!(meter.admit(100).unwrap_err(), Exceeded::Qps);
    assert_eq!(meter.balance_bytes(), 1_000);
    assert_eq!(
        meter.offered(),
        Offered {
            bytes: 0,
            requests: 2 * PARTS
        }
    );
}

#[test]
fn the_wait_is_the_debt_and_one_call_by_what_the_purse_earns() {
    let meter = meter(0);
    meter.set_hints(hints(500, 1_000, 1_000));
    assert_eq!(meter.wait_ms(Exceeded::Bandwidth), 500);
    meter.grant_bytes(1);
    meter.admit(0).unwrap().add(2_001);
    assert_eq!(meter.wait_ms(Exceeded::Bandwidth), 2_500);
    meter.admit(0).unwrap_err();
    meter.limit_requests();
    assert_eq!(meter.wait_ms(Exceeded::Qps), 500);
    meter.grant_bytes(1 << 40);
    assert_eq!(meter.wait_ms(Exceeded::Bandwidth), 50);
    meter.set_hints(Hints::default());
    assert_eq!(meter.wait_ms(Exceeded::Qps), 30_000);
}

#[test]
fn a_limit_on_requests_comes_and_goes() {
    let meter = meter(100);
    assert!(!meter.has_request_limit());
    assert_eq!(meter.balance_requests(), None);
    meter.limit_requests();
    assert_eq!(meter.admit(0).unwrap_err(), Exceeded::Qps);
    meter.lift_request_limit();
    assert!(meter.admit(0).is_ok());
}

#[test]
fn every_byte_is_charged_once_however_many_threads_charge_it() {
    let meter = meter(1_000_000);
    let charge = meter.admit(30_000).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| charge.add(1)));
        }
    });
    drop(charge);
    assert_eq!(meter.balance_bytes(), 1_000_000 - 40_000);
    assert_eq!(meter.charged_bytes(), 40_000);
}

#[test]
fn threads_that_admit_and_a_ledger_that_gives_lose_no_part() {
    let meter = meter(10_000);
    let taken = std::thread::scope(|scope| {
        let spender = || {
            (0..5_000)
                .filter_map(|_| meter.admit(0).ok())
                .for_each(|call| call.add(1))
        };
        let spenders = [scope.spawn(spender), scope.spawn(spender)];
        let taken: u64 = (0..1_000).map(|_| meter.bytes().take_up_to(3)).sum();
        for spender in spenders {
            spender.join().unwrap();
        }
        taken
    });
    let spent = (meter.charged_bytes() * PARTS) as i64;
    assert_eq!(
        meter.bytes().parts(),
        (10_000 * PARTS) as i64 - spent - taken as i64
    );
}
