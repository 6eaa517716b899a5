//! One node: a `weir node` process with its settings, its ports and its data.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;

use crate::admin::Admin;
use crate::client::Call;
use crate::ports::free_addr;
use crate::process::{Process, small_disk, weir_command};
use crate::wait_until;

/// Longer than a node's own drain, which tests leave at 10 s.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A node, running or not.
pub struct Node {
    pub id: String,
    pub region: String,
    pub http: SocketAddr,
    pub https: SocketAddr,
    pub admin_addr: SocketAddr,
    pub mesh: SocketAddr,
    /// Where others dial its mesh, where that is not `mesh`: a wire that a test can cut.
    pub advertise: Option<SocketAddr>,
    /// What lets it into the cluster at its next start, as `weir token join` prints it.
    pub join: Option<String>,
    /// Lines added to the section `mesh` of the settings.
    pub mesh_settings: String,
    dir: PathBuf,
    /// Lines added to the settings, whole sections.
    extra: String,
    process: Option<Process>,
}

// === impl Node ===

impl Node {
    /// Takes free ports; starts nothing.
    pub fn new(dir: &Path, id: &str, region: &str, extra: &str) -> Self {
        Node {
            id: id.to_owned(),
            region: region.to_owned(),
            http: free_addr(),
            https: free_addr(),
            admin_addr: free_addr(),
            mesh: free_addr(),
            advertise: None,
            join: None,
            mesh_settings: String::new(),
            dir: dir.join(id),
            extra: extra.to_owned(),
            process: None,
        }
    }

    /// Writes the settings: `seeds` are the mesh addresses of the others.
    pub fn configure(&self, seeds: &[SocketAddr]) {
        let seeds: Vec<String> = seeds.iter().map(|seed| format!("\"{seed}\"")).collect();
        let advertise = self
            .advertise
            .map(|addr| format!("advertise = \"{addr}\"\n"))
            .unwrap_or_default();
        let settings = format!(
            "[node]\nid = \"{}\"\nregion = \"{}\"\ndata_dir = \"{}\"\n\n\
             [link]\nhttp = \"{}\"\nhttps = \"{}\"\nworkers = 2\n\n[admin]\nlisten = \"{}\"\n\n\
             [mesh]\nlisten = \"{}\"\n{}{}seeds = [{}]\n\n{}\n",
            self.id,
            self.region,
            self.data_dir().display(),
            self.http,
            self.https,
            self.admin_addr,
            self.mesh,
            advertise,
            self.mesh_settings,
            seeds.join(", "),
            self.extra,
        );
        std::fs::create_dir_all(&self.dir).expect("a test's own directory");
        std::fs::write(self.settings_file(), settings).expect("a test's own directory");
    }

    pub fn settings_file(&self) -> PathBuf {
        self.dir.join("node.toml")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Where the others dial its mesh.
    pub fn dialled(&self) -> SocketAddr {
        self.advertise.unwrap_or(self.mesh)
    }

    /// Starts it; [`ready`](Self::ready) waits for it.
    pub fn start(&mut self) {
        let settings = self.settings_file();
        let settings = settings.to_str().expect("paths of tests are text");
        self.start_as(weir_command(&["node", "--config", settings]));
    }

    /// As [`start`](Self::start), with arguments beside its settings.
    pub fn start_with(&mut self, arguments: &[&str]) {
        let settings = self.settings_file();
        let settings = settings.to_str().expect("paths of tests are text");
        let mut all = vec!["node", "--config", settings];
        all.extend(arguments);
        self.start_as(weir_command(&all));
    }

    /// As [`start`](Self::start), in a way that lets [`Process::limit_files`] fill its disk.
    pub fn start_on_small_disk(&mut self) {
        let settings = self.settings_file();
        let settings = settings.to_str().expect("paths of tests are text");
        self.start_as(small_disk(&weir_command(&["node", "--config", settings])));
    }

    fn start_as(&mut self, mut command: Command) {
        if let Some(join) = self.join.take() {
            command.env("WEIR_JOIN", join);
        }
        self.process = Some(Process::start(
            &self.id,
            command,
            &self.dir.join("node.log"),
        ));
    }

    /// Waits until it answers `/readyz` with 200.
    ///
    /// # Panics
    /// Where the process ends instead.
    pub async fn ready(&mut self) {
        let addr = self.admin_addr;
        let id = self.id.clone();
        let process = self.process.as_mut().expect("started before");
        wait_until(&format!("{id} is ready"), async || {
            if let Some(status) = process.has_ended() {
                panic!(
                    "{id} ended with {status} instead of getting ready:\n{}",
                    process.log()
                );
            }
            let answer = Call::get(addr, &addr.to_string(), "/readyz")
                .try_send()
                .await
                .ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }

    /// # Panics
    /// Where it does not run.
    pub fn process(&self) -> &Process {
        self.process
            .as_ref()
            .unwrap_or_else(|| panic!("{} does not run", self.id))
    }

    /// Takes away all that it knows, as a disk that is lost does.
    pub fn lose_data(&self) {
        std::fs::remove_dir_all(self.data_dir()).expect("a test's own directory");
    }

    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// SIGKILL: no farewell.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.signal(Signal::KILL);
        process.ended_within(STOP_PATIENCE).await;
    }

    /// SIGTERM, and how it ended.
    pub async fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it runs");
        process.signal(Signal::TERM);
        process.ended_within(STOP_PATIENCE).await
    }

    /// Waits for the end of a node that is not going to run.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("it was started");
        process.ended_within(STOP_PATIENCE).await
    }

    /// The admin token, once the first node has made it.
    pub fn token(&self) -> Option<String> {
        let token = std::fs::read_to_string(self.data_dir().join("admin-token")).ok()?;
        Some(token.trim().to_owned()).filter(|token| !token.is_empty())
    }

    pub fn admin(&self, token: &str) -> Admin {
        Admin::new(self.admin_addr, token)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("node.log")).unwrap_or_default()
    }
}
