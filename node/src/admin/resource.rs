//! What the admin API shows of an object: its fields, its version, and what follows from them.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weir_config::object::{
    AgreementText, Alarm, Business, Gateway, MiniProgram, Region, Schedule, Space,
};
use weir_config::operation;
use weir_config::{Catalog, Kind, Object, ObjectKey, Record, Stamp};

use super::AdminState;
use super::problem::Problem;
use super::query::{self, ListQuery};
use crate::config_actor::now_ms;

/// An object with its version, which is its `ETag` too.
#[derive(Debug, Serialize, ToSchema)]
pub struct Versioned<T> {
    #[serde(flatten)]
    pub object: T,
    /// The stamp of the object's newest change; absent from a dry run that would create it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "019234567abc0000-n1")]
    pub version: Option<Stamp>,
}

/// A business and the host name it has on the link.
#[derive(Debug, Serialize, ToSchema)]
pub struct BusinessView {
    #[serde(flatten)]
    pub business: Business,
    /// `a<8 hex>-<appid>.<region>.<base domain>`
    pub access_domain: String,
    /// What an operator should know: sentences, none where all is well.
    pub warnings: Vec<String>,
}

/// A version of the service agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementView {
    #[serde(flatten)]
    pub text: AgreementText,
    /// Whether nothing can be attached now without it.
    pub required: bool,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to give as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// An object that the admin API shows.
pub trait Resource: Sized {
    const KIND: Kind;
    /// What it is called in sentences.
    const NAME: &'static str;
    type View: Serialize;

    fn from_object(object: &Object) -> Option<&Self>;
    fn view(&self, state: &AdminState) -> Self::View;
}

/// One object with its version.
///
/// # Errors
/// 404 `not_found`.
pub fn get<R: Resource>(state: &AdminState, id: &str) -> Result<Versioned<R::View>, Problem> {
    find::<R>(state, &state.config.catalog().catalog, id).ok_or_else(|| no_such(R::NAME, id))
}

/// One object of a catalog, where it exists.
pub fn find<R: Resource>(
    state: &AdminState,
    catalog: &Catalog,
    id: &str,
) -> Option<Versioned<R::View>> {
    let record = catalog.record(&ObjectKey::new(R::KIND, id))?;
    let object = R::from_object(record.object.as_ref()?)?;
    Some(Versioned {
        object: object.view(state),
        version: Some(record.stamp.clone()),
    })
}

/// A record's object as its own call shows it, with its version; `None` where it was deleted. A token is
/// shown without its digest, a platform's secret without what is sealed.
pub fn shown(state: &AdminState, record: &Record) -> Option<Value> {
    let object = record.object.as_ref()?;
    let mut shown = match object {
        Object::Business(business) => serde_json::to_value(business.view(state)),
        Object::Space(space) => serde_json::to_value(space),
        Object::MiniProgram(program) => serde_json::to_value(program),
        Object::Gateway(gateway) => serde_json::to_value(gateway),
        Object::Region(region) => serde_json::to_value(region),
        Object::Token(token) => serde_json::to_value(token),
        Object::PlatformSecret(secret) => serde_json::to_value(secret),
        Object::Node(node) => serde_json::to_value(node),
        Object::Authority(authority) => serde_json::to_value(authority),
        Object::AgreementText(text) => serde_json::to_value(text.view(state)),
        Object::Schedule(schedule) => serde_json::to_value(schedule),
        Object::Alarm(alarm) => serde_json::to_value(alarm),
        Object::AlarmReceiver(receiver) => serde_json::to_value(receiver.view(state)),
    }
    .ok()?;
    let fields = shown.as_object_mut()?;
    fields.remove("sha256");
    fields.remove("sealed");
    fields.insert("version".to_owned(), record.stamp.to_string().into());
    Some(shown)
}

/// 404 for an object that does not exist.
pub fn no_such(name: &str, id: &str) -> Problem {
    let id: String = id.chars().take(128).collect();
    let detail = format!(
        "There is no {name} `{id}` in this cluster's configuration. Check the id, or create it first."
    );
    Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
}

