//! The WeChat open platform, by a stand-in that speaks its documented shapes: authorisation, one-key access,
//! tokens that expire, domains that come and go, secrets that are never shown.

use std::time::Duration;

use http::Method;
use serde_json::json;
use weir_tests::open_platform::{GATEWAY, SPACE};
use weir_tests::sentence::assert_clear;
use weir_tests::{Call, Cluster, OpenPlatform, wait_until};

const APPID: &str = "wx00000000000000d1";
const COMPONENT_TOKEN: &str = "/cgi-bin/component/api_component_token";
const AUTHORIZER_TOKEN: &str = "/cgi-bin/component/api_authorizer_token";

#[tokio::test]
async fn a_mini_program_is_authorised_on_its_page_and_attached_by_one_key_on_any_node() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.authorised(2, APPID).await;
    let program = cluster
        .admin(0)
        .get(&format!("/platform/mini-programs/{APPID}"))
        .await;
    assert_eq!(program["name"], "Shop", "{program}");
    assert_eq!(program["source"], "wechat", "{program}");
    assert_eq!(
        program["versions"]["trial"]["version"], "1.2.0",
        "{program}"
    );
    assert_eq!(
        program["request_domains"],
        json!([cluster.origin.url()]),
        "{program}"
    );

    let business = cluster.admin(1).one_key_access_tested(GATEWAY, APPID).await;
    let document = &business.document;
    assert_eq!(
        document["attached_domains"],
        json!([cluster.origin.url()]),
        "{document}"
    );
    assert_eq!(document["link_test"]["ok"], true, "{document}");
    let call = &document["link_test"]["calls"][0];
    assert_eq!(call["status"], 200, "{document}");
    assert!(
        call["call_id"].as_str().is_some_and(|id| id.len() == 36),
        "{document}"
    );
    assert!(
        document["next_steps"]
            .as_array()
            .is_some_and(|steps| steps.len() >= 4),
        "{document}"
    );
    // The platform draws the code; we show its picture.
    assert_eq!(
        document["qr_code"]["picture"]["media_type"], "image/jpeg",
        "{document}"
    );
    assert!(
        document["qr_code"]["svg"]
            .as_str()
            .is_some_and(|svg| svg.contains("data:image/jpeg"))
    );
    let jpg = cluster
        .admin(0)
        .call(Method::GET, &format!("/businesses/{APPID}/qr.jpg"), None)
        .await;
    assert_eq!(
        (jpg.status.as_u16(), jpg.header("content-type")),
        (200, "image/jpeg")
    );
    assert_eq!(&jpg.body[..], b"\xff\xd8 a picture");
    let png = cluster
        .admin(0)
        .call(Method::GET, &format!("/businesses/{APPID}/qr.png"), None)
        .await;
    assert_eq!(
        (png.status.as_u16(), &png.json()["code"]),
        (404, &json!("no_such_picture"))
    );
}

#[tokio::test]
async fn tokens_are_renewed_before_they_expire_by_one_node_and_by_another_when_that_is_gone() {
    let platform = OpenPlatform::start().await;
    platform.tokens_expire_in(6);
    let mut cluster = platform.authorised(2, APPID).await;
    let renewed = "the third-party platform's token was renewed";
    let renewals =
        |cluster: &Cluster, node: usize| cluster.nodes[node].log().matches(renewed).count();
    let others = renewals(&cluster, 1);
    wait_until("the lowest node has renewed twice", async || {
        (renewals(&cluster, 0) >= 2).then_some(())
    })
    .await;
    assert_eq!(renewals(&cluster, 1), others, "one node at a time");
    wait_until("the mini program's token is renewed too", async || {
        (platform.count(AUTHORIZER_TOKEN) >= 1).then_some(())
    })
    .await;
    cluster.nodes[0].kill().await;
    wait_until("the other node renews", async || {
        (renewals(&cluster, 1) > others).then_some(())
    })
    .await;
    let read = cluster.admin(1).refresh(APPID).await;
    assert_eq!(read.status, 200, "{}", read.text());
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_and_the_call_made_again() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.authorised(1, APPID).await;
    platform.invalidate_tokens();
    let before = platform.count(COMPONENT_TOKEN);
    let read = cluster.admin(0).refresh(APPID).await;
    assert_eq!(read.status, 200, "{}", read.text());
    assert!(platform.count(COMPONENT_TOKEN) > before && platform.count(AUTHORIZER_TOKEN) > 0);

    // A platform that refuses every token is not asked for ever.
    platform.refuse("/wxa/getversioninfo", 42001, "access_token expired", 1_000);
    let asked = platform.count("/wxa/getversioninfo");
    let refused = cluster.admin(0).refresh(APPID).await;
    assert_eq!(
        refused.json()["code"],
        "platform_token_refused",
        "{}",
        refused.text()
    );
    assert!(
        platform.count("/wxa/getversioninfo") <= asked + 6,
        "asked without end"
    );
}

