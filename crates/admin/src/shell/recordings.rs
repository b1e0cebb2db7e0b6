//! The files of recordings: found by what the database says of them, never by what a client says.

use std::{
    fs::Metadata,
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use records::{Recording, RecordingEnd, RecordingEnded};
use store::{RecordingFilter, Store, StoreError};
use tokio::{fs::File, task::spawn_blocking};

/// Recordings that [`Recordings::tidy`] removes before it looks for more.
const AT_ONCE: u32 = 500;

/// The recordings of a SIP domain: rows of the database, and files of a folder. Cheap to clone.
#[derive(Clone)]
pub struct Recordings {
    store: Store,
    domain: Arc<str>,
    folder: Arc<Path>,
}

/// Why a recording was not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRemoved {
    /// It goes on.
    #[error("the recording is in progress")]
    InProgress,
    /// The file cannot be removed.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The row cannot be removed.
    #[error("{0}")]
    Row(#[from] StoreError),
}

impl Recordings {
    /// The recordings of `domain`; their files are in `folder`.
    pub fn new(store: Store, domain: Arc<str>, folder: impl Into<PathBuf>) -> Self {
        Self {
            store,
            domain,
            folder: folder.into().into(),
        }
    }

    /// Removes the recordings that began before this time (microseconds since the Unix epoch), with their files. A
    /// recording in progress stays. Returns how many were removed. What cannot be removed is told in the log and tried
    /// again next time.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn tidy(&self, before: i64) -> Result<u64, StoreError> {
        let filter = RecordingFilter {
            to: Some(before),
            ..RecordingFilter::default()
        };
        let (mut removed, mut cursor) = (0, None);
        loop {
            let page = self
                .store
                .recordings(&self.domain, &filter, AT_ONCE, cursor.as_deref())
                .await?;
            for stored in page.items {
                match self.remove(&stored.recording).await {
                    Ok(()) => removed += 1,
                    Err(NotRemoved::InProgress) => {}
                    Err(NotRemoved::Row(error)) => return Err(error),
                    Err(NotRemoved::File(error)) => {
                        tracing::error!(%error, file = stored.recording.file, "an old recording cannot be removed");
                    }
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(removed);
            }
        }
    }

    /// Completes the rows of recordings that a crash cut off. Call it at the start, before any call, `length` makes
    /// a file whole, and gives its length in milliseconds, where that can be told. Returns how many
    /// there were.
    ///
    /// # Errors
    /// The error of SQLite.
    pub async fn close_interrupted<F>(&self, length: F) -> Result<usize, StoreError>
    where
        F: Fn(&Path) -> Option<u64> + Send + 'static,
    {
        let cut_off = self.store.recordings_in_progress(&self.domain).await?;
        let count = cut_off.len();
        if count == 0 {
            return Ok(0);
        }
        let this = self.clone();
        let closed = spawn_blocking(move || {
            let close = |mut recording: Recording| {
                let path = this.path(&recording.file);
                let millis = path.as_deref().and_then(&length);
                let octets = path.as_ref().and_then(|path| Some(path.metadata().ok()?.len()));
                recording.ended = Some(RecordingEnded {
                    millis: millis.unwrap_or(0),
                    octets: octets.unwrap_or(0),
                    end: RecordingEnd::Interrupted,
                    fault: String::new(),
                });
                recording
            };
            cut_off.into_iter().map(close).collect::<Vec<_>>()
        });
        let writer = self.store.writer(&self.domain);
        for recording in closed.await.unwrap_or_default() {
            writer.recording(recording);
        }
        writer.flush().await?;
        Ok(count)
    }

    /// The place of a file. Nothing outside of the folder has one.
    fn path(&self, file: &str) -> Option<PathBuf> {
        let path = Path::new(file);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        (inside && !file.is_empty()).then(|| self.folder.join(path))
    }

    /// Which of these files are there.
    pub(crate) async fn are_there(&self, files: Vec<String>) -> Vec<bool> {
        let (this, count) = (self.clone(), files.len());
        let is_there = move |file: &String| this.path(file).is_some_and(|path| path.is_file());
        let looked = spawn_blocking(move || files.iter().map(is_there).collect());
        looked.await.unwrap_or_else(|_| vec![false; count])
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// The error of the system; [`io::ErrorKind::NotFound`] also for what is no file, or not inside the folder.
    pub(crate) async fn open(&self, file: &str) -> io::Result<(File, Metadata)> {
        let path = self.path(file).ok_or(io::ErrorKind::NotFound)?;
        // Looked at first: opening a pipe would wait for its other end.
        if !tokio::fs::metadata(&path).await?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let opened = File::open(path).await?;
        let about = opened.metadata().await?;
        Ok((opened, about))
    }

    /// Removes a recording that has ended: the file, then the row. After a crash in between, the row tells of a file
    /// that is missing, and can be removed.
    pub(crate) async fn remove(&self, recording: &Recording) -> Result<(), NotRemoved> {
        if recording.ended.is_none() {
            return Err(NotRemoved::InProgress);
        }
        if let Some(path) = self.path(&recording.file) {
            match tokio::fs::remove_file(path).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.store.remove_recording(&self.domain, recording.id).await?;
        Ok(())
    }
}
