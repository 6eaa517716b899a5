//! The request's body on its way to the origin.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::forward::IdleTimer;
use crate::forward::flow::{Flow, Gate, UploadFault};

/// How long a client that sent `Expect: 100-continue` is kept waiting for an origin that says nothing
/// (RFC 9110 section 10.1.1 leaves the time to us; curl waits as long).
const EXPECT_PATIENCE: Duration = Duration::from_secs(1);

/// Frames as the client sends them, charged, limited and watched. Nothing is buffered here.
#[derive(Debug)]
pub struct Upload {
    inner: Option<Incoming>,
    flow: Arc<Flow>,
    limit_bytes: u64,
    sent_bytes: u64,
    idle: IdleTimer,
    patience: Option<Pin<Box<tokio::time::Sleep>>>,
}

/// Why the upload ended early; the flow knows more.
#[derive(Debug, thiserror::Error)]
#[error("the upload was ended")]
pub struct UploadEnded;

// === impl Upload ===

impl Upload {
    /// `limit_bytes`: of the whole body; `idle`: without a byte of it.
    pub fn new(inner: Incoming, flow: Arc<Flow>, limit_bytes: u64, idle: Duration) -> Self {
        if inner.is_end_stream() {
            flow.end_upload();
        }
        Upload {
            inner: Some(inner),
            flow,
            limit_bytes,
            sent_bytes: 0,
            idle: IdleTimer::new(idle),
            patience: None,
        }
    }

    /// No body: what is sent the second time a call without a body is tried.
    pub fn empty(flow: Arc<Flow>) -> Self {
        flow.end_upload();
        Upload {
            inner: None,
            flow,
            limit_bytes: 0,
            sent_bytes: 0,
            idle: IdleTimer::new(Duration::MAX),
            patience: None,
        }
    }

    /// Ready where the body may flow.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadEnded>> {
        match self.flow.poll_gate(cx) {
            Gate::Open => Poll::Ready(Ok(())),
            Gate::Paused => Poll::Pending,
            Gate::Closed => Poll::Ready(Err(UploadEnded)),
            Gate::Expecting => {
                let patience = self
                    .patience
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(EXPECT_PATIENCE)));
                ready!(patience.as_mut().poll(cx));
                self.flow.open();
                Poll::Ready(Ok(()))
            }
        }
    }

    fn take_frame(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, UploadFault> {
        match frame.data_ref() {
            Some(data) => {
                let bytes = data.len() as u64;
                self.sent_bytes += bytes;
                if self.sent_bytes > self.limit_bytes {
                    return Err(UploadFault::TooLarge);
                }
                self.flow.count_request(bytes);
            }
            None => {
                let trailers = frame.trailers_ref().map_or(0, crate::link::head_bytes_of);
                self.flow.count_request(trailers);
            }
        }
        Ok(frame)
    }

    fn fail(&mut self, fault: UploadFault) -> Poll<Option<Result<Frame<Bytes>, UploadEnded>>> {
        self.flow.fail_upload(fault);
        self.inner = None;
        Poll::Ready(Some(Err(UploadEnded)))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadEnded;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadEnded>>> {
        if let Err(ended) = ready!(self.poll_open(cx)) {
            return Poll::Ready(Some(Err(ended)));
        }
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut *inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let ended = inner.is_end_stream();
                self.idle.reset();
                self.flow.set_starved(false);
                match self.take_frame(frame) {
                    Ok(frame) => {
                        if ended {
                            self.flow.end_upload();
                        }
                        Poll::Ready(Some(Ok(frame)))
                    }
                    Err(fault) => self.fail(fault),
                }
            }
            Poll::Ready(Some(Err(_))) => self.fail(UploadFault::Broken),
            Poll::Ready(None) => {
                self.flow.end_upload();
                Poll::Ready(None)
            }
            Poll::Pending => {
                self.flow.set_starved(true);
                ready!(self.idle.poll_expired(cx));
                self.fail(UploadFault::Idle)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.flow.end_upload();
    }
}