#[tokio::test]
async fn a_domain_off_the_list_stops_being_eligible_with_a_warning_and_comes_back() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.authorised(1, APPID).await;
    let business = cluster.admin(0).one_key_access(GATEWAY, APPID).await;
    cluster.carries(&business).await;
    assert_eq!(cluster.call(0, &business, "/x").send().await.status, 200);

    let mut program = platform.shop(&cluster, APPID);
    program.in_effect = vec!["https://other.shop.example".to_owned()];
    program.set = program.in_effect.clone();
    platform.set_program(APPID, program);
    // Nobody asks: it is read again by itself.
    let path = format!("/businesses/{APPID}");
    let (warnings, _) = wait_until("the operator is warned", async || {
        let business = cluster.admin(0).get(&path).await;
        let warnings = business["warnings"].as_array()?.clone();
        (!warnings.is_empty()).then_some(warnings)
    })
    .await;
    let warning = warnings[0].as_str().expect("a sentence");
    assert_clear(warning, &[&cluster.origin.url(), "wechat"]);
    wait_until("the log says so", async || {
        let log = cluster.nodes[0].log();
        log.contains("taken off the platform's list").then_some(())
    })
    .await;
    wait_until("its calls are refused as not configured", async || {
        let answer = cluster.call(0, &business, "/x").try_send().await.ok()?;
        (answer.status == 404 && answer.header("x-wx-error-code") == "102016").then_some(())
    })
    .await;
    let tested = cluster
        .admin(0)
        .post(&format!("/businesses/{APPID}/link-test"), None)
        .await;
    assert_eq!(tested["ok"], false, "{tested}");
    let detail = tested["calls"][0]["detail"].as_str().unwrap_or("");
    assert_clear(detail, &["legal domains"]);

    platform.shop(&cluster, APPID);
    wait_until("it is eligible again", async || {
        let answer = cluster.call(0, &business, "/x").try_send().await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    let business = cluster.admin(0).get(&path).await;
    assert_eq!(business["warnings"], json!([]), "{business}");
}

#[tokio::test]
async fn an_authorisation_taken_back_stops_reading_and_not_the_business() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.authorised(1, APPID).await;
    let business = cluster.admin(0).one_key_access(GATEWAY, APPID).await;
    cluster.carries(&business).await;
    platform.shut_out(APPID);
    let fields = format!("<AuthorizerAppid>{APPID}</AuthorizerAppid>");
    let admin = cluster.nodes[0].admin_addr;
    let pushed = platform.push(admin, "unauthorized", &fields).await;
    assert_eq!((pushed.status.as_u16(), pushed.text()), (200, "success"));
    wait_until("nothing is read any more", async || {
        let refused = cluster.admin(0).refresh(APPID).await;
        (refused.status == 409 && refused.json()["code"] == "not_authorized").then_some(())
    })
    .await;
    assert_eq!(cluster.call(0, &business, "/x").send().await.status, 200);
    wait_until("the operator is warned", async || {
        let shown = cluster.admin(0).get(&format!("/businesses/{APPID}")).await;
        let warned = shown["warnings"].to_string().contains("not authorised");
        warned.then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_authorisation_without_its_browser_is_taken_by_the_event() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.cluster(1).await;
    platform.shop(&cluster, APPID);
    let code = platform.authorise(APPID);
    let fields = format!(
        "<AuthorizerAppid>{APPID}</AuthorizerAppid><AuthorizationCode>{code}</AuthorizationCode>"
    );
    let admin = cluster.nodes[0].admin_addr;
    let pushed = platform.push(admin, "authorized", &fields).await;
    assert_eq!(pushed.status, 200, "answered before it is worked on");
    wait_until("the mini program is known", async || {
        (cluster.admin(0).refresh(APPID).await.status == 200).then_some(())
    })
    .await;
    // To which space, nobody said yet.
    let path = format!("/gateways/{GATEWAY}/one-key-access");
    let body = json!({ "appid": APPID });
    let refused = cluster
        .admin(0)
        .call(Method::POST, &path, Some(&body))
        .await;
    assert_eq!(
        refused.json()["code"],
        "not_authorized",
        "{}",
        refused.text()
    );
    cluster
        .admin(0)
        .put(&format!("/spaces/{SPACE}/mini-programs/{APPID}"), json!({}))
        .await;
    cluster.admin(0).one_key_access(GATEWAY, APPID).await;
}

#[tokio::test]
async fn nobody_but_the_platform_and_its_browsers_gets_in_by_the_callbacks() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.cluster(1).await;
    let admin = cluster.nodes[0].admin_addr;
    let fields = format!("<AuthorizerAppid>{APPID}</AuthorizerAppid>");
    let forged = platform.push_forged(admin, "unauthorized", &fields).await;
    assert_eq!(
        (forged.status.as_u16(), &forged.json()["code"]),
        (403, &json!("event_refused"))
    );
    let message = forged.json()["detail"].as_str().unwrap_or("").to_owned();
    assert_clear(&message, &["signature", "platform.wechat.message_token"]);
    let get = async |path: &str| Call::get(admin, &admin.to_string(), path).send().await;
    for state in ["", "x", "v1.00000000.AAAA"] {
        let code = platform.authorise(APPID);
        let path =
            format!("/platform/wechat/authorized?state={state}&auth_code={code}&expires_in=600");
        let refused = get(&path).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["code"]),
            (403, &json!("state_invalid"))
        );
    }
    assert_eq!(get("/platform/wechat/authorized").await.status, 400);
}

