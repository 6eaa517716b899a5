//! The sentences of refusals, as they stand in the source.

use std::collections::BTreeSet;
use std::path::Path;

/// Where a refusal begins.
const BEGINNINGS: [&str; 7] = [
    "Refusal::invalid(",
    "Refusal::conflict(",
    "Refusal::not_found(",
    "Refusal::new(",
    ".refuse(",
    "member_refusal(",
    "let detail = format!(",
];

/// What the source says of refusals.
#[derive(Debug, Default)]
pub struct Said {
    pub codes: BTreeSet<String>,
    /// Of each sentence its longest part that is the same whatever it is about.
    pub sentences: BTreeSet<String>,
}

/// Reads every file of the operations.
pub fn said() -> Said {
    let mut said = Said {
        codes: BTreeSet::from(["invalid".to_owned(), "not_found".to_owned()]),
        ..Said::default()
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/operation");
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                said.read(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    said
}

// === impl Said ===

impl Said {
    fn read(&mut self, source: &str) {
        let source = source.split("#[cfg(test)]").next().unwrap();
        for literal in assigned(source, "refusal.code = ") {
            self.codes.insert(literal);
        }
        for beginning in BEGINNINGS {
            for (at, _) in source.match_indices(beginning) {
                let literals = literals(&source[at + beginning.len()..]);
                let is_code = |l: &String| {
                    l.len() > 3 && !l.contains([' ', '.', '[', '{']) && l.contains('_')
                };
                if matches!(beginning, "Refusal::conflict(" | "Refusal::new(") {
                    self.codes
                        .extend(literals.iter().filter(|l| is_code(l)).cloned());
                }
                let sentences = literals.iter().filter(|l| l.trim().contains(' '));
                self.sentences
                    .extend(sentences.filter_map(|l| constant_part(l)));
            }
        }
    }
}

fn assigned(source: &str, to: &str) -> Vec<String> {
    let rest = source
        .match_indices(to)
        .map(|(at, _)| &source[at + to.len()..]);
    rest.filter_map(|rest| rest.strip_prefix('"')?.split('"').next().map(str::to_owned))
        .collect()
}

/// The string literals up to the parenthesis that closes the one before.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut chars) = (1, source.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\'' => {
                // A character, which may be a quote.
                let next = chars.next();
                if next == Some('\\') {
                    chars.next();
                }
            }
            '"' => found.push(literal(&mut chars)),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

fn literal(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('"', _) => break,
            ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            ('\\', Some(_)) => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}

/// The longest part between placeholders; `None` where nothing of it is a phrase.
fn constant_part(literal: &str) -> Option<String> {
    let literal = literal.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let parts = literal.split('{').enumerate();
    let parts = parts.map(|(i, part)| match part.split_once('}') {
        Some((_, after)) if i > 0 => after,
        _ => part,
    });
    let longest = parts.max_by_key(|part| part.len())?;
    let longest = longest.replace('\u{1}', "{").replace('\u{2}', "}");
    (longest.len() >= 12).then_some(longest)
}
