//! `weir apply`: makes the cluster as a JSON document says, in the order in which objects need each other.

use std::io::{Read, Write};
use std::path::Path;

use actix_web::http::Method;
use serde_json::{Map, Value};

use super::arguments::ApplyArgs;
use super::client::{Client, Reply, part};
use super::failure::Failure;
use super::object::printable;

/// The largest document, bytes.
const DOCUMENT_BYTES: u64 = 64 * 1024 * 1024;

/// One call that a document asks for.
#[derive(Debug, PartialEq)]
pub struct Step {
    /// What people call it: `space acme`, `agreement of space acme`.
    pub label: String,
    pub method: Method,
    /// Begins after `/admin/v1`.
    pub path: String,
    pub body: Option<Value>,
}

/// Applies a document and says of each object whether it changed.
///
/// # Errors
/// Where the document cannot be used, nothing has been sent; where a call is refused, what came before it has
/// been made and said.
pub async fn run(client: &Client, args: &ApplyArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let steps = steps(&read(&args.file)?)?;
    let mut bodies = Vec::new();
    for step in steps {
        let sent = client
            .send(step.method.clone(), &step.path, step.body.as_ref())
            .await;
        let reply = sent.map_err(|failure| at_step(&step, failure))?;
        if args.connection.json {
            bodies.push(reply.body);
        } else {
            writeln!(out, "{:9}  {}", outcome(&reply), step.label)?;
        }
    }
    if args.connection.json {
        writeln!(out, "{:#}", Value::Array(bodies))?;
    }
    Ok(())
}

fn outcome(reply: &Reply) -> &'static str {
    match (reply.status, reply.changed) {
        (201, _) => "created",
        (_, Some(false)) => "unchanged",
        _ => "changed",
    }
}

fn at_step(step: &Step, failure: Failure) -> Failure {
    match failure {
        Failure::Refused {
            status,
            detail,
            field,
        } => Failure::Refused {
            status,
            detail: format!("{} was refused: {detail}", step.label),
            field,
        },
        other => other,
    }
}

fn read(file: &Path) -> Result<Value, Failure> {
    let name = if file == Path::new("-") {
        "the standard input".to_owned()
    } else {
        file.display().to_string()
    };
    let unread = |why: std::io::Error| Failure::Input(format!("cannot read {name}: {why}."));
    let mut text = String::new();
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).map_err(unread)?)
    };
    source
        .take(DOCUMENT_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unread)?;
    if text.len() as u64 > DOCUMENT_BYTES {
        let detail = format!("{name} is larger than {DOCUMENT_BYTES} bytes. Split it.");
        return Err(Failure::Input(detail));
    }
    serde_json::from_str(&text).map_err(|why| Failure::Input(format!("{name} is not JSON: {why}.")))
}

/// The calls of a document, in the order in which objects need each other.
///
/// # Errors
/// For an object that has no known kind or no id; it is named by its place, from 1.
pub fn steps(document: &Value) -> Result<Vec<Step>, Failure> {
    let objects = match document {
        Value::Array(objects) => objects.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut ranked = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        ranked.push(
            of_object(object).map_err(|why| Failure::Input(format!("Object {} {why}", i + 1)))?,
        );
    }
    // Stable: objects of one kind stay in the document's order.
    ranked.sort_by_key(|(rank, _)| *rank);
    Ok(ranked.into_iter().flat_map(|(_, steps)| steps).collect())
}

fn of_object(object: &Value) -> Result<(u8, Vec<Step>), String> {
    let mut fields = object.as_object().ok_or("is not a JSON object.")?.clone();
    let kind = take_text(&mut fields, "kind")?;
    let id = take_text(&mut fields, "id")?;
    let put = |what: &str, path: &str, fields| {
        step(
            format!("{what} {id}"),
            format!("{path}/{}", part(&id)),
            fields,
        )
    };
    match kind.as_str() {
        "region" => Ok((0, vec![put("region", "/regions", fields)])),
        "mini_program" => Ok((
            1,
            vec![put("mini program", "/platform/mini-programs", fields)],
        )),
        "space" => Ok((2, space(&id, fields)?)),
        "gateway" => Ok((3, vec![put("gateway", "/gateways", fields)])),
        "business" => {
            let mut patch = put("business", "/businesses", fields);
            patch.method = Method::PATCH;
            Ok((4, vec![patch]))
        }
        other => Err(format!(
            "has the kind `{}`; there are region, mini_program, space, gateway and business.",
            printable(other)
        )),
    }
}

/// A space is up to three things to ask for: itself, its agreement, its mini programs.
fn space(id: &str, mut fields: Map<String, Value>) -> Result<Vec<Step>, String> {
    let agreement = fields
        .remove("agreement")
        .filter(|agreement| !agreement.is_null());
    let programs = match fields.remove("mini_programs") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(programs)) => programs,
        Some(_) => return Err("has `mini_programs` that are no list of appids.".to_owned()),
    };
    let path = format!("/spaces/{}", part(id));
    let mut steps = vec![step(format!("space {id}"), path.clone(), fields)];
    if let Some(agreement) = agreement {
        steps.push(Step {
            label: format!("agreement of space {id}"),
            method: Method::PUT,
            path: format!("{path}/agreement"),
            body: Some(agreement),
        });
    }
    for program in programs {
        let appid = program
            .as_str()
            .ok_or("has `mini_programs` that are no list of appids.")?;
        steps.push(Step {
            label: format!("mini program {appid} authorised to space {id}"),
            method: Method::PUT,
            path: format!("{path}/mini-programs/{}", part(appid)),
            body: None,
        });
    }
    Ok(steps)
}

fn step(label: String, path: String, fields: Map<String, Value>) -> Step {
    Step {
        label: printable(&label),
        method: Method::PUT,
        path,
        body: Some(Value::Object(fields)),
    }
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    match fields.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(format!("has a `{name}` that is not a text.")),
        None => Err(format!(
            "has no `{name}`. Each object needs `kind` and `id`."
        )),
    }
}
