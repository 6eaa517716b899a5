//! What this process is, before anything else of it runs: as the files say, by joining, or as the first node.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use weir_cluster::mesh;
use weir_cluster::trust::{
    Authority, AuthorityCertificate, Credentials, Grant, JoinToken, NoCredentials, NodeKey,
    NotTrusted, SharedTrust, Trust, now_ms,
};
use weir_config::NodeId;

use super::files::{Identity, IdentityFiles};
use super::{AuthorityKeys, IdentityError, registry};
use crate::settings::Settings;

/// The identity of a node that is about to start.
#[derive(Debug)]
pub struct Opened {
    pub cluster: String,
    pub trust: SharedTrust,
    pub keys: AuthorityKeys,
    pub files: IdentityFiles,
    /// Mesh addresses learned when it joined.
    pub seeds: Vec<String>,
    /// It joined others, now or before: it did not begin the cluster.
    pub joined: bool,
}

/// Finds out what this process is.
///
/// # Errors
/// One sentence for whoever started it.
pub async fn open(
    settings: &Settings,
    node: &NodeId,
    files: IdentityFiles,
) -> Result<Opened, IdentityError> {
    let mut keys = AuthorityKeys::new(files.authorities()?);
    let join = settings.mesh.join.as_ref().filter(|join| !join.is_empty());
    let expired = |identity: &Identity| {
        let trust = Trust::new(identity.cluster.clone(), identity.authorities(), []);
        trust.verify_member(&identity.certificate(), now_ms()) == Err(NotTrusted::Expired)
    };
    let (identity, key) = match (files.identity()?, join) {
        // A node joins once; the token may stay in its settings.
        (Some(identity), join) if join.is_none() || !expired(&identity) => {
            let key = files.key()?.ok_or_else(|| IdentityError::Unreadable {
                file: files.dir().to_owned(),
                why: "the node's key is not there".to_owned(),
            })?;
            (identity, Arc::new(key))
        }
        (_, Some(join)) => self::join(settings, node, &files, join.expose()).await?,
        (_, None) if !settings.mesh.seeds.is_empty() => return Err(IdentityError::NotJoined),
        (_, None) => {
            if !settings.mesh.begin_anew && registry::is_founded(&settings.node.data_dir, node)? {
                return Err(IdentityError::KeysLost);
            }
            let begun = begin(settings, node, &files)?;
            keys = AuthorityKeys::new(files.authorities()?);
            begun
        }
    };
    check_cluster(settings, &identity.cluster)?;
    let trust = Trust::new(identity.cluster.clone(), identity.authorities(), []);
    let credentials = Credentials::new(key, &identity.certificate(), &trust, now_ms());
    let credentials = credentials.map_err(|error| match error {
        NoCredentials::NotTrusted(NotTrusted::Expired) => IdentityError::Expired,
        NoCredentials::NotTrusted(why) => IdentityError::NotTrusted {
            dir: files.dir().to_owned(),
            why,
        },
        NoCredentials::Unusable(error) => error.into(),
    })?;
    if credentials.member().node != *node {
        return Err(IdentityError::OtherNode {
            dir: files.dir().to_owned(),
            found: credentials.member().node.to_string(),
            wanted: node.to_string(),
        });
    }
    Ok(Opened {
        joined: !identity.seeds.is_empty(),
        cluster: identity.cluster,
        trust: SharedTrust::new(trust, credentials),
        keys,
        files,
        seeds: identity.seeds,
    })
}

/// The first node makes the authority of its cluster, and certifies itself.
fn begin(
    settings: &Settings,
    node: &NodeId,
    files: &IdentityFiles,
) -> Result<(Identity, Arc<NodeKey>), IdentityError> {
    let cluster = settings.node.cluster.clone();
    let authority = Authority::generate(&cluster, now_ms())?;
    let key = NodeKey::generate()?;
    let grant = Grant {
        cluster: cluster.clone(),
        node: node.clone(),
        enrolment: 1,
        issuer: true,
    };
    let life_s = settings.mesh.certificate_life_s;
    let certificate = authority.issue(key.public(), &grant, now_ms(), life_s)?;
    let identity = Identity {
        cluster,
        certificate: BASE64.encode(certificate),
        authorities: vec![BASE64.encode(authority.certificate().der())],
        seeds: Vec::new(),
    };
    // The identity last: what a crash leaves without one is made anew.
    files.add_authority(&authority)?;
    files.set_key(&key)?;
    files.set_identity(&identity)?;
    tracing::info!(
        authority = authority.id().short(),
        "this node begins a cluster: it made the authority that certifies its nodes"
    );
    Ok((identity, Arc::new(key)))
}

async fn join(
    settings: &Settings,
    node: &NodeId,
    files: &IdentityFiles,
    join: &str,
) -> Result<(Identity, Arc<NodeKey>), IdentityError> {
    let (token, at) = join.split_once('@').ok_or(weir_cluster::trust::BadToken)?;
    let token: JoinToken = token.parse()?;
    // The same key as before, where a crash or a lost answer came between: the token is this key's then.
    let key = match files.key()? {
        Some(key) => key,
        None => {
            let key = NodeKey::generate()?;
            files.set_key(&key)?;
            key
        }
    };
    tracing::info!(at, "joining the cluster");
    let answer = mesh::join(&token, at, node, &key).await?;
    let pinned = |text: &String| {
        let der = BASE64.decode(text).ok()?;
        AuthorityCertificate::from_der(&der).ok()
    };
    let known: Vec<AuthorityCertificate> = answer.authorities.iter().filter_map(pinned).collect();
    if known
        .iter()
        .all(|authority| authority.id() != token.authority)
    {
        let why = "the authority of the token is not among those it names".to_owned();
        let at = at.to_owned();
        return Err(mesh::JoinError::Unreadable { at, why }.into());
    }
    check_cluster(settings, &answer.cluster)?;
    let mut seeds = answer.seeds;
    if !seeds.iter().any(|seed| seed == at) {
        seeds.push(at.to_owned());
    }
    let identity = Identity {
        cluster: answer.cluster,
        certificate: answer.certificate,
        authorities: answer.authorities,
        seeds,
    };
    files.set_identity(&identity)?;
    let cluster = identity.cluster.as_str();
    tracing::info!(cluster, at, "this node has joined the cluster");
    Ok((identity, Arc::new(key)))
}

/// The cluster is learned; settings that name another one are a mistake.
fn check_cluster(settings: &Settings, found: &str) -> Result<(), IdentityError> {
    let wanted = &settings.node.cluster;
    if wanted == found || *wanted == crate::settings::DEFAULT_CLUSTER {
        return Ok(());
    }
    Err(IdentityError::OtherCluster {
        found: found.to_owned(),
        wanted: wanted.clone(),
    })
}
