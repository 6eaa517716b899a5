use std::path::Path;

use clap::Parser;
use serde_json::json;

use super::arguments::{Cli, Command, Connection, ForgetArgs};
use super::client::{Client, Reply};
use super::failure::Failure;
use super::get::{Kind, list, target};
use super::{apply, attach, clients, cluster, history, schedule};

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
        "weir apply -f config.yaml --prune --yes --json",
        "weir diff -f config.yaml --prune",
        "weir export",
        "weir export --format json --out config.json",
        "weir history --object gateway/shop --conflicts --limit 5",
        "weir history show 0190000000000000-n1 --admin http://127.0.0.1:9001",
        "weir history restore 0190000000000000-n1 --dry-run",
        "weir history restore --at 2026-01-31T08:30:00Z --yes --json",
        "weir backup --out weir.db",
        "weir restore --config node.toml --from weir.db",
        "weir restore --config node.toml --from-peer",
        "weir one-key-access shop wx0123456789abcdef --region shanghai",
        "weir disconnect wx0123456789abcdef",
        "weir connect wx0123456789abcdef",
        "weir cluster --json",
        "weir cluster forget shenzhen-1 --yes",
        "weir package shop",
        "weir package shop --watch",
        "weir package shop --watch 0.5 --count 3 --json",
        "weir package shop set standard",
        "weir package shop set --bandwidth 5Mbps --qps 100",
        "weir package shop add-pack sale --bandwidth 5Mbps --for 2h",
        "weir package shop add-pack sale --qps 50 --from 2026-01-31T08:30:00Z --until 2026-02-01T08:30:00Z",
        "weir package shop remove-pack sale --admin http://127.0.0.1:9001",
        "weir business add shop --type web --origin https://api.shop.example --cors-origin https://shop.example",
        "weir business add shop --type mini-program --id wx0123456789abcdef --name Shop --region tianjin --json",
        "weir business remove web-1 --yes",
        "weir access wx0123456789abcdef",
        "weir access wx0123456789abcdef --versions release,trial --urls a.example/v1 b.example --gray 10",
        "weir access wx0123456789abcdef --versions none --urls all --manual-domains none --min-sdk-version 3.1.0",
        "weir gray wx0123456789abcdef in user-1 --token t",
        "weir gray wx0123456789abcdef out user-1",
        "weir gray wx0123456789abcdef share user-1",
        "weir schedule list wx0123456789abcdef --json",
        "weir schedule add wx0123456789abcdef night disconnect --at 2026-01-31T08:30:00Z --for 2h",
        "weir schedule add wx0123456789abcdef sale change --patch {} --at +1h --until 2026-01-31T08:30:00Z",
        "weir schedule add wx0123456789abcdef warm rise --to 100 --over 6h --pause-above 2.5 --resume-after 1h",
        "weir schedule remove wx0123456789abcdef night",
        "weir schedule pause wx0123456789abcdef warm --why look",
        "weir schedule resume wx0123456789abcdef warm",
        "weir clients wx0123456789abcdef --json",
        "weir call 01923456-7abc-7def-8000-0000deadbeef",
        "weir calls --business wx0123456789abcdef --code -601008 --path /v1 --user li --last 2h --limit 5",
        "weir monitor wx0123456789abcdef --by rule --last 2h --step 1m --json",
        "weir monitor --gateway shop --from 2026-01-31T08:30:00Z",
        "weir monitor --refused",
        "weir agreement list",
        "weir agreement show 1",
        "weir agreement put 2 --title Terms --file terms.md --from +7d",
        "weir agreement accept acme 2 --by li.lei",
        "weir region put beijing --name Beijing --distance tianjin=110 --distance shanghai=1070",
        "weir region remove beijing --admin http://127.0.0.1:9001",
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
        "weir history restore",
        "weir history restore 0190000000000000-n1 --at 2026-01-31T08:30:00Z",
        "weir backup",
        "weir package",
        "weir package shop --count 3",
        "weir package shop --watch --count 0",
        "weir package shop --watch often",
        "weir package shop set",
        "weir package shop set standard --bandwidth 5Mbps",
        "weir package shop set standard --qps 5",
        "weir package shop add-pack sale --bandwidth 5Mbps",
        "weir package shop add-pack sale --for 2h",
        "weir package shop add-pack sale --qps 5 --for 2h --until 2026-02-01T08:30:00Z",
        "weir package shop remove-pack",
        "weir cluster forget",
        "weir business add shop",
        "weir business add shop --type desktop",
        "weir gray wx0123456789abcdef beside user-1",
        "weir schedule add wx0123456789abcdef night",
        "weir schedule add wx0123456789abcdef warm rise --to 100",
        "weir schedule add wx0123456789abcdef n disconnect --until now --for 2h",
        "weir agreement accept acme 2",
        "weir restore --config node.toml",
        "weir restore --from weir.db --from-peer",
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
fn a_document_is_json_by_its_name_or_its_first_character_else_yaml() {
    for (file, text, media) in [
        ("config.json", "x", "application/json"),
        ("config.yaml", "{}", "application/yaml"),
        ("-", " \n{\"spaces\": []}", "application/json"),
        ("-", "spaces: []", "application/yaml"),
        ("config", "# by hand\nspaces: []", "application/yaml"),
    ] {
        assert_eq!(
            apply::media(Path::new(file), text.as_bytes()),
            media,
            "{file} {text}"
        );
    }
}

