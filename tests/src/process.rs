//! A process of ours: its log, its memory, its end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

/// Lines of a log that a failed test shows.
const TAIL_LINES: usize = 40;
const PAUSE: Duration = Duration::from_millis(5);

/// A running program with its output in a file. Killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// The `weir` program: `WEIR_BIN`, or the one built beside this test.
///
/// # Panics
/// Where it has not been built.
pub fn weir() -> PathBuf {
    if let Some(path) = std::env::var_os("WEIR_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let built = test
        .ancestors()
        .nth(2)
        .expect("tests lie in target/PROFILE/deps")
        .join("weir");
    assert!(
        built.is_file(),
        "{} is missing: run `cargo build -p weir` first",
        built.display()
    );
    built
}

/// `weir` with these arguments and none of the environment's `WEIR_…`.
pub fn weir_command(args: &[&str]) -> Command {
    let mut command = Command::new(weir());
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars() {
        if name.starts_with("WEIR_") {
            command.env_remove(name);
        }
    }
    command
}

/// The command in a process that is told of a file grown too large by an error, as of a full disk, and
/// not by the signal that would end it.
pub fn small_disk(command: &Command) -> Command {
    let mut small = Command::new("bash");
    small.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    small.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => small.env(name, value),
            None => small.env_remove(name),
        };
    }
    small
}

/// Raises this process's limit of open files, which its children inherit, as far as the system lets it,
/// and returns it.
pub fn raise_open_files() -> u64 {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it may not be raised, the limit as it is tells.
    let _ = rustix::process::setrlimit(Resource::Nofile, limit);
    rustix::process::getrlimit(Resource::Nofile)
        .current
        .unwrap_or(u64::MAX)
}

// === impl Process ===

impl Process {
    /// Starts it with its output appended to `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log can be written");
        let errors = file.try_clone().expect("a second handle to the log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|e| panic!("{name} cannot be started: {e}"));
        Process {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child
            .try_wait()
            .expect("the process is ours to wait for")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal)
            .unwrap_or_else(|e| panic!("{} cannot be signalled: {e}", self.name));
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// Where it does not end within `patience`.
    pub async fn ended_within(&mut self, patience: Duration) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(
                begin.elapsed() < patience,
                "{} still runs after {patience:?}",
                self.name
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// From now on no file of the process grows beyond this, bytes; `None`: all may again.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        let pid = Pid::from_child(&self.child);
        prlimit(Some(pid), Resource::Fsize, limit)
            .unwrap_or_else(|e| panic!("{} cannot be limited: {e}", self.name));
    }

    /// Processor time it has used, user and system.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))
            .expect("/proc is readable");
        let (_, fields) = stat.rsplit_once(')').expect("the kernel writes it so");
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .sum();
        Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second())
    }

    /// Memory that is the process's own, bytes: `RssAnon` of `/proc/PID/status`.
    pub fn own_memory(&self) -> u64 {
        self.memory("RssAnon:")
    }

    /// The most memory it ever had resident, bytes: `VmHWM`.
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("/proc is readable");
        let line = status
            .lines()
            .find(|line| line.starts_with(field))
            .expect("the kernel tells it");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .and_then(|n| n.parse().ok())
            .expect("kB");
        kib * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            eprintln!(
                "--- {} (pid {}), last lines:\n{tail}",
                self.name,
                self.pid()
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
