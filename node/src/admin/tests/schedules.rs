use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::{APPID, Admin};
use crate::config_actor::now_ms;
use weir_config::moment;

fn path(rest: &str) -> String {
    format!("/admin/v1/businesses/{APPID}/schedules{rest}")
}

/// So many milliseconds after this time tomorrow.
fn tomorrow(later_ms: u64) -> String {
    moment::text(now_ms() + 86_400_000 + later_ms)
}

fn disconnect() -> Value {
    json!({"action": "disconnect", "at": tomorrow(0), "until": tomorrow(3_600_000)})
}

async fn post(admin: &Admin, path: &str) -> super::Answer {
    admin.send(TestRequest::post().uri(path)).await
}

#[actix_web::test]
async fn schedules_are_set_read_listed_and_taken_away() {
    let admin = Admin::with_a_business().await;
    let plan = disconnect();
    let set = admin.put(&path("/night"), plan.clone()).await.expect(201);
    assert_eq!(
        (&set.body["plan"], &set.body["state"]),
        (&plan, &json!({"name": "waiting"}))
    );
    assert_eq!(set.body["created_by"], "tests");
    let read = admin.get(&path("/night")).await.expect(200);
    assert_eq!(read.body, set.body);
    let rise =
        json!({"action": "rise", "target_percent": 50, "start": tomorrow(0), "over_ms": 3_600_000});
    let rise = admin.put(&path("/up"), rise).await.expect(201);
    assert_eq!(rise.body["plan"]["pause_above_error_percent"], json!(5.0));
    let listed = admin.get(&path("?limit=1")).await.expect(200);
    assert_eq!(listed.body["items"][0]["id"], "night");
    let next = listed.body["next"].as_str().unwrap();
    let rest = admin
        .get(&path(&format!("?after={next}")))
        .await
        .expect(200);
    assert_eq!(rest.body["items"][0]["id"], "up");
    let gone = admin.send(TestRequest::delete().uri(&path("/night"))).await;
    gone.expect(204);
    admin
        .get(&path("/night"))
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn a_dry_run_of_a_schedule_sets_nothing() {
    let admin = Admin::with_a_business().await;
    let plan = admin
        .put(&path("/night?dry_run=true"), disconnect())
        .await
        .expect(200);
    assert_eq!(
        plan.body["changes"][0]["object"],
        format!("schedule/{APPID}/night")
    );
    admin
        .get(&path("/night"))
        .await
        .expect_problem(404, "not_found");
}

#[actix_web::test]
async fn what_cannot_be_scheduled_is_refused_by_name() {
    let admin = Admin::with_a_business().await;
    let past = json!({"action": "disconnect", "at": "2020-01-01T00:00:00Z"});
    let refused = admin
        .put(&path("/s"), past)
        .await
        .expect_problem(422, "invalid");
    assert_eq!(refused.body["field"], "at");
    assert!(
        refused.detail().contains("It is past"),
        "{}",
        refused.detail()
    );
    let change =
        json!({"action": "change", "at": tomorrow(0), "patch": {"gray": {"percent": 101}}});
    let refused = admin
        .put(&path("/s"), change)
        .await
        .expect_problem(422, "invalid");
    assert_eq!(refused.body["field"], "patch.gray.percent");
    admin
        .put(&path("/s"), json!({"action": "jump"}))
        .await
        .expect_problem(422, "invalid");
    let no_moment = json!({"action": "disconnect", "at": "soon"});
    let refused = admin
        .put(&path("/s"), no_moment)
        .await
        .expect_problem(422, "invalid");
    assert!(
        refused.detail().contains("RFC 3339"),
        "{}",
        refused.detail()
    );
    let unknown = json!({"action": "disconnect", "at": tomorrow(0), "untl": 1});
    admin
        .put(&path("/s"), unknown)
        .await
        .expect_problem(422, "unknown_field");

    admin.put(&path("/s"), disconnect()).await.expect(201);
    let pause = admin.post(&path("/s/pause"), json!({})).await;
    pause.expect_problem(409, "schedule_not_running");
    post(&admin, &path("/s/resume"))
        .await
        .expect_problem(409, "schedule_not_paused");
    let rise =
        json!({"action": "rise", "target_percent": 5, "start": tomorrow(0), "over_ms": 60_000});
    admin.put(&path("/one"), rise.clone()).await.expect(201);
    let second = admin.put(&path("/two"), rise).await;
    second.expect_problem(409, "schedule_conflict");
    let none = "/admin/v1/businesses/none/schedules";
    admin.get(none).await.expect_problem(404, "not_found");
    admin
        .put(&format!("{none}/s"), disconnect())
        .await
        .expect_problem(404, "not_found");
}
