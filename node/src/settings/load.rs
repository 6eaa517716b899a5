//! Reading the settings: the file, then the environment over it, then the checks.

use std::path::{Path, PathBuf};

use figment::error::{Actual, Kind};
use figment::providers::{Format, Serialized, Toml};
use figment::value::Value;
use figment::{Figment, Profile};

use super::catalogue::nearest;
use super::validate::validate;
use super::{SETTINGS, Setting, Settings, SettingsError, ValueKind};

/// Loads the settings of this process: the file of `--config`, and `WEIR_…` of the environment over it.
///
/// # Errors
/// One sentence naming the file or the variable, the key, and the remedy.
pub fn load(file: Option<&Path>) -> Result<Settings, SettingsError> {
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    load_from(
        file,
        std::env::vars_os().map(|(name, value)| (text(name), text(value))),
    )
}

/// [`load`] with the environment given.
pub fn load_from(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, SettingsError> {
    let mut source = Source {
        file: file.map(Path::to_owned),
        figment: Figment::new(),
    };
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|error| SettingsError::Unreadable {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        source.figment = source.figment.merge(Toml::string(&text));
        if let Err(error) = source.figment.extract::<figment::value::Dict>() {
            return Err(SettingsError::NotToml {
                path: path.to_owned(),
                why: one_line(&error.kind.to_string()),
            });
        }
    }
    for (name, text) in environment {
        let Some(setting) = setting_of(&name)? else {
            continue;
        };
        let value = value_of(setting, &name, &text)?;
        let provider = Serialized::default(setting.key, value).profile(Profile::Global);
        source.figment = source.figment.merge(provider);
    }
    let settings = source
        .figment
        .extract::<Settings>()
        .map_err(|error| source.explain(error))?;
    validate(&settings, |key, why| source.value_error(key, why))?;
    Ok(settings)
}

/// The setting a variable names; `None` where it is none of the node's business.
fn setting_of(name: &str) -> Result<Option<&'static Setting>, SettingsError> {
    let Some(rest) = name.strip_prefix("WEIR_") else {
        return Ok(None);
    };
    if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == name) {
        return Ok(Some(setting));
    }
    let Some((section, key)) = rest.split_once('_') else {
        return Ok(None);
    };
    // `WEIR_ADMIN_1`, `WEIR_LINK_1` are of `.cluster/env`.
    let numbered = key.bytes().all(|b| b.is_ascii_digit());
    let ours = |setting: &Setting| setting.key.split('.').next() == Some(&section.to_lowercase());
    if numbered || !SETTINGS.iter().any(ours) {
        return Ok(None);
    }
    let variables: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
    Err(SettingsError::UnknownVariable {
        name: name.to_owned(),
        nearest: nearest(name, variables.iter().map(String::as_str)).map(str::to_owned),
    })
}

fn value_of(setting: &Setting, variable: &str, text: &str) -> Result<Value, SettingsError> {
    let wrong = |why: String| SettingsError::Value {
        place: format!("the variable {variable}"),
        key: setting.key.to_owned(),
        why,
    };
    match setting.kind {
        ValueKind::OptionalText if text.is_empty() => {
            Ok(Value::serialize(None::<String>).map_err(|error| wrong(error.to_string()))?)
        }
        ValueKind::Text | ValueKind::OptionalText => Ok(Value::from(text)),
        ValueKind::Number => {
            let digits = text.trim().replace('_', "");
            let number: u64 = digits
                .parse()
                .map_err(|_| wrong(format!("`{text}` is not a whole number: write digits only")))?;
            Ok(Value::from(number))
        }
        ValueKind::Flag => match text.trim() {
            "true" => Ok(Value::from(true)),
            "false" => Ok(Value::from(false)),
            _ => Err(wrong(format!("`{text}` is neither `true` nor `false`"))),
        },
        ValueKind::List => {
            let items = text.split(',').map(str::trim);
            Ok(Value::from(
                items.filter(|item| !item.is_empty()).collect::<Vec<_>>(),
            ))
        }
        ValueKind::Tables => {
            let array = Figment::from(Toml::string(&format!("value = {text}")));
            array.find_value("value").map_err(|_| {
                wrong("it is not an array: write it as in docs/settings.md".to_owned())
            })
        }
    }
}

/// Where the settings come from, to say so.
struct Source {
    file: Option<PathBuf>,
    figment: Figment,
}

// === impl Source ===

