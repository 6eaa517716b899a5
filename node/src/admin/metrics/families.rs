//! Every family of `/metrics`: what the page may show, and what `docs/metrics.md` lists.

/// One family of samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family {
    /// Of a counter, `_total` included.
    pub name: &'static str,
    pub kind: Kind,
    /// Names of the labels, in the order in which samples give their values.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub const $id: Family = Family {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// All of them, in the order of the page.
        #[cfg(test)]
        pub const FAMILIES: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD_INFO: Gauge "weir_build_info" ["version", "node"] "The program's version; always 1.";
    UPTIME: Gauge "weir_uptime_seconds" [] "Seconds since the node started.";
    CONFIG_INFO: Gauge "weir_config_info" ["digest"] "Digest of the configuration, equal on nodes that agree; always 1.";
    CONFIG_OBJECTS: Gauge "weir_config_objects" [] "Objects of the configuration, deleted ones included.";
    CONFIG_VERSIONS: Gauge "weir_config_versions" [] "Retained versions of all objects.";
    CONFIG_CONFLICTS: Gauge "weir_config_conflicts" [] "Retained versions that lost without having been seen by whoever wrote over them.";
    CONFIG_CONFLICTS_FOUND: Counter "weir_config_conflicts_found_total" [] "Such versions found since the node started.";
    CONFIG_FLAGGED: Counter "weir_config_flagged_total" [] "Times something was wrong with what a peer sent, or with this node's clock.";
    STORE_WRITABLE: Gauge "weir_store_writable" [] "1 while the store takes writes, 0 while changes are refused.";
    STORE_FAILED_WRITES: Counter "weir_store_failed_writes_total" [] "Times the store took no write.";
    LIVE_NODES: Gauge "weir_cluster_live_nodes" [] "Nodes that gossip, this one included.";
    CLUSTER_AGREES: Gauge "weir_cluster_agrees" [] "1 while every live node holds the configuration that this one holds.";
    MESH_CUT: Gauge "weir_mesh_cut" [] "1 while a drill cuts this node off from the others.";
    MESH_FRAMES_IN: Counter "weir_mesh_frames_in_total" ["peer", "node"] "Gossip frames from a peer.";
    MESH_BYTES_IN: Counter "weir_mesh_bytes_in_total" ["peer", "node"] "Bytes of gossip frames from a peer.";
    MESH_FRAMES_OUT: Counter "weir_mesh_frames_out_total" ["peer", "node"] "Gossip frames to a peer.";
    MESH_BYTES_OUT: Counter "weir_mesh_bytes_out_total" ["peer", "node"] "Bytes of gossip frames to a peer.";
    MESH_FRAMES_DROPPED: Counter "weir_mesh_frames_dropped_total" ["peer", "node"] "Gossip frames that did not get through: queue full, no connection, cut.";
    MESH_CONNECTIONS: Counter "weir_mesh_connections_total" ["peer", "node"] "Gossip connections made with a peer, whoever dialled.";
    MESH_FAILED_DIALS: Counter "weir_mesh_failed_dials_total" ["peer", "node"] "Times a peer could not be dialled.";
    MESH_THROTTLED: Counter "weir_mesh_throttled_total" ["peer", "node"] "Times a peer had to wait, since it sent more than it may.";
    MESH_REFUSED: Counter "weir_mesh_refused_total" ["reason"] "Callers at the mesh port that were not let in, by reason.";
    GOSSIP_REFUSED: Counter "weir_gossip_refused_total" ["reason"] "Frames of gossip, and parts of them, that a node did not take, by reason.";
    MESH_INBOUND_DROPPED: Counter "weir_mesh_inbound_dropped_total" [] "Gossip frames dropped because membership did not keep up.";
    MESH_RELAYS: Gauge "weir_mesh_relays" [] "Connections this node passes on for others now.";
    MESH_RELAYS_MADE: Counter "weir_mesh_relays_total" [] "Connections this node has passed on for others.";
    MESH_RELAYED_BYTES: Counter "weir_mesh_relayed_bytes_total" [] "Bytes this node has passed on for others.";
    MESH_CERTIFICATE_EXPIRES: Gauge "weir_mesh_certificate_expires_seconds" [] "When this node's certificate ends, seconds since 1970-01-01 UTC.";
    ACTOR_RESTARTS: Counter "weir_actor_restarts_total" ["actor"] "Times an actor was started again after a failure.";
    UNAUTHORIZED: Counter "weir_admin_unauthorized_total" [] "Requests to the admin API without a valid token.";
    LINK_CONNECTIONS: Gauge "weir_link_connections" ["core"] "Open connections of the link, by core.";
    GATEWAY_CHARGED: Counter "weir_gateway_charged_bytes_total" ["gateway"] "Bytes carried on the link.";
    GATEWAY_ADMITTED: Counter "weir_gateway_admitted_calls_total" ["gateway"] "Calls that took the link.";
    GATEWAY_OVERFLOW_CALLS: Counter "weir_gateway_overflow_calls_total" ["gateway"] "Calls beyond the package.";
    GATEWAY_OVERFLOW_BYTES: Counter "weir_gateway_overflow_bytes_total" ["gateway"] "Bytes relayed beyond the package.";
    GATEWAY_BALANCE: Gauge "weir_gateway_balance_bytes" ["gateway"] "Bytes this node may carry now; negative is debt.";
    GATEWAY_LIMIT: Gauge "weir_gateway_limit_bytes_per_second" ["gateway"] "The package's limit over all nodes together, elastic packs included; the same on every node.";
    MINT_SHARE: Gauge "weir_mint_share" [] "This node's part of the minting of every package, 0 to 1.";
    MINT_FENCED: Gauge "weir_mint_fenced" [] "1 while this node has a share and mints nothing, since too few others hear it.";
    PACKAGE_FLAGGED: Counter "weir_package_flagged_total" [] "Times a node was found to give away more of a package than it can have.";
    ORIGIN_ADDRESSES: Gauge "weir_origin_addresses" ["condition"] "Addresses of origins with settings, by their condition on this node.";
    ORIGIN_FAILED_CALLS: Gauge "weir_origin_failed_calls" [] "Calls that got no answer from the address they went to, over the addresses configured now.";
    ORIGIN_EJECTIONS: Gauge "weir_origin_ejections" [] "Times an address was ejected, over the addresses configured now.";
    ORIGIN_PASSED_CHECKS: Gauge "weir_origin_passed_checks" [] "Health checks that passed, over the addresses configured now.";
    ORIGIN_FAILED_CHECKS: Gauge "weir_origin_failed_checks" [] "Health checks that failed, over the addresses configured now.";
    BUSINESS_LINK_CALLS: Counter "weir_business_link_calls_total" ["business"] "Calls that took the link.";
    BUSINESS_LINK_BYTES: Counter "weir_business_link_bytes_total" ["business"] "Bytes carried on the link.";
    BUSINESS_PUBLIC_CALLS: Counter "weir_business_public_calls_total" ["business", "reason"] "Calls that took the public link, by reason.";
    BUSINESS_PUBLIC_BYTES: Counter "weir_business_public_bytes_total" ["business", "reason"] "Bytes of calls on the public link: all of relayed ones, what is known of the request of others.";
    BUSINESS_ERRORS: Counter "weir_business_errors_total" ["business", "source"] "Calls that ended with an error of the gateway's own, by whose fault it was.";
    BUSINESS_CALL_SECONDS: Histogram "weir_business_call_seconds" ["business"] "Time from a call's arrival to the last byte of its answer, of calls that went to the origin and did not become another protocol.";
    MONITOR_CALLS: Counter "weir_monitor_calls_total" [] "Calls that were counted for the figures over time; none where monitoring is off.";
    MONITOR_RECORDS: Counter "weir_monitor_records_total" ["outcome"] "Records of calls that were written, and that queue or disk did not take; their calls are counted all the same.";
    MONITOR_MEMORY: Gauge "weir_monitor_memory_bytes" [] "Memory of the figures by second.";
    MONITOR_DISK: Gauge "weir_monitor_disk_bytes" [] "Bytes of the monitoring's file that hold something, as of its last look.";
    ALARMS_WATCHED: Gauge "weir_alarms_watched" [] "1 on the node that watches for alarms, 0 on the others.";
    ALARMS_FIRING: Gauge "weir_alarms_firing" ["alarm"] "Subjects for which an alarm fires, as this node knows them: the same on every node, but for some seconds.";
    ALARM_NOTICES: Counter "weir_alarm_notices_total" ["outcome"] "Notices of alarms that this node delivered, attempts that were refused, and notices that were dropped in the end.";
    TRACE_SPANS: Counter "weir_trace_spans_total" ["outcome"] "Spans of sampled calls: exported, dropped where the queue was full, rejected by the collector, failed where it was not reached or refused. None where no collector is set.";
    PROCESS_CPU: Counter "process_cpu_seconds_total" [] "Processor time of the process, its own and the system's for it.";
    PROCESS_MEMORY: Gauge "process_resident_memory_bytes" [] "Memory of the process that is in RAM.";
    PROCESS_VIRTUAL_MEMORY: Gauge "process_virtual_memory_bytes" [] "Address space of the process.";
    PROCESS_START: Gauge "process_start_time_seconds" [] "When the process started, seconds since 1970-01-01 UTC.";
    PROCESS_FDS: Gauge "process_open_fds" [] "Open file descriptors.";
    PROCESS_MAX_FDS: Gauge "process_max_fds" [] "The most file descriptors the process may have.";
    PROCESS_THREADS: Gauge "process_threads" [] "Threads of the process.";
}

