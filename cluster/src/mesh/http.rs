use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::dev::fn_service;
use awc::http::Uri;

use super::connect::{self, Ways};
use super::links::Links;
use crate::trust::Member;

/// Meshes whose clients one thread keeps: in a program one, in tests some.
const KEPT: usize = 8;

thread_local! {
    /// Clients keep connections open, so each thread has one of a mesh for all that it asks. By the mesh, and how
    /// often its trust had changed: what was connected before is not used again.
    static CLIENTS: RefCell<Vec<(u64, u64, awc::Client)>> = const { RefCell::new(Vec::new()) };
}

/// A new client whose connections are TLS to nodes of this cluster. Its URLs say `http` and `ws`, since TLS is below
/// what awc knows of. The node that answered last is kept beside it.
pub(super) fn client(
    links: &Arc<Links>,
    timeout: Duration,
    ways: Ways,
) -> (awc::Client, Rc<RefCell<Option<Member>>>) {
    let links = links.clone();
    let answered = Rc::<RefCell<Option<Member>>>::default();
    let answers = answered.clone();
    let connect = fn_service(move |to: ConnectInfo<Uri>| {
        let (links, answers) = (links.clone(), answers.clone());
        async move {
            let authority = to.request().authority().map(|authority| authority.as_str());
            let addr: Option<SocketAddr> = authority.and_then(|text| text.parse().ok());
            let addr = addr.ok_or(ConnectError::InvalidInput)?;
            match connect::connect(&links, addr, ways).await {
                Ok((secured, member)) => {
                    answers.replace(Some(member));
                    Ok(Connection::new(to.request().clone(), secured))
                }
                Err(error) => Err(ConnectError::Io(io::Error::other(error.to_string()))),
            }
        }
    });
    let client = awc::Client::builder()
        .connector(awc::Connector::new().connector(connect).timeout(timeout))
        .timeout(timeout)
        .disable_redirects()
        .finish();
    (client, answered)
}

/// This thread's client for requests.
pub(super) fn of_thread(links: &Arc<Links>, timeout: Duration) -> awc::Client {
    let (mesh, changes) = (links.number, *links.trust.changes().borrow());
    CLIENTS.with_borrow_mut(|kept| {
        if let Some((_, _, client)) = kept.iter().find(|kept| (kept.0, kept.1) == (mesh, changes)) {
            return client.clone();
        }
        kept.retain(|(of, _, _)| *of != mesh);
        kept.truncate(KEPT - 1);
        let (client, _) = client(links, timeout, Ways::Any);
        kept.insert(0, (mesh, changes, client.clone()));
        client
    })
}
