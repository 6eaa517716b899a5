//! The flat XML of the open platform's messages: one element with fields in it.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use super::message::MessageError;

/// The largest message that is read, bytes.
pub const MESSAGE_MAX_BYTES: usize = 64 * 1024;
/// Fields of one message.
const FIELDS_MAX: usize = 64;

/// The fields of a message by name: the first of each, as text. What lies deeper is left out.
///
/// # Errors
/// [`MessageError::Form`] for what is no such XML; declarations of types are refused, whatever they say.
pub fn fields(text: &str) -> Result<BTreeMap<String, String>, MessageError> {
    if text.len() > MESSAGE_MAX_BYTES {
        return Err(MessageError::Form);
    }
    let wrong = || MessageError::Form;
    let mut reader = Reader::from_str(text);
    let mut fields = BTreeMap::new();
    let mut depth = 0_usize;
    let mut field: Option<(String, String)> = None;
    loop {
        let event = reader.read_event().map_err(|_| wrong())?;
        match event {
            Event::Start(element) => {
                depth += 1;
                if depth == 2 {
                    let name: &str = element.name().0;
                    field = Some((name.to_owned(), String::new()));
                }
            }
            Event::End(_) => {
                if depth == 2
                    && let Some((name, value)) = field.take()
                {
                    if fields.len() == FIELDS_MAX {
                        return Err(wrong());
                    }
                    fields.entry(name).or_insert(value);
                }
                depth = depth.checked_sub(1).ok_or_else(wrong)?;
            }
            Event::Text(text) if depth == 2 => add(&mut field, &text.xml10_content()),
            Event::CData(text) if depth == 2 => add(&mut field, &text.xml10_content()),
            Event::GeneralRef(reference) if depth == 2 => {
                let character = reference.resolve_char_ref().map_err(|_| wrong())?;
                match (character, resolve_predefined_entity(&reference)) {
                    (Some(character), _) => add(&mut field, character.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => add(&mut field, text),
                    (None, None) => return Err(wrong()),
                }
            }
            Event::DocType(_) => return Err(wrong()),
            Event::Eof => break,
            _ => {}
        }
    }
    if depth != 0 || fields.is_empty() {
        return Err(wrong());
    }
    Ok(fields)
}

fn add(field: &mut Option<(String, String)>, text: &str) {
    if let Some((_, value)) = field {
        value.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_message_are_read_as_text() {
        let text = "<xml><AppId><![CDATA[wx1]]></AppId><CreateTime>1413192605</CreateTime>\
                    <Name>a &amp; &#x62;</Name><Empty/><Deep><In>x</In></Deep></xml>";
        let fields = fields(text).unwrap();
        assert_eq!(fields["AppId"], "wx1");
        assert_eq!(fields["CreateTime"], "1413192605");
        assert_eq!(fields["Name"], "a & b");
        assert_eq!(fields["Deep"], "");
    }

    #[test]
    fn what_is_no_such_message_is_refused() {
        let long = format!("<xml><A>{}</A></xml>", "x".repeat(MESSAGE_MAX_BYTES));
        let many: String = (0..=FIELDS_MAX)
            .map(|i| format!("<f{i}>x</f{i}>"))
            .collect();
        for text in [
            "",
            "text",
            "<xml></xml>",
            "<xml><A>x</xml>",
            "<xml><A>x</A>",
            "<!DOCTYPE xml [<!ENTITY a \"b\">]><xml><A>&a;</A></xml>",
            "<xml><A>&unknown;</A></xml>",
            &long,
            &format!("<xml>{many}</xml>"),
        ] {
            assert_eq!(fields(text), Err(MessageError::Form), "{:.80}", text);
        }
    }
}
