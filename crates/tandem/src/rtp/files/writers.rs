//! The thread that writes recordings. The media thread hands sound over and never waits: where the disk is too slow for a
//! recording, that recording ends.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use media::{
    file::FileError,
    recorder::{Write, Written},
    service::RecordingId,
};

use super::writing::{Disk, Recorded, folder, repair_all};

/// Seconds of a recording that may wait to be written.
const WAITING: u32 = 10;
/// Between two looks at the free space.
const LOOK: Duration = Duration::from_secs(1);
/// How long the end of the thread is waited for, so that its files become whole.
const END: Duration = Duration::from_secs(5);

/// Where recordings are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The folder; made with the first recording.
    pub folder: PathBuf,
    /// Octets that stay free on its disk: no recording begins or goes on with less.
    pub free: u64,
}

/// The way to the thread. When it is dropped, files that are open are made whole.
pub(in crate::rtp) struct Writers {
    notes: mpsc::Sender<Note>,
    open: HashMap<RecordingId, Waiting>,
    ended: mpsc::Receiver<()>,
}

/// The sound of a recording that waits to be written.
struct Waiting {
    samples: Arc<AtomicUsize>,
    most: usize,
    late: bool,
}

enum Note {
    Begin(Write, Arc<AtomicUsize>),
    Write(Write),
    /// The disk is too slow for it.
    Late(RecordingId),
    Over,
}

/// All the thread owns.
struct Scribe<D> {
    archive: Archive,
    disk: Disk,
    done: D,
    open: HashMap<RecordingId, (Recorded, Arc<AtomicUsize>)>,
    /// When the free space was last looked at.
    looked: Option<Instant>,
}

impl Writers {
    /// Starts the thread, which first repairs what the last run left unfinished. Answers come out through `done`.
    pub(in crate::rtp) fn start(archive: Archive, done: impl Fn(Written) + Send + 'static) -> io::Result<Writers> {
        Writers::with(archive, Disk::default(), done)
    }

    pub(super) fn with(archive: Archive, disk: Disk, done: impl Fn(Written) + Send + 'static) -> io::Result<Writers> {
        let (sender, notes) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new().name("recordings".into()).spawn(move || {
            repair_all(&archive.folder);
            let mut scribe = Scribe {
                archive,
                disk,
                done,
                open: HashMap::new(),
                looked: None,
            };
            for note in notes {
                match note {
                    Note::Begin(write, samples) => scribe.begin(write, samples),
                    Note::Write(write) => scribe.write(write),
                    Note::Late(recording) => {
                        let fault = format!("the disk is too slow: {WAITING} seconds of sound were waiting");
                        scribe.close(recording, Some(fault));
                    }
                    Note::Over => break,
                }
            }
            scribe.end();
            let _ = end.send(());
        })?;
        Ok(Writers {
            notes: sender,
            open: HashMap::new(),
            ended,
        })
    }

    /// Hands a message over. Never blocks.
    pub(in crate::rtp) fn put(&mut self, write: Write) {
        let note = match write {
            Write::Begin {
                recording,
                rate,
                channels,
                ..
            } => {
                let samples = Arc::new(AtomicUsize::new(0));
                let waiting = Waiting {
                    samples: samples.clone(),
                    most: rate.samples(WAITING * 1_000) * usize::from(channels),
                    late: false,
                };
                self.open.insert(recording, waiting);
                Note::Begin(write, samples)
            }
            Write::Block { recording, ref pcm } => {
                let Some(waiting) = self.open.get_mut(&recording).filter(|waiting| !waiting.late) else {
                    return;
                };
                if waiting.samples.load(Ordering::Relaxed) + pcm.len() > waiting.most {
                    waiting.late = true;
                    Note::Late(recording)
                } else {
                    waiting.samples.fetch_add(pcm.len(), Ordering::Relaxed);
                    Note::Write(write)
                }
            }
            Write::End { recording } => {
                self.open.remove(&recording);
                Note::Write(write)
            }
        };
        let _ = self.notes.send(note);
    }

    /// The thread has closed the file.
    pub(in crate::rtp) fn closed(&mut self, recording: RecordingId) {
        self.open.remove(&recording);
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        let _ = self.notes.send(Note::Over);
        if self.ended.recv_timeout(END) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the disk does not take the end of the recordings; they are repaired at the next start");
        }
    }
}

impl<D: Fn(Written)> Scribe<D> {
    fn begin(&mut self, write: Write, samples: Arc<AtomicUsize>) {
        let Write::Begin {
            recording,
            file,
            format,
            rate,
            channels,
        } = write
        else {
            return;
        };
        // Ogg names a stream by any number.
        let serial = recording.0 as u32;
        self.looked = None;
        let begun = self.look().and_then(|()| {
            let below = &self.archive.folder;
            let begun = Recorded::begin(below, &self.disk, (&file, format), (rate, channels, serial));
            begun.map_err(|e| e.to_string())
        });
        match begun {
            Ok(recorded) => {
                self.open.insert(recording, (recorded, samples));
            }
            Err(fault) => (self.done)(Written {
                recording,
                octets: 0,
                file: String::new(),
                fault: Some(fault),
            }),
        }
    }

    /// Whether there is room on the disk.
    fn look(&mut self) -> Result<(), String> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        let below = &self.archive.folder;
        let free = folder(below).and_then(|()| (self.disk.free)(below));
        let free = free.map_err(|e| format!("{}: {e}", below.display()))?;
        if free < self.archive.free {
            let mebi = |octets: u64| octets >> 20;
            return Err(format!(
                "the disk has {} MiB free, and {} are to stay free (--recording-free-space)",
                mebi(free),
                mebi(self.archive.free)
            ));
        }
        self.looked = Some(Instant::now());
        Ok(())
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Begin { .. } => {}
            Write::Block { recording, pcm } => {
                if !self.open.contains_key(&recording) {
                    return;
                }
                if let Err(fault) = self.look() {
                    return self.close(recording, Some(fault));
                }
                let Some((recorded, samples)) = self.open.get_mut(&recording) else {
                    return;
                };
                let written = recorded.write(&pcm);
                samples.fetch_sub(pcm.len(), Ordering::Relaxed);
                if let Err(fault) = written {
                    self.close(recording, Some(fault.to_string()));
                }
            }
            Write::End { recording } => self.close(recording, None),
        }
    }

    fn close(&mut self, recording: RecordingId, fault: Option<String>) {
        let Some((recorded, _)) = self.open.remove(&recording) else {
            return;
        };
        let file = recorded.name.clone();
        let finished = recorded.finish();
        let (octets, late) = match finished {
            Ok(octets) => (octets, None),
            Err(error) => (0, Some(error)),
        };
        (self.done)(Written {
            recording,
            octets,
            file,
            fault: fault.or(late.map(|e: FileError| e.to_string())),
        });
    }

    fn end(&mut self) {
        let open: Vec<RecordingId> = self.open.keys().copied().collect();
        open.into_iter().for_each(|recording| self.close(recording, None));
    }
}
