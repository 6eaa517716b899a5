//! Who dials: the node whose process owns the other end of a connection, as the kernel knows it. What it sends
//! is sealed, and says nothing to those on the way.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// The state of an open connection in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// The id of the node that has a connection from `source`; `None` where no node has (any more).
pub(super) fn of(source: SocketAddr) -> Option<String> {
    let socket = format!("socket:[{}]", inode(source)?);
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|process| Some((node(&process.path())?, process.path().join("fd"))))
        .find(|(_, files)| has(files, &socket))
        .map(|(node, _)| node)
}

fn inode(source: SocketAddr) -> Option<String> {
    let SocketAddr::V4(source) = source else {
        return None;
    };
    let address = u32::from_le_bytes(source.ip().octets());
    let local = format!("{address:08X}:{:04X}", source.port());
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|line| {
        let mut columns = line.split_whitespace();
        let (is, _, state) = (columns.nth(1)?, columns.next()?, columns.next()?);
        let inode = columns.nth(5)?;
        (is == local && state == ESTABLISHED).then(|| inode.to_owned())
    })
}

/// The node that a process is: its settings lie in a directory of its name.
fn node(process: &Path) -> Option<String> {
    let line = fs::read(process.join("cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0);
    words.find(|word| *word == b"--config")?;
    let settings = std::str::from_utf8(words.next()?).ok()?;
    let node = Path::new(settings).parent()?.file_name()?;
    Some(node.to_str()?.to_owned())
}

fn has(files: &Path, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(files) else {
        return false;
    };
    files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target.as_os_str() == socket)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_is_found_by_its_source_and_is_no_nodes_where_no_node_has_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let source = dialled.local_addr().unwrap();
        let socket = format!("socket:[{}]", inode(source).unwrap());
        assert!(has(Path::new("/proc/self/fd"), &socket));
        assert_eq!(of(source), None, "this process is no node");
    }
}
