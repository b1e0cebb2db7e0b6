//! The threads that read files for plays. One thread, `files`, takes the questions of the relay; threads beside it open
//! and read, one file at a time. A disk that does not answer holds up the plays of its own files alone, as long as a
//! thread is left for the others.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, mpsc},
};

use media::relay::{Block, Track, Wanted};

use super::reading::{Library, Open};

/// Threads that read, at most: so many files may be slow at the same time.
const MOST: usize = 16;

type Done = Arc<dyn Fn(Block) + Send + Sync>;

/// The way to the threads. They end when this is dropped.
pub(in crate::rtp) struct Readers(mpsc::Sender<Note>);

/// What the thread `files` is told.
enum Note {
    Wanted(Wanted),
    /// A thread has done its work and is free; the file, if there is more of it.
    Free(usize, Track, Option<Box<Open>>),
    Over,
}

/// Work for a thread.
enum Work {
    Open(Track, media::relay::Named),
    More(Track, Box<Open>),
}

/// A file between two questions.
enum File {
    Waits(Box<Open>),
    /// A thread reads it, or will.
    Busy,
    /// It is to be closed when the thread is done.
    Unwanted,
}

/// All the thread `files` owns.
struct Desk {
    library: Arc<Library>,
    notes: mpsc::Sender<Note>,
    done: Done,
    files: HashMap<Track, File>,
    threads: Vec<mpsc::Sender<Work>>,
    free: Vec<usize>,
    waiting: VecDeque<Work>,
    /// It was said that all threads wait for slow files.
    told: bool,
}

impl Readers {
    /// Starts the thread. Answers come out through `done`, on any thread.
    pub(in crate::rtp) fn start(library: Library, done: impl Fn(Block) + Send + Sync + 'static) -> io::Result<Readers> {
        let (sender, notes) = mpsc::channel();
        let mut desk = Desk {
            library: Arc::new(library),
            notes: sender.clone(),
            done: Arc::new(done),
            files: HashMap::new(),
            threads: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
            told: false,
        };
        std::thread::Builder::new().name("files".into()).spawn(move || {
            for note in notes {
                match note {
                    Note::Wanted(wanted) => desk.wanted(wanted),
                    Note::Free(thread, track, open) => desk.freed(thread, track, open),
                    Note::Over => return,
                }
            }
        })?;
        Ok(Readers(sender))
    }

    /// Never blocks.
    pub(in crate::rtp) fn ask(&self, wanted: Wanted) {
        let _ = self.0.send(Note::Wanted(wanted));
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let _ = self.0.send(Note::Over);
    }
}

impl Desk {
    fn wanted(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Open { track, name } => {
                self.files.insert(track, File::Busy);
                self.give(Work::Open(track, name));
            }
            Wanted::More(track) => match self.files.insert(track, File::Busy) {
                Some(File::Waits(open)) => self.give(Work::More(track, open)),
                // The relay asks after each answer, and only then.
                Some(busy @ (File::Busy | File::Unwanted)) => drop(self.files.insert(track, busy)),
                None => drop(self.files.remove(&track)),
            },
            Wanted::Close(track) => match self.files.remove(&track) {
                Some(File::Busy | File::Unwanted) => {
                    let before = self.waiting.len();
                    self.waiting.retain(|work| work.track() != track);
                    if before == self.waiting.len() {
                        self.files.insert(track, File::Unwanted);
                    }
                }
                Some(File::Waits(_)) | None => {}
            },
        }
    }

    fn freed(&mut self, thread: usize, track: Track, open: Option<Box<Open>>) {
        let wanted = matches!(self.files.remove(&track), Some(File::Busy));
        if let Some(open) = open.filter(|_| wanted) {
            self.files.insert(track, File::Waits(open));
        }
        self.free.push(thread);
        self.told = false;
        if let Some(work) = self.waiting.pop_front() {
            self.give(work);
        }
    }

    /// Gives work to a thread that is free, or to a new one.
    fn give(&mut self, work: Work) {
        let thread = self.free.pop().or_else(|| self.hire());
        match thread.and_then(|thread| self.threads.get(thread)) {
            Some(thread) => drop(thread.send(work)),
            None => {
                if !std::mem::replace(&mut self.told, true) {
                    let files = self.threads.len();
                    tracing::warn!(files, "so many sound files are slow to read; further plays wait");
                }
                self.waiting.push_back(work);
            }
        }
    }

    fn hire(&mut self) -> Option<usize> {
        let thread = self.threads.len();
        if thread == MOST {
            return None;
        }
        let (sender, works) = mpsc::channel::<Work>();
        let (library, notes, done) = (self.library.clone(), self.notes.clone(), self.done.clone());
        let spawned = std::thread::Builder::new()
            .name(format!("files-{thread}"))
            .spawn(move || {
                for work in works {
                    let track = work.track();
                    let (piece, open) = match work {
                        Work::Open(_, name) => library.open(name),
                        Work::More(_, mut open) => match open.next() {
                            Ok(piece) => (Ok(piece), Some(open)),
                            Err(fault) => (Err(fault), None),
                        },
                    };
                    let open = open.filter(|_| piece.as_ref().is_ok_and(|piece| !piece.last));
                    // Before the answer, after which the relay asks for more.
                    if notes.send(Note::Free(thread, track, open)).is_err() {
                        return;
                    }
                    done(Block { track, piece });
                }
            });
        match spawned {
            Ok(_) => {
                self.threads.push(sender);
                Some(thread)
            }
            Err(error) => {
                tracing::error!(%error, "no thread to read a sound file");
                None
            }
        }
    }
}

impl Work {
    fn track(&self) -> Track {
        match self {
            Work::Open(track, _) | Work::More(track, _) => *track,
        }
    }
}
