//! One call of the open platform's HTTP API: its deadline, its bounds, its retries, its errors.

use std::sync::Arc;
use std::time::Duration;

use awc::error::SendRequestError;
use awc::http::Method;
use awc::http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::sleep;

use super::errcode::{self, BUSY};
use crate::platform::PlatformError;
use crate::seal::Secret;
use crate::settings::Settings;
use crate::tls;

/// The largest answer that is read, bytes: a picture of a QR code has some 300 KB.
const ANSWER_MAX_BYTES: usize = 2 * 1024 * 1024;
/// How often a call is made that the platform is too busy for, or that does not get through.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; doubled for the third, a random part of it taken off.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What stays as it is in a query: the unreserved characters of RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whose token a call carries, and under what name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carries<'c> {
    Nothing,
    /// The third-party platform's own, as `component_access_token`.
    Component,
    /// A mini program's, as `access_token`.
    Authorizer(&'c str),
}

/// One call, before it has a token.
#[derive(Clone, Debug)]
pub struct ApiCall<'c> {
    /// What it is called in errors.
    pub name: &'static str,
    pub path: &'static str,
    /// More of the query; values are encoded here.
    pub query: Vec<(&'static str, &'c str)>,
    /// `None`: a GET.
    pub body: Option<Value>,
    pub carries: Carries<'c>,
    /// It may be made again though the first may have got through.
    pub repeatable: bool,
    /// The mini program it is about, for errors.
    pub about: Option<&'c str>,
}

/// What the platform answered.
#[derive(Clone, Debug)]
pub enum ApiAnswer {
    Json(Value),
    /// What is no JSON, with its media type.
    Bytes {
        media_type: String,
        bytes: Vec<u8>,
    },
}

/// The open platform over HTTP. Not `Send`: it stays on its actor's thread.
#[derive(Clone)]
pub struct Api {
    http: awc::Client,
    /// Without a slash at the end.
    base_url: String,
}

// === impl ApiCall ===

impl<'c> ApiCall<'c> {
    pub fn post(name: &'static str, path: &'static str, body: Value) -> Self {
        ApiCall {
            name,
            path,
            query: Vec::new(),
            body: Some(body),
            carries: Carries::Nothing,
            repeatable: true,
            about: None,
        }
    }

    pub fn get(name: &'static str, path: &'static str) -> Self {
        ApiCall {
            body: None,
            ..ApiCall::post(name, path, Value::Null)
        }
    }

    pub fn with(mut self, name: &'static str, value: &'c str) -> Self {
        self.query.push((name, value));
        self
    }

    /// It carries the third-party platform's token.
    pub fn of_component(mut self) -> Self {
        self.carries = Carries::Component;
        self
    }

    /// It carries the token of this mini program, which it is about.
    pub fn on_behalf_of(mut self, appid: &'c str) -> Self {
        self.carries = Carries::Authorizer(appid);
        self.about(appid)
    }

    pub fn about(mut self, appid: &'c str) -> Self {
        self.about = Some(appid);
        self
    }

    /// It is not made again where it may have got through.
    pub fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }

    fn url(&self, base_url: &str, token: Option<&Secret>) -> String {
        let named = match self.carries {
            Carries::Nothing => None,
            Carries::Component => Some("component_access_token"),
            Carries::Authorizer(_) => Some("access_token"),
        };
        let token = named.zip(token.map(Secret::expose));
        let query: Vec<String> = token
            .into_iter()
            .chain(self.query.iter().copied())
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{base_url}{}{separator}{}", self.path, query.join("&"))
    }
}

// === impl Api ===

impl Api {
    /// # Errors
    /// Where the authorities that the platform is checked against cannot be read.
    pub fn new(settings: &Settings) -> Result<Self, tls::TlsError> {
        let wechat = &settings.platform.wechat;
        let timeout = Duration::from_millis(wechat.timeout_ms);
        let tls = Arc::new(tls::origin_tls(&settings.tls)?);
        let connector = awc::Connector::new().rustls_0_23(tls).timeout(timeout);
        Ok(Api {
            http: awc::Client::builder()
                .connector(connector)
                .timeout(timeout)
                .disable_redirects()
                .finish(),
            base_url: wechat.base_url.trim_end_matches('/').to_owned(),
        })
    }

    /// Makes a call, again where the platform is busy or does not answer.
    ///
    /// # Errors
    /// What the platform refused, or why it was not reached, in words; never with a token in them.
    pub async fn send(
        &self,
        call: &ApiCall<'_>,
        token: Option<&Secret>,
    ) -> Result<ApiAnswer, PlatformError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let failed = match self.attempt(call, token).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if attempt == ATTEMPTS || !failed.again(call.repeatable) {
                return Err(failed.explained(call, &self.base_url));
            }
            tracing::debug!(
                call = call.name,
                attempt,
                "the open platform is asked again"
            );
            sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause *= 2;
        }
        Err(PlatformError::busy())
    }

    async fn attempt(
        &self,
        call: &ApiCall<'_>,
        token: Option<&Secret>,
    ) -> Result<ApiAnswer, Failed> {
        let url = call.url(&self.base_url, token);
        let sent = match &call.body {
            None => self.http.request(Method::GET, url).send(),
            Some(body) => self.http.request(Method::POST, url).send_json(body),
        };
        let mut answer = sent.await.map_err(|error| Failed::of(&error))?;
        let status = answer.status().as_u16();
        let media_type = answer.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or("").to_ascii_lowercase();
        let body = answer.body().limit(ANSWER_MAX_BYTES).await;
        let bytes = body.map_err(|error| Failed::BrokeOff(error.to_string()))?;
        if status != 200 {
            return Err(Failed::Strange(format!("status {status}")));
        }
        // The platform's JSON comes as text/plain too.
        if media_type.starts_with("image/") {
            return Ok(ApiAnswer::Bytes {
                media_type,
                bytes: bytes.to_vec(),
            });
        }
        let Ok(json) = serde_json::from_slice::<Value>(&bytes) else {
            return Err(Failed::Strange("no JSON".to_owned()));
        };
        match number(&json["errcode"]) {
            None | Some(0) => Ok(ApiAnswer::Json(json)),
            Some(errcode) => Err(Failed::Refused {
                errcode,
                errmsg: json["errmsg"].as_str().unwrap_or("").to_owned(),
            }),
        }
    }
}

