//! Every path of the admin port, and what stands before the handlers.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::{Error, HttpRequest, ResponseError, web};
use futures_util::FutureExt;

use super::endpoint::{Endpoint, endpoint};
use super::problem::Problem;
use super::{
    AdminState, agreements, alarms, arrival, auth, backup, businesses, calls, clients, cluster,
    document, drill, forget, gateways, health, history, identity, link_test, log, metrics,
    mini_programs, monitoring, one_key, openapi, origins, package, platform, qr, regions, restore,
    schedules, spaces, write,
};

/// Where the API itself begins; everything under it but the OpenAPI document needs a token.
pub const BASE: &str = "/admin/v1";

/// What needs no token. Paths are whole.
pub fn open_endpoints() -> Vec<Endpoint> {
    vec![
        endpoint("/healthz").get(health::healthz),
        endpoint("/readyz").get(health::readyz),
        endpoint("/metrics").get(metrics::metrics),
        endpoint("/admin/v1/openapi.json").get(openapi::serve),
        // Who comes here proves himself otherwise.
        endpoint("/platform/wechat/events").post(platform::wechat_event),
        endpoint("/platform/wechat/authorized").get(platform::wechat_authorized),
    ]
}

/// What needs a token. Paths begin after [`BASE`].
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint("/platform").get(platform::get_platform),
        endpoint("/platform/mini-programs").get(mini_programs::list_mini_programs),
        endpoint("/platform/mini-programs/{appid}")
            .get(mini_programs::get_mini_program)
            .put(mini_programs::put_mini_program),
        endpoint("/platform/mini-programs/{appid}/refresh").post(platform::refresh),
        endpoint("/platform/mini-programs/{appid}/session").post(platform::session),
        endpoint("/spaces/{space}/authorization-url").post(platform::authorization_url),
        endpoint("/spaces").get(spaces::list_spaces),
        endpoint("/spaces/{space}")
            .get(spaces::get_space)
            .put(spaces::put_space),
        endpoint("/spaces/{space}/agreement")
            .get(spaces::get_agreement)
            .put(spaces::accept_agreement),
        endpoint("/spaces/{space}/mini-programs/{appid}")
            .get(spaces::get_authorization)
            .put(spaces::authorize),
        endpoint("/agreements").get(agreements::list_agreements),
        endpoint("/agreements/{agreement}")
            .get(agreements::get_agreement_text)
            .put(agreements::put_agreement_text),
        endpoint("/regions").get(regions::list_regions),
        endpoint("/regions/{region}")
            .get(regions::get_region)
            .put(regions::put_region)
            .delete(regions::delete_region),
        endpoint("/gateways").get(gateways::list_gateways),
        endpoint("/gateways/{gateway}")
            .get(gateways::get_gateway)
            .put(gateways::put_gateway),
        endpoint("/gateways/{gateway}/one-key-access").post(one_key::one_key_access),
        endpoint("/gateways/{gateway}/businesses").post(businesses::add_business),
        endpoint("/gateways/{gateway}/package").get(package::get_package),
        endpoint("/gateways/{gateway}/elastic-packs/{pack}")
            .put(gateways::put_elastic_pack)
            .delete(gateways::delete_elastic_pack),
        endpoint("/businesses").get(businesses::list_businesses),
        endpoint("/businesses/{business}")
            .get(businesses::get_business)
            .patch(businesses::patch_business)
            .delete(businesses::delete_business),
        endpoint("/businesses/{business}/disconnect").post(businesses::disconnect),
        endpoint("/businesses/{business}/connect").post(businesses::connect),
        endpoint("/businesses/{business}/link-test").post(link_test::link_test),
        endpoint("/businesses/{business}/qr.svg").get(qr::get_svg),
        endpoint("/businesses/{business}/qr.png").get(qr::get_png),
        endpoint("/businesses/{business}/qr.jpg").get(qr::get_jpg),
        endpoint("/businesses/{business}/origins").get(origins::get_origins),
        endpoint("/businesses/{business}/clients").get(clients::get_clients),
        endpoint("/businesses/{business}/gray/users/{user}")
            .put(businesses::put_gray_user)
            .delete(businesses::delete_gray_user),
        endpoint("/businesses/{business}/schedules").get(schedules::list_schedules),
        endpoint("/businesses/{business}/schedules/{schedule}")
            .get(schedules::get_schedule)
            .put(schedules::put_schedule)
            .delete(schedules::delete_schedule),
        endpoint("/businesses/{business}/schedules/{schedule}/pause")
            .post(schedules::pause_schedule),
        endpoint("/businesses/{business}/schedules/{schedule}/resume")
            .post(schedules::resume_schedule),
        endpoint("/alarms").get(alarms::list_alarms),
        endpoint("/alarms/{alarm}")
            .get(alarms::get_alarm)
            .put(alarms::put_alarm)
            .delete(alarms::delete_alarm),
        endpoint("/alarms/{alarm}/test").post(alarms::test_alarm),
        endpoint("/alarm-receivers").get(alarms::list_receivers),
        endpoint("/alarm-receivers/{receiver}")
            .get(alarms::get_receiver)
            .put(alarms::put_receiver)
            .delete(alarms::delete_receiver),
        endpoint("/calls").get(calls::list_calls),
        endpoint("/calls/{call_id}").get(calls::get_call),
        endpoint("/monitoring").get(monitoring::get_monitoring),
        endpoint("/monitoring/businesses/{business}").get(monitoring::get_business),
        endpoint("/monitoring/gateways/{gateway}").get(monitoring::get_gateway),
        endpoint("/monitoring/security").get(monitoring::get_security),
        endpoint("/cluster").get(cluster::get_cluster),
        endpoint("/cluster/config/{version}").get(arrival::get_arrival),
        endpoint("/cluster/nodes/{node}/forget").post(forget::forget),
        endpoint("/cluster/nodes/{node}/revoke").post(identity::revoke),
        endpoint("/cluster/join-tokens").post(identity::make_join_token),
        endpoint("/cluster/rotate-keys").post(identity::rotate_keys),
        endpoint("/cluster/nodes/{node}/log")
            .get(log::get_log)
            .put(log::put_log)
            .delete(log::reset_log),
        endpoint("/drill/cut").post(drill::cut),
        endpoint("/drill/heal").post(drill::heal),
        endpoint("/history").get(history::list_history),
        // Before the versions, of which none has this name.
        endpoint("/history/restore").post(restore::restore_all),
        endpoint("/history/{version}").get(history::get_version),
        endpoint("/history/{version}/restore").post(restore::restore_version),
        endpoint("/export").get(document::export),
        endpoint("/apply").post(document::apply),
        endpoint("/backup").get(backup::get_backup),
    ]
}

