use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use super::StartError;
use crate::settings::Settings;

/// The ports that are opened before anything else runs.
pub(super) struct Ports {
    pub admin: TcpListener,
    pub admin_address: SocketAddr,
    pub mesh: TcpListener,
    /// What other nodes dial.
    pub mesh_address: SocketAddr,
}

// === impl Ports ===

impl Ports {
    pub fn open(settings: &Settings) -> Result<Self, StartError> {
        let admin = bind("admin.listen", settings.admin.listen)?;
        let mesh = bind("mesh.listen", settings.mesh.listen)?;
        let address = |listener: &TcpListener, asked| listener.local_addr().unwrap_or(asked);
        let bound = address(&mesh, settings.mesh.listen);
        Ok(Ports {
            admin_address: address(&admin, settings.admin.listen),
            mesh_address: match &settings.mesh.advertise {
                Some(name) => look_up("mesh.advertise", name)?,
                None => bound,
            },
            admin,
            mesh,
        })
    }
}

/// Opens the port of a setting.
pub(super) fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|why| match why.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { setting, address },
        _ => StartError::Port {
            setting,
            address,
            why,
        },
    })
}

/// The address of a `host:port`; of several the first.
pub(super) fn look_up(setting: &'static str, name: &str) -> Result<SocketAddr, StartError> {
    let unknown = |why: String| StartError::Name {
        setting,
        name: name.to_owned(),
        why,
    };
    let mut found = name
        .to_socket_addrs()
        .map_err(|error| unknown(error.to_string()))?;
    found
        .next()
        .ok_or_else(|| unknown("it has no address".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_setting_and_the_way_out() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        assert_eq!(
            bind("admin.listen", address).unwrap_err().to_string(),
            format!(
                "admin.listen: the address {address} is taken by another program: stop that one, \
                 or set admin.listen to another"
            )
        );
    }

    #[test]
    fn a_name_is_looked_up_and_an_unknown_one_is_named_with_its_setting() {
        let found = look_up("mesh.advertise", "localhost:7001").unwrap();
        assert!(found.ip().is_loopback() && found.port() == 7001);
        let error = look_up("mesh.advertise", "nowhere.invalid:7001")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("mesh.advertise") && error.contains("nowhere.invalid"),
            "{error}"
        );
    }

    #[test]
    fn an_address_of_another_machine_is_named_with_its_setting() {
        let error = bind("mesh.listen", "192.0.2.1:7000".parse().unwrap()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("mesh.listen: the address 192.0.2.1:7000 cannot be listened on"));
    }
}
