//! `--watch`: the same again and again. On a terminal it is drawn in place; elsewhere each look follows the one
//! before, for logs and for programs.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::Value;

use super::render;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::object::printable;

/// A page of its own, which leaves what was there before as it was; without the cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// To the first line.
const HOME: &str = "\x1b[H";
const CLEAR_REST_OF_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// How it is looked.
pub struct Looks {
    pub every: Duration,
    /// `None`: until Ctrl-C.
    pub count: Option<u64>,
    pub json: bool,
}

/// Shows what is at `path` until Ctrl-C, or as often as asked for.
///
/// # Errors
/// Where the first look fails; a later one that fails is told, and the next tried.
pub async fn watch(
    client: &Client,
    path: &str,
    looks: &Looks,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let first = client.get(path).await?.body;
    let live = !looks.json && io::stdout().is_terminal();
    if live {
        write!(out, "{ENTER}")?;
    }
    let mut last = String::new();
    let shown = tokio::select! {
        shown = show(client, path, looks, live, first, &mut last, out) => shown,
        // Where the signal cannot be heard, it ends the program as ever.
        Ok(()) = tokio::signal::ctrl_c() => Ok(()),
    };
    if live {
        // The last look stays to be read.
        write!(out, "{LEAVE}{last}")?;
        out.flush()?;
    }
    shown
}

/// Looks until the count is reached; `last` is what was seen last.
async fn show(
    client: &Client,
    path: &str,
    looks: &Looks,
    live: bool,
    first: Value,
    last: &mut String,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut seen = Ok(first);
    for look in 1u64.. {
        *last = match &seen {
            Ok(body) if looks.json => format!("{body}\n"),
            Ok(body) => render::whole(body),
            Err(failure) => format!("{}\n", printable(&format!("{failure}"))),
        };
        match live {
            true => draw(last, out)?,
            false if looks.json || look == 1 => write!(out, "{last}")?,
            false => write!(out, "\n{last}")?,
        }
        out.flush()?;
        if looks.count.is_some_and(|count| look >= count) {
            return Ok(());
        }
        tokio::time::sleep(looks.every).await;
        seen = client.get(path).await.map(|reply| reply.body);
    }
    Ok(())
}

/// Draws over what was drawn before; what does not fit the terminal is left out.
fn draw(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let size = size.filter(|size| size.ws_row > 0 && size.ws_col > 0);
    let (rows, columns) = size.map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into()));
    write!(out, "{}", page(text, rows, columns))
}

/// As many lines as there are rows, none longer than a row.
fn page(text: &str, rows: usize, columns: usize) -> String {
    let mut page = HOME.to_owned();
    for (i, line) in text.lines().take(rows).enumerate() {
        if i > 0 {
            page.push('\n');
        }
        page.extend(line.chars().take(columns));
        page.push_str(CLEAR_REST_OF_LINE);
    }
    page.push_str(CLEAR_BELOW);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fits_the_terminal_and_leaves_nothing_of_the_one_before() {
        let text = "one\nlonger line\nthree\nfour\n";
        assert_eq!(
            page(text, 3, 6),
            "\x1b[Hone\x1b[K\nlonger\x1b[K\nthree\x1b[K\x1b[J"
        );
    }
}
