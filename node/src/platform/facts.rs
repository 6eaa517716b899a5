//! What platforms say, in our own shapes.

use weir_config::object::PlatformVersions;

/// What a platform says of a mini program.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MiniProgramFacts {
    pub name: String,
    /// Legal request domains in the platform's order, each `[scheme://]host[:port]`.
    pub request_domains: Vec<String>,
    pub versions: PlatformVersions,
}

/// The QR code of the trial version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrialQr {
    /// What the code says; whoever shows it draws it.
    Content(String),
    /// The platform's own picture.
    Picture {
        /// `image/jpeg`, `image/png`.
        media_type: String,
        bytes: Vec<u8>,
    },
}

/// A page on which the owner of a mini program lets us in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthorisationPage {
    pub url: String,
    /// How long the page can be used, seconds.
    pub expires_in_s: u64,
}

/// Who a user of a mini program is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    pub openid: String,
    pub unionid: Option<String>,
}
