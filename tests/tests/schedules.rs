//! What happens to a business by itself: at its time, once, on every node, and not over what a person did.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use weir_tests::command::weir;
use weir_tests::{Admin, Business, Call, Cluster, wait_until};

const APPID: &str = "wx00000000000000f1";
const PAST: &str = "2020-01-01T00:00:00Z";

/// The moment so many milliseconds from now.
fn moment(ms: i64) -> String {
    let moment = OffsetDateTime::now_utc() + time::Duration::milliseconds(ms);
    moment.format(&Rfc3339).expect("a year of four digits")
}

fn path(schedule: &str) -> String {
    format!("/businesses/{APPID}/schedules/{schedule}")
}

/// Waits until calls of the business are answered with this status on each of these nodes.
async fn answered(cluster: &Cluster, business: &Business, nodes: &[usize], status: u16) {
    for &node in nodes {
        wait_until(&format!("node {node} answers {status}"), async || {
            let answer = cluster.call(node, business, "/x").try_send().await.ok()?;
            (answer.status == status).then_some(())
        })
        .await;
    }
}

/// Waits until a schedule is in this state; the schedule.
async fn state(admin: &Admin, schedule: &str, name: &str) -> Value {
    let what = format!("schedule {schedule} is {name}");
    let (schedule, _) = wait_until(&what, async || {
        let answer = admin
            .try_call(Method::GET, &path(schedule), None)
            .await
            .ok()?;
        let document = answer.json();
        (document["state"]["name"] == name).then_some(document)
    })
    .await;
    schedule
}

/// How often the schedule changed the business.
async fn changes_by(admin: &Admin, schedule: &str) -> usize {
    let author = format!("schedule:{APPID}/{schedule}");
    let history = admin
        .list(&format!("/history?object=business/{APPID}"))
        .await;
    history
        .iter()
        .filter(|entry| entry["author"] == author)
        .count()
}

#[tokio::test]
async fn a_scheduled_disconnect_happens_on_every_node_and_is_taken_back() {
    let cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    answered(&cluster, &business, &[0, 1, 2], 200).await;
    let plan = json!({"action": "disconnect", "at": moment(2_000), "until": moment(5_000)});
    let set = cluster.admin(1).put(&path("night"), plan).await;
    assert_eq!(set["state"]["name"], "waiting", "{set}");
    answered(&cluster, &business, &[0, 1, 2], 307).await;
    answered(&cluster, &business, &[2, 1, 0], 200).await;
    let done = state(&cluster.admin(2), "night", "done").await;
    assert_eq!(done["created_by"], set["created_by"], "{done}");
    cluster.agree().await;
    for node in 0..3 {
        assert_eq!(
            changes_by(&cluster.admin(node), "night").await,
            2,
            "once there, once back"
        );
    }
}

#[tokio::test]
async fn where_the_node_whose_turn_it_is_dies_the_next_one_sees_to_the_schedules() {
    let mut cluster = Cluster::start(3).await;
    let business = cluster.attach(0, APPID).await;
    // The lowest of shanghai-1, shenzhen-1 and tianjin-1.
    let patch = json!({"versions": ["release"]});
    let plan =
        json!({"action": "change", "patch": patch, "at": moment(2_000), "until": moment(6_000)});
    cluster.admin(0).put(&path("sale"), plan).await;
    cluster.agree().await;
    cluster.nodes[0].kill().await;
    answered(&cluster, &business, &[1, 2], 307).await;
    answered(&cluster, &business, &[1, 2], 200).await;
    cluster.nodes[0].start();
    cluster.nodes[0].ready().await;
    cluster.agree().await;
    answered(&cluster, &business, &[0], 200).await;
    assert_eq!(
        changes_by(&cluster.admin(0), "sale").await,
        2,
        "nothing was made twice"
    );
}

