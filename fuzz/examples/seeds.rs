//! Writes the seed corpus anew: one small sample of each kind of input, into `fuzz/corpus`. In `fuzz/`:
//! `cargo run --example seeds`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chitchat::ChitchatId;
use serde_json::json;
use weir_cluster::ledger::{Entry, GatewayRow, Incarnation};
use weir_cluster::membership::frame::{DigestEntry, Frame, KeyValue, Message, NodeDelta, Status};
use weir_cluster::plan::{Kept, MintRow, Plan, Tag};
use weir_cluster::trust::{Authority, JoinToken, NodeKey};

const NOW_MS: u64 = 1_700_000_000_000;

fn main() {
    frames();
    rows();
    records();
    documents();
    joins();
}

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder).expect("the corpus can be written");
    fs::write(folder.join(name), bytes).expect("the corpus can be written");
}

fn id(node: &str, v6: bool) -> ChitchatId {
    let address = match v6 {
        true => ([0xfd00, 0, 0, 0, 0, 0, 0, 1], 7_000).into(),
        false => ([10, 0, 0, 1], 7_000).into(),
    };
    ChitchatId::new(node, NOW_MS, address)
}

fn digest(nodes: usize) -> Vec<DigestEntry> {
    let entry = |n: usize| DigestEntry {
        id: id(&format!("node-{n}"), n % 2 == 1),
        heartbeat: n as u64 + 7,
        collected: 0,
        version: 12,
    };
    (0..nodes).map(entry).collect()
}

fn delta(values: u64) -> Vec<NodeDelta> {
    let value = |n: u64| KeyValue {
        key: ["cert", "region", "mint", "q.AAAAAAAAAAA"][n as usize % 4].to_owned(),
        value: "A".repeat(94) + "said",
        version: n + 1,
        status: Status::Set,
    };
    vec![
        NodeDelta {
            id: id("node-0", false),
            collected: 0,
            from: 0,
            values: (0..values).map(value).collect(),
            version: None,
        },
        NodeDelta {
            id: id("node-1", true),
            collected: 3,
            from: 2,
            values: Vec::new(),
            version: Some(9),
        },
    ]
}

fn frames() {
    let syn = |nodes| Message::Syn {
        cluster: "test".to_owned(),
        digest: digest(nodes),
    };
    let syn_ack = |nodes, values| Message::SynAck {
        digest: digest(nodes),
        delta: delta(values),
    };
    let messages = [
        ("syn", syn(3)),
        ("syn_of_nobody", syn(0)),
        ("syn_packed", syn(700)),
        ("syn_ack", syn_ack(2, 4)),
        ("ack", Message::Ack { delta: delta(4) }),
        ("ack_packed", Message::Ack { delta: delta(400) }),
    ];
    for (name, message) in messages {
        for version in [0, 1] {
            let message = message.clone();
            let frame = Frame { version, message };
            write("gossip_frame", &format!("{name}_v{version}"), frame.write());
        }
    }
}

fn rows() {
    let entry = Entry {
        turn: 7,
        need: 5_000,
        surplus: 0,
        given: vec![(Incarnation(3), 100), (Incarnation(1 << 60), 1 << 40)],
    };
    let row = GatewayRow {
        incarnation: Incarnation(42),
        bytes: Some(entry.clone()),
        requests: Some(Entry {
            need: 0,
            surplus: 9,
            ..entry
        }),
    };
    let node = "node-0".parse().expect("a name");
    let plan = Plan::first(&node, NOW_MS);
    let mint = MintRow {
        incarnation: NOW_MS,
        memory: NOW_MS,
        counter: 99,
        seen: Some(plan.id.clone()),
        complete: true,
        agreed: true,
        left: false,
        share: 1 << 32,
        echoes: vec![Tag::of(NOW_MS, 98), Tag::NONE],
    };
    let kept = Kept {
        seen: Some(Arc::new(plan.clone())),
        ..Kept::nothing(NOW_MS)
    };
    let texts = [
        ("gateway", row.encode()),
        ("mint", mint.encode()),
        ("plan", plan.encode()),
        ("kept", kept.encode()),
        ("stamp", "018bcfe568000003-node-0".to_owned()),
        ("key", "business/wx0123456789abcdef".to_owned()),
    ];
    for (kind, (name, text)) in (b'0'..).zip(texts) {
        write("gossip_row", name, [&[kind], text.as_bytes()].concat());
    }
}

fn records() {
    let stamp = "018bcfe568000003-node-0";
    let space = json!({"space": {"id": "acme", "mini_programs": []}});
    let record = |object| {
        json!({
            "key": "space/acme", "stamp": stamp, "based_on": null, "author": "you", "request": "r", "object": object
        })
    };
    let bodies = [
        ("pull", json!({"versions": [["space/acme", stamp]]})),
        ("stamps", json!({"stamps": [["gateway/shop", stamp]]})),
        ("deleted", json!({"records": [record(json!(null))]})),
        ("space", json!({"records": [record(space)]})),
    ];
    for (name, body) in bodies {
        write("config_record", name, body.to_string());
    }
}

fn documents() {
    let yaml = "mini_programs:\n  - appid: wx00000000000000aa\n    name: Shop\n    request_domains: [\"https://api.shop.example\"]\n    versions: { trial: \"1.0.0\" }\nspaces:\n  - id: acme\n    agreement: { version: \"1\", accepted_by: you, accepted_at_ms: 1700000000000 }\n    mini_programs: [wx00000000000000aa]\ngateways:\n  - id: shop\n    space: acme\n    package: { name: standard }\n";
    let json = json!({
        "spaces": [{"id": "acme", "mini_programs": ["wx00000000000000aa"]}],
        "gateways": [{"id": "shop", "space": "acme", "package": {"bandwidth_bps": 1000, "qps": 3}, "overflow": "relay"}],
        "businesses": [{"id": "wx00000000000000aa", "gateway": "shop", "type": "mini_program",
            "access": {"enabled": true, "versions": ["trial"], "urls": [{"domain": "api.shop.example", "paths": ["/v1/"]}], "gray": {"percent": 5.0}}}],
        "regions": [{"id": "shanghai"}],
    });
    write("config_document", "yaml", yaml);
    write("config_document", "json", json.to_string());
    write("config_document", "empty", "{}");
}

fn joins() {
    let authority = Authority::generate("test", NOW_MS).expect("the system has randomness");
    let token = JoinToken::generate(authority.id(), "node-0".parse().expect("a name")).expose();
    let request = NodeKey::generate().and_then(|key| key.request());
    let request = request.expect("the system has randomness");
    let ask = json!({"token": token, "node": "node-1", "request": BASE64.encode(&request)});
    write("join_request", "ask", ask.to_string());
    write("join_request", "token", token);
    write("join_request", "certificate", authority.certificate().der());
    write("join_request", "request", request);
}
