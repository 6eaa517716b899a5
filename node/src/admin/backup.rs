//! `/backup`: a consistent copy of this node's store, taken while it runs.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use futures_util::stream;
use utoipa::ToSchema;

use super::problem::Problem;
use super::query::{NoParameters, Query};
use super::{AdminState, moment};
use crate::config_actor::now_ms;

/// Where the copy is made, in the data directory.
const FILE: &str = "backup.tmp";

/// Bytes read from the disk at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// The bytes of an SQLite file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it is named by the OpenAPI document alone")]
pub struct BackupFile(Vec<u8>);

/// A copy of this node's store: all configuration with its history, tokens as digests
///
/// The copy is whole and of one moment, whatever is changed meanwhile. `weir restore` takes it.
#[utoipa::path(
    get, path = "/admin/v1/backup", tag = "history",
    responses((status = 200, description = "An SQLite file", body = BackupFile, content_type = "application/vnd.sqlite3")),
)]
pub async fn get_backup(
    state: web::Data<AdminState>,
    _: Query<NoParameters>,
) -> Result<HttpResponse, Problem> {
    let Ok(_copying) = state.copying.try_lock() else {
        let detail = "This node is making a copy for someone else already. Try again shortly.";
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "backup_busy",
            detail,
        ));
    };
    let path = state.settings.node.data_dir.join(FILE);
    remove(&path).map_err(|error| failed(&state, &error))?;
    let bytes = state.config.backup(&path).await?;
    let opened = File::open(&path);
    // The open file lives on without its name, and is gone with the last reader, however that ends.
    remove(&path).map_err(|error| failed(&state, &error))?;
    let file = opened.map_err(|error| failed(&state, &error))?;

    let at: String = moment::text(now_ms()).replace([':', '.'], "-");
    let name = format!("attachment; filename=\"weir-{}-{at}.db\"", state.node);
    Ok(HttpResponse::Ok()
        .content_type("application/vnd.sqlite3")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .no_chunking(bytes)
        .streaming(stream::try_unfold(file, next_chunk)))
}

async fn next_chunk(mut file: File) -> io::Result<Option<(Bytes, File)>> {
    let read = web::block(move || {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = (&mut file)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut chunk)?;
        Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(chunk), file)))
    });
    read.await.map_err(io::Error::other)?
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn failed(state: &AdminState, error: &io::Error) -> Problem {
    let detail = format!(
        "On node {}, no copy of the store could be made in {}: {error}. See to the disk, or back up another node: \
         every node has the whole configuration.",
        state.node,
        state.settings.node.data_dir.display()
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "backup_failed", detail)
}
