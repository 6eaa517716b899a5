//! `/alarms` and `/alarm-receivers`: what is watched, what is wrong now, and who is told.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use weir_config::object::{Alarm, AlarmReceiver, ReceiverFormat};
use weir_config::operation::{self, AlarmInput, AlarmReceiverInput};
use weir_config::{Kind, Object, ObjectKey, Stamp};

use super::auth::Author;
use super::body::Json;
use super::problem::Problem;
use super::query::{ListQuery, NoParameters, Query, WriteQuery};
use super::resource::{self, Page, Resource, Versioned};
use super::write::Write;
use super::{AdminState, moment};
use crate::alarm::{self, Answer, Episode, Shown};
use crate::config_actor::now_ms;
use crate::delivery::{Courier, host_of};

/// An alarm and what is wrong now.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmView {
    #[serde(flatten)]
    pub alarm: Alarm,
    /// The stamp of its newest change; absent of a built-in one that nobody has changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "019234567abc0000-n1")]
    pub version: Option<Stamp>,
    /// One of those that every cluster begins with.
    pub built_in: bool,
    /// `off`, `ok`, `pending` (it holds, but not yet for long enough) or `firing`.
    pub state: &'static str,
    /// The subjects for which it holds.
    pub subjects: Vec<SubjectView>,
    /// Ids that it names and that no receiver has.
    pub unknown_receivers: Vec<String>,
    /// Nobody is told of it: there is no receiver, or none that is switched on.
    pub silent: bool,
}

/// What is wrong with one business, gateway, node, space, or the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubjectView {
    pub subject: String,
    /// `pending`, `firing`, or `over` (to be told after a quiet time).
    pub state: &'static str,
    pub text: String,
    pub value: Option<f64>,
    pub threshold: Option<f64>,
    /// Of both: `%`, `ms`, `days`, `calls`.
    pub unit: String,
    /// Since when it holds, RFC 3339.
    pub since: String,
    /// When its receivers were told last; null: not yet.
    pub told_at: Option<String>,
    /// How often they were told.
    pub told: u32,
}

/// All alarms, and who watches.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlarmsView {
    /// The node that watches for the cluster; null: this node does not know of one.
    pub watched_by: Option<String>,
    pub alarms: Vec<AlarmView>,
    /// Notices that wait for their receiver.
    pub waiting_notices: usize,
}

/// A receiver, without its URL.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReceiverView {
    pub id: String,
    pub format: ReceiverFormat,
    /// Scheme, host and port; the rest of the URL is never shown.
    #[schema(example = "https://qyapi.weixin.qq.com")]
    pub host: String,
    pub enabled: bool,
}

/// What came of a test notice.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestView {
    pub alarm: String,
    /// One a receiver; none: nobody is told of this alarm.
    pub receivers: Vec<TestedView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TestedView {
    pub receiver: String,
    pub delivered: bool,
    /// What it answered; null: nothing.
    pub status: Option<u16>,
    /// Why it was not delivered, in words.
    pub why: Option<String>,
}

/// All alarms, and what is wrong now
#[utoipa::path(
    get, path = "/admin/v1/alarms", tag = "alarms",
    responses((status = 200, description = "The alarms and their states", body = AlarmsView)),
)]
pub async fn list_alarms(
    state: web::Data<AdminState>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let shown = shown(&state);
    let catalog = &state.config.catalog().catalog;
    let alarms = operation::effective_alarms(catalog).into_iter();
    let alarms = alarms.map(|alarm| view(&state, alarm, &shown)).collect();
    Ok(HttpResponse::Ok().json(AlarmsView {
        watched_by: Some(shown.state.holder).filter(|holder| !holder.is_empty()),
        alarms,
        waiting_notices: shown.state.letters.len(),
    }))
}

/// An alarm, and what is wrong now
#[utoipa::path(
    get, path = "/admin/v1/alarms/{alarm}", tag = "alarms",
    params(("alarm" = String, Path, description = "The alarm's id")),
    responses((status = 200, description = "The alarm and its state", body = AlarmView)),
)]
pub async fn get_alarm(
    state: web::Data<AdminState>,
    alarm: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let alarm = effective(&state, &alarm)?;
    let view = view(&state, alarm, &shown(&state));
    let mut response = HttpResponse::Ok();
    if let Some(version) = &view.version {
        response.insert_header(("etag", resource::etag(version)));
    }
    Ok(response.json(view))
}

