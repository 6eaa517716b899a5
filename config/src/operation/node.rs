//! Who is in the cluster: nodes let in and revoked, the authorities that certify them.

use crate::catalog::Catalog;
use crate::object::{Authority, Kind, Node, Object, ObjectKey};
use crate::operation::{Change, Context, field};
use crate::refusal::Refusal;

/// The longest certificate of an authority, base64.
const CERTIFICATE_MAX: usize = 8 * 1024;

/// Lets a node in under a name, with a public key of 64 hexadecimal digits. The same key under the same name is the same
/// node; another one is let in only after the node before was revoked.
///
/// # Errors
/// `node_id_taken` (409); `invalid` (422) for a name or a key that cannot be used.
pub fn let_in(
    catalog: &Catalog,
    context: &Context,
    id: &str,
    key: &str,
    issuer: bool,
) -> Result<(Change, Node), Refusal> {
    name("node", id)?;
    if key.len() != 64 || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
        let detail = "A node's public key is 64 hexadecimal digits.";
        return Err(Refusal::invalid("key", detail));
    }
    let known = catalog.node(id);
    let enrolment = match known {
        None => 1,
        Some(node) if node.revoked => node.enrolment.saturating_add(1),
        Some(node) if node.key == key => node.enrolment,
        Some(_) => {
            let detail = format!(
                "The cluster has a node `{id}` already, with another key: give this one a name of its own (node.id), or, \
                 if it takes the place of that machine, revoke it first with `weir cluster revoke {id}`."
            );
            return Err(Refusal::conflict("node_id_taken", detail).at("node"));
        }
    };
    let joined_at_ms = match known {
        Some(node) if !node.revoked => node.joined_at_ms,
        _ => context.now_ms,
    };
    let node = Node {
        id: id.to_owned(),
        key: key.to_owned(),
        enrolment,
        issuer: issuer || known.is_some_and(|node| node.issuer && !node.revoked),
        revoked: false,
        joined_at_ms,
    };
    let change = Change::put_if_new(catalog, Object::Node(node.clone()));
    Ok((change, node))
}

/// Makes every certificate of a node worthless.
///
/// # Errors
/// `not_found` (404); `last_issuer` (409) where no other node could let anyone in.
pub fn revoke_node(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    let known = catalog.node(id).ok_or_else(|| {
        let id = field::shown(id);
        Refusal::not_found(format!("No node `{id}` was let into this cluster."))
    })?;
    let others = catalog
        .nodes()
        .filter(|node| node.id != id && node.issuer && !node.revoked);
    if known.issuer && !known.revoked && others.count() == 0 {
        let detail = format!(
            "`{id}` is the only node that may let nodes in and renew their certificates: let another one in that may \
             (`weir token join --issuer`), then revoke it."
        );
        return Err(Refusal::conflict("last_issuer", detail));
    }
    let revoked = Node {
        revoked: true,
        ..known.clone()
    };
    Ok(Change::put_if_new(catalog, Object::Node(revoked)))
}

/// The authority that new certificates are of; of several, the newest.
pub fn issuing_authority(catalog: &Catalog) -> Option<&Authority> {
    let issuing = catalog.authorities().filter(|authority| authority.issuing);
    issuing.max_by_key(|authority| (authority.made_at_ms, &authority.id))
}

/// Has every node believe an authority. It issues only where it is the first.
///
/// # Errors
/// `invalid` (422) for what is no fingerprint or no certificate; `rotation_under_way` (409) where two are believed
/// already.
pub fn trust_authority(
    catalog: &Catalog,
    context: &Context,
    id: &str,
    certificate: &str,
) -> Result<Change, Refusal> {
    let authority = Authority {
        id: id.to_owned(),
        certificate: certificate.to_owned(),
        issuing: catalog.authorities().next().is_none(),
        made_at_ms: context.now_ms,
    };
    check_authority(&authority)?;
    if catalog.authority(id).is_some() {
        return Ok(Change::default());
    }
    if catalog.authorities().count() > 1 {
        let detail = "Two authorities are believed already: finish that rotation first.";
        return Err(Refusal::conflict("rotation_under_way", detail));
    }
    Ok(Change::put(Object::Authority(authority)))
}

/// Has new certificates be of this authority, and of no other.
///
/// # Errors
/// `not_found` (404).
pub fn issue_by(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    known_authority(catalog, id)?;
    let mut change = Change::default();
    for authority in catalog.authorities() {
        let issuing = authority.id == id;
        if authority.issuing != issuing {
            change.puts.push(Object::Authority(Authority {
                issuing,
                ..authority.clone()
            }));
        }
    }
    Ok(change)
}

/// Has no node believe an authority any more.
///
/// # Errors
/// `not_found` (404); `authority_issues` (409) for the one that new certificates are of.
pub fn distrust_authority(catalog: &Catalog, id: &str) -> Result<Change, Refusal> {
    let known = known_authority(catalog, id)?;
    if known.issuing {
        let detail = "New certificates are of this authority: let another one issue first.";
        return Err(Refusal::conflict("authority_issues", detail));
    }
    Ok(Change::delete(ObjectKey::new(Kind::Authority, id)))
}

fn known_authority<'c>(catalog: &'c Catalog, id: &str) -> Result<&'c Authority, Refusal> {
    catalog.authority(id).ok_or_else(|| {
        let id = field::shown(id);
        Refusal::not_found(format!("The nodes believe no authority `{id}`."))
    })
}

/// Checks a node as it stands in a document or a version.
pub(super) fn check_node(node: &Node) -> Result<(), Refusal> {
    name("id", &node.id)
}

pub(super) fn check_authority(authority: &Authority) -> Result<(), Refusal> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if authority.id.len() != 64 || !authority.id.bytes().all(hex) {
        let detail =
            "An authority is named by its fingerprint, 64 hexadecimal digits in lower case.";
        return Err(Refusal::invalid("id", detail));
    }
    if authority.certificate.is_empty() || authority.certificate.len() > CERTIFICATE_MAX {
        let detail = format!("A certificate is base64 of 1 to {CERTIFICATE_MAX} bytes.");
        return Err(Refusal::invalid("certificate", detail));
    }
    Ok(())
}

fn name(place: &str, id: &str) -> Result<(), Refusal> {
    let parsed: Result<crate::stamp::NodeId, _> = id.parse();
    parsed.map(drop).map_err(|_| {
        let id = field::shown(id);
        let rule = "1 to 32 of a-z, 0-9 and -, not beginning with -";
        Refusal::invalid(place, format!("`{id}` is not a node name: write {rule}."))
    })
}
