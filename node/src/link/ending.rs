//! How a call ends for its client: what it is told of a failure, and what is logged and recorded of every answer.

use http::{Response, Version};

use crate::forward::CallError;
use crate::link::LinkBody;
use crate::link::answer::{OwnAnswer, close_if};
use crate::link::headers::{self, names};
use crate::link::way::{Call, STATUS_LINE_BYTES};

// === impl Call ===

impl Call {
    /// The answer to a call that failed.
    pub(super) fn failed(&self, error: &CallError, version: Version) -> Response<LinkBody> {
        let detail = error.to_string();
        self.record.note(|draft| draft.failed(error));
        tracing::debug!(call_id = %self.id, fault = ?error.fault(), reason = error.reason(), detail, "a call failed");
        let mut response = OwnAnswer::error(error, &detail).into_response(self.id);
        // HTTP/2 has no such header; there a refused stream harms no other.
        let unread = self.flow.get().is_some_and(|flow| flow.uploading());
        close_if(
            version < Version::HTTP_2 && (unread || error.closes_connection()),
            &mut response,
        );
        self.add_marks(response.headers_mut());
        // What the client is told of a call that was under way is paid for as its answer would have been.
        if let Some(flow) = self.flow.get() {
            flow.count_error(error);
            // Where its connection broke there is nobody to tell.
            if !matches!(error, CallError::UploadBroken) {
                let body_bytes = http_body::Body::size_hint(response.body()).lower();
                let head_bytes = STATUS_LINE_BYTES + headers::head_bytes_of(response.headers());
                flow.count_response(head_bytes + body_bytes);
            }
        }
        response
    }

    /// The head of the answer is known: what the log and the record say of it.
    pub(super) fn answered(&self, response: &Response<LinkBody>) {
        let bytes = || {
            let body_bytes = http_body::Body::size_hint(response.body()).lower();
            STATUS_LINE_BYTES + headers::head_bytes_of(response.headers()) + body_bytes
        };
        let status = response.status().as_u16();
        self.record.note(|draft| draft.answered(status, bytes));
        tracing::debug!(
            call_id = %self.id,
            status,
            link = response.headers().get(&names::LINK).and_then(|link| link.to_str().ok()),
            errmsg = response.headers().get(&names::ERRMSG).and_then(|message| message.to_str().ok()),
            head_ms = self.arrived.elapsed().as_millis() as u64,
            "answered"
        );
    }
}
