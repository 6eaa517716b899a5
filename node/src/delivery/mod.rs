//! Sending something to a server that is not ours (a webhook, a collector of traces): each attempt and its answer have
//! a bound, attempts that may help are made again after a while, and no error shows more of a URL than its host.

use std::sync::Arc;
use std::time::Duration;

use awc::error::{ConnectError, SendRequestError};
use awc::http::Uri;
use awc::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use bytes::Bytes;

use crate::settings::TlsSettings;
use crate::tls;

/// How much of an answer is read, bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// The longest pause that an answer may ask for.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(30);

/// How often something is sent, and how long it is waited.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The first included.
    pub attempts: u32,
    /// Before the second attempt; doubled for each further one, up to half of it taken off at random.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// Whether an answer with this status may be another one later.
    pub again: fn(u16) -> bool,
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Letter<'l> {
    pub url: &'l str,
    pub media: &'static str,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// A success: a status of 200 to 299.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered {
    pub status: u16,
    pub body: Bytes,
    pub attempts: u32,
}

/// Why nothing came of the last attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undelivered {
    /// What the last answer was, where there was one.
    pub status: Option<u16>,
    /// In words, with the server's host and no more of its URL.
    pub why: String,
    pub attempts: u32,
}

/// Sends. Not `Send`: one per thread.
#[derive(Clone)]
pub struct Courier {
    http: awc::Client,
}

struct Failed {
    status: Option<u16>,
    why: String,
    again: bool,
    /// What the answer asks for.
    pause: Option<Duration>,
}

