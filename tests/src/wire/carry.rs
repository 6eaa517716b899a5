//! One connection over a wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::weather::{Lane, Weather};
use super::{State, Way, dialler};

/// Pieces on the way at once, one way of one connection.
const PIECES_MAX: usize = 256;

/// Carries until either end closes, or the wire is cut.
pub(super) async fn carry(
    state: Arc<State>,
    node: String,
    dialled: TcpStream,
    target: SocketAddr,
) -> std::io::Result<()> {
    let source = dialled.peer_addr()?;
    let Ok(Some(dialler)) = tokio::task::spawn_blocking(move || dialler::of(source)).await else {
        return Ok(());
    };
    let mut faults = state.faults.subscribe();
    let way = Way::new(&dialler, &node);
    if faults.borrow().cuts.contains(&way) {
        return Ok(());
    }
    let epoch = faults.borrow().epoch;
    let there = TcpStream::connect(target).await?;
    there.set_nodelay(true)?;
    dialled.set_nodelay(true)?;
    let (from, to) = dialled.into_split();
    let (back, forth) = there.into_split();
    let forward = one_way(&state, way.clone(), from, forth);
    let backward = one_way(&state, way.turned(), back, to);
    let broken = faults.wait_for(|faults| faults.cuts.contains(&way) || faults.epoch != epoch);
    tokio::select! {
        biased;
        _ = broken => Ok(()),
        ended = forward => ended,
        ended = backward => ended,
    }
}

/// Reads pieces as they may leave, and writes each when it arrives.
async fn one_way(
    state: &State,
    way: Way,
    mut from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let lane = state.lane(&way);
    let carried = state.carried_to(&way);
    let mut weather = state.weather.subscribe();
    let (pieces, arriving) = mpsc::channel(PIECES_MAX);
    // Ends with its sender: what is on the way then still arrives.
    let reading = async move {
        loop {
            let now: Weather = *weather.borrow_and_update();
            let mut piece = vec![0; now.piece()];
            let read = from.read(&mut piece).await?;
            if read == 0 {
                return Ok(());
            }
            piece.truncate(read);
            carried.fetch_add(read as u64, Ordering::Relaxed);
            state.note(&piece);
            let arrives = leave(&lane, &now, read).await;
            if pieces.send((arrives, piece)).await.is_err() {
                return Ok(());
            }
        }
    };
    let writing = deliver(state, &way, arriving, to);
    tokio::try_join!(reading, writing).map(drop)
}

async fn leave(lane: &Lane, weather: &Weather, bytes: usize) -> Instant {
    let (left, arrives) = lane.take(weather, bytes);
    sleep_until(left).await;
    arrives
}

async fn deliver(
    state: &State,
    way: &Way,
    mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let mut faults = state.faults.subscribe();
    while let Some((arrives, piece)) = arriving.recv().await {
        sleep_until(arrives).await;
        // What comes into silence waits there: neither end hears of it.
        let heard = faults.wait_for(|faults| !faults.silent.contains(way)).await;
        if heard.map(drop).is_err() {
            return Ok(());
        }
        to.write_all(&piece).await?;
    }
    Ok(())
}
