//! What the documents say of the code is true.

use std::path::{Path, PathBuf};
use std::process::Command;

const LONGEST_FILE: usize = 450;
const LONGEST_ARCHITECTURE: usize = 250;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .to_owned()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Every file that git knows.
fn tracked() -> Vec<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root())
        .arg("ls-files")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "the tests run in a checkout");
    String::from_utf8(output.stdout)
        .expect("names are text")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Words in backticks that name a file or folder of this repository.
fn paths(document: &str) -> Vec<String> {
    let words = document.split('`').skip(1).step_by(2);
    let ends = [".rs", ".sh", ".toml", ".json", ".md", "/"];
    words
        .filter(|word| {
            ends.iter().any(|end| word.ends_with(end))
                && !word.contains(' ')
                && !word.starts_with('/')
        })
        .filter(|word| {
            !word.contains(['<', '*', '…']) && !word.starts_with('.') && *word != "node.toml"
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_file_that_the_documents_name_is_there() {
    for document in ["ARCHITECTURE.md", "README.md"] {
        let named = paths(&read(document));
        assert!(!named.is_empty(), "{document} names files");
        let missing: Vec<_> = named
            .iter()
            .filter(|path| !root().join(path).exists())
            .collect();
        assert!(
            missing.is_empty(),
            "{document} names what is not there: {missing:?}"
        );
    }
}

#[test]
fn every_folder_of_code_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    let mut unnamed: Vec<String> = tracked()
        .into_iter()
        .filter(|file| file.ends_with(".rs"))
        .filter_map(|file| Some(Path::new(&file).parent()?.to_str()?.to_owned() + "/"))
        .filter(|folder| !folder.ends_with("/tests/") && !map.contains(&format!("`{folder}")))
        .collect();
    unnamed.dedup();
    assert!(
        unnamed.is_empty(),
        "ARCHITECTURE.md does not name {unnamed:?}"
    );
}

#[test]
fn the_map_is_short_enough_to_read() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(
        lines <= LONGEST_ARCHITECTURE,
        "ARCHITECTURE.md has {lines} lines"
    );
}

#[test]
fn no_source_file_is_too_long() {
    let code = |file: &String| file.ends_with(".rs") || file.ends_with(".sh");
    let long: Vec<_> = tracked()
        .into_iter()
        .filter(code)
        .filter(|file| root().join(file).exists() && read(file).lines().count() > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "more than {LONGEST_FILE} lines: {long:?}");
}
