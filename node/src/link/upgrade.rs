//! Upgraded connections (WebSocket and any other, RFC 9110 section 7.8): bytes both ways, as they come.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::forward::{Answered, Flow};
use crate::link::way::{Call, STATUS_LINE_BYTES};
use crate::link::{LinkBody, headers};

/// Bytes under way in one direction.
const BUFFER: usize = 8 * 1024;

type Stream = TokioIo<Upgraded>;

/// Answers `101`, and from then on carries bytes between the client and the origin.
pub fn switch(
    call: &Call,
    answered: Answered,
    client: OnUpgrade,
    flow: Arc<Flow>,
    head: impl Fn(&HeaderMap) -> HeaderMap,
) -> Response<LinkBody> {
    let (mut origin, place) = answered.into_upgrade();
    let mut response = Response::new(LinkBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = head(origin.headers());
    if let Some(protocol) = origin.headers().get(UPGRADE) {
        response.headers_mut().insert(UPGRADE, protocol.clone());
    }
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("upgrade"));
    flow.count_response(STATUS_LINE_BYTES + headers::head_bytes_of(response.headers()));
    let idle = Duration::from_millis(call.core.settings.limits.body_idle_timeout_ms);
    let (id, stop, connection) = (call.id, call.core.stop.clone(), call.connection.clone());
    let status = StatusCode::SWITCHING_PROTOCOLS.as_u16();
    call.record.note(|draft| draft.answered(status, || 0));
    let mut recording = call.record.take();
    call.core.tasks.spawn_local(async move {
        let carry = async {
            let (client, origin) = tokio::try_join!(client, hyper::upgrade::on(&mut origin))
                .map_err(io::Error::other)?;
            splice(TokioIo::new(client), TokioIo::new(origin), &flow, idle).await
        };
        let end = tokio::select! {
            end = carry => end,
            () = stop.cancelled() => Ok(()),
        };
        let (up, down) = flow.bytes();
        tracing::debug!(call_id = %id, up, down, ?end, "an upgraded connection ended");
        // Either side may end it: that is how such a call ends.
        recording.whole();
        drop((place, connection, recording));
    });
    response
}

/// Until both directions have ended, or nothing moved in either for `idle`.
async fn splice(client: Stream, origin: Stream, flow: &Flow, idle: Duration) -> io::Result<()> {
    let (client_read, client_write) = tokio::io::split(client);
    let (origin_read, origin_write) = tokio::io::split(origin);
    let up = carry(client_read, origin_write, |bytes| flow.count_request(bytes));
    let down = carry(origin_read, client_write, |bytes| {
        flow.count_response(bytes)
    });
    let mut both = std::pin::pin!(async { tokio::try_join!(up, down) });
    let mut moved = flow.bytes();
    loop {
        match tokio::time::timeout(idle, both.as_mut()).await {
            Ok(ended) => return ended.map(|_| ()),
            Err(_) if flow.bytes() == moved => return Err(io::ErrorKind::TimedOut.into()),
            Err(_) => moved = flow.bytes(),
        }
    }
}

/// One direction, to its end; the end is passed on, and the other direction may go on without it.
async fn carry(
    mut from: ReadHalf<Stream>,
    mut to: WriteHalf<Stream>,
    count: impl Fn(u64),
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        count(read as u64);
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
    }
}
