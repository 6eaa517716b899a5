//! What the gateway says itself: `CONTRACT.md` 1.4.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;
use weir_config::access::{CallRefusal, PublicReason};

use crate::call_id::CallIds;
use crate::forward::CallError;
use crate::link::LinkBody;
use crate::link::connection_state::ConnectionState;
use crate::link::head_guard::BadHead;
use crate::link::headers::{self, names};
use crate::monitor::Recorder;

/// An answer of the gateway's own, before it has a form.
#[derive(Debug)]
pub struct OwnAnswer<'a> {
    pub status: StatusCode,
    /// Absent for row 6 of the decision, which is no error.
    pub code: Option<i32>,
    pub reason: &'a str,
    /// What `errMsg` says after the reason's own words.
    pub exceeded: bool,
    /// For people: what happened, and how to mend it.
    pub detail: Option<&'a str>,
    /// `public` where the call is to take the public link.
    pub link: Option<&'static str>,
    /// How long the public link is worth taking before the link is asked again, milliseconds.
    pub retry_ms: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    err_code: Option<i32>,
    err_msg: &'a str,
    #[serde(rename = "callID")]
    call_id: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'static str>,
    #[serde(rename = "linkRetryMs", skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

// === impl OwnAnswer ===

impl<'a> OwnAnswer<'a> {
    pub fn refusal(refusal: &'a CallRefusal) -> Self {
        OwnAnswer {
            status: StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST),
            code: Some(refusal.code),
            reason: refusal.reason,
            exceeded: false,
            detail: Some(&refusal.detail),
            link: None,
            retry_ms: None,
        }
    }

    /// `detail`: the error's own words.
    pub fn error(error: &CallError, detail: &'a str) -> Self {
        OwnAnswer {
            status: error.status(),
            code: Some(error.code()),
            reason: error.reason(),
            exceeded: false,
            detail: Some(detail),
            link: None,
            retry_ms: None,
        }
    }

    /// `retry_ms`: for calls beyond the package.
    pub fn public(reason: PublicReason, status: StatusCode, retry_ms: Option<u32>) -> Self {
        OwnAnswer {
            status,
            code: reason.code(),
            reason: reason.as_str(),
            exceeded: reason.code().is_some(),
            detail: None,
            link: Some("public"),
            retry_ms,
        }
    }

    /// The words of `reason`, its code and the call id, in the form clients look for.
    fn message(&self, call_id: &str) -> String {
        let mut words = self.reason.replace('_', " ");
        if self.exceeded {
            words.push_str(" exceeded");
        }
        match self.code {
            Some(code) => format!("gateway.call:fail {words}, code: {code}, callid: {call_id}"),
            None => format!("gateway.call:fail {words}, callid: {call_id}"),
        }
    }

    pub fn into_response(self, call_id: Uuid) -> Response<LinkBody> {
        let call_id = call_id.to_string();
        let message = self.message(&call_id);
        let document = Document {
            err_code: self.code,
            err_msg: &message,
            call_id: &call_id,
            reason: self.reason,
            link: self.link,
            retry_ms: self.retry_ms,
            detail: self.detail,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(LinkBody::whole(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(names::CALL_ID, headers::value(call_id));
        headers.insert(names::ERRMSG, headers::value(message));
        if let Some(code) = self.code {
            headers.insert(names::ERROR_CODE, HeaderValue::from(code));
        }
        if let Some(link) = self.link {
            headers.insert(names::LINK, HeaderValue::from_static(link));
        }
        if let Some(retry_ms) = self.retry_ms {
            headers.insert(names::LINK_RETRY_MS, HeaderValue::from(retry_ms));
            // Of a redirect it would put off the redirected request itself (RFC 9110 section 10.2.3).
            if self.status == StatusCode::TOO_MANY_REQUESTS {
                headers.insert(RETRY_AFTER, HeaderValue::from(retry_ms.div_ceil(1_000)));
            }
        }
        response
    }
}

/// Says that the connection closes. It does where a body is left unread, and a client that is not told sends its
/// next call into it.
pub fn close_if(closes: bool, response: &mut Response<LinkBody>) {
    if closes {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
}

/// The whole answer to a head that never becomes a call, as bytes of HTTP/1.1.
pub fn refuse_head(bad: BadHead, ids: CallIds, connection: &ConnectionState) -> Bytes {
    let error = match bad {
        BadHead::TooLarge => CallError::HeadTooLarge,
        BadHead::Malformed(why) => CallError::Malformed(why),
    };
    let detail = error.to_string();
    let call_id = ids.mint();
    let (peer, secure) = (connection.peer, connection.secure);
    let record = Recorder::begin(call_id, Instant::now(), peer, secure);
    tracing::debug!(%call_id, status = error.status().as_u16(), reason = error.reason(), detail, "refused a head");
    let response = OwnAnswer::error(&error, &detail).into_response(call_id);
    let (parts, body) = response.into_parts();
    let body = body.into_whole();
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    write_headers(&mut bytes, &parts.headers);
    bytes.extend_from_slice(
        format!(
            "content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    bytes.extend_from_slice(&body);
    let (status, length) = (parts.status.as_u16(), bytes.len() as u64);
    record.note(|draft| {
        draft.failed(&error);
        draft.answered(status, || length);
    });
    bytes.into()
}

/// Headers as lines of HTTP/1.1, without the empty line at the end.
pub fn write_headers(bytes: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_message_names_the_reason_the_code_and_the_call() {
        let answer = OwnAnswer::public(
            PublicReason::PackageBandwidth,
            StatusCode::TOO_MANY_REQUESTS,
            None,
        );
        let said = answer.message("0190");
        assert_eq!(
            said,
            "gateway.call:fail package bandwidth exceeded, code: 102021, callid: 0190"
        );
    }
}
