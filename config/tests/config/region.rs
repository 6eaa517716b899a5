//! Regions, and which is near to which.

use crate::fixture::Cluster;
use weir_config::operation::{
    RegionInput, delete_region, effective_regions, endpoint_order, put_region,
};

fn near(distances: &[(&str, u32)]) -> RegionInput {
    let distances = distances.iter().map(|(id, km)| ((*id).to_owned(), *km));
    RegionInput {
        name: None,
        distances: Some(distances.collect()),
    }
}

#[test]
fn the_default_regions_have_stated_distances() {
    let cluster = Cluster::empty();
    let order = |from| endpoint_order(&cluster.catalog, from);
    assert_eq!(order("shanghai"), ["shanghai", "tianjin", "shenzhen"]);
    assert_eq!(order("tianjin"), ["tianjin", "shanghai", "shenzhen"]);
    assert_eq!(order("shenzhen"), ["shenzhen", "shanghai", "tianjin"]);
    let shown: Vec<_> = effective_regions(&cluster.catalog).collect();
    assert_eq!(shown[0].distances["shenzhen"], 1_213);
}

#[test]
fn what_one_of_two_regions_says_counts_for_both_and_ties_go_by_id() {
    let mut cluster = Cluster::empty();
    let beijing = near(&[("tianjin", 110), ("shanghai", 1_213)]);
    cluster.write(|c| put_region(c, "beijing", beijing));
    let order = |from| endpoint_order(&cluster.catalog, from);
    assert_eq!(
        order("tianjin"),
        ["tianjin", "beijing", "shanghai", "shenzhen"]
    );
    // As far as Shenzhen; `beijing` comes first by its name.
    assert_eq!(
        order("shanghai"),
        ["shanghai", "tianjin", "beijing", "shenzhen"]
    );
    // Of Shenzhen nobody said how far it is: it comes last.
    assert_eq!(
        order("beijing"),
        ["beijing", "tianjin", "shanghai", "shenzhen"]
    );
    assert_eq!(order("nowhere").len(), 4);
}

#[test]
fn a_region_next_door_comes_after_the_region_itself() {
    let mut cluster = Cluster::empty();
    cluster.write(|c| put_region(c, "anqing", near(&[("shanghai", 0)])));
    assert_eq!(
        endpoint_order(&cluster.catalog, "shanghai")[..2],
        ["shanghai", "anqing"]
    );
}

#[test]
fn renaming_a_region_keeps_its_distances() {
    let mut cluster = Cluster::empty();
    let name = Some("Shanghai".to_owned());
    cluster.write(|c| {
        put_region(
            c,
            "shanghai",
            RegionInput {
                name,
                distances: None,
            },
        )
    });
    let shanghai = cluster.catalog.region("shanghai").unwrap();
    assert_eq!(shanghai.distances["tianjin"], 955);
}

#[test]
fn a_region_goes_with_what_others_say_of_it_but_not_from_under_a_business() {
    let mut cluster = Cluster::attached();
    assert_eq!(
        delete_region(&cluster.catalog, "shanghai")
            .unwrap_err()
            .code,
        "region_in_use"
    );
    cluster.write(|c| put_region(c, "beijing", near(&[("tianjin", 110), ("shanghai", 1_067)])));
    cluster.write(|c| delete_region(c, "tianjin"));
    let beijing = cluster.catalog.region("beijing").unwrap();
    assert_eq!(beijing.distances.keys().collect::<Vec<_>>(), ["shanghai"]);
    assert_eq!(
        endpoint_order(&cluster.catalog, "shanghai"),
        ["shanghai", "beijing", "shenzhen"]
    );
    // What is exported can be applied: nothing names the region that is gone.
    let shown = effective_regions(&cluster.catalog);
    assert!(
        shown
            .into_iter()
            .all(|region| !region.distances.contains_key("tianjin"))
    );
}