#[tokio::test]
async fn a_user_is_told_by_a_login_code_which_is_asked_for_once() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.authorised(1, APPID).await;
    let path = format!("/platform/mini-programs/{APPID}/session");
    let ask = async |code: &str| {
        let body = json!({ "code": code });
        cluster
            .admin(0)
            .call(Method::POST, &path, Some(&body))
            .await
    };
    for _ in 0..2 {
        let session = ask("code1").await;
        assert_eq!(
            session.json(),
            json!({ "openid": "o-code1", "unionid": "u-1" })
        );
    }
    assert_eq!(platform.count("/sns/component/jscode2session"), 1);
    let wrong = ask("wrong").await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.json()["code"]),
        (422, &json!("login_code_invalid"))
    );
}

#[tokio::test]
async fn a_platform_that_is_slow_or_gone_holds_up_nothing_else() {
    let platform = OpenPlatform::start().await;
    let cluster = platform.authorised(1, APPID).await;
    let business = cluster.admin(0).one_key_access(GATEWAY, APPID).await;
    cluster.carries(&business).await;
    platform.slow_down("/wxa/getversioninfo", Duration::from_secs(60));
    let admin = cluster.admin(0);
    let reading = admin.refresh(APPID);
    let (refused, call) = tokio::join!(reading, cluster.call(0, &business, "/x").send());
    assert_eq!(call.status, 200);
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["code"]),
        (504, &json!("platform_timeout"))
    );
    drop(platform);
    let gone = cluster.admin(0).refresh(APPID).await;
    assert_eq!(
        (gone.status.as_u16(), &gone.json()["code"]),
        (502, &json!("platform_unreachable"))
    );
    assert_eq!(cluster.call(0, &business, "/x").send().await.status, 200);
}
