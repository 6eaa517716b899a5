use serde_json::json;

use super::whole;

/// What the API answers of a package with a limit on calls that two nodes carry.
fn package_answer() -> serde_json::Value {
    let used = |mbps: f64, percent: f64| {
        json!({"bytes_per_second": mbps / 8.0 * 1e6, "mbps": mbps, "percent": percent, "calls_per_second": 120.4,
            "calls_percent": 12.04, "overflow_calls_per_second": 3.0, "overflow_bytes_per_second": 0.0})
    };
    let windows = |mbps: f64, percent: f64| {
        json!({"now": used(mbps, percent), "last_10_s": used(mbps, percent), "last_1_min": used(mbps, percent),
            "last_5_min": used(mbps, percent), "last_15_min": used(mbps, percent)})
    };
    let node = |id: &str, minting: bool, fenced: serde_json::Value| {
        json!({"node": id, "region": "shanghai", "weight": 0.5, "minting": minting, "fenced": fenced,
            "bytes": {"balance": -125_000, "mints_per_second": 1, "demand_per_second": 2_000_000, "need": 0,
                "surplus": 0, "minted": 5_000_000_000u64, "given": 0, "received": 12, "lost": 0},
            "calls": {"balance": 3, "mints_per_second": 1.0, "demand_per_second": 1.0},
            "used": windows(6.2, 24.8), "overflow": {"bandwidth_calls": 12_000, "qps_calls": 400,
                "relayed_bytes": 0}})
    };
    let business = |id: &str, beyond: u64| {
        json!({"business": id, "link": {"calls": 70, "bytes": 1_000_000},
            "beyond_bandwidth": {"calls": beyond, "bytes": 0}, "beyond_qps": {"calls": 0, "bytes": 0}})
    };
    json!({"gateway": "shop", "at": "2026-01-31T08:30:00Z",
        "limit": {"package": {"name": "standard", "bandwidth_bps": 20_000_000, "qps": 1000},
            "elastic_packs": [{"id": "sale", "bandwidth_bps": 5_000_000, "from": "2026-01-31T08:00:00Z",
                "until": "2026-01-31T09:00:00Z"}],
            "bandwidth_bps": 25_000_000, "bytes_per_second": 3_125_000, "qps": 1000,
            "changes_at": "2026-01-31T09:00:00Z"},
        "used": windows(12.4, 49.6), "overflow": {"bandwidth_calls": 24_000, "qps_calls": 800, "relayed_bytes": 0},
        "businesses": [business("wx01", 24_000), business("wx02", 0)],
        "nodes": [node("n1", true, json!(null)),
            node("n2", false, json!({"since": "2026-01-31T08:29:00Z", "why": "fewer than half hear it"}))],
        "unanswered": [{"node": "n3", "region": "tianjin", "reason": "no answer within 1500 ms"}]})
}

#[test]
fn a_package_is_shown_with_its_limit_its_use_and_node_by_node() {
    let text = whole(&package_answer());
    for part in [
        "Package of gateway shop at 2026-01-31T08:30:00Z",
        "limit    25 Mbps (3.1 MB/s), 1000 calls/s",
        "package  standard, 20 Mbps (2.5 MB/s), 1000 calls/s",
        "pack     sale, 5 Mbps more until 2026-01-31T09:00:00Z",
        "the limit changes at 2026-01-31T09:00:00Z",
        "10 s       12.4 Mbps  [##########..........]  49.6 %  120.4    12 %",
        "n2 mints nothing since 2026-01-31T08:29:00Z: fewer than half hear it",
        "n3 is missing from these figures: no answer within 1500 ms",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    let row = |begin: &str| {
        let row = text.lines().find(|line| line.starts_with(begin));
        row.unwrap_or_else(|| panic!("no row of {begin} in\n{text}"))
    };
    for part in [
        "50 %", "mints", "6.2 Mbps", "-125 kB", "2 MB", "5 GB", "12 B", "12.4 k",
    ] {
        assert!(row("n1").contains(part), "no `{part}` in {}", row("n1"));
    }
    assert!(row("n2").contains("fenced"), "{text}");
    assert!(row("wx01").contains("24 k"), "{text}");
    assert!(!text.contains("wx02"), "it had no overflow");
}
