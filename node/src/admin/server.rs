//! The HTTP server of the admin port, and its limits.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};

use super::{AdminState, routes};

/// Threads of the admin port: enough for operators, nothing taken from the link.
const WORKERS: usize = 2;

/// Connections a worker holds at once.
const CONNECTIONS: usize = 1_024;

/// Time for a whole request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for requests to finish once the server is stopped, seconds.
const SHUTDOWN_S: u64 = 5;

/// Serves the admin API on a listener. The server runs when awaited, and stops by its handle; signals are
/// the program's own business.
///
/// # Errors
/// Where the listener cannot be used.
pub fn server(state: AdminState, listener: TcpListener) -> io::Result<Server> {
    let configure = routes::configure(state);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(routes::catch))
            .configure(configure.clone())
    });
    let server = server
        .workers(WORKERS)
        .max_connections(CONNECTIONS)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(Duration::from_secs(1))
        // actix-web times the head of a connection's first request only, so a connection is for one request:
        // otherwise a second head could be sent for ever, without a token.
        .keep_alive(KeepAlive::Disabled)
        .tcp_nodelay(true)
        .h1_allow_half_closed(false)
        .shutdown_timeout(SHUTDOWN_S)
        .disable_signals()
        .listen(listener)?
        .run();
    Ok(server)
}