/// Status codes that say "later": too early, too many, and what is wrong with the server itself.
pub fn later(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// `https://host:port` of a URL, which may hold a secret elsewhere.
pub fn host_of(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    let shown = uri.as_ref().and_then(|uri| {
        let authority = uri.authority()?;
        // Never what stands before an @.
        let host = authority.host();
        let port = authority.port().map(|port| format!(":{port}"));
        let scheme = uri.scheme_str().unwrap_or("http");
        Some(format!("{scheme}://{host}{}", port.unwrap_or_default()))
    });
    shown.unwrap_or_else(|| "a URL that cannot be read".to_owned())
}

// === impl Courier ===

impl Courier {
    /// `timeout`: for one attempt, its answer included. Certificates are checked as those of origins are.
    ///
    /// # Errors
    /// Where the authorities cannot be read.
    pub fn new(settings: &TlsSettings, timeout: Duration) -> Result<Self, tls::TlsError> {
        let tls = Arc::new(tls::origin_tls(settings)?);
        let connector = awc::Connector::new().rustls_0_23(tls).timeout(timeout);
        Ok(Courier {
            http: awc::Client::builder()
                .connector(connector)
                .timeout(timeout)
                .disable_redirects()
                .finish(),
        })
    }

    /// Sends, and again as the policy says.
    ///
    /// # Errors
    /// Why the last attempt failed.
    pub async fn send(
        &self,
        letter: &Letter<'_>,
        policy: &Policy,
    ) -> Result<Delivered, Undelivered> {
        let mut pause = policy.first_pause;
        let mut attempts = 1;
        loop {
            let failed = match self.attempt(letter, policy).await {
                Ok((status, body)) => {
                    return Ok(Delivered {
                        status,
                        body,
                        attempts,
                    });
                }
                Err(failed) => failed,
            };
            if !failed.again || attempts >= policy.attempts {
                return Err(Undelivered {
                    status: failed.status,
                    why: failed.why,
                    attempts,
                });
            }
            tracing::debug!(
                to = host_of(letter.url),
                attempts,
                why = failed.why,
                "sent again after a while"
            );
            let own = pause.mul_f64(rand::random_range(0.5..=1.0));
            tokio::time::sleep(failed.pause.unwrap_or(own).max(own)).await;
            pause = (pause * 2).min(policy.longest_pause);
            attempts += 1;
        }
    }

    async fn attempt(&self, letter: &Letter<'_>, policy: &Policy) -> Result<(u16, Bytes), Failed> {
        let mut request = self.http.post(letter.url);
        request = request.insert_header((CONTENT_TYPE, letter.media));
        for (name, value) in &letter.headers {
            request = request.insert_header((name.clone(), value.clone()));
        }
        let sent = request.send_body(letter.body.clone()).await;
        let mut answer = sent.map_err(|error| Failed::of(&error, letter.url))?;
        let status = answer.status().as_u16();
        let asked = answer.headers().get(RETRY_AFTER).and_then(|value| {
            let seconds = value.to_str().ok()?.parse().ok()?;
            Some(Duration::from_secs(seconds).min(ASKED_PAUSE_MAX))
        });
        let body = answer.body().limit(ANSWER_MAX_BYTES).await;
        if !(200..300).contains(&status) {
            return Err(Failed {
                status: Some(status),
                why: format!("{} answered with status {status}", host_of(letter.url)),
                again: (policy.again)(status),
                pause: asked,
            });
        }
        // It has taken what was sent; an answer that is too long or broke off says nothing else.
        Ok((status, body.unwrap_or_default()))
    }
}

// === impl Failed ===

impl Failed {
    fn of(error: &SendRequestError, url: &str) -> Self {
        let (why, again) = match error {
            SendRequestError::Timeout | SendRequestError::Connect(ConnectError::Timeout) => {
                ("did not answer in time".to_owned(), true)
            }
            SendRequestError::Connect(ConnectError::Resolver(_)) => {
                ("cannot be found: its name has no address".to_owned(), true)
            }
            SendRequestError::Connect(error) => (format!("cannot be reached ({error})"), true),
            SendRequestError::Url(_) => ("is no URL that can be asked".to_owned(), false),
            other => (format!("broke off ({other})"), true),
        };
        Failed {
            status: None,
            why: format!("{} {why}", host_of(url)),
            again,
            pause: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use actix_web::{App, HttpResponse, HttpServer, web};

    use super::*;

    const POLICY: Policy = Policy {
        attempts: 3,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(4),
        again: later,
    };

    /// A server that answers with each status once, then with 200.
    async fn answering(statuses: &'static [u16]) -> (String, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let server = HttpServer::new(move || {
            let count = count.clone();
            App::new().default_service(web::to(move || {
                let place = count.fetch_add(1, Ordering::Relaxed) as usize;
                async move {
                    let status = statuses.get(place).copied().unwrap_or(200);
                    let status = actix_web::http::StatusCode::from_u16(status).unwrap();
                    HttpResponse::build(status).body("said")
                }
            }))
        });
        let server = server.workers(1).bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?key=planted", server.addrs()[0]);
        actix_rt::spawn(server.run());
        (url, asked)
    }

    async fn send(url: &str) -> Result<Delivered, Undelivered> {
        let courier = Courier::new(&TlsSettings::default(), Duration::from_secs(5)).unwrap();
        let letter = Letter {
            url,
            media: "application/json",
            headers: Vec::new(),
            body: Bytes::from_static(b"{}"),
        };
        courier.send(&letter, &POLICY).await
    }

    #[actix_rt::test]
    async fn what_may_help_is_tried_again_and_what_cannot_is_not() {
        let (url, asked) = answering(&[503, 429]).await;
        let delivered = send(&url).await.unwrap();
        assert_eq!((delivered.status, delivered.attempts), (200, 3));
        assert_eq!(delivered.body, "said");
        assert_eq!(asked.load(Ordering::Relaxed), 3);

        let (url, asked) = answering(&[500, 500, 500, 500]).await;
        let undelivered = send(&url).await.unwrap_err();
        assert_eq!((undelivered.status, undelivered.attempts), (Some(500), 3));
        assert_eq!(asked.load(Ordering::Relaxed), 3);

        let (url, asked) = answering(&[404]).await;
        assert_eq!(send(&url).await.unwrap_err().attempts, 1);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[actix_rt::test]
    async fn no_error_shows_more_of_a_url_than_its_host() {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let url = format!("http://user:planted@127.0.0.1:{port}/planted?key=planted");
        let undelivered = send(&url).await.unwrap_err();
        assert_eq!(undelivered.attempts, 3);
        assert!(
            undelivered
                .why
                .starts_with(&format!("http://127.0.0.1:{port} cannot be reached")),
            "{undelivered:?}"
        );
        let (url, _) = answering(&[403]).await;
        let refused = send(&url).await.unwrap_err();
        for shown in [undelivered.why, refused.why, host_of("no url with planted")] {
            assert!(!shown.contains("planted"), "{shown}");
        }
    }
}