/// The platform writes error numbers as numbers, and on some pages as texts.
fn number(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// A value of a query.
pub fn encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// Why one attempt failed.
enum Failed {
    Refused {
        errcode: i64,
        errmsg: String,
    },
    /// It was not reached: the call was not made.
    Unreached(String),
    Timeout,
    BrokeOff(String),
    /// Something else than the open platform answered.
    Strange(String),
}

// === impl Failed ===

impl Failed {
    fn of(error: &SendRequestError) -> Self {
        match error {
            SendRequestError::Timeout => Failed::Timeout,
            SendRequestError::Connect(error) => Failed::Unreached(error.to_string()),
            other => Failed::BrokeOff(other.to_string()),
        }
    }

    /// Whether another attempt may help and cannot harm.
    fn again(&self, repeatable: bool) -> bool {
        match self {
            Failed::Refused { errcode, .. } => *errcode == BUSY,
            Failed::Unreached(_) => true,
            Failed::Timeout | Failed::BrokeOff(_) => repeatable,
            Failed::Strange(_) => false,
        }
    }

    fn explained(self, call: &ApiCall<'_>, base_url: &str) -> PlatformError {
        let name = call.name;
        let reach = "Look whether this node reaches platform.wechat.base_url";
        match self {
            Failed::Refused { errcode, errmsg } => {
                errcode::explain(errcode, &errmsg, name, call.about)
            }
            Failed::Unreached(why) | Failed::BrokeOff(why) => PlatformError::new(
                502,
                "platform_unreachable",
                format!(
                    "The open platform at {base_url} could not be asked for {name} ({why}). {reach}; what was read \
                     last stays in force."
                ),
            ),
            Failed::Timeout => PlatformError::new(
                504,
                "platform_timeout",
                format!(
                    "The open platform at {base_url} did not answer {name} within platform.wechat.timeout_ms. \
                     {reach}; what was read last stays in force."
                ),
            ),
            Failed::Strange(what) => PlatformError::new(
                502,
                "platform_strange",
                format!(
                    "What answers at {base_url} is not the open platform ({name}: {what}). Check \
                     platform.wechat.base_url, and the proxies between."
                ),
            ),
        }
    }
}

// === impl ApiAnswer ===

impl ApiAnswer {
    /// The JSON of an answer that has to be JSON.
    ///
    /// # Errors
    /// `platform_strange` for anything else.
    pub fn json(self, name: &str) -> Result<Value, PlatformError> {
        match self {
            ApiAnswer::Json(json) => Ok(json),
            ApiAnswer::Bytes { media_type, .. } => {
                Err(lacking(name, &format!("it is {media_type}")))
            }
        }
    }
}

/// 502 for an answer without what the documentation says is in it.
pub fn lacking(name: &str, what: &str) -> PlatformError {
    PlatformError::new(
        502,
        "platform_strange",
        format!(
            "The open platform answered {name} otherwise than it documents: {what}. Check \
             platform.wechat.base_url; if it is right, its API has changed and Weir needs an update."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_its_token_under_the_documented_name() {
        let token = Secret::new("a/b");
        let call = ApiCall::get("x", "/sns/component/jscode2session")
            .of_component()
            .with("js_code", "c&d");
        assert_eq!(
            call.url("http://h", Some(&token)),
            "http://h/sns/component/jscode2session?component_access_token=a%2Fb&js_code=c%26d"
        );
        let call = ApiCall::get("x", "/wxa/get_qrcode").on_behalf_of("wx1");
        assert_eq!(
            call.url("http://h", Some(&token)),
            "http://h/wxa/get_qrcode?access_token=a%2Fb"
        );
        assert!(!format!("{call:?}{token:?}").contains("a/b"));
    }

    /// One answer over TLS with a certificate for `localhost` that its own authority is told of, and how it is
    /// reached.
    async fn over_tls(dir: &std::path::Path) -> (String, std::path::PathBuf) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let authority = dir.join("ca.pem");
        std::fs::write(&authority, made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"errcode\":0}";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (format!("https://localhost:{port}"), authority)
    }

    fn api(base_url: &str, authority: Option<&std::path::Path>) -> Api {
        let environment = [
            ("WEIR_NODE_ID", "n1"),
            ("WEIR_NODE_REGION", "shanghai"),
            ("WEIR_PLATFORM_WECHAT_BASE_URL", base_url),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut settings = crate::settings::load_from(None, environment).unwrap();
        settings.tls.origin_ca_file = authority.map(std::path::Path::to_owned);
        Api::new(&settings).unwrap()
    }

    #[actix_rt::test]
    async fn the_platform_is_asked_over_tls_and_only_where_its_certificate_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let (base_url, authority) = over_tls(dir.path()).await;
        let call = ApiCall::get("a question", "/x");
        let answered = api(&base_url, Some(&authority)).send(&call, None).await;
        assert!(matches!(answered, Ok(ApiAnswer::Json(_))), "{answered:?}");
        let refused = api(&base_url, None).send(&call, None).await.unwrap_err();
        assert_eq!(refused.code, "platform_unreachable", "{refused}");
    }
}
