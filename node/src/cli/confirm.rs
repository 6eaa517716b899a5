//! The question before a change that goes far.

use std::io::{self, IsTerminal, Write};

use super::failure::Failure;

/// Asks on the terminal whether to go on. Where there is no terminal to ask on, nothing is asked.
///
/// # Errors
/// Where the answer is not yes: nothing has been changed.
pub fn confirm(question: &str) -> Result<(), Failure> {
    if !can_ask() {
        return Ok(());
    }
    let mut errors = io::stderr().lock();
    write!(errors, "{question} [y/N] ")?;
    errors.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::Input("Nothing was changed.".to_owned()))
}

/// Whether somebody sits there to be asked.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
