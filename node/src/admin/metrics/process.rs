//! What the system says of the process, from `/proc`; nothing where there is no `/proc`.

use std::fs;

use super::families::{
    PROCESS_CPU, PROCESS_FDS, PROCESS_MAX_FDS, PROCESS_MEMORY, PROCESS_START, PROCESS_THREADS,
    PROCESS_VIRTUAL_MEMORY,
};
use super::page::Page;

/// The fields of `/proc/self/stat` after the name in brackets (proc(5)), counted from the state.
const UTIME: usize = 11;
const STIME: usize = 12;
const THREADS: usize = 17;
const STARTED: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

/// Writes what is known.
pub fn figures(page: &mut Page) {
    if let Ok(stat) = fs::read_to_string("/proc/self/stat") {
        let fields = fields(&stat);
        let field = |place: usize| fields.get(place).copied();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        if let (Some(user), Some(system)) = (field(UTIME), field(STIME)) {
            page.single(&PROCESS_CPU, (user + system) / ticks);
        }
        if let Some(pages) = field(RESIDENT_PAGES) {
            page.single(&PROCESS_MEMORY, pages * rustix::param::page_size() as f64);
        }
        if let Some(bytes) = field(VIRTUAL_BYTES) {
            page.single(&PROCESS_VIRTUAL_MEMORY, bytes);
        }
        if let (Some(started), Some(booted)) = (field(STARTED), booted_s()) {
            page.single(&PROCESS_START, booted + started / ticks);
        }
        if let Some(threads) = field(THREADS) {
            page.single(&PROCESS_THREADS, threads);
        }
    }
    if let Some(open) = open_files() {
        page.single(&PROCESS_FDS, open);
    }
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(most) = most {
        page.single(&PROCESS_MAX_FDS, most);
    }
}

/// The name may hold anything, brackets too; behind its last bracket come numbers.
fn fields(stat: &str) -> Vec<f64> {
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let number = |field: &str| field.parse().unwrap_or(0.0);
    rest.split_ascii_whitespace().map(number).collect()
}

/// The directory tells its number of entries as its size since Linux 6.2; before, they are counted.
fn open_files() -> Option<u64> {
    let size = fs::metadata("/proc/self/fd").ok()?.len();
    match size {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        size => Some(size),
    }
}

/// When the machine started, seconds since 1970-01-01 UTC.
fn booted_s() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::page::Format;
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "7 (a) b) R) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22";
        let fields = fields(stat);
        assert_eq!(fields[1..4], [1.0, 2.0, 3.0]);
        assert_eq!((fields[UTIME], fields[THREADS]), (11.0, 17.0));
    }

    #[test]
    fn this_process_has_memory_files_and_threads() {
        let mut page = Page::new(Format::Text);
        figures(&mut page);
        let text = page.finish();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {text}"))
                .trim()
                .parse::<f64>()
                .unwrap()
        };
        assert!(value("process_resident_memory_bytes ") > 1e6);
        assert!(value("process_threads ") >= 1.0);
        assert!(value("process_open_fds ") >= 3.0);
        assert!(value("process_max_fds ") >= value("process_open_fds "));
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        let age = now.as_secs_f64() - value("process_start_time_seconds ");
        assert!((-2.0..86_400.0).contains(&age), "started {age} s ago");
    }
}
