//! The admin API, as the commands call it.

use std::time::Duration;

use actix_web::http::{Method, header};
use awc::error::SendRequestError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::arguments::Connection;
use super::failure::Failure;

/// Time for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer, bytes.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// What stays as it is in a part of a path or a query: the unreserved characters of RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A connection to one node's admin API.
pub struct Client {
    http: awc::Client,
    /// `http://host:port`
    admin: String,
    token: Option<String>,
}

/// A success.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// `x-weir-changed`, where it was sent.
    pub changed: Option<bool>,
    pub body: Value,
}

/// A part of a path or a query, percent-encoded.
pub fn part(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

// === impl Client ===

impl Client {
    /// # Errors
    /// Where the admin address or the token cannot be used.
    pub fn new(connection: &Connection) -> Result<Self, Failure> {
        let token = connection
            .token
            .as_deref()
            .map(str::trim)
            .filter(|token| !token.is_empty());
        if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            let detail =
                "The token given with --token or WEIR_TOKEN holds characters no token has.";
            return Err(Failure::Input(detail.to_owned()));
        }
        Ok(Client {
            http: awc::Client::builder()
                .timeout(TIMEOUT)
                .disable_redirects()
                .finish(),
            admin: admin_url(&connection.admin)?,
            token: token.map(str::to_owned),
        })
    }

    pub async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Sends one request; `path` begins after `/admin/v1`.
    ///
    /// # Errors
    /// Whatever is no success.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let mut request = self
            .http
            .request(method, format!("{}/admin/v1{path}", self.admin));
        if let Some(token) = &self.token {
            request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
        }
        let sent = match body {
            Some(body) => request.send_json(body),
            None => request.send(),
        };
        let mut answer = sent.await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status().as_u16();
        let changed = answer
            .headers()
            .get("x-weir-changed")
            .map(|value| value == "true");
        let bytes =
            answer
                .body()
                .limit(ANSWER_BYTES)
                .await
                .map_err(|error| Failure::Unreachable {
                    admin: self.admin.clone(),
                    why: format!("its answer broke off ({error})"),
                })?;
        let strange = || Failure::Strange {
            admin: self.admin.clone(),
            status,
        };
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|_| strange())?
        };
        if answer.status().is_success() {
            return Ok(Reply {
                status,
                changed,
                body,
            });
        }
        Err(Failure::refused(status, &body).unwrap_or_else(strange))
    }

    fn unreachable(&self, error: &SendRequestError) -> Failure {
        let why = match error {
            SendRequestError::Timeout => format!("no answer within {} s", TIMEOUT.as_secs()),
            SendRequestError::Connect(error) => connect_error(error),
            other => other.to_string(),
        };
        Failure::Unreachable {
            admin: self.admin.clone(),
            why,
        }
    }
}

fn connect_error(error: &awc::error::ConnectError) -> String {
    match error {
        awc::error::ConnectError::Io(error)
            if error.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            "nothing listens there".to_owned()
        }
        awc::error::ConnectError::Io(error) => error.to_string(),
        awc::error::ConnectError::Resolver(_) => "its host name cannot be resolved".to_owned(),
        awc::error::ConnectError::Timeout => "it did not take the connection in time".to_owned(),
        other => other.to_string(),
    }
}

/// `http://host:port` of what was given: a URL, or a host and port alone.
fn admin_url(given: &str) -> Result<String, Failure> {
    let given = given.trim();
    let wrong = |why: &str| {
        Failure::Input(format!(
            "`{given}` is no admin address: {why}. Write http://host:port."
        ))
    };
    let authority = match given.split_once("://") {
        None => given,
        Some(("http", rest)) => rest,
        Some(("https", _)) => return Err(wrong("the admin port speaks plain HTTP")),
        Some(_) => return Err(wrong("it is not an http URL")),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '?', '#', '@']) {
        return Err(wrong("it has more than a host and a port"));
    }
    let parsed = authority.parse::<actix_web::http::uri::Authority>();
    match parsed {
        Ok(parsed) if !parsed.host().is_empty() => Ok(format!("http://{parsed}")),
        _ => Err(wrong("it names no host")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_address_is_a_url_or_a_host_and_port() {
        for given in [
            "http://127.0.0.1:9000",
            "http://127.0.0.1:9000/",
            "127.0.0.1:9000",
        ] {
            assert_eq!(admin_url(given).unwrap(), "http://127.0.0.1:9000");
        }
        assert_eq!(admin_url("http://[::1]:9000").unwrap(), "http://[::1]:9000");
    }

    #[test]
    fn what_is_no_admin_address_is_refused_with_how_to_write_one() {
        for given in [
            "",
            "http://",
            "https://n1:9000",
            "ftp://n1",
            "http://n1:9000/admin/v1",
            "http://a b",
        ] {
            let failure = admin_url(given).unwrap_err().to_string();
            assert!(failure.contains("http://host:port"), "{failure}");
        }
    }

    #[test]
    fn an_id_cannot_leave_its_part_of_the_path() {
        assert_eq!(part("a/../b?c#d"), "a%2F..%2Fb%3Fc%23d");
    }
}
