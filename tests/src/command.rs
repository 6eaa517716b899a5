//! The command line, as an operator types it against a running cluster.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::process::weir_command;

/// What a command printed, and whether it did what it was asked.
#[derive(Debug)]
pub struct Printed {
    pub done: bool,
    pub out: String,
    pub errors: String,
}

/// Runs `weir` against node `node` of a cluster, to its end.
pub fn weir(cluster: &Cluster, node: usize, args: &[&str]) -> Printed {
    let admin = format!("http://{}", cluster.nodes[node].admin_addr);
    let output = weir_command(args)
        .env("WEIR_ADMIN", admin)
        .env("WEIR_TOKEN", &cluster.token)
        .output()
        .expect("weir runs");
    Printed {
        done: output.status.success(),
        out: String::from_utf8(output.stdout).expect("it prints text"),
        errors: String::from_utf8(output.stderr).expect("it prints text"),
    }
}

// === impl Printed ===

impl Printed {
    /// What it printed.
    ///
    /// # Panics
    /// Where it did not do what it was asked.
    pub fn done(self) -> String {
        assert!(self.done, "{}", self.errors);
        self.out
    }

    /// The one sentence of a refusal, which names this code and holds these words.
    ///
    /// # Panics
    /// Where it did what it was asked, or said something else.
    pub fn refused(self, code: &str, words: &[&str]) {
        assert!(!self.done, "it was done: {}", self.out);
        assert!(self.out.is_empty(), "{}", self.out);
        let said = self.errors.trim();
        assert!(said.starts_with("weir: ") && !said.contains('\n'), "{said}");
        assert!(said.contains(&format!("(code {code}")), "no {code}: {said}");
        for word in words {
            assert!(said.contains(word), "no `{word}`: {said}");
        }
    }

    /// # Panics
    /// Where it printed no JSON.
    pub fn json(self) -> Value {
        let out = self.done();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}