#[test]
fn deletions_need_a_yes_where_nobody_can_be_asked() {
    assert!(apply::agree(false, true, 0).is_ok());
    assert!(apply::agree(true, true, 3).is_ok());
    let refused = apply::agree(false, true, 3).unwrap_err().to_string();
    assert!(
        refused.contains("3 object(s)") && refused.contains("--yes"),
        "{refused}"
    );
}

#[test]
fn the_history_is_a_table_that_marks_what_is_in_force_and_what_lost() {
    let entry = |version: &str, current: bool, conflict: bool| {
        json!({"version": version, "at": "2026-01-31T08:30:00Z", "object": "space/acme", "action": "changed",
            "author": "root", "node": "n1", "current": current, "conflict": conflict})
    };
    let page = json!({"items": [entry("v3", true, false), entry("v2", false, true), entry("v1", false, false)],
        "next": "v1"});
    let text = history::list(&page);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with("v3") && lines[1].ends_with("in force"),
        "{text}"
    );
    assert!(lines[2].ends_with("conflict: lost unseen"), "{text}");
    assert!(lines[3].ends_with("n1"), "{text}");
    assert_eq!(lines[4], "There are more: --after v1");
    assert_eq!(
        history::list(&json!({"items": []})),
        "There are no such changes.\n"
    );
}

#[test]
fn a_version_shows_what_it_changed_and_what_it_says() {
    let version = json!({"version": "v2", "object": "space/acme", "action": "changed", "current": false,
        "conflict": false, "diff": [{"path": "name", "before": "one", "after": "two"}],
        "document": {"id": "acme", "name": "two"}});
    let text = history::one(&version);
    assert!(
        text.contains("        name  \"one\" -> \"two\"\n"),
        "{text}"
    );
    assert!(
        text.ends_with("document\nid    acme\nname  two\n"),
        "{text}"
    );
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
        etag: None,
        short_of: None,
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
fn the_clients_are_a_table_that_marks_what_they_get_now() {
    let calls = |calls: u64, last: Option<&str>| json!({"calls": calls, "recent_calls": 1, "last_at": last});
    let mut newest = calls(3, Some("2026-01-31T08:30:00Z"));
    newest["version"] = json!("v2");
    let mut older = calls(90, Some("2026-01-31T08:29:00Z"));
    older["version"] = json!("v1");
    let view = json!({"business": "wx1", "conf_version": "v2", "versions": [newest, older],
        "other": calls(0, None), "none": calls(7, None), "nodes": ["n1"]});
    let text = clients::shown(&view);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].starts_with("v2 *") && lines[2].starts_with("v1  "),
        "{text}"
    );
    assert!(
        lines[4].starts_with("none said") && lines[4].contains('7'),
        "{text}"
    );
    assert!(lines[5].contains("get now: v2. Counted on: n1."), "{text}");
}