/// Mounts everything.
pub fn configure(state: AdminState) -> impl Fn(&mut web::ServiceConfig) + Clone {
    let state = web::Data::new(state);
    move |app| {
        app.app_data(state.clone()).app_data(
            web::PathConfig::default().error_handler(|error, _| wrong_path(&error).into()),
        );
        for open in open_endpoints() {
            app.service(open.mount());
        }
        let mut api = web::scope(BASE).default_service(web::to(unknown_path));
        for known in endpoints() {
            api = api.service(known.mount());
        }
        // The last one wrapped is asked first: nothing of a body is read before the token is known.
        let api = api.wrap(from_fn(write::name_request));
        app.service(api.wrap(from_fn(auth::require_token)));
        app.default_service(web::to(unknown_path));
    }
}

async fn unknown_path(request: HttpRequest) -> Result<&'static str, Problem> {
    let path: String = request.path().chars().take(200).collect();
    let detail = format!(
        "There is nothing at `{path}`. The calls there are, with their paths, are in {BASE}/openapi.json."
    );
    Err(Problem::new(StatusCode::NOT_FOUND, "unknown_path", detail))
}

fn wrong_path(error: &actix_web::error::PathError) -> Problem {
    let detail = format!("A part of the path cannot be read: {error}. Percent-encode it as UTF-8.");
    Problem::new(StatusCode::BAD_REQUEST, "invalid_path", detail)
}

/// Turns a panic into a problem document, and says in every problem which path it was about.
///
/// # Errors
/// What went wrong, as a problem document.
pub async fn catch(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // The request itself cannot be kept: the router needs it unshared.
    let (method, path) = (request.method().clone(), request.path().to_owned());
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(Ok(response)) => match response.response().error() {
            Some(error) => {
                let problem = problem_of(error).at(&path);
                let (request, _) = response.into_parts();
                Ok(ServiceResponse::new(request, problem.error_response()))
            }
            None => Ok(response.map_into_boxed_body()),
        },
        Ok(Err(error)) => Err(problem_of(&error).at(&path).into()),
        Err(_) => {
            tracing::error!(%method, path, "admin API: a handler panicked; the node goes on");
            let detail = "The node made a mistake over this request; it goes on, and its log tells more. \
                          Look whether the change was made before you send it again.";
            let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail);
            Err(problem.at(&path).into())
        }
    }
}

fn problem_of(error: &Error) -> Problem {
    match error.as_error::<Problem>() {
        Some(problem) => problem.clone(),
        None => {
            let status = error.as_response_error().status_code();
            Problem::new(
                status,
                "bad_request",
                format!("The request cannot be answered: {error}."),
            )
        }
    }
}
