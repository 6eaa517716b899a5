//! Figures: percentiles, and tables of measured beside wanted.

use std::time::Duration;

/// Times measured, to be asked for percentiles.
#[derive(Default)]
pub struct Times(Vec<Duration>);

/// Lines of a table: what, measured, wanted.
pub struct Table {
    title: String,
    lines: Vec<[String; 3]>,
}

/// The tables to make: those that the program's arguments name, or all of them.
///
/// # Errors
/// One sentence, where an argument names none.
pub fn asked_tables(known: &[&'static str]) -> Result<Vec<&'static str>, String> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_known = |name: &&String| known.contains(&name.as_str());
    if let Some(unknown) = asked.iter().find(|name| !is_known(name)) {
        let known = known.join(", ");
        return Err(format!("there is no table `{unknown}`; there are {known}"));
    }
    let wanted = |name: &&str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    Ok(known.iter().copied().filter(wanted).collect())
}

// === impl Times ===

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn extend(&mut self, other: Times) {
        self.0.extend(other.0);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `share` of all did not exceed.
    pub fn percentile(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    pub fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }
}

/// Milliseconds with one or two places.
pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.1} ms")
    }
}

pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

// === impl Table ===

impl Table {
    pub fn new(title: impl Into<String>) -> Self {
        Table {
            title: title.into(),
            lines: Vec::new(),
        }
    }

    pub fn line(
        &mut self,
        what: impl Into<String>,
        measured: impl Into<String>,
        wanted: impl Into<String>,
    ) {
        let line = [what.into(), measured.into(), wanted.into()];
        // What was measured is not lost should a later measurement fail.
        eprintln!("  {}: {}", line[0], line[1]);
        self.lines.push(line);
    }

    pub fn print(&self) {
        let head = ["", "measured", "wanted"].map(str::to_owned);
        let width = |column: usize| {
            let lines = self.lines.iter().chain([&head]);
            lines
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths = [0, 1, 2].map(width);
        println!("\n{}", self.title);
        for line in [&head].into_iter().chain(&self.lines) {
            let [what, measured, wanted] = line;
            let (first, second) = (widths[0], widths[1]);
            println!("{what:first$}  {measured:>second$}  {wanted}");
        }
    }
}
