//! What a person gets to read: one clear sentence or two, no dump.

/// Longest message a person is asked to read, characters.
const LONGEST: usize = 600;

/// Checks a message for all of `words` and for what no operator can act on.
///
/// # Panics
/// Where a word is missing or the message is a dump.
pub fn assert_clear(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "`{word}` is missing in: {message}");
    }
    for dump in [
        "panicked at",
        "RUST_BACKTRACE",
        "Os {",
        "Custom {",
        "unwrap()",
        "Err(",
    ] {
        assert!(!message.contains(dump), "a dump, no sentence: {message}");
    }
    let length = message.trim().chars().count();
    assert!(
        (20..LONGEST).contains(&length),
        "{length} characters are not a sentence or two: {message}"
    );
}
