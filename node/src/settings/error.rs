//! What is wrong with the settings: each one sentence, naming the place, the key and the remedy.

use std::path::PathBuf;

/// Why a node cannot start with the settings it was given.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the settings file {} cannot be read ({why}): name an existing file with --config", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("the settings file {} is not valid TOML, {why}: mend that line", path.display())]
    NotToml { path: PathBuf, why: String },
    #[error("{place} has a key `{key}` that is not a setting: {}", remedy(nearest))]
    UnknownKey {
        place: String,
        key: String,
        nearest: Option<String>,
    },
    #[error("the variable {name} is not a setting: {}", remedy(nearest))]
    UnknownVariable {
        name: String,
        nearest: Option<String>,
    },
    #[error("{key} is not set: write it in the settings file or set {variable}")]
    Missing { key: String, variable: String },
    #[error("{key} in {place} cannot be used: {why}")]
    Value {
        place: String,
        key: String,
        /// What is wrong, and what can be written instead.
        why: String,
    },
}

fn remedy(nearest: &Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "take it out, docs/settings.md lists all settings".to_owned(),
    }
}
