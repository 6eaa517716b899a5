//! The answer's body on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use crate::forward::flow::Flow;
use crate::forward::{CallError, IdleTimer};

/// Frames as the origin sends them, charged and watched. Nothing is buffered here, so what the client
/// does not take is not read from the origin.
#[derive(Debug)]
pub struct Download {
    inner: Incoming,
    flow: Arc<Flow>,
    idle: IdleTimer,
    /// What flows is what the client gets, and is charged.
    charged: bool,
    /// The call's place among those under way to the origin.
    _place: OwnedSemaphorePermit,
}

// === impl Download ===

impl Download {
    pub(super) fn new(
        inner: Incoming,
        flow: Arc<Flow>,
        idle: Duration,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Download {
            inner,
            flow,
            idle: IdleTimer::new(idle),
            charged: true,
            _place: place,
        }
    }

    /// The same, where the client gets something else: whoever makes that charges it.
    pub fn uncharged(mut self) -> Self {
        self.charged = false;
        self
    }

    fn fail(&self, error: CallError) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        self.flow.count_error(&error);
        Poll::Ready(Some(Err(error)))
    }

    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.reset();
                let bytes = match frame.data_ref() {
                    Some(data) => data.len() as u64,
                    None => frame.trailers_ref().map_or(0, crate::link::head_bytes_of),
                };
                if self.charged {
                    self.flow.count_response(bytes);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => self.fail(CallError::DownloadBroken(error)),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.idle.poll_expired(cx));
                self.fail(CallError::DownloadIdle)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Download {
    /// The answer is over, or nobody wants it any more: an upload that goes on would be for nothing.
    fn drop(&mut self) {
        self.flow.close_upload();
    }
}
