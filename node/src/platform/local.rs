use futures_util::FutureExt;
use futures_util::future::ready;
use sha2::{Digest, Sha256};

use super::{
    Answer, AuthorisationPage, MiniProgramFacts, Platform, PlatformError, Session, TrialQr,
};
use crate::config_actor::ConfigHandle;

/// The embedded platform: a directory of mini programs in the configuration.
pub struct LocalPlatform {
    config: ConfigHandle,
}

// === impl LocalPlatform ===

impl LocalPlatform {
    pub fn new(config: ConfigHandle) -> Self {
        LocalPlatform { config }
    }

    fn facts(&self, appid: &str) -> Result<MiniProgramFacts, PlatformError> {
        let snapshot = self.config.catalog();
        let program = snapshot.catalog.mini_program(appid);
        let program = program.ok_or_else(|| unknown(appid))?;
        Ok(MiniProgramFacts {
            name: program.name.clone(),
            request_domains: program.request_domains.clone(),
            versions: program.versions.clone(),
        })
    }
}

impl Platform for LocalPlatform {
    fn read<'a>(&'a self, appid: &'a str) -> Answer<'a, MiniProgramFacts> {
        ready(self.facts(appid)).boxed_local()
    }

    fn trial_qr<'a>(&'a self, appid: &'a str) -> Answer<'a, TrialQr> {
        let content = self.facts(appid).map(|facts| {
            let given = facts.versions.trial.and_then(|trial| trial.qr_url);
            let made_up = || format!("weir://mini-program/{appid}?version=trial");
            TrialQr::Content(given.unwrap_or_else(made_up))
        });
        ready(content).boxed_local()
    }

    fn authorisation_page<'a>(&'a self, _: &'a str) -> Answer<'a, AuthorisationPage> {
        ready(Err(no_pages())).boxed_local()
    }

    fn authorised<'a>(&'a self, _: &'a str) -> Answer<'a, String> {
        ready(Err(no_pages())).boxed_local()
    }

    /// The local platform has no users: a code stands for the user that always has the same openid.
    fn session<'a>(&'a self, appid: &'a str, code: &'a str) -> Answer<'a, Session> {
        let session = self.facts(appid).map(|_| {
            let digest = Sha256::digest(format!("{appid}\0{code}"));
            Session {
                openid: format!("local-{}", hex::encode(&digest[..11])),
                unionid: None,
            }
        });
        ready(session).boxed_local()
    }
}

fn unknown(appid: &str) -> PlatformError {
    PlatformError::new(
        404,
        "not_found",
        format!(
            "The local platform knows no mini program `{appid}`. Register it with PUT \
             /admin/v1/platform/mini-programs/{appid}."
        ),
    )
}

fn no_pages() -> PlatformError {
    PlatformError::new(
        409,
        "platform_is_local",
        "The space's mini programs are registered locally, where nobody has to open a page: authorise one with PUT \
         /admin/v1/spaces/{space}/mini-programs/{appid}. For mini programs on WeChat set the space's platform to \
         wechat.",
    )
}
