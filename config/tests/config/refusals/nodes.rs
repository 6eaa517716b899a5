//! Who is let in, revoked and believed.

use weir_config::operation::{distrust_authority, issue_by, let_in, revoke_node, trust_authority};
use weir_config::{Kind, operation};

use super::{Row, conflict, invalid, not_found};
use crate::fixture::{Cluster, context};
use crate::node::{FIRST, KEY, OTHER_KEY, SECOND, with_nodes};

pub fn rows() -> Vec<Row> {
    let cluster = with_nodes();
    let (c, context) = (&cluster.catalog, &context());
    let two = {
        let mut cluster = with_nodes();
        cluster.write(|c| trust_authority(c, context, SECOND, "AAAA"));
        cluster
    };
    let third = "c".repeat(64);
    let version = |kind, id| crate::document::version(&cluster, kind, id);
    let node = version(Kind::Node, "n1");
    let restored = operation::restore(c, 1, &node);
    vec![
        invalid("node", let_in(c, context, "N 1", KEY, false)),
        invalid("key", let_in(c, context, "n3", "12", false)),
        conflict("node_id_taken", let_in(c, context, "n2", KEY, false)),
        conflict("last_issuer", revoke_node(c, "n1")),
        not_found(revoke_node(c, "n9")),
        invalid("id", trust_authority(c, context, "short", "AAAA")),
        invalid("certificate", trust_authority(c, context, SECOND, "")),
        conflict(
            "rotation_under_way",
            trust_authority(&two.catalog, context, &third, "AAAA"),
        ),
        not_found(issue_by(c, SECOND)),
        conflict("authority_issues", distrust_authority(c, FIRST)),
        conflict("not_restorable", restored),
        conflict("node_id_taken", let_in(c, context, "n1", OTHER_KEY, false)),
        not_found(distrust_authority(&Cluster::empty().catalog, FIRST)),
    ]
}
