//! The command line: runs a node or an echo origin, and speaks to the admin API of any node.

mod agreement;
mod alarm;
mod apply;
mod arguments;
mod attach;
mod backup;
mod business;
mod client;
mod clients;
mod cluster;
mod confirm;
mod failure;
mod file;
mod get;
mod history;
mod identity;
mod log;
mod monitoring;
mod object;
mod package;
mod plan;
mod qr;
mod quantity;
mod region;
mod restore;
mod schedule;
mod table;
#[cfg(test)]
mod tests;
mod when;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Cli, Command, Spoken};
use self::client::Client;
use self::failure::Failure;
use crate::seal::Secret;

/// Exit code of a command that was understood but could not be done; clap ends with 2 for wrong usage.
const FAILED: u8 = 1;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        // Whoever read the output has seen enough (`weir get … | head`).
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("weir: {failure}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Node(node) => {
            let settings = crate::settings::load(node.config.as_deref());
            let mut settings = settings.map_err(Failure::start)?;
            if let Some(join) = node.join {
                settings.mesh.join = Some(Secret::new(join));
            }
            settings.mesh.begin_anew = node.begin_anew;
            Ok(crate::run::run(settings))
        }
        Command::Origin(origin) => {
            crate::origin::run(origin.listen).map_err(Failure::start)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Restore(args) => {
            restore::run(&args, &mut io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Speak(spoken) => {
            let mut out = io::stdout().lock();
            actix_rt::System::new().block_on(speak(*spoken, &mut out))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn speak(spoken: Spoken, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::new(spoken.connection())?;
    match &spoken {
        Spoken::Get(args) => get::run(&client, args, out).await,
        Spoken::Diff(args) => apply::diff(&client, args, out).await,
        Spoken::Apply(args) => apply::apply(&client, args, out).await,
        Spoken::Export(args) => apply::export(&client, args, out).await,
        Spoken::History(args) => history::run(&client, args, out).await,
        Spoken::Backup(args) => backup::run(&client, args, out).await,
        Spoken::OneKeyAccess(args) => attach::one_key_access(&client, args, out).await,
        Spoken::Business(args) => business::run(&client, args, out).await,
        Spoken::Access(args) => business::access(&client, args, out).await,
        Spoken::Gray(args) => business::gray(&client, args, out).await,
        Spoken::Clients(args) => clients::run(&client, args, out).await,
        Spoken::Schedule(args) => schedule::run(&client, args, out).await,
        Spoken::Agreement(args) => agreement::run(&client, args, out).await,
        Spoken::Region(args) => region::run(&client, args, out).await,
        Spoken::Disconnect(args) => attach::switch(&client, args, false, out).await,
        Spoken::Connect(args) => attach::switch(&client, args, true, out).await,
        Spoken::Package(args) => package::run(&client, args, out).await,
        Spoken::Call(args) => monitoring::call(&client, args, out).await,
        Spoken::Calls(args) => monitoring::calls(&client, args, out).await,
        Spoken::Monitor(args) => monitoring::monitor(&client, args, out).await,
        Spoken::Cluster(args) => cluster::run(&client, args, out).await,
        Spoken::Token(args) => identity::token(&client, args, out).await,
        Spoken::Log(args) => log::run(&client, args, out).await,
        Spoken::Alarm(args) => alarm::run(&client, args, out).await,
    }
}
