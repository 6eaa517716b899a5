use crate::fixture::{APPID, Cluster, NOW_MS, context, one_key_input};
use weir_config::moment;
use weir_config::object::{Agreement, AgreementText};
use weir_config::operation::{
    AgreementInput, AgreementTextInput, Context, accept_agreement, agreement_texts,
    delete_business, one_key_access, patch_business, put_agreement_text, required_agreement,
};

fn at(now_ms: u64) -> Context {
    Context {
        now_ms,
        ..context()
    }
}

fn accept(cluster: &mut Cluster, version: &str, by: &str, now_ms: u64) {
    let input = AgreementInput {
        version: version.to_owned(),
        accepted_by: by.to_owned(),
    };
    cluster.write(|c| accept_agreement(c, &at(now_ms), "acme", input));
}

fn text(effective_at_ms: Option<u64>) -> AgreementTextInput {
    AgreementTextInput {
        title: "Terms".to_owned(),
        text: "What is agreed.\n".to_owned(),
        effective_at: effective_at_ms.map(moment::text),
    }
}

#[test]
fn a_new_cluster_has_a_text_of_its_own() {
    let cluster = Cluster::empty();
    let texts = agreement_texts(&cluster.catalog);
    assert_eq!(texts, [AgreementText::built_in()]);
    assert!(texts[0].text.len() > 200);
    assert_eq!(required_agreement(&cluster.catalog, 0).id, "1");
}

#[test]
fn every_acceptance_is_kept_with_who_and_when() {
    let mut cluster = Cluster::ready();
    cluster.newer_agreement("2");
    accept(&mut cluster, "2", "bob", NOW_MS + 5);
    accept(&mut cluster, "2", "cy", NOW_MS + 6);
    let space = cluster.catalog.space("acme").unwrap();
    let kept: Vec<_> = space
        .acceptances
        .iter()
        .map(|a| (a.version.as_str(), a.accepted_by.as_str(), a.accepted_at_ms))
        .collect();
    assert_eq!(
        kept,
        [
            ("1", "ann", NOW_MS),
            ("2", "bob", NOW_MS + 5),
            ("2", "cy", NOW_MS + 6)
        ]
    );
    assert_eq!(space.agreement.as_ref().unwrap().accepted_by, "cy");
}

#[test]
fn an_acceptance_written_by_an_earlier_release_counts_and_is_kept() {
    let mut cluster = Cluster::ready();
    let mut space = cluster.catalog.space("acme").unwrap().clone();
    space.acceptances.clear();
    space.agreement = Some(Agreement {
        version: "1".to_owned(),
        accepted_by: "ann".to_owned(),
        accepted_at_ms: 7,
    });
    cluster.apply(weir_config::operation::Change::put(
        weir_config::Object::Space(space),
    ));
    assert!(one_key_access(&cluster.catalog, &context(), "main", one_key_input()).is_ok());
    accept(&mut cluster, "1", "bob", NOW_MS);
    let kept = &cluster.catalog.space("acme").unwrap().acceptances;
    assert_eq!(
        kept.iter().map(|a| a.accepted_at_ms).collect::<Vec<_>>(),
        [7, NOW_MS]
    );
}

#[test]
fn a_newer_text_blocks_attaching_until_it_is_accepted_and_cuts_nothing_off() {
    let mut cluster = Cluster::attached();
    cluster.newer_agreement("2026-02");
    // What is attached goes on, and is operated as before.
    cluster.write(|c| {
        patch_business(
            c,
            APPID,
            &serde_json::json!({"access": {"gray": {"percent": 5}}}),
        )
    });
    assert!(cluster.one_key("main").unwrap().already_attached);
    cluster.write(|c| delete_business(c, APPID));
    let refusal = cluster.one_key("main").unwrap_err();
    assert_eq!(refusal.code, "agreement_not_accepted");
    assert!(
        refusal.detail.contains("accepted version 1")
            && refusal.detail.contains("version 2026-02 is in force"),
        "{refusal}"
    );
    accept(&mut cluster, "2026-02", "ann", NOW_MS);
    assert!(cluster.one_key("main").is_ok());
}

#[test]
fn a_text_is_needed_from_the_time_on_that_it_says() {
    let mut cluster = Cluster::ready();
    let (c, soon) = (&mut cluster, NOW_MS + 1_000);
    c.write(|c| put_agreement_text(c, &context(), "2", text(Some(soon))));
    let attach = |now_ms| one_key_access(&c.catalog, &at(now_ms), "main", one_key_input());
    assert!(attach(soon - 1).is_ok());
    assert_eq!(attach(soon).unwrap_err().code, "agreement_not_accepted");
    // It may be accepted ahead.
    accept(c, "2", "ann", NOW_MS);
    assert!(one_key_access(&c.catalog, &at(soon), "main", one_key_input()).is_ok());
}

#[test]
fn an_accepted_text_keeps_its_words_but_not_its_time() {
    let mut cluster = Cluster::ready();
    cluster.write(|c| put_agreement_text(c, &context(), "2", text(None)));
    let first = cluster.catalog.agreement_text("2").unwrap().clone();
    assert_eq!(first.effective_at_ms, NOW_MS);
    // The same again is no change, whenever.
    let again = put_agreement_text(&cluster.catalog, &at(NOW_MS + 9), "2", text(None));
    assert!(again.unwrap().is_empty());
    accept(&mut cluster, "2", "ann", NOW_MS);
    let mut other = text(None);
    other.text.push('!');
    let refusal = put_agreement_text(&cluster.catalog, &context(), "2", other).unwrap_err();
    assert_eq!(refusal.code, "agreement_accepted");
    let later = text(Some(NOW_MS + 60_000));
    cluster.write(|c| put_agreement_text(c, &context(), "2", later));
    assert_eq!(required_agreement(&cluster.catalog, NOW_MS).id, "1");
}

#[test]
fn the_built_in_text_can_be_replaced_before_anybody_accepts_it() {
    let mut cluster = Cluster::empty();
    cluster.write(|c| put_agreement_text(c, &context(), "1", text(Some(0))));
    let texts = agreement_texts(&cluster.catalog);
    assert_eq!((texts.len(), texts[0].title.as_str()), (1, "Terms"));
}

#[test]
fn an_unknown_version_is_refused_with_those_there_are() {
    let mut cluster = Cluster::ready();
    cluster.newer_agreement("2");
    let input = AgreementInput {
        version: "3".to_owned(),
        accepted_by: "ann".to_owned(),
    };
    let refusal = accept_agreement(&cluster.catalog, &context(), "acme", input).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (422, "unknown_agreement"));
    assert!(
        refusal.detail.contains("The versions are: 1, 2;"),
        "{refusal}"
    );
}
