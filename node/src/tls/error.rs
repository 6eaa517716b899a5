use std::path::PathBuf;

/// Why there is no usable certificate. Names the setting and the file, and how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{setting}: {path} cannot be read ({error}); check that it exists and that the node may read it",
        path = path.display())]
    Read {
        setting: String,
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{setting}: {path} holds no {what} in PEM form (`-----BEGIN …`)", path = path.display())]
    Empty {
        setting: String,
        path: PathBuf,
        what: &'static str,
    },
    #[error("{setting}: {path} is not valid PEM ({error})", path = path.display())]
    Pem {
        setting: String,
        path: PathBuf,
        error: rustls::pki_types::pem::Error,
    },
    #[error("{setting}: {cert} and {key} do not go together ({error}); the key must be the certificate's own",
        cert = cert.display(), key = key.display())]
    Pair {
        setting: String,
        cert: PathBuf,
        key: PathBuf,
        error: Box<rustls::Error>,
    },
    #[error("{setting}: `{name}` is not a host name, nor one with `*.` in front")]
    Name { setting: String, name: String },
    #[error("{setting}: a certificate in {path} cannot be used ({error})", path = path.display())]
    Authority {
        setting: String,
        path: PathBuf,
        error: Box<rustls::Error>,
    },
    #[error("the development certificate cannot be written to {path} ({error}); \
        node.data_dir must be a directory the node may write to", path = path.display())]
    Write {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the development certificate cannot be made: {0}")]
    Make(rcgen::Error),
    #[error("the TLS library cannot be set up: {0}")]
    Provider(Box<rustls::Error>),
}
