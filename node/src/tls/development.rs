//! A self-signed certificate, so that TLS works from the first start. Clients must be told to trust it.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::tls::{TlsError, pem_file};

const CERT_FILE: &str = "development-cert.pem";
const KEY_FILE: &str = "development-key.pem";

/// Regions whose access domains the certificate names: a wildcard stands for one label only.
const REGIONS: [&str; 3] = ["shanghai", "shenzhen", "tianjin"];

/// The certificate kept in the data directory, made there first where it is missing.
pub fn load_or_make(data_dir: &Path, base_domain: &str) -> Result<Arc<CertifiedKey>, TlsError> {
    let (cert, key) = (data_dir.join(CERT_FILE), data_dir.join(KEY_FILE));
    if !cert.exists() || !key.exists() {
        make(&cert, &key, data_dir, base_domain)?;
    }
    pem_file::certified_key(
        "development certificate (delete both files to make it anew)",
        &cert,
        &key,
    )
}

fn make(cert: &Path, key: &Path, data_dir: &Path, base_domain: &str) -> Result<(), TlsError> {
    let mut names: Vec<String> = REGIONS
        .iter()
        .map(|region| format!("*.{region}.{base_domain}"))
        .collect();
    names.extend([
        format!("*.{base_domain}"),
        base_domain.to_owned(),
        "localhost".to_owned(),
    ]);
    let made = rcgen::generate_simple_self_signed(names).map_err(TlsError::Make)?;
    let error = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::Write { path, error }
    };
    std::fs::create_dir_all(data_dir).map_err(error(data_dir))?;
    // The key first: whoever finds the certificate finds its key.
    write_whole(key, &made.signing_key.serialize_pem(), 0o600).map_err(error(key))?;
    write_whole(cert, &made.cert.pem(), 0o644).map_err(error(cert))
}

/// Written aside and renamed, so that a crash leaves no half file.
fn write_whole(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let aside = path.with_extension("new");
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_its_key_is_for_the_node_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("new");
        let first = load_or_make(&data_dir, "weir.localhost").unwrap();
        let mode = std::fs::metadata(data_dir.join(KEY_FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = load_or_make(&data_dir, "weir.localhost").unwrap();
        assert_eq!(first.cert, again.cert);
    }

    #[test]
    fn a_broken_certificate_says_which_file_to_delete() {
        let dir = tempfile::tempdir().unwrap();
        load_or_make(dir.path(), "weir.localhost").unwrap();
        std::fs::write(dir.path().join(CERT_FILE), "not a certificate").unwrap();
        let error = load_or_make(dir.path(), "weir.localhost")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("delete both files") && error.contains(CERT_FILE),
            "{error}"
        );
    }

    #[test]
    fn a_data_directory_that_cannot_be_made_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = load_or_make(&file, "weir.localhost")
            .unwrap_err()
            .to_string();
        assert!(error.contains("node.data_dir"), "{error}");
    }
}
