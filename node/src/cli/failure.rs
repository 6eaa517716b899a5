//! What a person sees when a command could not be done: one sentence or two, and how to mend it.

use std::io;

use serde_json::Value;

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A node or an origin did not start, or stopped with an error.
    #[error("{0}")]
    Start(String),
    #[error(
        "cannot reach the admin API at {admin}: {why}. Is the node running, and is --admin (WEIR_ADMIN) its admin \
         address?"
    )]
    Unreachable { admin: String, why: String },
    /// The admin API said no.
    #[error("{}{}", .detail, named(.code, .field))]
    Refused {
        status: u16,
        /// Stable, `snake_case`: what a script looks at.
        code: Option<String>,
        detail: String,
        field: Option<String>,
    },
    #[error(
        "what answers at {admin} is not a Weir admin API (status {status}, no JSON). Check --admin (WEIR_ADMIN)."
    )]
    Strange { admin: String, status: u16 },
    /// The input of the command cannot be used.
    #[error("{0}")]
    Input(String),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// ` (code missing_field, field `space`)`
fn named(code: &Option<String>, field: &Option<String>) -> String {
    let code = code.as_ref().map(|code| format!("code {code}"));
    let field = field.as_ref().map(|field| format!("field `{field}`"));
    let named: Vec<String> = code.into_iter().chain(field).collect();
    match named.is_empty() {
        true => String::new(),
        false => format!(" ({})", named.join(", ")),
    }
}

// === impl Failure ===

impl Failure {
    pub fn start(error: impl std::fmt::Display) -> Self {
        Failure::Start(error.to_string())
    }

    /// The code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Failure::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The failure that a problem document tells of.
    pub fn refused(status: u16, problem: &Value) -> Option<Self> {
        let text = |name: &str| Some(problem.get(name)?.as_str()?.to_owned());
        Some(Failure::Refused {
            status,
            code: text("code"),
            detail: text("detail")?,
            field: text("field"),
        })
    }
}