impl Source {
    /// The file or the variable a key was read from.
    fn place(&self, key: &str) -> String {
        let from_file = self
            .figment
            .find_metadata(key)
            .is_some_and(|metadata| metadata.name.starts_with("TOML"));
        match (&self.file, Setting::by_key(key)) {
            (Some(file), _) if from_file => format!("{}", file.display()),
            (_, Some(setting)) if self.figment.contains(key) => {
                format!("the variable {}", setting.variable())
            }
            (Some(file), None) => format!("{}", file.display()),
            _ => "the settings".to_owned(),
        }
    }

    fn value_error(&self, key: &str, why: String) -> SettingsError {
        SettingsError::Value {
            place: self.place(key),
            key: key.to_owned(),
            why,
        }
    }

    fn explain(&self, error: figment::Error) -> SettingsError {
        let path = error.path.join(".");
        match error.kind {
            Kind::UnknownField(field, _) => {
                let mut parts: Vec<&str> = error.path.iter().map(String::as_str).collect();
                if parts.last() != Some(&field.as_str()) {
                    parts.push(&field);
                }
                self.unknown_key(&parts.join("."))
            }
            Kind::MissingField(field) => {
                // Of the sections, only `node` can be missing as a whole.
                let key = match path.as_str() {
                    "" => "node.id".to_owned(),
                    _ => format!("{path}.{field}"),
                };
                match Setting::by_key(&key) {
                    Some(setting) => SettingsError::Missing {
                        variable: setting.variable(),
                        key,
                    },
                    None => self.value_error(&path, format!("its `{field}` is missing: add it")),
                }
            }
            Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
                let found = match Setting::by_key(&path) {
                    Some(setting) if setting.is_secret() => "it".to_owned(),
                    _ => shown(&found),
                };
                let why = format!("{found} is no {}", wanted(&path, &expected));
                self.value_error(&path, why)
            }
            Kind::UnknownVariant(found, known) => {
                let known = known.join("` or `");
                self.value_error(&path, format!("`{found}` is not known: write `{known}`"))
            }
            Kind::Message(message) if message.contains("socket address") => {
                let why = match self.figment.find_value(&path) {
                    Ok(Value::String(_, text)) => format!("`{text}` is not an address"),
                    _ => "it is not an address".to_owned(),
                };
                self.value_error(&path, format!("{why}: write IP:port, as in 127.0.0.1:8000"))
            }
            other => self.value_error(&path, one_line(&other.to_string())),
        }
    }

    fn unknown_key(&self, key: &str) -> SettingsError {
        let in_tables = key.starts_with("tls.certificates");
        let known = SETTINGS.iter().map(|setting| setting.key);
        let fields = ["names", "cert_file", "key_file"];
        let last = key.rsplit('.').next().unwrap_or(key);
        // A key may stand in the wrong section, or before any.
        let same_name = known
            .clone()
            .find(|known| known.rsplit('.').next() == Some(last));
        let meant = match in_tables {
            true => nearest(last, fields),
            false => same_name.or_else(|| nearest(key, known)),
        };
        SettingsError::UnknownKey {
            place: self.place(key),
            key: key.to_owned(),
            nearest: meant.map(str::to_owned),
        }
    }
}

fn shown(found: &Actual) -> String {
    match found {
        Actual::Str(text) => format!("the text \"{text}\""),
        Actual::Bool(value) => format!("`{value}`"),
        Actual::Unsigned(number) => format!("the number {number}"),
        Actual::Signed(number) => format!("the number {number}"),
        Actual::Float(number) => format!("the number {number}"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

fn wanted(path: &str, expected: &str) -> String {
    let kind = Setting::by_key(path).map(|setting| setting.kind);
    match kind {
        Some(ValueKind::Number) => {
            "whole number: write one without quotes, 0 or greater".to_owned()
        }
        Some(ValueKind::Text | ValueKind::OptionalText) => "text: put it in quotes".to_owned(),
        Some(ValueKind::Flag) => "flag: write true or false, without quotes".to_owned(),
        Some(ValueKind::List) => "list: write [\"…\", \"…\"]".to_owned(),
        Some(ValueKind::Tables) => "list of tables: write it as in docs/settings.md".to_owned(),
        None if !path.contains('.') => format!("section: write [{path}] on a line of its own"),
        None => expected.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    // Of a parser's drawing of the line at fault, the words are enough.
    let words: Vec<&str> = lines
        .filter(|line| !line.starts_with('|') && !line.contains(" | "))
        .collect();
    words
        .join(", ")
        .trim_start_matches("TOML parse error at ")
        .to_owned()
}
