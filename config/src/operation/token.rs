use crate::object::{Object, Token};
use crate::operation::{Change, Context, field};
use crate::refusal::Refusal;

/// Makes a bearer token known by its digest: SHA-256 of the token, 64 hexadecimal digits in lower case.
///
/// # Errors
/// `invalid` (422) for an id or a digest that cannot be used.
pub fn create_token(context: &Context, id: &str, sha256: &str) -> Result<Change, Refusal> {
    field::slug("id", id)?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if sha256.len() != 64 || !sha256.bytes().all(hex) {
        // The value is not shown: it may be the token itself, given by mistake.
        return Err(Refusal::invalid(
            "sha256",
            "This is no SHA-256 digest: give the 64 hexadecimal digits, in lower case, of the token's \
             digest, never the token itself.",
        ));
    }
    Ok(Change::put(Object::Token(Token {
        id: id.to_owned(),
        sha256: sha256.to_owned(),
        created_at_ms: context.now_ms,
    })))
}