// === impl Kind ===

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/metrics.md`; run the test with `WEIR_WRITE_DOCS=1` to write it anew.
    fn table() -> String {
        let mut table = String::from("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
        for family in FAMILIES {
            let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
            let (name, kind, labels) = (family.name, family.kind.as_str(), labels.join(", "));
            table += &format!("| `{name}` | {kind} | {labels} | {} |\n", family.help);
        }
        table
    }

    #[test]
    fn the_manual_lists_every_metric() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        let manual = std::fs::read_to_string(file).unwrap();
        let begin = manual.find("| metric | kind |").expect("it has the table");
        let end = begin
            + manual[begin..]
                .find("\n\n")
                .map_or(manual.len() - begin, |end| end + 1);
        if std::env::var_os("WEIR_WRITE_DOCS").is_some() {
            let whole = format!("{}{}{}", &manual[..begin], table(), &manual[end..]);
            std::fs::write(file, whole).unwrap();
            return;
        }
        assert_eq!(
            &manual[begin..end],
            table(),
            "run this test with WEIR_WRITE_DOCS=1"
        );
    }

    #[test]
    fn names_follow_what_prometheus_expects_of_their_kind() {
        for family in FAMILIES {
            let total = family.name.ends_with("_total");
            assert_eq!(total, family.kind == Kind::Counter, "{}", family.name);
            let ours = family.name.starts_with("weir_") || family.name.starts_with("process_");
            assert!(ours, "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
        }
    }
}
