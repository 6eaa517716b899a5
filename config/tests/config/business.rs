use crate::fixture::{APPID, Cluster};
use serde_json::json;
use weir_config::operation::{connect, delete_business, disconnect, patch_business};

#[test]
fn a_disconnect_is_taken_back_by_connect_with_everything_as_it_was() {
    let mut cluster = Cluster::attached();
    let before = cluster.business().clone();
    cluster.write(|c| disconnect(c, APPID));
    assert!(!cluster.business().access.enabled);
    assert_eq!(cluster.business().access.versions, before.access.versions);
    assert!(disconnect(&cluster.catalog, APPID).unwrap().is_empty());
    cluster.write(|c| connect(c, APPID));
    assert_eq!(cluster.business(), &before);
    assert!(connect(&cluster.catalog, APPID).unwrap().is_empty());
}

#[test]
fn connecting_without_any_version_attached_is_refused_with_the_way_out() {
    let mut cluster = Cluster::attached();
    cluster.write(|c| patch_business(c, APPID, &json!({"access": {"versions": []}})));
    let refusal = connect(&cluster.catalog, APPID).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (409, "no_version_attached"));
    assert!(refusal.detail.contains("access.versions"), "{refusal}");
}

#[test]
fn a_deleted_business_is_a_tombstone_and_unknown_to_every_operation() {
    let mut cluster = Cluster::attached();
    let key = weir_config::Object::Business(cluster.business().clone()).key();
    cluster.write(|c| delete_business(c, APPID));
    assert_eq!(cluster.catalog.record(&key).unwrap().object, None);
    let c = &cluster.catalog;
    for refused in [
        disconnect(c, APPID),
        connect(c, APPID),
        delete_business(c, APPID),
        patch_business(c, APPID, &json!({})),
    ] {
        assert_eq!(refused.unwrap_err().status, 404);
    }
}
