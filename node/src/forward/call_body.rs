//! The body of a call to an origin, which is there again for another attempt as long as nothing of it was taken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::forward::Upload;
use crate::forward::upload::UploadEnded;

/// An upload on loan to a connection. Where nothing of it was read, it goes back when it is dropped.
#[derive(Debug)]
pub struct CallBody {
    upload: Option<Upload>,
    begun: bool,
    back: Option<Returned>,
}

/// Where an upload lies that was not begun.
#[derive(Clone, Debug, Default)]
pub struct Returned(Arc<Mutex<Option<Upload>>>);

// === impl CallBody ===

impl CallBody {
    /// `back`: where it goes if nothing is read; `None` where no other attempt would follow.
    pub fn new(upload: Upload, back: Option<Returned>) -> Self {
        CallBody {
            upload: Some(upload),
            begun: false,
            back,
        }
    }
}

// === impl Returned ===

impl Returned {
    pub fn take(&self) -> Option<Upload> {
        self.0.lock().take()
    }
}

impl Body for CallBody {
    type Data = Bytes;
    type Error = UploadEnded;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadEnded>>> {
        self.begun = true;
        match &mut self.upload {
            Some(upload) => Pin::new(upload).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.upload.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let empty = SizeHint::with_exact(0);
        self.upload.as_ref().map_or(empty, Body::size_hint)
    }
}

impl Drop for CallBody {
    fn drop(&mut self) {
        if let Some(back) = self.back.take()
            && !self.begun
        {
            *back.0.lock() = self.upload.take();
        }
    }
}
