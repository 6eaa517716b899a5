//! `/agreements`: the texts of the service agreement, each version by its name.

use actix_web::{HttpResponse, web};
use weir_config::object::AgreementText;
use weir_config::operation::{self, AgreementTextInput};
use weir_config::{Kind, ObjectKey};

use super::AdminState;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, AgreementView, Page, Resource, Versioned};
use super::write::Write;

/// Every version of the service agreement, in the order in which they take effect
#[utoipa::path(
    get, path = "/admin/v1/agreements", tag = "agreements",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<AgreementView>>)),
)]
pub async fn list_agreements(
    state: web::Data<AdminState>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let texts = all(&state);
    let page = resource::page(&query, texts, |text| &text.object.text.id)?;
    Ok(HttpResponse::Ok().json(page))
}

/// One version of the service agreement
#[utoipa::path(
    get, path = "/admin/v1/agreements/{agreement}", tag = "agreements",
    params(("agreement" = String, Path, description = "The version's name")),
    responses((status = 200, description = "The text", body = Versioned<AgreementView>)),
)]
pub async fn get_agreement_text(
    state: web::Data<AdminState>,
    agreement: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let mut texts = all(&state).into_iter();
    match texts.find(|text| text.object.text.id == *agreement) {
        Some(text) => Ok(text.answer()),
        None => Err(resource::no_such(AgreementText::NAME, &agreement)),
    }
}

/// Set a version of the service agreement; what is attached stays, what is not needs it once it is in force
#[utoipa::path(
    put, path = "/admin/v1/agreements/{agreement}", tag = "agreements",
    params(("agreement" = String, Path, description = "The version's name: 1 to 64 of A-Z, a-z, 0-9, -, _ and ."),
           WriteQuery),
    request_body = AgreementTextInput,
    responses((status = 200, description = "As it is now", body = Versioned<AgreementView>),
              (status = 201, description = "Set", body = Versioned<AgreementView>)),
)]
pub async fn put_agreement_text(
    write: Write,
    agreement: web::Path<String>,
    Json(input): Json<AgreementTextInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), agreement.into_inner());
    let version = id.clone();
    let made = write
        .make::<AgreementText, _>(&id, move |catalog, context| {
            let change = operation::put_agreement_text(catalog, context, &version, input)?;
            Ok((change, ()))
        })
        .await?;
    Ok(made.answer::<AgreementText>(&state))
}

/// The built-in text has no record, and so no version of its own, until somebody sets another in its place.
fn all(state: &AdminState) -> Vec<Versioned<AgreementView>> {
    let catalog = &state.config.catalog().catalog;
    let texts = operation::agreement_texts(catalog).into_iter();
    let shown = |text: AgreementText| {
        let record = catalog.record(&ObjectKey::new(Kind::AgreementText, &text.id));
        let record = record.filter(|record| record.object.is_some());
        Versioned {
            object: text.view(state),
            version: record.map(|record| record.stamp.clone()),
        }
    };
    texts.map(shown).collect()
}
