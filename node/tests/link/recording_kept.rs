//! Figures and percentiles are of all calls, whatever is kept of them; what is kept has limits.

use std::time::Duration;

use weir::monitor::{CallRecord, Dimension, Filter, RELATIVE_ERROR};
use weir::settings::MonitorSettings;

use crate::harness::*;
use crate::recording::{OK, counted, records, series};

#[actix_rt::test]
async fn percentiles_are_within_the_stated_error_of_the_exact_ones() {
    const CALLS: u64 = 200;
    let origin = origin(|mut peer| async move {
        while let Some(request) = peer.try_message().await {
            let path = request.start.split(' ').nth(1).unwrap();
            let delay_ms: u64 = path.trim_start_matches('/').parse().unwrap();
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            peer.send(OK).await;
        }
    })
    .await;
    let bench = Bench::start(
        origin,
        Plan {
            monitor: MonitorSettings {
                records_per_second: 10_000,
                ..MonitorSettings::default()
            },
            ..Plan::default()
        },
    );
    let workers = (0..10u64).map(|worker| {
        let bench = &bench;
        async move {
            let mut client = bench.client().await;
            for call in 0..CALLS / 10 {
                // Most are quick, some are not.
                let delay_ms = [0, 1, 2, 5, 40][((worker + call) % 5) as usize];
                client.send(get(&format!("/{delay_ms}"), "")).await;
                assert_eq!(client.message().await.status(), 200);
            }
        }
    });
    futures_util::future::join_all(workers).await;
    let figures = counted(&bench, CALLS).await;
    let mut exact: Vec<f64> = records(&bench)
        .into_iter()
        .map(|record| record.timings.total_ms)
        .collect();
    exact.sort_by(f64::total_cmp);
    assert_eq!(exact.len() as u64, CALLS);
    for (part, rank) in [(0.5, 100), (0.95, 190), (0.99, 198)] {
        let (exact, read) = (exact[rank - 1], figures.percentile_ms(part).unwrap());
        // Half a microsecond: a record's times are whole ones.
        let error = exact * RELATIVE_ERROR + 0.000_5;
        assert!((exact - read).abs() <= error, "p{part}: {read} for {exact}");
    }
    assert!(figures.percentile_ms(0.95).unwrap() >= 40.0);
    let mean = exact.iter().sum::<f64>() / CALLS as f64;
    assert!((figures.mean_ms().unwrap() - mean).abs() < 0.001);
}

#[actix_rt::test]
async fn figures_are_of_all_calls_also_where_records_are_a_sample_or_none() {
    let origin = answering(OK).await;
    let plan = |monitor| Plan {
        monitor,
        ..Plan::default()
    };
    let bench = Bench::start(
        origin,
        plan(MonitorSettings {
            records_per_second: 1,
            ..MonitorSettings::default()
        }),
    );
    let mut client = bench.client().await;
    for _ in 0..50 {
        client.send(get("/", "")).await;
        client.message().await;
    }
    until("all calls are counted", || {
        bench.monitor.totals().calls == 50
    })
    .await;
    let figures = series(&bench, None).total(None);
    assert_eq!(
        (figures.requests, figures.bytes()),
        (50, bench.meter.charged_bytes())
    );
    let written = bench.monitor.totals().records_written;
    assert!((1..=10).contains(&written), "one a second: {written}");

    let off = Bench::start(
        origin,
        plan(MonitorSettings {
            enabled: false,
            ..MonitorSettings::default()
        }),
    );
    assert_eq!(off.call(&get("/", "")).await.status(), 200);
    assert_eq!(off.monitor.totals(), Default::default());
}

#[actix_rt::test]
async fn the_access_log_has_every_call() {
    let origin = answering(OK).await;
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("access.log");
    let bench = Bench::start(
        origin,
        Plan {
            monitor: MonitorSettings {
                sample_percent: 0,
                access_log: Some(file.clone()),
                ..MonitorSettings::default()
            },
            ..Plan::default()
        },
    );
    let mut ids = Vec::new();
    let mut client = bench.client().await;
    for _ in 0..20 {
        client.send(get("/", "")).await;
        ids.push(
            client
                .message()
                .await
                .header("x-wx-call-id")
                .unwrap()
                .to_owned(),
        );
    }
    until("all are logged", || {
        bench.monitor.totals().lines_logged == 20
    })
    .await;
    let text = std::fs::read_to_string(file).unwrap();
    let logged: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<CallRecord>(line).unwrap().call_id)
        .collect();
    assert_eq!(logged, ids);
    assert_eq!(
        bench.monitor.totals().records_written,
        0,
        "none is in the sample"
    );
}

#[actix_rt::test]
async fn a_flood_of_paths_users_and_hosts_makes_no_figures_of_its_own_and_keeps_to_its_records() {
    const CALLS: u64 = 3_000;
    let origin = answering(OK).await;
    let bench = Bench::start(
        origin,
        Plan {
            monitor: MonitorSettings {
                records: 400,
                records_per_second: 100_000,
                ..MonitorSettings::default()
            },
            ..Plan::default()
        },
    );
    let mut client = bench.client().await;
    for call in 0..CALLS {
        let request = match call % 3 {
            0 => get(&format!("/{call}"), &format!("x-wx-user: user-{call}\r\n")),
            1 => get(
                &format!("/{call}"),
                &format!("x-wx-target: https://{call}.example\r\n"),
            ),
            _ => format!("GET /{call} HTTP/1.1\r\nhost: h{call}.example\r\n\r\n"),
        };
        client.send(request).await;
        client.message().await;
    }
    until("all calls are counted and all records written", || {
        let totals = bench.monitor.totals();
        totals.calls == CALLS && totals.records_written + totals.records_dropped == CALLS
    })
    .await;
    until("the records keep to their limit", || {
        let page = bench.monitor.search(&Filter::default(), 10_000).unwrap();
        // What came since the last look at the limit.
        page.found.len() <= 400 + 1_000
    })
    .await;
    for (by, groups) in [
        (Dimension::Business, 2),
        (Dimension::Rule, 2),
        (Dimension::Reason, 3),
    ] {
        let told = series(&bench, Some(by));
        assert_eq!(told.groups.len(), groups, "{by}");
        assert_eq!(told.total(None).requests, CALLS);
    }
}
