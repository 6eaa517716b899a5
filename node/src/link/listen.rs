//! Listening sockets: one per core on the same port, so that the kernel spreads connections over cores.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::link::StartError;

/// Connections that may wait to be accepted, per core (the kernel may cap it: `net.core.somaxconn`).
const BACKLOG: i32 = 4_096;

/// `count` listeners on one address; port 0 becomes one port for all of them. `setting` is for the error.
pub fn listeners(
    setting: &'static str,
    addr: SocketAddr,
    count: usize,
) -> Result<Vec<TcpListener>, StartError> {
    let error = |error: io::Error| StartError::from_bind(setting, addr, error);
    if addr.port() != 0 {
        // Another process that shares its port would otherwise share it with us, silently.
        bind(addr, false).map_err(error)?;
    }
    let first = listen(addr).map_err(error)?;
    let bound = first.local_addr().map_err(error)?;
    let mut listeners = vec![first];
    for _ in 1..count {
        listeners.push(listen(bound).map_err(error)?);
    }
    Ok(listeners)
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = bind(addr, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn bind(addr: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cores_get_the_same_port_where_the_system_chooses_it() {
        let listeners = listeners("link.http", "127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        assert!(
            listeners
                .iter()
                .all(|listener| listener.local_addr().unwrap().port() == port)
        );
    }

    #[test]
    fn a_taken_port_is_refused_even_where_it_could_be_shared() {
        let taken = listeners("link.http", "127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let addr = taken[0].local_addr().unwrap();
        let said = listeners("link.http", addr, 1).unwrap_err().to_string();
        assert!(
            said.contains("link.http") && said.contains(&addr.to_string()),
            "{said}"
        );
        assert!(said.contains("already in use"), "{said}");
    }
}
