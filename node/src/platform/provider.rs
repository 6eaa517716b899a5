use futures_util::future::LocalBoxFuture;

use super::{AuthorisationPage, MiniProgramFacts, PlatformError, Session, TrialQr};

/// What a platform answers, some time later, on the actor's own thread.
pub type Answer<'a, T> = LocalBoxFuture<'a, Result<T, PlatformError>>;

/// A platform that mini programs are registered on.
pub trait Platform {
    /// Name, legal request domains and versions of a mini program.
    fn read<'a>(&'a self, appid: &'a str) -> Answer<'a, MiniProgramFacts>;

    /// What to scan to open the trial version.
    fn trial_qr<'a>(&'a self, appid: &'a str) -> Answer<'a, TrialQr>;

    /// A page on which the owner of a mini program lets us in; the browser goes to `redirect` after it.
    fn authorisation_page<'a>(&'a self, redirect: &'a str) -> Answer<'a, AuthorisationPage>;

    /// Takes the code that the page ended with; answers which mini program let us in.
    fn authorised<'a>(&'a self, auth_code: &'a str) -> Answer<'a, String>;

    /// Who the user is that a client's login code stands for.
    fn session<'a>(&'a self, appid: &'a str, code: &'a str) -> Answer<'a, Session>;
}
