//! The files of a node's identity, in its data directory, for its user alone.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use weir_cluster::trust::{Authority, AuthorityCertificate, AuthorityId, NodeKey};

use super::IdentityError;
use crate::private_file;
use crate::seal::{SealKey, Secret};

/// The directory, below the data directory.
pub const MESH_DIR: &str = "mesh";
const KEY: &str = "node-key.pem";
const IDENTITY: &str = "identity.json";
/// Followed by the short name of the authority.
const AUTHORITY_KEY: &str = "authority-key-";
/// How a key in clear begins.
const PEM: &str = "-----BEGIN";
/// The largest file that is read, bytes.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// Reads and writes them; seals the secret ones where the settings give a seal key.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    dir: PathBuf,
    seal: Option<SealKey>,
}

/// All of it that is no secret. Certificates are DER, base64.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identity {
    pub cluster: String,
    pub certificate: String,
    pub authorities: Vec<String>,
    /// Mesh addresses that were learned when the node joined; empty on the node that began the cluster.
    pub seeds: Vec<String>,
}

/// The file of an authority's key: its certificate, DER, base64, and its key.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    certificate: String,
    key: String,
}

// === impl IdentityFiles ===

impl IdentityFiles {
    pub fn new(data_dir: &Path, seal: Option<SealKey>) -> Self {
        IdentityFiles {
            dir: data_dir.join(MESH_DIR),
            seal,
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `None` where this directory was never a node's.
    pub fn identity(&self) -> Result<Option<Identity>, IdentityError> {
        let file = self.dir.join(IDENTITY);
        let Some(text) = self.read(&file)? else {
            return Ok(None);
        };
        let read = serde_json::from_str(text.expose());
        read.map(Some).map_err(|error| unreadable(&file, &error))
    }

    pub fn set_identity(&self, identity: &Identity) -> Result<(), IdentityError> {
        let file = self.dir.join(IDENTITY);
        let text = serde_json::to_string_pretty(identity);
        let text = text.map_err(|error| unwritable(&file, &error))?;
        self.write(&file, &text)
    }

    pub fn key(&self) -> Result<Option<NodeKey>, IdentityError> {
        let text = self.secret(KEY)?;
        Ok(text
            .map(|text| NodeKey::from_pem(text.expose()))
            .transpose()?)
    }

    pub fn set_key(&self, key: &NodeKey) -> Result<(), IdentityError> {
        self.set_secret(KEY, &Secret::new(key.to_pem()))
    }

    /// The authorities whose keys are here.
    pub fn authorities(&self) -> Result<Vec<Authority>, IdentityError> {
        let listed = match fs::read_dir(&self.dir) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&self.dir, &error)),
        };
        let mut authorities = Vec::new();
        for entry in listed {
            let entry = entry.map_err(|error| unreadable(&self.dir, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with(AUTHORITY_KEY) || name.ends_with(".new") {
                continue;
            }
            let Some(text) = self.secret(&name)? else {
                continue;
            };
            let file = entry.path();
            // Neither error shows what was read.
            let read: KeyFile = serde_json::from_str(text.expose())
                .map_err(|_| unreadable(&file, &"it is no key of an authority"))?;
            let certificate = BASE64.decode(&read.certificate);
            let certificate = certificate.map_err(|_| unreadable(&file, &"it is no base64"))?;
            authorities.push(Authority::from_parts(&certificate, &read.key)?);
        }
        Ok(authorities)
    }

    pub fn add_authority(&self, authority: &Authority) -> Result<(), IdentityError> {
        let name = format!("{AUTHORITY_KEY}{}", authority.id().short());
        let file = KeyFile {
            certificate: BASE64.encode(authority.certificate().der()),
            key: authority.key_pem(),
        };
        let text = serde_json::to_string(&file);
        let text = text.map_err(|error| unwritable(&self.dir.join(&name), &error))?;
        self.set_secret(&name, &Secret::new(text))
    }

    /// Destroys the key of an authority that nobody believes any more.
    pub fn remove_authority(&self, id: &AuthorityId) -> Result<(), IdentityError> {
        let file = self.dir.join(format!("{AUTHORITY_KEY}{}", id.short()));
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(&file, &error)),
            _ => Ok(()),
        }
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>, IdentityError> {
        let file = self.dir.join(name);
        let Some(text) = self.read(&file)? else {
            return Ok(None);
        };
        let clear = text.expose().starts_with(PEM) || text.expose().starts_with('{');
        match (&self.seal, clear) {
            (None, true) => Ok(Some(text)),
            (None, false) => Err(IdentityError::Sealed { file }),
            (Some(_), true) => {
                // From before there was a seal key.
                self.set_secret(name, &text)?;
                Ok(Some(text))
            }
            (Some(seal), false) => {
                let opened = seal.open(&sealed_name(name), text.expose().trim())?;
                let opened = String::from_utf8(opened);
                let opened = opened.map_err(|_| unreadable(&file, &"it is no text"))?;
                Ok(Some(Secret::new(opened)))
            }
        }
    }

    fn set_secret(&self, name: &str, secret: &Secret) -> Result<(), IdentityError> {
        let file = self.dir.join(name);
        match &self.seal {
            Some(seal) => {
                let sealed = seal.seal(&sealed_name(name), secret.expose().as_bytes())?;
                self.write(&file, &sealed)
            }
            None => self.write(&file, secret.expose()),
        }
    }

    fn read(&self, file: &Path) -> Result<Option<Secret>, IdentityError> {
        let length = match fs::metadata(file) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(file, &error)),
        };
        if length > FILE_MAX_BYTES {
            return Err(unreadable(file, &"it is too long to be what it should be"));
        }
        let text = fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        Ok(Some(Secret::new(text)))
    }

    fn write(&self, file: &Path, text: &str) -> Result<(), IdentityError> {
        let mut builder = DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&self.dir);
        made.map_err(|error| unwritable(&self.dir, &error))?;
        private_file::write(file, text).map_err(|error| unwritable(file, &error))
    }
}

// === impl Identity ===

impl Identity {
    pub fn certificate(&self) -> Vec<u8> {
        // What is no base64 is no certificate, which is then told.
        BASE64.decode(&self.certificate).unwrap_or_default()
    }

    pub fn authorities(&self) -> Vec<AuthorityCertificate> {
        let read = |text: &String| AuthorityCertificate::from_der(&BASE64.decode(text).ok()?).ok();
        self.authorities.iter().filter_map(read).collect()
    }
}

/// So that sealed files cannot change places.
fn sealed_name(name: &str) -> String {
    format!("mesh/{name}")
}

fn unreadable(file: &Path, why: &impl ToString) -> IdentityError {
    IdentityError::Unreadable {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

fn unwritable(file: &Path, why: &impl ToString) -> IdentityError {
    IdentityError::Unwritable {
        file: file.to_owned(),
        why: why.to_string(),
    }
}