/// A page of the objects of one kind that `keep` keeps, in the order of their ids.
///
/// # Errors
/// 400 `invalid_query` for a limit out of range.
pub fn list<R: Resource>(
    state: &AdminState,
    query: &ListQuery,
    keep: impl Fn(&R) -> bool,
) -> Result<Page<Versioned<R::View>>, Problem> {
    let limit = query::limit(query.limit)?;
    let after = query.after.as_deref().unwrap_or("");
    let snapshot = state.config.catalog();
    let mut kept = snapshot
        .catalog
        .of_kind(R::KIND)
        .skip_while(|record| record.key.id.as_str() <= after)
        .filter_map(|record| Some((record, R::from_object(record.object.as_ref()?)?)))
        .filter(|(_, object)| keep(object))
        .peekable();
    let mut page = Page {
        items: Vec::new(),
        next: None,
    };
    while let Some((record, object)) = kept.next() {
        page.items.push(Versioned {
            object: object.view(state),
            version: Some(record.stamp.clone()),
        });
        if page.items.len() == limit {
            page.next = kept.peek().is_some().then(|| record.key.id.clone());
            break;
        }
    }
    Ok(page)
}

/// A page of what is in no order of records, each under its id: all that come after the one with the id `after`.
///
/// # Errors
/// 400 `invalid_query` for a limit out of range.
pub fn page<T>(
    query: &ListQuery,
    items: Vec<T>,
    id: impl Fn(&T) -> &str,
) -> Result<Page<T>, Problem> {
    let limit = query::limit(query.limit)?;
    let begun = match &query.after {
        None => 0,
        Some(after) => {
            let last = items.iter().position(|item| id(item) == after);
            last.map_or(items.len(), |last| last + 1)
        }
    };
    let more = items.len() - begun > limit;
    let items: Vec<T> = items.into_iter().skip(begun).take(limit).collect();
    Ok(Page {
        next: items
            .last()
            .filter(|_| more)
            .map(|last| id(last).to_owned()),
        items,
    })
}

/// `"<stamp>"`.
pub fn etag(stamp: &Stamp) -> String {
    format!("\"{stamp}\"")
}

// === impl Versioned ===

impl<T: Serialize> Versioned<T> {
    /// 200 with the object and its `ETag`.
    pub fn answer(&self) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(version) = &self.version {
            response.insert_header((header::ETAG, etag(version)));
        }
        response.json(self)
    }
}

// === impl Resource ===

macro_rules! shown_as_it_is {
    ($type:ident, $name:literal) => {
        impl Resource for $type {
            const KIND: Kind = Kind::$type;
            const NAME: &'static str = $name;
            type View = $type;

            fn from_object(object: &Object) -> Option<&Self> {
                match object {
                    Object::$type(object) => Some(object),
                    _ => None,
                }
            }

            fn view(&self, _: &AdminState) -> $type {
                self.clone()
            }
        }
    };
}

shown_as_it_is!(Space, "space");
shown_as_it_is!(MiniProgram, "mini program");
shown_as_it_is!(Gateway, "gateway");
shown_as_it_is!(Region, "region");
shown_as_it_is!(Schedule, "schedule");
shown_as_it_is!(Alarm, "alarm");

impl Resource for AgreementText {
    const KIND: Kind = Kind::AgreementText;
    const NAME: &'static str = "version of the service agreement";
    type View = AgreementView;

    fn from_object(object: &Object) -> Option<&Self> {
        match object {
            Object::AgreementText(text) => Some(text),
            _ => None,
        }
    }

    fn view(&self, state: &AdminState) -> AgreementView {
        let catalog = &state.config.catalog().catalog;
        AgreementView {
            required: operation::required_agreement(catalog, now_ms()).id == self.id,
            text: self.clone(),
        }
    }
}

impl Resource for Business {
    const KIND: Kind = Kind::Business;
    const NAME: &'static str = "business";
    type View = BusinessView;

    fn from_object(object: &Object) -> Option<&Self> {
        match object {
            Object::Business(business) => Some(business),
            _ => None,
        }
    }

    fn view(&self, state: &AdminState) -> BusinessView {
        let base_domain = &state.settings.link.base_domain;
        BusinessView {
            access_domain: format!("{}.{}.{base_domain}", self.access_label, self.region),
            warnings: operation::warnings(&state.config.catalog().catalog, self),
            business: self.clone(),
        }
    }
}
