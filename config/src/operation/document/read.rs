//! Reading a document so that a refusal names the place at fault, and a misspelt field is not passed over.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Document;
use crate::operation::field;
use crate::refusal::Refusal;

const LISTS: &str = "regions, mini_programs, agreement_texts, spaces, gateways, businesses, alarms";

// === impl Document ===

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// `invalid` (422) with the place, as in `businesses[2].access.gray`.
    pub fn read(value: &Value) -> Result<Document, Refusal> {
        let Value::Object(lists) = value else {
            let detail = format!("A configuration document is an object with the lists {LISTS}.");
            return Err(Refusal::new(422, "invalid", detail));
        };
        let mut document = Document::default();
        for (name, value) in lists {
            match name.as_str() {
                "regions" => document.regions = items(name, value)?,
                "mini_programs" => document.mini_programs = items(name, value)?,
                "agreement_texts" => document.agreement_texts = items(name, value)?,
                "spaces" => document.spaces = items(name, value)?,
                "gateways" => document.gateways = items(name, value)?,
                "businesses" => document.businesses = items(name, value)?,
                "alarms" => document.alarms = items(name, value)?,
                _ => {
                    let detail = format!("There is no such list. The lists are: {LISTS}.");
                    return Err(Refusal::invalid(field::shown(name), detail));
                }
            }
        }
        Ok(document)
    }
}

fn items<T: DeserializeOwned + Serialize>(list: &str, value: &Value) -> Result<Vec<T>, Refusal> {
    let values = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(values) => values,
        _ => return Err(Refusal::invalid(list, "It must be a list.")),
    };
    let mut items = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let place = format!("{list}[{i}]");
        let item = T::deserialize(value)
            .map_err(|error| Refusal::invalid(&place, format!("It cannot be read: {error}.")))?;
        let understood = serde_json::to_value(&item).unwrap_or_default();
        if let Some(unknown) = not_understood(&place, value, &understood) {
            return Err(Refusal::invalid(
                unknown,
                "There is no such field here; mend its name or leave it out.",
            ));
        }
        items.push(item);
    }
    Ok(items)
}

/// The first field of what was written that reading it passed over.
fn not_understood(path: &str, written: &Value, understood: &Value) -> Option<String> {
    match (written, understood) {
        (Value::Object(written), Value::Object(understood)) => {
            written.iter().find_map(|(name, value)| {
                let path = format!("{path}.{}", field::shown(name));
                match understood.get(name) {
                    Some(understood) => not_understood(&path, value, understood),
                    // Fields that may be left out are not written where they are empty.
                    None if value.is_null() => None,
                    None => Some(path),
                }
            })
        }
        (Value::Array(written), Value::Array(understood)) => {
            let pairs = written.iter().zip(understood).enumerate();
            let mut pairs = pairs.map(|(i, pair)| (format!("{path}[{i}]"), pair));
            pairs.find_map(|(path, (written, understood))| {
                not_understood(&path, written, understood)
            })
        }
        _ => None,
    }
}
