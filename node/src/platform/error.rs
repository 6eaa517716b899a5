use weir_config::Refusal;

/// Why a platform did not do what was asked, in words for an operator. Shows no secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct PlatformError {
    /// Stable, `snake_case`; the admin API's problem `code`.
    pub code: &'static str,
    /// The HTTP status the admin API answers with.
    pub status: u16,
    /// What happened, what it means, and what to do where.
    pub detail: String,
    /// The platform's own number for it, where it gave one.
    pub errcode: Option<i64>,
}

// === impl PlatformError ===

impl PlatformError {
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        PlatformError {
            code,
            status,
            detail: detail.into(),
            errcode: None,
        }
    }

    /// The same, with the platform's own number.
    pub fn numbered(mut self, errcode: i64) -> Self {
        self.errcode = Some(errcode);
        self
    }

    /// 503: this node does not speak to that platform.
    pub fn not_configured() -> Self {
        PlatformError::new(
            503,
            "platform_not_configured",
            "This node does not speak to the WeChat open platform. Set platform.provider = \"wechat\" and \
             platform.wechat.component_appid, component_secret, message_token and encoding_aes_key on every node \
             (docs/platform-wechat.md), or register the mini program locally with PUT \
             /admin/v1/platform/mini-programs/{appid}.",
        )
    }

    /// 503: the actor that speaks to the platform has just failed or has too much to do.
    pub fn busy() -> Self {
        PlatformError::new(
            503,
            "platform_busy",
            "This node asks the platform too much at once, or its platform actor has just been started again. \
             Try again in some seconds.",
        )
    }

    /// 409: whoever owns the mini program has not let us in, or not any more.
    pub fn not_authorized(appid: &str) -> Self {
        PlatformError::new(
            409,
            "not_authorized",
            format!(
                "Mini program `{appid}` is not authorised to the third-party platform, or not any more. Let its \
                 administrator open the page that POST /admin/v1/spaces/{{space}}/authorization-url gives, then try \
                 again."
            ),
        )
    }
}

impl From<Refusal> for PlatformError {
    fn from(refusal: Refusal) -> Self {
        PlatformError::new(refusal.status, refusal.code, refusal.detail)
    }
}

impl From<PlatformError> for Refusal {
    fn from(error: PlatformError) -> Self {
        Refusal::new(error.status, error.code, error.detail)
    }
}
