//! The body of what the link answers.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::forward::{CallError, Download};
use crate::link::connection_state::CallUnderWay;
use crate::monitor::Recording;

/// A whole text of the gateway's own, or what flows from the origin. Its end is the end of the call.
#[derive(Debug)]
pub struct LinkBody {
    kind: Kind,
    call: Option<CallUnderWay>,
    recording: Recording,
}

#[derive(Debug)]
enum Kind {
    Whole(Bytes),
    Flowing(Download),
}

// === impl LinkBody ===

impl LinkBody {
    pub fn empty() -> Self {
        LinkBody::whole(Bytes::new())
    }

    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        LinkBody {
            kind: Kind::Whole(bytes.into()),
            call: None,
            recording: Recording::default(),
        }
    }

    pub fn flowing(download: Download) -> Self {
        LinkBody {
            kind: Kind::Flowing(download),
            call: None,
            recording: Recording::default(),
        }
    }

    /// The text, where it is one of the gateway's own.
    pub fn into_whole(self) -> Bytes {
        match self.kind {
            Kind::Whole(bytes) => bytes,
            Kind::Flowing(_) => Bytes::new(),
        }
    }

    /// Keeps the call under way until the body is over, and its record open.
    pub fn during(mut self, call: CallUnderWay, mut recording: Recording) -> Self {
        // What is our own is small; whether it arrived whole nobody can tell.
        if matches!(self.kind, Kind::Whole(_)) || self.is_end_stream() {
            recording.whole();
        }
        self.call = Some(call);
        self.recording = recording;
        self
    }
}

impl Body for LinkBody {
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        match &mut self.kind {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Flowing(download) => {
                let polled = Pin::new(&mut *download).poll_frame(cx);
                let over = match &polled {
                    Poll::Ready(Some(Ok(_))) => download.is_end_stream(),
                    Poll::Ready(frame) => frame.is_none(),
                    Poll::Pending => false,
                };
                if over {
                    self.recording.whole();
                }
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Flowing(download) => download.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Flowing(download) => download.size_hint(),
        }
    }
}
