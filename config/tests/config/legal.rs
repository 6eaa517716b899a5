//! Which domains are legal is the platform's to say, and what it says changes.

use crate::fixture::{APPID, Cluster, NOW_MS, context, program};
use weir_config::access::{AccessTable, Admission, CallFacts, Decision, decide};
use weir_config::object::{MiniProgram, PlatformProvider};
use weir_config::operation::{
    Context, PlatformReading, put_mini_program, put_platform_reading, warnings,
};

const BOTH: [&str; 2] = ["api.shop.example", "https://img.shop.example:8443"];

/// Which row answers a call to the second domain.
fn row(cluster: &Cluster) -> &'static str {
    let table = AccessTable::compile(&cluster.catalog, "weir.localhost");
    let host = cluster.business().access_domain("weir.localhost");
    let facts = CallFacts {
        host: &host,
        path_and_query: "/",
        target: Some(BOTH[1]),
        env_version: Some("trial"),
        ..CallFacts::default()
    };
    match decide(&table, &facts, |_| Admission::Admitted) {
        Decision::Link(_) => "link",
        Decision::Refuse { refusal, .. } => refusal.reason,
        Decision::PublicLink { reason, .. } => reason.as_str(),
    }
}

#[test]
fn a_domain_taken_off_the_list_stops_being_eligible_with_a_warning_and_comes_back() {
    let mut cluster = Cluster::attached();
    assert_eq!(
        (
            row(&cluster),
            warnings(&cluster.catalog, cluster.business()).len()
        ),
        ("link", 0)
    );
    cluster.write(|c| put_mini_program(c, APPID, program(&BOTH[..1])));
    assert_eq!(row(&cluster), "url_not_configured");
    let warned = warnings(&cluster.catalog, cluster.business());
    assert!(
        warned.len() == 1 && warned[0].contains("img.shop.example:8443"),
        "{warned:?}"
    );
    cluster.write(|c| put_mini_program(c, APPID, program(&BOTH)));
    assert_eq!(
        (
            row(&cluster),
            warnings(&cluster.catalog, cluster.business()).len()
        ),
        ("link", 0)
    );
}

#[test]
fn clients_learn_of_a_change_of_the_list() {
    let mut cluster = Cluster::attached();
    let version = |cluster: &Cluster| {
        let table = AccessTable::compile(&cluster.catalog, "weir.localhost");
        table.business(APPID).unwrap().conf_version.clone()
    };
    let before = version(&cluster);
    cluster.write(|c| put_mini_program(c, APPID, program(&BOTH[..1])));
    assert!(version(&cluster) > before);
}

fn reading(domains: &[&str]) -> PlatformReading {
    PlatformReading {
        source: PlatformProvider::Wechat,
        name: "Shop\n".to_owned(),
        request_domains: domains.iter().map(|d| (*d).to_owned()).collect(),
        ..PlatformReading::default()
    }
}

fn read(cluster: &mut Cluster, now_ms: u64, reading: Result<PlatformReading, String>) -> bool {
    let context = Context {
        now_ms,
        ..context()
    };
    let change = put_platform_reading(&cluster.catalog, &context, APPID, reading).unwrap();
    let changed = !change.is_empty();
    cluster.apply(change);
    changed
}

fn known(cluster: &Cluster) -> &MiniProgram {
    cluster.catalog.mini_program(APPID).unwrap()
}

#[test]
fn what_a_platform_said_is_kept_and_a_failed_reading_takes_nothing_away() {
    let mut cluster = Cluster::attached();
    assert!(read(
        &mut cluster,
        NOW_MS,
        Ok(reading(&["*.example", BOTH[0], "API.shop.example"]))
    ));
    let program = known(&cluster);
    assert_eq!(
        (program.source, program.read_at_ms),
        (PlatformProvider::Wechat, Some(NOW_MS))
    );
    assert_eq!(program.request_domains, [BOTH[0]]);
    assert!(program.problems[0].contains("*.example"), "{program:?}");

    assert!(read(
        &mut cluster,
        NOW_MS + 5,
        Err("It did not answer.".to_owned())
    ));
    assert_eq!(known(&cluster).request_domains, [BOTH[0]]);
    let warned = warnings(&cluster.catalog, cluster.business());
    assert!(
        warned.iter().any(|w| w.contains("It did not answer.")),
        "{warned:?}"
    );
}

#[test]
fn reading_the_same_again_writes_nothing_for_a_while() {
    let mut cluster = Cluster::attached();
    let six_hours_ms = 6 * 3_600_000;
    assert!(read(&mut cluster, NOW_MS, Ok(reading(&BOTH))));
    assert!(!read(
        &mut cluster,
        NOW_MS + six_hours_ms - 1,
        Ok(reading(&BOTH))
    ));
    assert!(read(
        &mut cluster,
        NOW_MS + six_hours_ms,
        Ok(reading(&BOTH))
    ));
    assert_eq!(known(&cluster).read_at_ms, Some(NOW_MS + six_hours_ms));
}
