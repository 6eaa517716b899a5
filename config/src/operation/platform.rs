//! What a platform entrusts to us, written down by the nodes themselves.

use crate::catalog::Catalog;
use crate::object::{Business, Kind, Object, ObjectKey, PlatformSecret};
use crate::operation::{Change, Context, field, one_key, space};
use crate::refusal::Refusal;

/// The longest sealed value, bytes.
const SEALED_MAX: usize = 16 * 1024;

/// Keeps a sealed value.
///
/// # Errors
/// `invalid` (422) for an id or a value that cannot be kept.
pub fn put_platform_secret(context: &Context, id: &str, sealed: &str) -> Result<Change, Refusal> {
    field::slug("id", id)?;
    if sealed.is_empty() || sealed.len() > SEALED_MAX {
        let detail = format!("A sealed value has 1 to {SEALED_MAX} bytes.");
        return Err(Refusal::invalid("sealed", detail));
    }
    Ok(Change::put(Object::PlatformSecret(PlatformSecret {
        id: id.to_owned(),
        sealed: sealed.to_owned(),
        written_at_ms: context.now_ms,
    })))
}

/// Forgets a sealed value, where there is one.
pub fn delete_platform_secret(catalog: &Catalog, id: &str) -> Change {
    let key = ObjectKey::new(Kind::PlatformSecret, id);
    match catalog.object(&key) {
        Some(_) => Change::delete(key),
        None => Change::default(),
    }
}

/// A mini program's owner let us in: it belongs to the space, as [`authorize`](super::authorize) does it, though
/// nothing may be known of it yet.
///
/// # Errors
/// `not_found` (404) for an unknown space, `invalid` (422) for what is no appid.
pub fn authorize_by_platform(
    catalog: &Catalog,
    space: &str,
    appid: &str,
) -> Result<Change, Refusal> {
    field::appid("appid", appid)?;
    let mut space = space::existing(catalog, space)?.clone();
    space.mini_programs.insert(appid.to_owned());
    Ok(Change::put_if_new(catalog, Object::Space(space)))
}

/// What the QR code of a business's trial version opens.
pub fn trial_qr_content(catalog: &Catalog, business: &Business) -> String {
    let program = catalog.mini_program(&business.appid);
    one_key::qr_content(
        program.and_then(|program| program.versions.trial.as_ref()),
        business,
    )
}
