//! `/ws`: a WebSocket whose every message comes back (RFC 6455).

use std::io;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::body::{AnyBody, whole};
use super::stats::Call;

/// Longest message, bytes.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// A connection silent for this long is closed.
const IDLE: Duration = Duration::from_secs(600);

/// Answers the handshake, and goes on in the background. `None`: the request is no WebSocket handshake.
pub fn accept(mut request: Request<Incoming>, call: Call) -> Option<Response<AnyBody>> {
    let headers = request.headers();
    let asks = headers
        .get(UPGRADE)?
        .as_bytes()
        .eq_ignore_ascii_case(b"websocket");
    let key = derive_accept_key(headers.get(SEC_WEBSOCKET_KEY)?.as_bytes());
    if !asks {
        return None;
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut call = call;
        let Ok(upgraded) = upgrade.await else { return };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config))
                .await;
        if echo(socket, &call).await.is_ok() {
            call.complete();
        }
    });
    let mut response = Response::new(whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, http::HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, http::HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, key.parse().ok()?);
    Some(response)
}

/// Until the client closes; an error where it just goes away.
async fn echo(
    mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    call: &Call,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    loop {
        let message = match tokio::time::timeout(IDLE, socket.next()).await? {
            Some(message) => message?,
            None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        };
        call.received(message.len());
        match message {
            Message::Text(_) | Message::Binary(_) => {
                call.web_socket_message();
                call.sent(message.len());
                socket.send(message).await?;
            }
            Message::Close(_) => {
                // The library has queued the answer to the close; sending it is all that is left.
                socket.flush().await.ok();
                return Ok(());
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}
