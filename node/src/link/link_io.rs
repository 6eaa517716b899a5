//! The byte stream of a link connection, between the socket and hyper.
//!
//! It gives back what was read to tell the protocol, lets the head guard judge HTTP/1.1 heads, refuses bad
//! ones itself, writes interim responses where hyper's writing rests, ends heads and writes that take too
//! long, and lingers on closing so that an early answer is not lost to a reset.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::call_id::CallIds;
use crate::forward::IdleTimer;
use crate::link::answer::refuse_head;
use crate::link::connection_state::ConnectionState;
use crate::link::head_guard::{BadHead, HeadGuard};

/// How long, and how much, an unread upload is read away after the answer (nginx lingers 5 s).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 4 * 1024 * 1024;
const LINGER_READ: usize = 4 * 1024;

/// Deadlines of a connection.
#[derive(Clone, Copy, Debug)]
pub struct IoLimits {
    pub head: Duration,
    pub write_idle: Duration,
}

pub struct LinkIo<T> {
    inner: T,
    /// Read before the protocol was known.
    prefix: Bytes,
    state: Arc<ConnectionState>,
    /// HTTP/1.1 only.
    guard: Option<HeadGuard>,
    ids: CallIds,
    refusing: Refusing,
    interim: Bytes,
    /// Nothing of hyper's is unwritten.
    resting: bool,
    head_deadline: IdleTimer,
    write_idle: IdleTimer,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

/// How far the refusal of a bad head is.
enum Refusing {
    No,
    /// Until the calls before it are answered.
    Waiting(BadHead),
    Writing(Bytes),
    Closing,
}

// === impl LinkIo ===

impl<T: AsyncRead + AsyncWrite + Unpin> LinkIo<T> {
    /// `guard`: for HTTP/1.1, `ids` for the answer to a bad head.
    pub fn new(
        inner: T,
        prefix: Bytes,
        state: Arc<ConnectionState>,
        guard: Option<HeadGuard>,
        ids: CallIds,
        limits: IoLimits,
    ) -> Self {
        LinkIo {
            inner,
            prefix,
            state,
            guard,
            ids,
            refusing: Refusing::No,
            interim: Bytes::new(),
            resting: true,
            head_deadline: IdleTimer::new(limits.head),
            write_idle: IdleTimer::new(limits.write_idle),
            linger: None,
        }
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let given = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix.split_to(given));
        Poll::Ready(Ok(()))
    }

    /// Answers a bad head once everything before it is answered, then closes.
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match &mut self.refusing {
                Refusing::No => return Poll::Ready(Ok(())),
                // The connection reads again when the call before is over.
                Refusing::Waiting(_) if self.state.calls() > 0 || !self.resting => {
                    return Poll::Pending;
                }
                Refusing::Waiting(bad) => {
                    self.refusing = Refusing::Writing(refuse_head(*bad, self.ids, &self.state))
                }
                Refusing::Writing(bytes) if bytes.is_empty() => self.refusing = Refusing::Closing,
                Refusing::Writing(bytes) => {
                    let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
                    bytes.advance(written);
                }
                Refusing::Closing => {
                    ready!(self.poll_close(cx))?;
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
            }
        }
    }

    /// Says that nothing more comes, then reads away what the peer still sends, within limits: closing
    /// with unread bytes would reset the connection and could cost the peer our answer.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            let unread = self.guard.as_ref().is_some_and(HeadGuard::mid_message);
            if !unread && matches!(self.refusing, Refusing::No) {
                return Poll::Ready(Ok(()));
            }
        }
        let (sleep, left) = self
            .linger
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), LINGER_BYTES));
        let mut space = [0; LINGER_READ];
        loop {
            let mut buf = ReadBuf::new(&mut space);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buf) {
                Poll::Pending => return sleep.as_mut().poll(cx).map(Ok),
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if buf.filled().is_empty() || *left < LINGER_READ => {
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(())) => *left -= buf.filled().len(),
            }
        }
    }

    /// Writes interim responses. Only called where hyper has written all it had.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.interim.is_empty() {
                match self.state.next_interim() {
                    Some(next) => self.interim = next,
                    None => return Poll::Ready(Ok(())),
                }
            }
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.interim))?;
            self.interim.advance(written);
        }
    }

    fn watch_write(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.write_idle.reset();
            return result;
        }
        ready!(self.write_idle.poll_expired(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for LinkIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !matches!(this.refusing, Refusing::No) {
            return this.poll_refusal(cx);
        }
        let before = buf.filled().len();
        let result = this.poll_bytes(cx, buf);
        let Some(guard) = this.guard.as_mut().filter(|_| !this.state.is_raw()) else {
            return result;
        };
        match &result {
            Poll::Ready(Ok(())) => {
                if let Err((at, bad)) = guard.feed(&buf.filled()[before..]) {
                    buf.set_filled(before + at);
                    this.refusing = Refusing::Waiting(bad);
                    // hyper takes no bytes for the end of the stream, so it only sees some.
                    if at == 0 {
                        return this.poll_refusal(cx);
                    }
                }
                if !guard.in_head() {
                    this.head_deadline.reset();
                }
            }
            Poll::Pending if guard.in_head() => {
                ready!(this.head_deadline.poll_expired(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            _ => {}
        }
        result
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for LinkIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.resting = false;
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.resting = false;
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// hyper flushes when its own buffer is written out: the place for what is not hyper's.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.guard.is_some() && !this.state.is_raw() {
            this.state.await_interim(cx.waker());
            ready!(this.poll_interim(cx))?;
        }
        ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        this.resting = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_close(cx)
    }
}
