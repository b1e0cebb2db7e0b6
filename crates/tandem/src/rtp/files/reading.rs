//! Files of sound: found by their names, opened, and read piece by piece.
//!
//! Each time a file is played it is looked at. Sound that was read before is used only while the file has not changed
//! since.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, BufReader, Read, Seek},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use media::{
    audio::{Cache, Clip, prompt::is_name},
    file::Reader,
    relay::{Named, PIECE, Piece},
    service::FileFormat,
};

use super::album::Album;

/// Octets of sound that are kept in memory for the next time it is played.
const KEPT: usize = 64 << 20;
/// A file of at most so many octets, and of at most so many milliseconds, is one piece, and is kept.
const SMALL: u64 = 512 << 10;
const SMALL_MILLIS: u32 = 10_000;

/// What a file is read from.
pub(super) trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// A file of sound that is being read.
pub(super) type Sound = Reader<Box<dyn Source>>;

/// A file as it was opened.
pub(super) struct Found {
    pub(super) source: Box<dyn Source>,
    pub(super) stamp: Stamp,
    pub(super) octets: u64,
}

type Opener = dyn Fn(&Path) -> io::Result<Found> + Send + Sync;

/// The folder of the prompts.
pub(in crate::rtp) struct Library {
    folder: PathBuf,
    kept: Mutex<Cache<Stamp>>,
    opener: Box<Opener>,
}

/// A file that is being read.
pub(super) enum Open {
    File(Sound),
    Music(Album),
}

/// Device, inode, length, and times of modification and change of a file. Each way to write or replace a file changes
/// at least one of them.
pub(super) type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

fn stamp(file: &Metadata) -> Stamp {
    (
        file.dev(),
        file.ino(),
        file.len(),
        (file.mtime(), file.mtime_nsec()),
        (file.ctime(), file.ctime_nsec()),
    )
}

/// Opens a regular file. A pipe or a device, whose other end could let a thread wait for ever, is refused.
pub(super) fn open(path: &Path) -> io::Result<Found> {
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)?;
    // Of the file that is open: another may take its name at any time.
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(Found {
        source: Box::new(BufReader::new(file)),
        stamp: stamp(&metadata),
        octets: metadata.len(),
    })
}

/// Whether the folder has a prompt of that name that can be played.
///
/// # Errors
/// It is not there, cannot be read, or is no prompt; in words for people.
pub fn check_prompt(folder: &Path, name: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err("no name of a prompt".to_owned());
    }
    Library::new(folder.to_owned()).file(name).map(drop)
}

/// Reads at most so much; the file ends with a piece that is shorter.
fn piece(reader: &mut Sound, millis: u32) -> Result<Piece, String> {
    let (rate, mut pcm) = (reader.rate(), Vec::new());
    let wanted = rate.samples(millis);
    let got = reader.read(wanted, &mut pcm).map_err(|e| e.to_string())?;
    Ok(Piece {
        clip: Arc::new(Clip::new(rate, pcm)),
        last: got < wanted,
    })
}

impl Library {
    pub(in crate::rtp) fn new(folder: PathBuf) -> Library {
        Library::with(folder, Box::new(open))
    }

    /// `opener`: how a file is opened.
    pub(super) fn with(folder: PathBuf, opener: Box<Opener>) -> Library {
        Library {
            folder,
            kept: Mutex::new(Cache::new(KEPT)),
            opener,
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens a file by its name below the folder, whose form the relay has checked, and gives the first piece.
    pub(super) fn open(self: &Arc<Self>, name: Named) -> (Result<Piece, String>, Option<Box<Open>>) {
        let (kind, name) = match &name {
            Named::Prompt(name) => ("prompt", name),
            Named::Music(name) => ("music", name),
        };
        let opened = if kind == "prompt" {
            self.file(name).map(|(piece, reader)| (piece, reader.map(Open::File)))
        } else {
            let mut album = Album::new(self.clone(), name);
            album.next().map(|piece| (piece, Some(Open::Music(album))))
        };
        match opened {
            Ok((piece, open)) => (Ok(piece), open.map(Box::new)),
            Err(fault) => (Err(format!("{kind} {name:?}: {fault}")), None),
        }
    }

    /// The first piece of a file, and the rest of it.
    fn file(&self, name: &str) -> Result<(Piece, Option<Sound>), String> {
        let read = self.read(name);
        if read.is_err() {
            self.kept().forget(name);
        }
        read
    }

    fn read(&self, name: &str) -> Result<(Piece, Option<Sound>), String> {
        let found = self.find(name).map_err(|e| e.to_string())?;
        if let Some(clip) = self.kept().get(name, &found.stamp) {
            return Ok((Piece { clip, last: true }, None));
        }
        let mut reader = Reader::open(found.source).map_err(|e| e.to_string())?;
        let millis = if found.octets <= SMALL { SMALL_MILLIS } else { PIECE };
        let piece = piece(&mut reader, millis)?;
        if piece.last {
            self.kept().put(name, found.stamp, piece.clip.clone());
            return Ok((piece, None));
        }
        Ok((piece, Some(reader)))
    }

    /// Opens the file of that name, with either suffix.
    pub(super) fn find(&self, name: &str) -> io::Result<Found> {
        let path = |format: FileFormat| self.folder.join(format!("{name}.{}", format.suffix()));
        let missing = |found: &io::Result<Found>| {
            let error = found.as_ref().err();
            error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let wav = (self.opener)(&path(FileFormat::Wav));
        if !missing(&wav) {
            return wav;
        }
        let opus = (self.opener)(&path(FileFormat::OggOpus));
        if missing(&opus) { wav } else { opus }
    }

    /// Opens a file by its path.
    pub(super) fn find_at(&self, path: &Path) -> io::Result<Found> {
        (self.opener)(path)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Cache<Stamp>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// The next piece.
    pub(super) fn next(&mut self) -> Result<Piece, String> {
        match self {
            Open::File(reader) => piece(reader, PIECE),
            Open::Music(album) => album.next(),
        }
    }
}
