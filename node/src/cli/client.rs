//! The admin API, as the commands call it.

use std::io::Write;
use std::time::Duration;

use actix_web::http::{Method, header};
use awc::error::{PayloadError, SendRequestError};
use awc::{ClientRequest, ClientResponse};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::arguments::Connection;
use super::failure::Failure;

/// Time for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Time until a node begins to send a copy of its store, which it makes first.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(600);

/// The largest answer that is held in memory, bytes.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;

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
    pub etag: Option<String>,
    /// Of a change that is not yet on as many nodes as were asked for: on how many it is.
    pub short_of: Option<String>,
    pub body: Value,
}

/// What a request carries.
#[derive(Clone, Copy)]
pub enum Content<'c> {
    None,
    Json(&'c Value),
    Bytes {
        bytes: &'c [u8],
        media: &'static str,
    },
}

// === impl Reply ===

impl Reply {
    /// A sentence where the change is not yet on as many nodes as were asked for, else nothing.
    pub fn spread_note(&self) -> String {
        let note = |nodes: &String| {
            format!(
                " It is on {nodes} node(s) so far, fewer than asked for, and will spread when others are reached."
            )
        };
        self.short_of.as_ref().map_or_else(String::new, note)
    }

    /// `, as before` where everything was so already, else nothing.
    pub fn as_before(&self) -> &'static str {
        match self.changed {
            Some(false) => ", as before",
            _ => "",
        }
    }

    /// Prints the answer as it is, or what `text` makes of it for people.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub fn print(
        &self,
        json: bool,
        out: &mut dyn Write,
        text: impl FnOnce(&Value) -> String,
    ) -> Result<(), Failure> {
        if !json {
            write!(out, "{}", text(&self.body))?;
        } else if !self.body.is_null() {
            writeln!(out, "{:#}", self.body)?;
        }
        Ok(())
    }
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
        let content = body.map_or(Content::None, Content::Json);
        self.send_based_on(method, path, content, None).await
    }

    /// Sends one request, to be answered only while the configuration is still that of the ETag.
    ///
    /// # Errors
    /// Whatever is no success.
    pub async fn send_based_on(
        &self,
        method: Method,
        path: &str,
        content: Content<'_>,
        etag: Option<&str>,
    ) -> Result<Reply, Failure> {
        let mut request = self.request(method, path);
        if let Some(etag) = etag {
            request = request.insert_header((header::IF_MATCH, etag));
        }
        let sent = match content {
            Content::None => request.send(),
            Content::Json(body) => request.send_json(body),
            Content::Bytes { bytes, media } => {
                request.content_type(media).send_body(bytes.to_vec())
            }
        };
        let answer = sent
            .await
            .map_err(|error| self.unreachable(&error, TIMEOUT))?;
        let status = answer.status().as_u16();
        let told = |name| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let changed = told("x-weir-changed").map(|value| value == "true");
        let etag = told("etag");
        let short = told("x-weir-ack-reached").is_some_and(|reached| reached == "false");
        let short_of = told("x-weir-ack-nodes").filter(|_| short);
        let bytes = self.whole(answer).await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|_| self.strange(status))?
        };
        Ok(Reply {
            status,
            changed,
            etag,
            short_of,
            body,
        })
    }

    /// Reads what is not JSON, or not to be looked into.
    ///
    /// # Errors
    /// Whatever is no success.
    pub async fn fetch(&self, path: &str) -> Result<Bytes, Failure> {
        let sent = self.request(Method::GET, path).send().await;
        self.whole(sent.map_err(|error| self.unreachable(&error, TIMEOUT))?)
            .await
    }

    /// Reads an answer of any size into a file; gives its bytes.
    ///
    /// # Errors
    /// Whatever is no success, and an answer that breaks off.
    pub async fn download(&self, path: &str, to: &mut dyn Write) -> Result<u64, Failure> {
        let request = self.request(Method::GET, path).timeout(BACKUP_TIMEOUT);
        let sent = request.send().await;
        let mut answer = sent.map_err(|error| self.unreachable(&error, BACKUP_TIMEOUT))?;
        if !answer.status().is_success() {
            self.whole(answer).await?;
            return Err(self.strange(0));
        }
        let told = answer.headers().get(header::CONTENT_LENGTH);
        let told: Option<u64> = told.and_then(|value| value.to_str().ok()?.parse().ok());
        let mut bytes = 0;
        while let Some(chunk) = answer.next().await {
            let chunk = chunk.map_err(|error| self.broke_off(&error))?;
            to.write_all(&chunk)?;
            bytes += chunk.len() as u64;
        }
        if told.is_some_and(|told| told != bytes) {
            return Err(self.broke_off(&format!("after {bytes} bytes")));
        }
        Ok(bytes)
    }

    fn request(&self, method: Method, path: &str) -> ClientRequest {
        let request = self
            .http
            .request(method, format!("{}/admin/v1{path}", self.admin));
        match &self.token {
            Some(token) => {
                request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
            }
            None => request,
        }
    }

    /// The whole body of a success.
    async fn whole<S>(&self, mut answer: ClientResponse<S>) -> Result<Bytes, Failure>
    where
        S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    {
        let status = answer.status();
        let body = answer.body().limit(ANSWER_BYTES).await;
        let bytes = body.map_err(|error| self.broke_off(&error))?;
        if status.is_success() {
            return Ok(bytes);
        }
        let problem = serde_json::from_slice(&bytes).unwrap_or_default();
        let refused = Failure::refused(status.as_u16(), &problem);
        Err(refused.unwrap_or_else(|| self.strange(status.as_u16())))
    }

    fn broke_off(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::Unreachable {
            admin: self.admin.clone(),
            why: format!("its answer broke off ({error})"),
        }
    }

    fn strange(&self, status: u16) -> Failure {
        Failure::Strange {
            admin: self.admin.clone(),
            status,
        }
    }

    fn unreachable(&self, error: &SendRequestError, limit: Duration) -> Failure {
        let why = match error {
            SendRequestError::Timeout => format!("no answer within {} s", limit.as_secs()),
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
