//! The bodies the origin answers with: made as they are sent, never held whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::time::Instant;

use super::stats::Call;

/// Any body of the origin's.
pub type AnyBody = UnsyncBoxBody<Bytes, io::Error>;

/// A piece of a large body, bytes.
const BLOCK: usize = 64 * 1024;

/// Time for what was sent before a cut to leave this process.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// Byte number i of a large body is `i mod 251`: a prime, so that no power-of-two shift goes unseen.
static PATTERN: [u8; BLOCK + 251] = {
    let mut pattern = [0; BLOCK + 251];
    let mut i = 0;
    while i < pattern.len() {
        pattern[i] = (i % 251) as u8;
        i += 1;
    }
    pattern
};

/// A body of a fixed pattern, of any length.
pub struct Pattern {
    sent: u64,
    length: u64,
    /// Whether the length is told beforehand.
    announced: bool,
}

/// A body that counts what goes out and knows whether all of it went.
pub struct Counted {
    inner: AnyBody,
    call: Call,
}

pub fn whole(bytes: impl Into<Bytes>) -> AnyBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Bytes, then trailers.
pub fn with_trailers(bytes: Bytes, trailers: HeaderMap) -> AnyBody {
    let frames = [Ok(Frame::data(bytes)), Ok(Frame::trailers(trailers))];
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

/// `count` server-sent events, the first at once, the others `every` apart.
pub fn events(count: u64, every: Duration) -> AnyBody {
    let begin = Instant::now();
    let stream = futures_util::stream::unfold(0, move |i: u64| async move {
        if i >= count {
            return None;
        }
        tokio::time::sleep_until(
            begin + every.saturating_mul(u32::try_from(i).unwrap_or(u32::MAX)),
        )
        .await;
        let at_ms = begin.elapsed().as_millis();
        let event = format!("id: {i}\ndata: {{\"event\":{i},\"at_ms\":{at_ms}}}\n\n");
        Some((Ok(Frame::data(Bytes::from(event))), i + 1))
    });
    StreamBody::new(stream).boxed_unsync()
}

/// `length` bytes of the pattern, then an error: what was sent is out before the connection breaks.
pub fn cut(length: u64) -> AnyBody {
    let stream = futures_util::stream::unfold(Some(Pattern::new(length, false)), |pattern| async {
        let mut pattern = pattern?;
        match pattern.frame().await {
            Some(frame) => Some((frame, Some(pattern))),
            None => {
                tokio::time::sleep(BEFORE_CUT).await;
                Some((Err(io::Error::other("cut on request")), None))
            }
        }
    });
    StreamBody::new(Box::pin(stream)).boxed_unsync()
}

// === impl Pattern ===

impl Pattern {
    pub fn new(length: u64, announced: bool) -> Self {
        Pattern {
            sent: 0,
            length,
            announced,
        }
    }
}

impl Body for Pattern {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let left = self.length - self.sent;
        if left == 0 {
            return Poll::Ready(None);
        }
        let begin = (self.sent % 251) as usize;
        let size = left.min(BLOCK as u64) as usize;
        self.sent += size as u64;
        let data = Bytes::from_static(&PATTERN[begin..begin + size]);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent == self.length
    }

    fn size_hint(&self) -> SizeHint {
        if self.announced {
            SizeHint::with_exact(self.length - self.sent)
        } else {
            SizeHint::default()
        }
    }
}

// === impl Counted ===

impl Counted {
    pub fn new(inner: AnyBody, mut call: Call) -> Self {
        if inner.is_end_stream() {
            call.complete();
        }
        Counted { inner, call }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.call.sent(frame.data_ref().map_or(0, Bytes::len));
                if frame.is_trailers() {
                    self.call.complete();
                }
            }
            Some(Err(_)) => {}
            None => self.call.complete(),
        }
        if self.inner.is_end_stream() {
            self.call.complete();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_patterned_body_has_every_byte_in_its_place() {
        let length = 3 * BLOCK as u64 + 17;
        let body = Pattern::new(length, true)
            .collect()
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(body.len() as u64, length);
        assert!(
            body.iter()
                .enumerate()
                .all(|(i, byte)| usize::from(*byte) == i % 251)
        );
    }

    #[tokio::test]
    async fn a_cut_body_ends_in_an_error_after_what_it_sent() {
        let mut body = cut(10);
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.data_ref().map(Bytes::len), Some(10));
        assert!(body.frame().await.unwrap().is_err());
    }
}