#[test]
fn schedules_are_a_table_that_says_why_one_stands_still() {
    let page = json!({"items": [
        {"id": "warm", "business": "wx1", "state": {"name": "paused", "why": "12 of 200 calls failed."},
         "plan": {"action": "rise", "target_percent": 100.0, "start": "2026-01-31T08:00:00Z", "over_ms": 3_600_000},
         "progress": {"percent": 12.5}},
        {"id": "night", "business": "wx1", "state": {"name": "waiting"},
         "plan": {"action": "disconnect", "at": "2026-01-31T22:00:00Z"}}]});
    let text = schedule::list(&page);
    let lines: Vec<&str> = text.lines().collect();
    let warm = "warm   rise to 100%, now 12.5%  2026-01-31T08:00:00Z  2026-01-31T09:00:00Z  paused: 12 of 200 calls failed.";
    assert_eq!(lines[1], warm);
    assert!(
        lines[2].starts_with("night  disconnect ")
            && lines[2].ends_with("-                     waiting"),
        "{text}"
    );
    let one = schedule::one(&page["items"][1]);
    assert_eq!(
        one,
        "Schedule night of business wx1 is waiting: disconnect from 2026-01-31T22:00:00Z"
    );
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
fn the_cluster_says_who_mints_and_why_others_do_not() {
    let node = |id: &str, minting: serde_json::Value| {
        json!({"id": id, "region": "shanghai", "live": true, "leaving": false, "agrees": true,
            "newest_version": null, "config_digest": "00ff", "addresses": {}, "minting": minting,
            "minting_unanswered": null})
    };
    let mints = json!({"epoch": 7, "complete": true, "share": 0.333, "fenced": null, "waiting_for": [],
        "obstacle": null});
    let fenced = json!({"epoch": 8, "complete": false, "share": 0.5, "waiting_for": ["n3", "n4"],
        "fenced": {"since_ms": 0, "why": "fewer than half hear it"}, "obstacle": "no majority"});
    let mut silent = node("n3", json!(null));
    silent["minting_unanswered"] = json!("no answer within 1500 ms");
    let cluster = json!({"node": "n1", "agree": true,
        "nodes": [node("n1", mints), node("n2", fenced), silent],
        "drill": {"node": "n1", "cut": true, "until": "2026-01-31T08:30:00Z", "left_s": 312}});
    let text = cluster::render(&cluster);
    for part in [
        "33.3 %",
        "fenced (50 %)",
        "8, not in force yet",
        "n2 mints nothing: fewer than half hear it.",
        "n2 waits for n3, n4 before the mint plan is in force.",
        "n2: no majority.",
        "n3 does not say how it mints: no answer within 1500 ms.",
        "A drill cuts n1 off from the others for another 312 s",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn forgetting_a_node_needs_a_yes_where_nobody_can_be_asked() {
    let args = |yes| ForgetArgs {
        node: "n2".to_owned(),
        yes,
    };
    assert!(cluster::agree(&args(true), true).is_ok());
    let refused = cluster::agree(&args(false), true).unwrap_err().to_string();
    assert!(
        refused.contains("n2 is gone for good") && refused.contains("--yes"),
        "{refused}"
    );
}

#[test]
fn the_cluster_says_what_is_to_be_seen_to() {
    let cluster = json!({"node": "n1", "agree": true, "nodes": [], "conflicts": 2,
        "store_unwritable": "the disk is full", "clock_behind_ms": 90_000});
    let text = cluster::render(&cluster);
    for part in [
        "2 version(s) lost",
        "weir history --conflicts",
        "the disk is full",
        "90000 ms behind",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn a_refusal_is_one_sentence_with_its_code_and_the_field() {
    let problem = json!({"code": "missing_field", "detail": "The field `space` is missing.", "field": "space"});
    let failure = Failure::refused(422, &problem).unwrap();
    assert_eq!(
        failure.to_string(),
        "The field `space` is missing. (code missing_field, field `space`)"
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
