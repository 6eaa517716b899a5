//! Levels of the log, for everything and per module: `info,weir::link=debug`.
//!
//! The grammar is smaller than `tracing_subscriber`'s, in which a mistyped level is a module at level `trace`.
//! What the libraries under Weir say at `trace` is theirs to decide (tungstenite writes whole frames), so of
//! them nothing finer than [`LIBRARIES_AT_MOST`] is ever logged, whatever is asked for.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// The crates of Weir itself, whose lines show no header's value, no query and no body at any level.
const OWN: [&str; 3] = ["weir", "weir_cluster", "weir_config"];
/// The finest level of every other crate.
pub const LIBRARIES_AT_MOST: LevelFilter = LevelFilter::DEBUG;
/// Bytes of one text; longer ones are not read.
const TEXT_MAX: usize = 2_048;
/// Parts of one text.
const PARTS_MAX: usize = 32;
/// Bytes of a module's name.
const MODULE_MAX: usize = 128;

/// What is logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Levels {
    /// Of everything that no module's name says otherwise.
    rest: LevelFilter,
    /// By module, with all that is in it; of two that fit the longer name counts.
    modules: Vec<(String, LevelFilter)>,
}

/// Why a text is none, with the part at fault.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LevelsError {
    #[error("it is empty: write a level, as in `info` or `info,weir::link=debug`")]
    Empty,
    #[error("the part `{0}` is empty between two commas: take it out")]
    EmptyPart(String),
    #[error(
        "`{0}` is no level: write `off`, `error`, `warn`, `info`, `debug` or `trace`, or `module=level`"
    )]
    Level(String),
    #[error(
        "`{0}` is no module: write its path, as in `weir::link`, of letters, digits, `_` and `::`"
    )]
    Module(String),
    #[error("`{0}` is the second level for everything: keep one")]
    Twice(String),
    #[error("it has more than {PARTS_MAX} parts or {TEXT_MAX} bytes: say less")]
    TooMany,
}

// === impl Levels ===

impl Levels {
    /// What `tracing` is asked to let through, the libraries' limit included.
    pub fn filter(&self) -> EnvFilter {
        let at_most = |level: LevelFilter| level.min(LIBRARIES_AT_MOST);
        let mut directives = vec![(String::new(), at_most(self.rest))];
        directives.extend(OWN.map(|own| (own.to_owned(), self.rest)));
        // Its comings and goings at `info` say nothing of a node; who names it gets it.
        directives.push(("actix_server".to_owned(), self.rest.min(LevelFilter::WARN)));
        for (module, level) in &self.modules {
            let level = match is_own(module) {
                true => *level,
                false => at_most(*level),
            };
            directives.push((module.clone(), level));
        }
        let directives = directives.into_iter().filter_map(|(module, level)| {
            let text = match module.is_empty() {
                true => level.to_string(),
                false => format!("{module}={level}"),
            };
            text.parse::<Directive>().ok()
        });
        directives.fold(EnvFilter::default(), EnvFilter::add_directive)
    }

    /// The modules of libraries that are asked for more finely than they are ever logged.
    pub fn held_back(&self) -> Vec<&str> {
        let finer = |level: LevelFilter| level > LIBRARIES_AT_MOST;
        let named = self.modules.iter();
        let named = named.filter(|(module, level)| finer(*level) && !is_own(module));
        named.map(|(module, _)| module.as_str()).collect()
    }
}

/// `weir::link` is, `weirder` is not.
fn is_own(module: &str) -> bool {
    let crate_name = module.split("::").next().unwrap_or(module);
    OWN.contains(&crate_name)
}

impl Default for Levels {
    fn default() -> Self {
        Levels {
            rest: LevelFilter::INFO,
            modules: Vec::new(),
        }
    }
}

impl FromStr for Levels {
    type Err = LevelsError;

