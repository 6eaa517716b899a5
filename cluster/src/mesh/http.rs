use std::time::Duration;

use actix_tls::connect::{ConnectInfo, ConnectorService};
use actix_web::dev::{Service, fn_service};
use awc::http::Uri;

/// An HTTP client for the mesh. Its sockets send at once: with Nagle's algorithm, awc's default, every
/// second frame of a gossip exchange waits for a delayed acknowledgement, 40 ms.
pub(super) fn client(timeout: Duration) -> awc::Client {
    let connect = fn_service(|to: ConnectInfo<Uri>| async move {
        let connection = ConnectorService::default().call(to).await?;
        // A socket that refuses the option is slower, no worse.
        let _ = connection.io_ref().set_nodelay(true);
        Ok(connection)
    });
    awc::Client::builder()
        .connector(awc::Connector::new().connector(connect).timeout(timeout))
        .timeout(timeout)
        .disable_redirects()
        .finish()
}
