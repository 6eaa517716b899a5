//! How much is kept of calls, and for how long.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Settings;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitorSettings {
    pub enabled: bool,
    /// Of calls that went well, 0 to 100 in 100.
    pub sample_percent: u32,
    /// Slower calls are kept always.
    pub slow_ms: u64,
    /// Records a second, of calls that went well and of others each.
    pub records_per_second: u32,
    /// Records in all.
    pub records: u64,
    pub record_days: u64,
    /// What a path or a query is cut at.
    pub path_bytes: usize,
    /// Whether queries are kept.
    pub query: bool,
    /// `monitor.db` as a whole.
    pub disk_mb: u64,
    /// Figures by second.
    pub memory_mb: u64,
    pub access_log: Option<PathBuf>,
    pub access_log_mb: u64,
    pub access_log_files: usize,
}

impl Default for MonitorSettings {
    fn default() -> Self {
        MonitorSettings {
            enabled: true,
            sample_percent: 100,
            slow_ms: 1_000,
            records_per_second: 200,
            records: 200_000,
            record_days: 7,
            path_bytes: 512,
            query: false,
            disk_mb: 1_024,
            memory_mb: 64,
            access_log: None,
            access_log_mb: 100,
            access_log_files: 5,
        }
    }
}

/// Every number with the least and the most that can be set.
pub(super) fn bounds(settings: &Settings) -> [(&'static str, u64, u64, u64); 10] {
    let monitor = &settings.monitor;
    [
        (
            "monitor.sample_percent",
            monitor.sample_percent.into(),
            0,
            100,
        ),
        ("monitor.slow_ms", monitor.slow_ms, 1, 86_400_000),
        (
            "monitor.records_per_second",
            monitor.records_per_second.into(),
            0,
            100_000,
        ),
        ("monitor.records", monitor.records, 0, 100_000_000),
        ("monitor.record_days", monitor.record_days, 1, 3_650),
        ("monitor.path_bytes", monitor.path_bytes as u64, 1, 4_096),
        ("monitor.disk_mb", monitor.disk_mb, 16, 1 << 20),
        ("monitor.memory_mb", monitor.memory_mb, 1, 1 << 16),
        ("monitor.access_log_mb", monitor.access_log_mb, 1, 1 << 20),
        (
            "monitor.access_log_files",
            monitor.access_log_files as u64,
            1,
            1_000,
        ),
    ]
}
