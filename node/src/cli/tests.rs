use clap::Parser;
use serde_json::json;

use super::apply::steps;
use super::arguments::{Cli, Command, Connection};
use super::client::{Client, Reply};
use super::failure::Failure;
use super::get::{Kind, list, target};
use super::{attach, cluster};

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
}

#[test]
fn the_arguments_hold_together() {
    use clap::CommandFactory;
    Cli::command().debug_assert();
}

#[test]
fn every_command_of_the_contract_is_understood() {
    for line in [
        "weir node --config node.toml",
        "weir origin --listen 127.0.0.1:0",
        "weir get businesses --gateway shop --limit 5 --json",
        "weir get business wx0123456789abcdef --admin http://127.0.0.1:9001 --token t",
        "weir apply -f -",
        "weir one-key-access shop wx0123456789abcdef --region shanghai",
        "weir disconnect wx0123456789abcdef",
        "weir connect wx0123456789abcdef",
        "weir cluster --json",
    ] {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for line in [
        "weir gett",
        "weir one-key-access shop",
        "weir origin --listen nowhere",
        "weir apply",
    ] {
        assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn help_never_shows_the_token() {
    let mut command = <Cli as clap::CommandFactory>::command();
    let get = command.find_subcommand_mut("get").unwrap();
    let token = get
        .get_arguments()
        .find(|argument| argument.get_id() == "token")
        .unwrap();
    assert!(token.is_hide_env_values_set());
}

#[test]
fn an_object_is_named_by_kind_and_id_or_in_one_word() {
    let id = Some("shop".to_owned());
    assert_eq!(
        target("gateway", Some("shop")).unwrap(),
        (Kind::Gateway, id.clone())
    );
    assert_eq!(target("gateways/shop", None).unwrap(), (Kind::Gateway, id));
    assert_eq!(
        target("mini_programs", None).unwrap(),
        (Kind::MiniProgram, None)
    );
    assert!(target("gateway/shop", Some("other")).is_err());
    assert!(
        target("gatway", None)
            .unwrap_err()
            .to_string()
            .contains("businesses")
    );
}

#[test]
fn a_list_is_a_table_that_says_when_there_is_more() {
    let page = json!({"items": [{"id": "shop", "name": "", "space": "acme", "overflow": "redirect",
        "package": {"name": "standard", "bandwidth_bps": 20_000_000, "qps": 1000}}], "next": "shop"});
    let text = list(Kind::Gateway, &page);
    assert!(
        text.contains("shop  -     acme   standard  20 Mbps    1000  redirect"),
        "{text}"
    );
    assert!(text.ends_with("There are more: --after shop\n"), "{text}");
    assert_eq!(
        list(Kind::Gateway, &json!({"items": [], "next": null})),
        "There are none.\n"
    );
}

#[test]
fn a_document_is_applied_in_the_order_in_which_objects_need_each_other() {
    let document = json!([
        {"kind": "business", "id": "wx01", "timeout_ms": 20_000},
        {"kind": "gateway", "id": "shop", "space": "acme"},
        {"kind": "space", "id": "acme", "name": "Acme", "mini_programs": ["wx01"],
         "agreement": {"version": "1", "accepted_by": "a"}},
        {"kind": "mini_program", "id": "wx01", "request_domains": ["a.example"]},
    ]);
    let steps = steps(&document).unwrap();
    let calls: Vec<String> = steps
        .iter()
        .map(|step| format!("{} {}", step.method, step.path))
        .collect();
    assert_eq!(
        calls,
        [
            "PUT /platform/mini-programs/wx01",
            "PUT /spaces/acme",
            "PUT /spaces/acme/agreement",
            "PUT /spaces/acme/mini-programs/wx01",
            "PUT /gateways/shop",
            "PATCH /businesses/wx01",
        ]
    );
    assert_eq!(steps[1].body, Some(json!({"name": "Acme"})));
    assert_eq!(steps[5].body, Some(json!({"timeout_ms": 20_000})));
}

#[test]
fn an_object_that_cannot_be_applied_is_named_by_its_place() {
    for (document, why) in [
        (
            json!([{"kind": "space", "id": "a"}, {"kind": "spice", "id": "b"}]),
            "Object 2 has the kind `spice`",
        ),
        (json!({"kind": "space"}), "Object 1 has no `id`"),
        (json!([7]), "Object 1 is not a JSON object"),
        (
            json!({"kind": "space", "id": "a", "mini_programs": "wx"}),
            "Object 1 has `mini_programs`",
        ),
    ] {
        let failure = steps(&document).unwrap_err().to_string();
        assert!(failure.contains(why), "{failure}");
    }
}

#[test]
fn one_key_access_shows_the_domain_the_warnings_and_a_qr_code() {
    let body = json!({"id": "wx01", "gateway": "shop", "access_domain": "a1-wx01.shanghai.weir.localhost",
        "route_tag": "tag-1", "region": "shanghai", "access": {"versions": ["trial"]},
        "attached_domains": ["a.example"], "skipped_domains": [], "warnings": ["It was not authorised; it is now."],
        "qr_code": {"content": "https://weir.localhost/t", "svg": "<svg/>"}});
    let text = attach::attached(&Reply {
        status: 201,
        changed: Some(true),
        body,
    });
    for line in [
        "Mini program wx01 is attached to gateway shop.",
        "access domain  a1-wx01.shanghai.weir.localhost",
        "skipped        -",
        "warning        It was not authorised; it is now.",
    ] {
        assert!(
            text.lines().any(|there| there == line),
            "no `{line}` in\n{text}"
        );
    }
    assert!(text.contains('█'), "{text}");
}

#[test]
fn the_cluster_is_a_table_with_a_verdict() {
    let node = |id: &str, live: bool| {
        json!({"id": id, "region": "shanghai", "live": live, "leaving": false, "agrees": live,
            "newest_version": null, "config_digest": "00ff", "addresses": {"admin": "127.0.0.1:9001"}})
    };
    let cluster =
        json!({"node": "n1", "agree": true, "nodes": [node("n1", true), node("n2", false)]});
    let text = cluster::render(&cluster);
    assert!(text.contains("n1 *") && text.contains("dead"), "{text}");
    assert!(
        text.contains("1 of 2 nodes are live; the live ones hold the same configuration."),
        "{text}"
    );
}

#[test]
fn a_refusal_is_one_sentence_with_the_field() {
    let problem = json!({"detail": "The field `space` is missing.", "field": "space"});
    let failure = Failure::refused(422, &problem).unwrap();
    assert_eq!(
        failure.to_string(),
        "The field `space` is missing. (field `space`)"
    );
    assert!(Failure::refused(502, &json!("nginx")).is_none());
}

#[actix_rt::test]
async fn a_node_that_is_not_there_is_told_in_one_sentence() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let connection = Connection {
        admin: admin.clone(),
        token: None,
        json: false,
    };
    let failure = Client::new(&connection)
        .unwrap()
        .get("/cluster")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        failure.contains(&admin) && failure.contains("nothing listens there"),
        "{failure}"
    );
}