/// Set an alarm: a built-in one, or one of your own; what is left out stays
#[utoipa::path(
    put, path = "/admin/v1/alarms/{alarm}", tag = "alarms",
    params(("alarm" = String, Path, description = "1 to 63 of a-z, 0-9 and -"), WriteQuery),
    request_body = AlarmInput,
    responses((status = 200, description = "As it is now", body = Versioned<Alarm>),
              (status = 201, description = "Set", body = Versioned<Alarm>)),
)]
pub async fn put_alarm(
    write: Write,
    alarm: web::Path<String>,
    Json(input): Json<AlarmInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), alarm.into_inner());
    let alarm = id.clone();
    let made = write
        .make::<Alarm, _>(&id, move |catalog, _| {
            operation::put_alarm(catalog, &alarm, input).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<Alarm>(&state))
}

/// Take an alarm away; a built-in one is then as it was in the beginning
#[utoipa::path(
    delete, path = "/admin/v1/alarms/{alarm}", tag = "alarms",
    params(("alarm" = String, Path, description = "The alarm's id"), WriteQuery),
    responses((status = 204, description = "Gone")),
)]
pub async fn delete_alarm(write: Write, alarm: web::Path<String>) -> Result<HttpResponse, Problem> {
    let id = alarm.into_inner();
    let alarm = id.clone();
    let made = write
        .make::<Alarm, _>(&id, move |catalog, _| {
            operation::delete_alarm(catalog, &alarm).map(|change| (change, ()))
        })
        .await?;
    made.answer_with(|written| Ok(written.response_with(StatusCode::NO_CONTENT).finish()))
}

/// Send a test notice to the receivers of an alarm, from this node, and tell what they answer
#[utoipa::path(
    post, path = "/admin/v1/alarms/{alarm}/test", tag = "alarms",
    params(("alarm" = String, Path, description = "The alarm's id")),
    responses((status = 200, description = "What each receiver answered", body = TestView)),
)]
pub async fn test_alarm(
    state: web::Data<AdminState>,
    author: Author,
    alarm: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let alarm = effective(&state, &alarm)?;
    let (cluster, node) = (&state.settings.node.cluster, state.node.as_str());
    let notice = alarm::test_notice(&alarm, cluster, node, &author.0, now_ms());
    let courier = Courier::new(&state.settings.tls, alarm::TIMEOUT).map_err(|error| {
        let detail = format!("Nothing can be delivered: {error}.");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no_authorities", detail)
    })?;
    let snapshot = state.config.catalog();
    let tested = alarm::test(&courier, &snapshot.catalog, &alarm, &notice).await;
    let receivers = tested.into_iter().map(|tested| {
        let (status, why) = match tested.answer {
            Answer::Taken { status } => (Some(status), None),
            Answer::Refused { why, status, .. } => (status, Some(why)),
        };
        TestedView {
            receiver: tested.receiver,
            delivered: why.is_none(),
            status,
            why,
        }
    });
    Ok(HttpResponse::Ok().json(TestView {
        alarm: alarm.id,
        receivers: receivers.collect(),
    }))
}

/// Who is told of alarms
#[utoipa::path(
    get, path = "/admin/v1/alarm-receivers", tag = "alarms",
    params(ListQuery),
    responses((status = 200, description = "A page", body = Page<Versioned<ReceiverView>>)),
)]
pub async fn list_receivers(
    state: web::Data<AdminState>,
    Query(query): Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let page = resource::list::<AlarmReceiver>(&state, &query, |_| true)?;
    Ok(HttpResponse::Ok().json(page))
}

/// A receiver of alarms
#[utoipa::path(
    get, path = "/admin/v1/alarm-receivers/{receiver}", tag = "alarms",
    params(("receiver" = String, Path, description = "The receiver's id")),
    responses((status = 200, description = "The receiver, without its URL", body = Versioned<ReceiverView>)),
)]
pub async fn get_receiver(
    state: web::Data<AdminState>,
    receiver: web::Path<String>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    Ok(resource::get::<AlarmReceiver>(&state, &receiver)?.answer())
}

