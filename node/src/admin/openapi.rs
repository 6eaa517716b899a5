//! The OpenAPI document of the admin API; `node/openapi.json` is its snapshot.

use actix_web::HttpResponse;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{self, Content, Ref, RefOr, Response};
use utoipa::{Modify, OpenApi};

use super::problem::ProblemDocument;
use super::{
    agreements, alarms, arrival, backup, businesses, calls, clients, cluster, document, drill,
    forget, gateways, health, history, identity, link_test, log, metrics, mini_programs,
    monitoring, one_key, origins, package, platform, qr, regions, restore, schedules, spaces,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Weir admin API",
        description = "Any node answers, and takes changes for the whole cluster. Every error is a problem document.",
    ),
    paths(
        health::healthz,
        health::readyz,
        metrics::metrics,
        serve,
        mini_programs::list_mini_programs,
        mini_programs::get_mini_program,
        mini_programs::put_mini_program,
        platform::get_platform,
        platform::refresh,
        platform::session,
        platform::authorization_url,
        platform::wechat_event,
        platform::wechat_authorized,
        spaces::list_spaces,
        spaces::get_space,
        spaces::put_space,
        spaces::get_agreement,
        spaces::accept_agreement,
        spaces::get_authorization,
        spaces::authorize,
        agreements::list_agreements,
        agreements::get_agreement_text,
        agreements::put_agreement_text,
        regions::list_regions,
        regions::get_region,
        regions::put_region,
        regions::delete_region,
        gateways::list_gateways,
        gateways::get_gateway,
        gateways::put_gateway,
        gateways::put_elastic_pack,
        gateways::delete_elastic_pack,
        package::get_package,
        one_key::one_key_access,
        businesses::list_businesses,
        businesses::get_business,
        businesses::patch_business,
        businesses::delete_business,
        businesses::disconnect,
        businesses::connect,
        link_test::link_test,
        qr::get_svg,
        qr::get_png,
        qr::get_jpg,
        origins::get_origins,
        clients::get_clients,
        businesses::add_business,
        businesses::put_gray_user,
        businesses::delete_gray_user,
        schedules::list_schedules,
        schedules::get_schedule,
        schedules::put_schedule,
        schedules::pause_schedule,
        schedules::resume_schedule,
        schedules::delete_schedule,
        alarms::list_alarms,
        alarms::get_alarm,
        alarms::put_alarm,
        alarms::delete_alarm,
        alarms::test_alarm,
        alarms::list_receivers,
        alarms::get_receiver,
        alarms::put_receiver,
        alarms::delete_receiver,
        calls::list_calls,
        calls::get_call,
        monitoring::get_monitoring,
        monitoring::get_business,
        monitoring::get_gateway,
        monitoring::get_security,
        cluster::get_cluster,
        arrival::get_arrival,
        forget::forget,
        identity::make_join_token,
        identity::revoke,
        identity::rotate_keys,
        log::get_log,
        log::put_log,
        log::reset_log,
        drill::cut,
        drill::heal,
        history::list_history,
        history::get_version,
        restore::restore_version,
        restore::restore_all,
        document::export,
        document::apply,
        backup::get_backup,
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Bearer, &Problems, &Preconditions),
)]
struct Document;

/// Everything but what is open needs a bearer token.
struct Bearer;

/// Every call may answer with a problem document.
struct Problems;

/// Writes take `If-Match` and `Idempotency-Key`, and may be answered 202.
struct Preconditions;

/// This document
#[utoipa::path(
    get, path = "/admin/v1/openapi.json", tag = "node",
    responses((status = 200, description = "An OpenAPI document", body = Object)),
)]
pub async fn serve() -> HttpResponse {
    HttpResponse::Ok().json(document())
}

/// The document as it is served.
pub fn document() -> openapi::OpenApi {
    Document::openapi()
}

fn operations(
    document: &mut openapi::OpenApi,
) -> impl Iterator<Item = (&String, bool, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        let reads = [&mut item.get]
            .into_iter()
            .map(|operation| (true, operation));
        let writes = [
            &mut item.put,
            &mut item.post,
            &mut item.patch,
            &mut item.delete,
        ];
        let writes = writes.into_iter().map(|operation| (false, operation));
        let all: Vec<_> = reads.chain(writes).collect();
        all.into_iter()
            .filter_map(move |(reads, operation)| Some((path, reads, operation.as_mut()?)))
    })
}

fn needs_token(path: &str) -> bool {
    path.starts_with("/admin/v1/") && path != "/admin/v1/openapi.json"
}

/// Whether what is sent there makes versions; what acts on nodes does not.
fn changes_configuration(path: &str) -> bool {
    let of_nodes = path.starts_with("/admin/v1/cluster/");
    let of_notices = path.starts_with("/admin/v1/alarms/") && path.ends_with("/test");
    !path.starts_with("/admin/v1/drill/") && !of_nodes && !of_notices
}

// === impl Modify ===

impl Modify for Bearer {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("token", scheme);
        let empty: [&str; 0] = [];
        for (path, _, operation) in operations(document) {
            if needs_token(path) {
                operation.security = Some(vec![SecurityRequirement::new("token", empty)]);
            }
        }
    }
}

impl Modify for Problems {
    fn modify(&self, document: &mut openapi::OpenApi) {
        for (path, _, operation) in operations(document) {
            if needs_token(path) {
                let mut response = Response::new("What is wrong, and how to mend it");
                let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
                response
                    .content
                    .insert("application/problem+json".to_owned(), RefOr::T(content));
                operation
                    .responses
                    .responses
                    .insert("default".to_owned(), RefOr::T(response));
            }
        }
    }
}

impl Modify for Preconditions {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let headers = [
            (
                "If-Match",
                "The `ETag` the change is based on; 412 where it has changed since. Of `/apply` and \
                 `/history/restore`, the ETag of the plan or of `/export`",
            ),
            (
                "Idempotency-Key",
                "1 to 100 visible characters that name this change: sent again with the same, it is not made \
                 again, but answered as before, with `idempotency-replayed: true`",
            ),
        ];
        for (path, reads, operation) in operations(document) {
            if reads || !changes_configuration(path) {
                continue;
            }
            let parameters = operation.parameters.get_or_insert_with(Vec::new);
            parameters.extend(headers.map(|(name, what)| RefOr::T(header(name, what))));
            let accepted = Response::new(
                "Made and kept on this node, but not yet on as many nodes as `ack` asks for: it will spread. The \
                 body is that of the success",
            );
            let responses = &mut operation.responses.responses;
            responses.insert("202".to_owned(), RefOr::T(accepted));
        }
    }
}

fn header(name: &str, what: &str) -> Parameter {
    let text = openapi::ObjectBuilder::new()
        .schema_type(openapi::Type::String)
        .build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .description(Some(what))
        .schema(Some(text))
        .build()
}
