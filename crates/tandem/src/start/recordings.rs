//! Recordings that were cut off, and recordings that are too old.

use std::{fs::OpenOptions, path::Path, time::Duration};

use admin::Recordings;
use media::file::Repair;
use store::{Store, StoreError};

use crate::{clock::Clock, config::Config};

/// How often old recordings are looked for.
const EVERY: Duration = Duration::from_secs(3_600);

/// Gives recordings that were cut off when the last process ended their end.
pub(super) async fn close_interrupted(store: &Store, config: &Config) -> Result<(), StoreError> {
    let closed = of(store, config).close_interrupted(mend).await?;
    if closed > 0 {
        tracing::warn!(recordings = closed, "closed recordings that were interrupted");
    }
    Ok(())
}

/// Makes a file that was cut off whole, as the thread that writes them does too, and gives its length in milliseconds.
fn mend(path: &Path) -> Option<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    match media::file::repair(&mut file).ok()? {
        Repair::Mended { length } => file.set_len(length).ok()?,
        Repair::Whole | Repair::Empty => {}
    }
    let length = media::file::length(&mut file).ok()??;
    u64::try_from(length.as_millis()).ok()
}

/// Removes recordings that are older than is wanted, now and then, by a task of this runtime.
pub(super) fn tidy(store: &Store, config: &Config, clock: Clock) {
    let Some(kept) = config.limits.keep_recordings else {
        return;
    };
    let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
    let recordings = of(store, config);
    tokio::spawn(async move {
        loop {
            match recordings.tidy(clock.unix_micros().saturating_sub(kept)).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed old recordings (--keep-recordings)"),
                Err(StoreError::Closed) => return,
                Err(error) => tracing::error!(%error, "old recordings not removed; tried again in an hour"),
            }
            tokio::time::sleep(EVERY).await;
        }
    });
}

fn of(store: &Store, config: &Config) -> Recordings {
    Recordings::new(store.clone(), config.domain.as_str().into(), config.recordings())
}
