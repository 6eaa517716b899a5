//! Every setting by name: what the loader knows of the environment, and what `docs/settings.md` lists.

/// One setting as an operator sees it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `section.key` of the file.
    pub key: &'static str,
    pub kind: ValueKind,
    /// As it is written in the file; empty: none.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    Text,
    /// Text that may be left out; an empty variable takes the file's value away.
    OptionalText,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// Several texts; separated by commas in the environment.
    List,
    /// An array of tables; the same inline array in the environment.
    Tables,
}

use ValueKind::{Flag, List, Number, OptionalText, Tables, Text};

/// All settings, in the order of the documentation.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("node.id", Text, "", "The node's name in the cluster: 1 to 32 of `a-z 0-9 -`. Must be set, and be different on every node."),
    setting("node.region", Text, "", "The region the node stands in, a DNS label such as `shanghai`. Must be set."),
    setting("node.data_dir", Text, "weir-data", "Directory of the store, the admin token and the development certificate. Made where it does not exist."),
    setting("node.cluster", Text, "weir", "The cluster's name, chosen by its first node; a node that joins learns it. Where it is set to another than that, the node does not start."),
    setting("link.http", Text, "127.0.0.1:8000", "Address of the link, plain HTTP."),
    setting("link.https", Text, "127.0.0.1:8440", "Address of the link, TLS."),
    setting("link.base_domain", Text, "weir.localhost", "Access domains are `a<8 hex>-<appid>.<region>.<base domain>`."),
    setting("link.workers", Number, "0", "Link cores; `0`: as many as the machine has."),
    setting("admin.listen", Text, "127.0.0.1:9000", "Address of the admin API."),
    setting("admin.drills", Flag, "false", "Whether this node can be asked to cut itself off from the others for a while (`POST /admin/v1/drill/cut`), to rehearse a broken network. Leave it `false` where nobody rehearses."),
    setting("mesh.listen", Text, "127.0.0.1:7000", "Address other nodes reach this one at. Nodes prove who they are with certificates of the cluster (join-a-node.md); connections to others come from the same address. With `0.0.0.0`, `mesh.advertise` has to be set."),
    setting("mesh.advertise", OptionalText, "", "What other nodes dial (`host:port`), where it is not `mesh.listen`: behind an address translator. A name is looked up when the node starts."),
    setting("mesh.join", OptionalText, "", "`TOKEN@HOST:PORT`, as `weir token join` prints it: lets this node into a cluster at its first start (`weir node --join`, `WEIR_JOIN`). Ignored once it has a certificate. Never shown."),
    setting("mesh.certificate_life_s", Number, "2592000", "How long a certificate that this node issues holds, seconds, 5 to 31,536,000. A node renews its own after two thirds of that, without a restart; one that was off for longer has to join anew."),
    setting("mesh.seeds", List, "[]", "Mesh addresses (`host:port`) of nodes to join. Empty: this node begins a cluster and makes its first admin token."),
    setting("mesh.gossip_interval_ms", Number, "100", "Time between two rounds of gossip, milliseconds, 10 to 10,000."),
    setting("mesh.ack_timeout_ms", Number, "2000", "How long a change waits for as many other nodes to have it as it was asked with (`?ack=`), milliseconds, 10 to 60,000. Then it is answered 202: kept here, on its way."),
    setting("package.fence_ms", Number, "10000", "How long a node that half of the others do not hear goes on minting its share of the packages, milliseconds, 1,000 to 600,000; for as long a crash costs its share. The `package` settings have to be the same on every node."),
    setting("package.burst_ms", Number, "1000", "What all nodes together may save up of a package, as time of its limit, milliseconds, 100 to 10,000."),
    setting("history.keep_versions", Number, "100", "Versions kept of each object, the newest included, 1 to 10,000. The `history` settings have to be the same on every node."),
    setting("history.keep_days", Number, "90", "Days a version is kept after another took its place, 1 to 3,650."),
    setting("history.keep_deleted_days", Number, "30", "Days a deleted object is remembered with its history, 1 to 3,650. A node that was off for longer begins with nothing and takes all from the others."),
    setting("tls.certificates", Tables, "[]", "Own certificates by name: `[{names = [\"*.shanghai.example.com\"], cert_file = \"…\", key_file = \"…\"}]`, PEM. Where none matches, the development certificate answers."),
    setting("tls.origin_ca_file", OptionalText, "", "PEM file of authorities that origins' certificates are checked against, besides the system's."),
    setting("seal.key", OptionalText, "", "What secrets are sealed with in the store: 32 bytes, as 64 hexadecimal digits or base64 (`openssl rand -hex 32`). Better given as `WEIR_SEAL_KEY` or in `seal.key_file`. Not set: the node makes itself one, in the data directory. Has to be the same on every node with `platform.provider = \"wechat\"`."),
    setting("seal.key_file", OptionalText, "", "File that holds the seal key, not readable by everybody."),
    setting("platform.provider", Text, "local", "`local`: mini programs are registered in this cluster. `wechat`: the node speaks to the WeChat open platform too, as a third-party platform (platform-wechat.md); for spaces that say so."),
    setting("platform.refresh_s", Number, "3600", "How often what the platform says of each mini program (domains, versions) is read again, seconds, 1 to 86,400."),
    setting("platform.wechat.base_url", Text, "https://api.weixin.qq.com", "Where the open platform's API is."),
    setting("platform.wechat.authorize_url", Text, "https://mp.weixin.qq.com/cgi-bin/componentloginpage", "The page on which a mini program's owner authorises the third-party platform."),
    setting("platform.wechat.component_appid", OptionalText, "", "The third-party platform's appid. Needed with `wechat`, as are the next three."),
    setting("platform.wechat.component_secret", OptionalText, "", "Its secret; better given as a variable. Never shown."),
    setting("platform.wechat.message_token", OptionalText, "", "The token that pushed messages are signed with. Never shown."),
    setting("platform.wechat.encoding_aes_key", OptionalText, "", "The key that pushed messages are encrypted with, 43 letters and digits. Never shown."),
    setting("platform.wechat.public_url", OptionalText, "", "Where browsers and the open platform reach `/platform/wechat/…` of the admin port, as in `https://weir.example.com`. Needed for authorisation pages."),
    setting("platform.wechat.timeout_ms", Number, "5000", "Time for one answer of the open platform, milliseconds, 100 to 60,000."),
    setting("limits.head_bytes", Number, "32768", "Request head, bytes; at least 8,192."),
    setting("limits.headers", Number, "100", "Header fields of one request."),
    setting("limits.body_bytes", Number, "104857600", "Request body, bytes. Bodies are streamed, never held whole."),
    setting("limits.envelope_bytes", Number, "10485760", "Body that is put into an envelope (`x-wx-http-mode: ENVELOPE`), bytes."),
    setting("limits.h2_streams", Number, "100", "Concurrent calls on one HTTP/2 connection."),
    setting("limits.head_timeout_ms", Number, "10000", "Time for a whole request head, milliseconds."),
    setting("limits.body_idle_timeout_ms", Number, "60000", "Time without a byte of a body, in either direction, after which a call ends, milliseconds."),
    setting("limits.keep_alive_timeout_ms", Number, "75000", "Time a connection may rest between calls, milliseconds."),
    setting("limits.connections_per_core", Number, "20000", "Link connections in all, per core."),
    setting("limits.connections_per_ip", Number, "20000", "Link connections of one client address, per core."),
    setting("limits.origin_connections_per_core", Number, "1024", "Connections and calls under way to one origin, per core."),
    setting("limits.connect_timeout_ms", Number, "5000", "Time to connect to an origin, milliseconds."),
    setting("limits.drain_timeout_ms", Number, "30000", "Time for calls to finish after SIGTERM, milliseconds."),
    setting("monitor.enabled", Flag, "true", "Whether calls are counted and recorded (monitoring.md). Without it nothing is known of the past of calls; packages are measured all the same."),
    setting("monitor.sample_percent", Number, "100", "Of the calls that went well, how many in 100 have their record kept, 0 to 100. Errors, overflow and slow calls are kept always; figures are of all calls."),
    setting("monitor.slow_ms", Number, "1000", "A call that takes longer is slow, and its record is kept; milliseconds, 1 to 86,400,000."),
    setting("monitor.records_per_second", Number, "200", "Records kept a second: so many of calls that went well, and so many of errors, overflow and slow calls; 0 to 100,000. With more calls, those records are a sample. Writing them down is most of what monitoring costs a busy node."),
    setting("monitor.records", Number, "200000", "Records kept in all, 0 to 100,000,000; about 1 KB of disk each. Each of the two kinds has half of them, and what the other does not need."),
    setting("monitor.record_days", Number, "7", "Days a record is kept, 1 to 3,650."),
    setting("monitor.path_bytes", Number, "512", "Bytes at which a path or a query is cut in a record, 1 to 4,096."),
    setting("monitor.query", Flag, "false", "Whether queries are recorded. They may hold what is nobody's business."),
    setting("monitor.disk_mb", Number, "1024", "What records and figures take of the disk (`monitor.db`), MiB, 16 to 1,048,576; the oldest go first."),
    setting("monitor.memory_mb", Number, "64", "What the figures of the last hour by second take of memory, MiB, 1 to 65,536. Where an hour does not fit, it is less than an hour."),
    setting("monitor.access_log", OptionalText, "", "File to which every call is written as a line of JSON. Not set: no access log."),
    setting("monitor.access_log_mb", Number, "100", "MiB at which the access log is turned over, 1 to 1,048,576."),
    setting("monitor.access_log_files", Number, "5", "Files of the access log, the newest included, 1 to 1,000."),
    setting("log.format", Text, "text", "`text` or `json`."),
    setting("log.level", Text, "info", "`off`, `error`, `warn`, `info`, `debug`, `trace`, or per module as in `info,weir::link=debug`. Changed while the node runs by `weir log` (logs.md)."),
    setting("traces.endpoint", OptionalText, "", "Collector of traces, OTLP over HTTP with protobuf, as in `http://collector:4318/v1/traces` (traces.md). Not set: no spans are made."),
    setting("traces.sample_per_10000", Number, "100", "Of 10,000 calls whose caller does not say whether its trace is sampled, so many are; 0 to 10,000."),
    setting("traces.follow_parent", Flag, "true", "Whether a caller that says so in `traceparent` decides. `false` where callers are not yours: then the share above holds for all."),
    setting("traces.headers", List, "[]", "Headers for the collector, each `name=value`, such as `authorization=Bearer …`. Better given as a variable. Never shown."),
    setting("traces.queue_spans", Number, "8192", "Spans that wait for the collector at most, 1 to 1,000,000; what is beyond is dropped and counted."),
    setting("traces.timeout_ms", Number, "10000", "Time for one request to the collector, milliseconds, 100 to 60,000."),
];