/// Set a receiver of alarms: a webhook; what is left out stays
#[utoipa::path(
    put, path = "/admin/v1/alarm-receivers/{receiver}", tag = "alarms",
    params(("receiver" = String, Path, description = "1 to 63 of a-z, 0-9 and -"), WriteQuery),
    request_body = AlarmReceiverInput,
    responses((status = 200, description = "As it is now", body = Versioned<ReceiverView>),
              (status = 201, description = "Set", body = Versioned<ReceiverView>)),
)]
pub async fn put_receiver(
    write: Write,
    receiver: web::Path<String>,
    Json(input): Json<AlarmReceiverInput>,
) -> Result<HttpResponse, Problem> {
    let (state, id) = (write.state(), receiver.into_inner());
    let receiver = id.clone();
    let made = write
        .make::<AlarmReceiver, _>(&id, move |catalog, _| {
            operation::put_alarm_receiver(catalog, &receiver, input).map(|change| (change, ()))
        })
        .await?;
    Ok(made.answer::<AlarmReceiver>(&state))
}

/// Take a receiver of alarms away
#[utoipa::path(
    delete, path = "/admin/v1/alarm-receivers/{receiver}", tag = "alarms",
    params(("receiver" = String, Path, description = "The receiver's id"), WriteQuery),
    responses((status = 204, description = "Gone")),
)]
pub async fn delete_receiver(
    write: Write,
    receiver: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = receiver.into_inner();
    let receiver = id.clone();
    let made = write
        .make::<AlarmReceiver, _>(&id, move |catalog, _| {
            operation::delete_alarm_receiver(catalog, &receiver).map(|change| (change, ()))
        })
        .await?;
    made.answer_with(|written| Ok(written.response_with(StatusCode::NO_CONTENT).finish()))
}

fn shown(state: &AdminState) -> Shown {
    let alarms = state.alarms.as_ref();
    alarms.map(|alarms| alarms.shown()).unwrap_or_default()
}

fn effective(state: &AdminState, id: &str) -> Result<Alarm, Problem> {
    let alarms = operation::effective_alarms(&state.config.catalog().catalog);
    let found = alarms.into_iter().find(|alarm| alarm.id == id);
    found.ok_or_else(|| resource::no_such(Alarm::NAME, id))
}

fn view(state: &AdminState, alarm: Alarm, shown: &Shown) -> AlarmView {
    let catalog = &state.config.catalog().catalog;
    let episodes = shown.state.episodes.get(&alarm.id);
    let subjects: Vec<SubjectView> = episodes.into_iter().flatten().map(subject).collect();
    let any = |state: &str| subjects.iter().any(|subject| subject.state == state);
    let record = catalog.record(&ObjectKey::new(Kind::Alarm, &alarm.id));
    let record = record.filter(|record| record.object.is_some());
    let named = alarm.receivers.iter().flatten();
    let unknown = named
        .filter(|id| catalog.alarm_receiver(id).is_none())
        .cloned();
    let mut receivers = catalog.alarm_receivers();
    AlarmView {
        version: record.map(|record| record.stamp.clone()),
        built_in: Alarm::built_in().iter().any(|known| known.id == alarm.id),
        state: match alarm.enabled {
            false => "off",
            true if any("firing") => "firing",
            true if any("pending") => "pending",
            true => "ok",
        },
        subjects,
        unknown_receivers: unknown.collect(),
        silent: !receivers.any(|it| it.enabled && alarm.is_told(&it.id)),
        alarm,
    }
}

fn subject((subject, episode): (&String, &Episode)) -> SubjectView {
    let reading = &episode.reading;
    SubjectView {
        subject: subject.clone(),
        state: match (episode.over_at_ms, episode.fired_at_ms) {
            (Some(_), _) => "over",
            (None, Some(_)) => "firing",
            (None, None) => "pending",
        },
        text: reading.text.clone(),
        value: reading.value,
        threshold: reading.threshold,
        unit: reading.unit.clone(),
        since: moment::text(episode.since_ms),
        told_at: episode.told_at_ms.map(moment::text),
        told: episode.told,
    }
}

// === impl Resource ===

impl Resource for AlarmReceiver {
    const KIND: Kind = Kind::AlarmReceiver;
    const NAME: &'static str = "receiver of alarms";
    type View = ReceiverView;

    fn from_object(object: &Object) -> Option<&Self> {
        match object {
            Object::AlarmReceiver(receiver) => Some(receiver),
            _ => None,
        }
    }

    fn view(&self, _: &AdminState) -> ReceiverView {
        ReceiverView {
            id: self.id.clone(),
            format: self.format,
            host: host_of(&self.url.0),
            enabled: self.enabled,
        }
    }
}