#[tokio::test]
async fn gray_rises_by_itself_and_stands_still_where_a_person_sets_it() {
    let cluster = Cluster::start(3).await;
    cluster.attach(0, APPID).await;
    let admin = cluster.admin(0);
    let run = |args: &[&str]| weir(&cluster, 1, args);
    let add = [
        "schedule", "add", APPID, "warm", "rise", "--to", "90", "--from", "0", "--over", "60s",
    ];
    let said = run(&add).done();
    assert!(
        said.starts_with(&format!(
            "Schedule warm of business {APPID} is waiting: rise to 90%"
        )),
        "{said}"
    );
    let share = async || {
        let business = admin.business(APPID).await?;
        business.document["access"]["gray"]["percent"].as_f64()
    };
    state(&admin, "warm", "running").await;
    wait_until("the first step is made", async || {
        (share().await == Some(15.0)).then_some(())
    })
    .await;
    let other = [
        "schedule", "add", APPID, "other", "rise", "--to", "50", "--over", "1h",
    ];
    run(&other).refused("schedule_conflict", &["`warm`"]);
    run(&add).refused("schedule_running", &["`warm`", "has begun"]);

    admin
        .patch(
            &format!("/businesses/{APPID}"),
            json!({"access": {"gray": {"percent": 40}}}),
        )
        .await;
    state(&admin, "warm", "paused").await;
    assert_eq!(share().await, Some(40.0));
    cluster.agree().await;
    let list = run(&["schedule", "list", APPID]).done();
    assert!(
        list.contains("paused: Somebody set the share to 40 %."),
        "{list}"
    );
    assert_eq!(
        run(&["schedule", "resume", APPID, "warm"]).done(),
        "Schedule warm is running.\n"
    );
    wait_until("it goes on from there", async || {
        (share().await > Some(40.0)).then_some(())
    })
    .await;
    let why = ["schedule", "pause", APPID, "warm", "--why", "Lunch."];
    assert_eq!(run(&why).done(), "Schedule warm is paused: Lunch.\n");
    assert!(
        run(&["schedule", "remove", APPID, "warm"])
            .done()
            .contains("is gone")
    );
    assert!(
        run(&["schedule", "list", APPID])
            .done()
            .contains("There are none.")
    );
}

#[tokio::test]
async fn a_rise_pauses_where_calls_fail_on_any_node() {
    let cluster = Cluster::start(3).await;
    let nobody = format!("http://{}", weir_tests::ports::free_addr());
    let domains = [cluster.origin.url(), nobody.clone()];
    let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
    let package = json!({"bandwidth_bps": 100_000_000_000_u64});
    let business = cluster.attach_domains(0, APPID, &domains, package).await;
    let admin = cluster.admin(1);
    let plan = json!({"action": "rise", "target_percent": 100, "from_percent": 1, "start": moment(0),
        "over_ms": Duration::from_secs(24 * 3_600).as_millis() as u64});
    admin.put(&path("warm"), plan).await;
    state(&admin, "warm", "running").await;
    // On the two nodes whose turn it is not.
    let fails = async |node: usize| {
        let call = Call::get(cluster.nodes[node].http, &business.access_domain, "/x")
            .header("x-wx-env-version", "trial")
            .header("x-wx-target", &nobody);
        let answer = call.send().await;
        assert_eq!(answer.status, 502, "{}", answer.text());
    };
    let (paused, took) = wait_until("the rise pauses", async || {
        for _ in 0..5 {
            fails(1).await;
            fails(2).await;
        }
        let schedule = admin.get(&path("warm")).await;
        (schedule["state"]["name"] == "paused").then_some(schedule)
    })
    .await;
    println!("paused {took:?} after the calls began to fail");
    let why = paused["state"]["why"].as_str().unwrap_or("");
    assert!(
        why.contains("calls failed") && why.contains("5 % are borne"),
        "{why}"
    );
    assert_eq!(paused["progress"]["paused_by_errors"], true, "{paused}");
    let resumed = admin.post(&format!("{}/resume", path("warm")), None).await;
    assert_eq!(resumed["state"]["name"], "running", "{resumed}");
}