/// The settings whose values are secrets.
const SECRET: [&str; 6] = [
    "mesh.join",
    "traces.headers",
    "seal.key",
    "platform.wechat.component_secret",
    "platform.wechat.message_token",
    "platform.wechat.encoding_aes_key",
];

const fn setting(
    key: &'static str,
    kind: ValueKind,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        key,
        kind,
        default,
        meaning,
    }
}

/// The key most like a mistyped one, where one is near enough to be what was meant.
pub(super) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let near_enough = 1 + typed.len() / 4;
    known
        .into_iter()
        .map(|key| (edits(typed, key), key))
        .min()
        .filter(|&(edits, _)| edits <= near_enough)
        .map(|(_, key)| key)
}

/// Letters to add, drop or change to turn one text into the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, f) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &t) in to.iter().enumerate() {
            let change = diagonal + usize::from(f != t);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

// === impl Setting ===

impl Setting {
    /// `WEIR_LINK_HTTP` of `link.http`.
    pub fn variable(&self) -> String {
        format!("WEIR_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// No message shows its value.
    pub fn is_secret(&self) -> bool {
        SECRET.contains(&self.key)
    }

    pub fn by_key(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `docs/settings.md` is this text; run the test with `WEIR_WRITE_DOCS=1` to write it anew.
    fn documentation() -> String {
        let mut text = String::from(
            "# Settings\n\n\
             A node reads `weir node --config node.toml`, then the environment, which goes before the file. \
             An unknown key, a value\nthat cannot be used or a missing name is refused at the start with one \
             sentence that says where it stands and how to mend it.\n\n\
             In the file a setting is a key of its section: `[link]`, `http = \"127.0.0.1:8000\"`. Lists are \
             separated by commas in the\nenvironment: `WEIR_MESH_SEEDS=127.0.0.1:7001,127.0.0.1:7002`.\n\n\
             | setting | environment | default | meaning |\n|---|---|---|---|\n",
        );
        for setting in SETTINGS {
            let default = match setting.default {
                "" => "none".to_owned(),
                default => format!("`{default}`"),
            };
            let (key, variable) = (setting.key, setting.variable());
            text += &format!(
                "| `{key}` | `{variable}` | {default} | {} |\n",
                setting.meaning
            );
        }
        text
    }

    #[test]
    fn the_manual_lists_every_setting_with_its_default() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
        if std::env::var_os("WEIR_WRITE_DOCS").is_some() {
            std::fs::write(file, documentation()).unwrap();
        }
        let manual = std::fs::read_to_string(file).unwrap();
        assert_eq!(
            manual,
            documentation(),
            "run this test with WEIR_WRITE_DOCS=1"
        );
    }

    #[test]
    fn a_typing_mistake_finds_the_key_that_was_meant_and_nonsense_finds_none() {
        let keys = || SETTINGS.iter().map(|setting| setting.key);
        assert_eq!(nearest("link.htpp", keys()), Some("link.http"));
        assert_eq!(
            nearest("limits.body_byte", keys()),
            Some("limits.body_bytes")
        );
        assert_eq!(nearest("colour", keys()), None);
    }
}
