//! Interim responses (1xx, RFC 9110 section 15.2): the origin's reach a client of HTTP/1.1.
//!
//! hyper's server has no way to send them, so they are written between its writes, see `link_io`. Clients of
//! HTTP/1.0 must not get any, and those of HTTP/2 do not: they are hints, and hyper keeps the streams to itself.

use std::sync::Arc;

use http::header::EXPECT;
use http::{HeaderMap, Request, StatusCode};

use crate::forward::{CallBody, Flow};
use crate::link::answer::write_headers;
use crate::link::connection_state::ConnectionState;
use crate::link::headers;

/// `Expect: 100-continue`.
pub fn expects_continue(headers: &HeaderMap) -> bool {
    headers
        .get(EXPECT)
        .is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Passes the origin's interim responses to the client. `100` opens the upload instead, and hyper tells the
/// client when it begins to read it.
pub fn listen(
    request: &mut Request<CallBody>,
    connection: &Arc<ConnectionState>,
    flow: &Arc<Flow>,
) {
    let (connection, flow) = (connection.clone(), flow.clone());
    hyper::ext::on_informational(request, move |response| match response.status() {
        StatusCode::CONTINUE => flow.open(),
        StatusCode::SWITCHING_PROTOCOLS => {}
        status => {
            let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
            write_headers(&mut bytes, &headers::from_origin(response.headers()));
            bytes.extend_from_slice(b"\r\n");
            let length = bytes.len() as u64;
            if connection.push_interim(bytes.into()) {
                flow.count_response(length);
            }
        }
    });
}
