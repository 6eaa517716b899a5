use std::path::PathBuf;

use figment::value::Value;

use super::*;

/// Loads from a file's text and variables; the file's path stands as `FILE` in errors.
fn load_with(file: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    std::fs::write(&path, file).unwrap();
    let variables = variables
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    load_from(Some(&path), variables).map_err(|error| {
        error
            .to_string()
            .replace(&path.display().to_string(), "FILE")
    })
}

const NODE: &str = "[node]\nid = \"n1\"\nregion = \"shanghai\"\n";

fn refused(more: &str) -> String {
    load_with(&format!("{NODE}{more}"), &[]).unwrap_err()
}

fn value_at(settings: &Settings, key: &str) -> Value {
    Value::serialize(settings)
        .unwrap()
        .find(key)
        .unwrap_or(Value::from(""))
}

/// Text form, the same for a number read from a file and for one read from a variable.
fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => text.clone(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number.to_u128().unwrap().to_string(),
        Value::Array(_, items) => {
            format!(
                "[{}]",
                items.iter().map(shown).collect::<Vec<_>>().join(",")
            )
        }
        Value::Dict(_, dict) => dict.values().map(shown).collect::<Vec<_>>().join("+"),
        Value::Empty(..) => String::new(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_name_and_a_region_are_all_a_node_needs() {
    let settings = load_with(NODE, &[]).unwrap();
    assert_eq!(settings.node.id, "n1");
    for setting in SETTINGS
        .iter()
        .filter(|s| !matches!(s.key, "node.id" | "node.region"))
    {
        assert_eq!(
            shown(&value_at(&settings, setting.key)),
            setting.default,
            "{}",
            setting.key
        );
    }
}

#[test]
fn every_setting_can_be_set_by_the_environment() {
    for setting in SETTINGS {
        let (text, expected) = match (setting.key, setting.kind) {
            ("log.format", _) => ("json", "json"),
            ("log.level", _) => ("debug", "debug"),
            ("platform.provider", _) => ("local", "local"),
            (
                "seal.key"
                | "mesh.join"
                | "platform.wechat.component_secret"
                | "platform.wechat.message_token"
                | "platform.wechat.encoding_aes_key",
                _,
            ) => ("planted", "***"),
            ("seal.key_file" | "platform.wechat.component_appid", _) => ("x9", "x9"),
            (key, _) if key.starts_with("platform.wechat.") && key.ends_with("_url") => {
                ("https://x9.example", "https://x9.example")
            }
            ("node.data_dir" | "tls.origin_ca_file", _) => ("/a/b", "/a/b"),
            ("node.id" | "node.region" | "node.cluster" | "link.base_domain", _) => ("x9", "x9"),
            ("traces.headers", _) => ("api-key=planted, x=planted", "[***,***]"),
            ("traces.endpoint", _) => ("http://x9:4318/v1/traces", "http://x9:4318/v1/traces"),
            ("mesh.seeds", _) => ("a:1, b:2", "[a:1,b:2]"),
            ("tls.certificates", _) => (
                r#"[{names = ["n.example"], cert_file = "c", key_file = "k"}]"#,
                "[c+k+[n.example]]",
            ),
            (_, ValueKind::Number) => ("1009", "1009"),
            (_, ValueKind::Flag) => ("true", "true"),
            _ => ("127.0.0.1:65000", "127.0.0.1:65000"),
        };
        let (text, expected) = match setting.key {
            "limits.head_bytes" => ("9000", "9000"),
            "monitor.sample_percent" => ("10", "10"),
            "monitor.access_log_files" => ("9", "9"),
            "monitor.access_log" => ("/a/b", "/a/b"),
            _ => (text, expected),
        };
        let settings = load_with(NODE, &[(&setting.variable(), text)]).unwrap();
        assert_eq!(
            shown(&value_at(&settings, setting.key)),
            expected,
            "{}",
            setting.key
        );
    }
}

#[test]
fn no_setting_is_missing_from_the_list() {
    let settings = load_with(NODE, &[]).unwrap();
    let value = Value::serialize(&settings).unwrap();
    fn look(at: &str, value: &Value) {
        match value.as_dict() {
            Some(keys) => keys
                .iter()
                .for_each(|(key, value)| look(&format!("{at}.{key}"), value)),
            None => assert!(Setting::by_key(at).is_some(), "{at} is not in SETTINGS"),
        }
    }
    for (section, keys) in value.as_dict().unwrap() {
        look(section, keys);
    }
}

#[test]
fn the_environment_goes_before_the_file_and_is_enough_by_itself() {
    let file =
        format!("{NODE}[link]\nhttp = \"127.0.0.1:1\"\n[mesh]\nadvertise = \"10.0.0.1:7\"\n");
    let over = [
        ("WEIR_LINK_HTTP", "127.0.0.1:2"),
        ("WEIR_MESH_ADVERTISE", ""),
    ];
    let settings = load_with(&file, &over).unwrap();
    assert_eq!(settings.link.http.port(), 2);
    assert_eq!(settings.mesh.advertise, None);

    let alone = [("WEIR_NODE_ID", "n2"), ("WEIR_NODE_REGION", "tianjin")];
    let alone = alone.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(load_from(None, alone).unwrap().node.id, "n2");
}

#[test]
fn a_name_of_digits_stays_a_name() {
    let settings = load_with(NODE, &[("WEIR_NODE_ID", "7")]).unwrap();
    assert_eq!(settings.node.id, "7");
}

#[test]
fn variables_of_the_command_line_and_of_the_cluster_script_are_let_be() {
    let others = [
        ("WEIR_ADMIN", "http://127.0.0.1:9001"),
        ("WEIR_TOKEN", "t"),
        ("WEIR_ADMIN_1", "x"),
        ("WEIR_LINK_12", "x"),
        ("WEIR_PID_1", "x"),
        ("WEIR_ORIGIN", "x"),
        ("PATH", "x"),
    ];
    assert!(load_with(NODE, &others).is_ok());
}

#[test]
fn an_unknown_variable_is_refused_with_the_one_that_was_meant() {
    assert_eq!(
        load_with(NODE, &[("WEIR_LINK_HTPP", "x")]).unwrap_err(),
        "the variable WEIR_LINK_HTPP is not a setting: did you mean `WEIR_LINK_HTTP`?"
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    assert_eq!(
        refused("[link]\nhtpp = \"127.0.0.1:1\"\n"),
        "FILE has a key `link.htpp` that is not a setting: did you mean `link.http`?"
    );
    assert_eq!(
        refused("[mesh]\ncluster = \"c\"\n"),
        "FILE has a key `mesh.cluster` that is not a setting: did you mean `node.cluster`?"
    );
    assert_eq!(
        refused("[colours]\nred = 1\n"),
        "FILE has a key `colours` that is not a setting: take it out, docs/settings.md lists all settings"
    );
    assert_eq!(
        refused("[[tls.certificates]]\nnames = [\"a\"]\ncert_fle = \"c\"\nkey_file = \"k\"\n"),
        "FILE has a key `tls.certificates.0.cert_fle` that is not a setting: did you mean `cert_file`?"
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_to_write() {
    assert_eq!(
        refused("[limits]\nheaders = \"many\"\n"),
        "limits.headers in FILE cannot be used: the text \"many\" is no whole number: \
         write one without quotes, 0 or greater"
    );
    assert_eq!(
        refused("[log]\nlevel = 3\n"),
        "log.level in FILE cannot be used: the number 3 is no text: put it in quotes"
    );
    assert_eq!(
        refused("[log]\nformat = \"xml\"\n"),
        "log.format in FILE cannot be used: `xml` is not known: write `text` or `json`"
    );
    assert_eq!(
        load_with(NODE, &[("WEIR_LIMITS_HEADERS", "many")]).unwrap_err(),
        "limits.headers in the variable WEIR_LIMITS_HEADERS cannot be used: `many` is not a whole number: \
         write digits only"
    );
    assert_eq!(
        refused("[link]\nhttp = 8000\n"),
        "link.http in FILE cannot be used: the number 8000 is no text: put it in quotes"
    );
}

#[test]
fn a_bad_address_says_what_an_address_is() {
    assert_eq!(
        refused("[admin]\nlisten = \"localhost\"\n"),
        "admin.listen in FILE cannot be used: `localhost` is not an address: write IP:port, as in 127.0.0.1:8000"
    );
    assert_eq!(
        load_with(NODE, &[("WEIR_LINK_HTTPS", "8443")]).unwrap_err(),
        "link.https in the variable WEIR_LINK_HTTPS cannot be used: `8443` is not an address: \
         write IP:port, as in 127.0.0.1:8000"
    );
}

#[test]
fn a_missing_name_says_where_to_write_it() {
    assert_eq!(
        load_with("", &[]).unwrap_err(),
        "node.id is not set: write it in the settings file or set WEIR_NODE_ID"
    );
    assert_eq!(
        load_with("[node]\nid = \"n1\"\n", &[]).unwrap_err(),
        "node.region is not set: write it in the settings file or set WEIR_NODE_REGION"
    );
}

#[test]
fn names_that_cannot_be_used_are_refused() {
    let bad_id = load_with("[node]\nid = \"Node 1\"\nregion = \"shanghai\"\n", &[]).unwrap_err();
    assert!(bad_id.starts_with("node.id in FILE cannot be used: `Node 1` is not a node name"));
    let bad_region = load_with(NODE, &[("WEIR_NODE_REGION", "Shang_Hai")]).unwrap_err();
    assert!(bad_region.starts_with(
        "node.region in the variable WEIR_NODE_REGION cannot be used: `Shang_Hai` is not a DNS label"
    ));
    assert!(refused("[link]\nbase_domain = \"a..b\"\n").contains("`a..b` is not a domain"));
    assert!(refused("[log]\nlevel = \"weir=lots\"\n").contains("`lots` is no level"));
    assert!(refused("[mesh]\nseeds = [\"host\"]\n").contains("`host` is not host:port"));
}

#[test]
fn a_limit_of_zero_is_refused_for_every_limit() {
    for setting in SETTINGS.iter().filter(|s| s.key.starts_with("limits.")) {
        let error = load_with(NODE, &[(&setting.variable(), "0")]).unwrap_err();
        assert!(
            error.contains(setting.key) && error.contains("0 is out of range"),
            "{error}"
        );
    }
}

#[test]
fn others_have_to_know_where_to_dial_the_mesh() {
    let error = refused("[mesh]\nlisten = \"0.0.0.0:7000\"\n");
    assert!(error.contains("set mesh.advertise"), "{error}");
    let named = "[mesh]\nlisten = \"0.0.0.0:7000\"\nadvertise = \"n1.example:7000\"\n";
    assert!(load_with(&format!("{NODE}{named}"), &[]).is_ok());
    let open = "[mesh]\nlisten = \"192.0.2.7:7000\"\n";
    assert!(load_with(&format!("{NODE}{open}"), &[]).is_ok());
    let error = refused("[mesh]\nadvertise = \"n1.example\"\n");
    assert!(error.contains("not host:port"), "{error}");
    let error = refused("[mesh]\nadvertise = \"0.0.0.0:7000\"\n");
    assert!(error.contains("0.0.0.0:7000 cannot be dialled"), "{error}");
}

#[test]
fn two_ports_of_one_address_are_refused() {
    assert_eq!(
        refused("[admin]\nlisten = \"127.0.0.1:8000\"\n"),
        "admin.listen in FILE cannot be used: link.http has the same address 127.0.0.1:8000: \
         give each its own port"
    );
    let any_port = [
        ("WEIR_ADMIN_LISTEN", "127.0.0.1:0"),
        ("WEIR_MESH_LISTEN", "127.0.0.1:0"),
    ];
    assert!(load_with(NODE, &any_port).is_ok());
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_named() {
    let gone = load_from(Some(&PathBuf::from("/nowhere/node.toml")), []).unwrap_err();
    assert!(
        gone.to_string()
            .starts_with("the settings file /nowhere/node.toml cannot be read (No such file")
    );
    let error = load_with("[node]\nid = n1\n", &[]).unwrap_err();
    assert!(
        error.starts_with("the settings file FILE is not valid TOML, line 2, column 6"),
        "{error}"
    );
    assert!(!error.contains('\n'));
}

#[test]
fn a_secret_of_the_wrong_type_is_not_shown() {
    for (section, key) in [("seal", "key"), ("platform.wechat", "component_secret")] {
        let refused = refused(&format!("[{section}]\n{key} = 4711815\n"));
        assert!(
            refused.contains(key) && refused.contains("quotes"),
            "{refused}"
        );
        assert!(!refused.contains("4711815"), "{refused}");
    }
}