    fn from_str(text: &str) -> Result<Self, LevelsError> {
        if text.trim().is_empty() {
            return Err(LevelsError::Empty);
        }
        if text.len() > TEXT_MAX {
            return Err(LevelsError::TooMany);
        }
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        if parts.len() > PARTS_MAX {
            return Err(LevelsError::TooMany);
        }
        let mut rest = None;
        let mut modules: Vec<(String, LevelFilter)> = Vec::new();
        for part in parts {
            match part.split_once('=') {
                _ if part.is_empty() => return Err(LevelsError::EmptyPart(part.to_owned())),
                None => {
                    if rest.replace(level(part)?).is_some() {
                        return Err(LevelsError::Twice(shown(part)));
                    }
                }
                Some((module, of_module)) => {
                    let (module, level) = (module.trim(), level(of_module.trim())?);
                    if !is_module(module) {
                        return Err(LevelsError::Module(shown(module)));
                    }
                    modules.retain(|(known, _)| known != module);
                    modules.push((module.to_owned(), level));
                }
            }
        }
        Ok(Levels {
            rest: rest.unwrap_or(LevelFilter::INFO),
            modules,
        })
    }
}

fn level(text: &str) -> Result<LevelFilter, LevelsError> {
    let known = match text.to_ascii_lowercase().as_str() {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return Err(LevelsError::Level(shown(text))),
    };
    Ok(known)
}

fn is_module(text: &str) -> bool {
    let name = |part: &str| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !part.is_empty() && part.bytes().all(legal)
    };
    text.len() <= MODULE_MAX && text.split("::").all(name)
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for Levels {
    /// As it is written, the level for everything first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rest)?;
        for (module, level) in &self.modules {
            write!(f, ",{module}={level}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        text.parse::<Levels>().unwrap_err().to_string()
    }

    /// Whether an event of this module and level passes.
    fn passes(levels: &str, module: &str, level: &str) -> bool {
        let filter = levels.parse::<Levels>().unwrap().filter().to_string();
        let of = |name: &str| {
            filter
                .split(',')
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
        };
        let rest = filter.split(',').find(|part| !part.contains('='));
        let found = of(module).or(rest.map(str::to_owned)).unwrap();
        found.parse::<LevelFilter>().unwrap() >= level.parse::<LevelFilter>().unwrap()
    }

    #[test]
    fn levels_are_for_everything_and_per_module() {
        let levels: Levels = "warn, weir::link=DEBUG,weir=info".parse().unwrap();
        assert_eq!(levels.to_string(), "warn,weir::link=debug,weir=info");
        assert_eq!(
            "weir::link=debug".parse::<Levels>().unwrap().to_string(),
            "info,weir::link=debug"
        );
        assert_eq!(levels.to_string().parse::<Levels>().unwrap(), levels);
    }

    #[test]
    fn what_cannot_be_used_is_named_by_its_part() {
        assert!(wrong("inof").contains("`inof` is no level"));
        assert!(wrong("info,weir::link=verbose").contains("`verbose` is no level"));
        assert!(wrong("info,weir-link=debug").contains("`weir-link` is no module"));
        assert!(wrong("info,weir::=debug").contains("`weir::` is no module"));
        assert!(wrong("info,[call]=debug").contains("`[call]` is no module"));
        assert!(wrong("info,debug").contains("`debug` is the second"));
        assert!(wrong("info,,debug").contains("empty between two commas"));
        assert!(wrong("  ").contains("it is empty"));
        assert!(wrong(&vec!["a=info"; 33].join(",")).contains("more than 32"));
    }

    #[test]
    fn libraries_are_never_as_talkative_as_to_show_a_call() {
        assert!(passes("trace", "weir", "trace"));
        assert!(passes("trace", "weir_cluster", "trace"));
        assert!(passes("trace", "hyper", "debug") && !passes("trace", "hyper", "trace"));
        assert!(!passes("info,h2=trace", "h2", "trace"));
        assert!(passes("info,h2=trace", "h2", "debug"));
        assert!(passes("info,weir::link=trace", "weir::link", "trace"));
        let asked: Levels = "trace,h2=trace,weir=trace".parse().unwrap();
        assert_eq!(asked.held_back(), ["h2"]);
    }

    #[test]
    fn the_admin_servers_chatter_is_for_who_names_it() {
        assert!(!passes("info", "actix_server", "info"));
        assert!(passes("info,actix_server=info", "actix_server", "info"));
    }
}
