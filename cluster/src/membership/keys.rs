//! The keys a node publishes by gossip, and how those of others are read.
//!
//! Keys and values are ASCII and small: chitchat never delivers a value above 32 KB and panics on a key
//! whose first character is not ASCII. A frame with anything else is refused ([`is_key`], [`is_value`]); what
//! does not pass the checks of its reader is as if it were not there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use weir_config::Stamp;
use weir_config::digest::{BUCKETS, Buckets};

use super::rows;
use super::signed::SEAL_CHARS;

pub(super) const REGION: &str = "region";
pub(super) const VERSION: &str = "version";
pub(super) const ADMIN: &str = "admin";
pub(super) const LINK_HTTP: &str = "link.http";
pub(super) const LINK_HTTPS: &str = "link.https";
pub(super) const LEAVING: &str = "leaving";
pub(super) const ROOT: &str = "cfg.root";
pub(super) const NEWEST: &str = "cfg.newest";
/// The node's certificate, base64 of DER. Of its values the one with the lowest version, so that whoever reads
/// them in their order can verify all that follow.
pub(super) const CERT: &str = "cert";
/// Says nothing: signed in intervals in which a node has nothing else to sign.
pub(super) const BEAT: &str = "beat";

/// What its certificate and its authorities are: see [`TrustShown`](super::TrustShown).
pub(super) const CERTIFIED_BY: &str = "ca.by";
pub(super) const TRUSTS: &str = "ca.trusts";
pub(super) const ISSUES: &str = "ca.issues";

/// Buckets per key: a change of one object gossips one such key, about 180 bytes.
const BUCKETS_A_KEY: usize = 16;
const DIGEST_BYTES: usize = 8;
const TEXT_MAX_BYTES: usize = 64;
const KEY_MAX_BYTES: usize = 32;
/// Of a key that is no row; those of today stay below 200.
const VALUE_MAX_BYTES: usize = 1_024;
const CERT_MAX_BYTES: usize = 4_096;

/// Whether a key has the form of one: visible ASCII, short. Keys of other versions of the program have it too.
pub(super) fn is_key(key: &str) -> bool {
    (1..=KEY_MAX_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}

/// Whether a value may stand under a key: visible ASCII, within the bounds of its kind beside its seal.
pub(super) fn is_value(key: &str, value: &str) -> bool {
    let max = match key {
        CERT => CERT_MAX_BYTES,
        _ if rows::is_row(key) => rows::max_bytes(key),
        _ => VALUE_MAX_BYTES,
    };
    value.len() <= max + SEAL_CHARS && value.bytes().all(|b| b.is_ascii_graphic())
}

fn group_key(group: usize) -> String {
    format!("cfg.{group:x}")
}

/// The keys that say what configuration a node has: the digests of all its versions, the root of those in
/// force, and the newest stamp.
pub(super) fn config_keys(
    buckets: &Buckets,
    newest_root: &str,
    newest: Option<&Stamp>,
) -> Vec<(String, String)> {
    let mut keys: Vec<(String, String)> = buckets
        .digests()
        .chunks(BUCKETS_A_KEY)
        .enumerate()
        .map(|(group, digests)| {
            let bytes: Vec<u8> = digests
                .iter()
                .flat_map(|digest| digest.to_be_bytes())
                .collect();
            (group_key(group), BASE64.encode(bytes))
        })
        .collect();
    keys.push((
        NEWEST.to_owned(),
        newest.map(Stamp::to_string).unwrap_or_default(),
    ));
    keys.push((ROOT.to_owned(), newest_root.to_owned()));
    keys
}

/// The digests another node published; `None` unless all are there and well-formed.
pub(super) fn read_buckets<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Buckets> {
    let mut digests = [0u64; BUCKETS];
    for (group, digests) in digests.chunks_mut(BUCKETS_A_KEY).enumerate() {
        let mut bytes = [0u8; BUCKETS_A_KEY * DIGEST_BYTES];
        let text = get(&group_key(group))?;
        if BASE64.decode_slice(text, &mut bytes).ok()? != bytes.len() {
            return None;
        }
        for (digest, bytes) in digests.iter_mut().zip(bytes.chunks_exact(DIGEST_BYTES)) {
            *digest = u64::from_be_bytes(bytes.try_into().ok()?);
        }
    }
    Some(Buckets::from_digests(digests))
}

/// A short printable text, or nothing.
pub(super) fn read_text(value: Option<&str>) -> Option<&str> {
    value.filter(|text| text.len() <= TEXT_MAX_BYTES && text.bytes().all(|b| b.is_ascii_graphic()))
}

/// Names separated by commas, none of them longer than such a name is.
pub(super) fn read_names(value: Option<&str>) -> Vec<String> {
    let names = read_text(value).unwrap_or_default().split(',');
    let legal = |name: &&str| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit());
    names.filter(legal).map(str::to_owned).collect()
}

/// The root digest another node published: 16 hexadecimal digits.
pub(super) fn read_root(value: Option<&str>) -> Option<String> {
    let hex = |text: &&str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    value.filter(hex).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use weir_config::{Kind, ObjectKey};

    use super::*;

    #[test]
    fn digests_survive_the_keys_they_are_published_in_and_one_change_touches_few_bytes() {
        let mut buckets = Buckets::default();
        let before: HashMap<_, _> = config_keys(&buckets, &buckets.root(), None)
            .into_iter()
            .collect();
        let stamp: Stamp = "0000000000010000-a".parse().unwrap();
        buckets.toggle(&ObjectKey::new(Kind::Space, "s"), &stamp);
        let after: HashMap<_, _> = config_keys(&buckets, &buckets.root(), Some(&stamp))
            .into_iter()
            .collect();

        assert_eq!(
            read_buckets(|key| after.get(key).map(String::as_str)),
            Some(buckets)
        );
        let changed = after.iter().filter(|(key, value)| before[*key] != **value);
        let bytes: usize = changed.map(|(key, value)| key.len() + value.len()).sum();
        assert!(bytes < 256, "{bytes} bytes");
    }

    proptest! {
        #[test]
        fn whatever_another_node_publishes_is_read_or_ignored(text in "\\PC{0,200}", group in 0usize..16) {
            let mut keys: HashMap<_, _> = config_keys(&Buckets::default(), "", None).into_iter().collect();
            let well_formed = keys[&group_key(group)].clone();
            keys.insert(group_key(group), text.clone());
            let read = read_buckets(|key| keys.get(key).map(String::as_str));
            prop_assert_eq!(read.is_some(), BASE64.decode(&text).is_ok_and(|b| b.len() == 128));
            prop_assert_eq!(well_formed.len(), 171);
            if let Some(text) = read_text(Some(&text)) {
                prop_assert!(text.is_ascii() && text.len() <= TEXT_MAX_BYTES);
            }
        }
    }
}