#[tokio::test]
async fn each_refusal_of_a_schedule_names_its_field_over_the_api_and_the_command_line() {
    let cluster = Cluster::start(1).await;
    cluster.attach(0, APPID).await;
    let admin = cluster.admin(0);
    let at = moment(3_600_000);
    let rise = |field: &str, value: Value| {
        let mut plan =
            json!({"action": "rise", "target_percent": 50, "start": at, "over_ms": 3_600_000});
        plan[field] = value;
        plan
    };
    for (plan, code, field) in [
        (
            json!({"action": "disconnect", "at": at, "until": at}),
            "invalid",
            "until",
        ),
        (json!({"action": "disconnect", "at": PAST}), "invalid", "at"),
        (
            json!({"action": "disconnect", "at": moment(400 * 86_400_000)}),
            "invalid",
            "at",
        ),
        (
            json!({"action": "change", "patch": {}, "at": at}),
            "invalid",
            "patch",
        ),
        (
            json!({"action": "change", "patch": {"gray": {"percent": 101}}, "at": at}),
            "invalid",
            "patch.gray.percent",
        ),
        (
            json!({"action": "change", "patch": {"versions": ["beta"]}, "at": at}),
            "invalid",
            "patch.versions[0]",
        ),
        (
            rise("target_percent", json!(101)),
            "invalid",
            "target_percent",
        ),
        (rise("from_percent", json!(60)), "invalid", "target_percent"),
        (rise("over_ms", json!(1_000)), "invalid", "over_ms"),
        (
            rise("pause_above_error_percent", json!(0.001)),
            "invalid",
            "pause_above_error_percent",
        ),
        (
            rise("resume_after_ms", json!(5)),
            "invalid",
            "resume_after_ms",
        ),
        (rise("start", json!(PAST)), "invalid", "start"),
    ] {
        let answer = admin.call(Method::PUT, &path("s"), Some(&plan)).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"]),
            (422, &json!(code)),
            "{plan}: {problem}"
        );
        assert_eq!(problem["field"], field, "{plan}: {problem}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.len() > 20),
            "{problem}"
        );
    }
    let run = |args: &[&str]| weir(&cluster, 0, args);
    let add = |schedule: &str, plan: &[&str]| {
        let args: Vec<&str> = ["schedule", "add", APPID, schedule]
            .iter()
            .chain(plan)
            .copied()
            .collect();
        weir(&cluster, 0, &args)
    };
    add("s", &["rise", "--to", "50", "--over", "10s"])
        .refused("invalid", &["field `over_ms`", "one minute"]);
    add("Bad!", &["disconnect"]).refused("invalid", &["field `schedule`"]);
    add("s", &["change", "--patch", "{}"]).refused("invalid", &["field `patch`", "gray"]);
    run(&["schedule", "add", "wx00000000000000ff", "s", "disconnect"])
        .refused("not_found", &["wx00000000000000ff"]);
    run(&["schedule", "list", "wx00000000000000ff"]).refused("not_found", &["wx00000000000000ff"]);
    for verb in ["remove", "resume", "pause"] {
        run(&["schedule", verb, APPID, "none"]).refused("not_found", &["no schedule `none`"]);
    }
    add(
        "later",
        &["rise", "--to", "50", "--over", "1h", "--at", "+1h"],
    )
    .done();
    run(&["schedule", "pause", APPID, "later"]).refused("schedule_not_running", &["it is waiting"]);
    run(&["schedule", "resume", APPID, "later"]).refused("schedule_not_paused", &["is waiting"]);
    let no_json = add("s", &["change", "--patch", "gray=5"]);
    assert!(
        !no_json.done && no_json.errors.contains("--patch is no JSON"),
        "{}",
        no_json.errors
    );
    let no_time = add("s", &["disconnect", "--at", "tonight"]);
    assert!(
        !no_time.done && no_time.errors.contains("+90m"),
        "{}",
        no_time.errors
    );
}
