//! Music: one file, or the files of a folder in the order of their names, again and again. The folder is looked at after
//! each file, so that what is put there is heard in its turn.

use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use media::{
    audio::Clip,
    file::Reader,
    relay::{PIECE, Piece},
    service::FileFormat,
};

use super::reading::{Library, Sound};

/// Files of a folder that are looked at, at most.
const MOST: usize = 10_000;

/// Music that is being read. It has no end.
pub(super) struct Album {
    library: Arc<Library>,
    name: String,
    /// The file that is read, and its name within the folder.
    reader: Option<Sound>,
    last: Option<OsString>,
    /// Files that cannot be played, of which the log was told.
    told: HashSet<OsString>,
}

impl Album {
    pub(super) fn new(library: Arc<Library>, name: &str) -> Album {
        Album {
            library,
            name: name.to_owned(),
            reader: None,
            last: None,
            told: HashSet::new(),
        }
    }

    /// The next piece. It is shorter where the next file has another rate.
    pub(super) fn next(&mut self) -> Result<Piece, String> {
        let (mut pcm, mut of) = (Vec::new(), None);
        // Files in a row without any sound.
        let mut empty = 0;
        loop {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                None => {
                    let files = self.turn()?;
                    if empty > files {
                        return Err("no sound in it".to_owned());
                    }
                    empty += 1;
                    continue;
                }
            };
            let rate = *of.get_or_insert(reader.rate());
            let wanted = rate.samples(PIECE) - pcm.len();
            if reader.rate() == rate {
                let before = pcm.len();
                let read = reader.read(wanted, &mut pcm);
                if pcm.len() > before {
                    empty = 0;
                }
                if pcm.len() - before < wanted {
                    self.reader = None;
                    if let Err(error) = read {
                        self.tell(self.last.clone().unwrap_or_default(), &error.to_string());
                    }
                    continue;
                }
            } else if pcm.is_empty() {
                of = None;
                continue;
            }
            let clip = Arc::new(Clip::new(rate, pcm));
            return Ok(Piece { clip, last: false });
        }
    }

    /// Opens the next file; one that cannot be played is passed over. Gives how many there are.
    fn turn(&mut self) -> Result<usize, String> {
        let folder = self.library.folder().join(&self.name);
        let mut names = match list(&folder) {
            Ok(names) => names,
            Err(error) if is_no_folder(&error) => {
                let found = self.library.find(&self.name).map_err(|e| self.missing(&e))?;
                self.reader = Some(Reader::open(found.source).map_err(|e| e.to_string())?);
                return Ok(1);
            }
            Err(error) => return Err(error.to_string()),
        };
        let files = names.len();
        // From the one after the last on, round.
        let after = |name: &OsString| self.last.as_ref().is_none_or(|last| name > last);
        let first = names.iter().position(after).unwrap_or(0);
        names.rotate_left(first);
        let mut fault = "no sound file is in the folder".to_owned();
        for name in names {
            let found = self.library.find_at(&folder.join(&name)).map_err(Into::into);
            match found.and_then(|found| Reader::open(found.source)) {
                Ok(reader) => {
                    (self.reader, self.last) = (Some(reader), Some(name));
                    return Ok(files);
                }
                Err(error) => {
                    fault = format!("{}: {error}", Path::new(&name).display());
                    self.tell(name, &fault);
                }
            }
        }
        Err(fault)
    }

    /// Says what is to be put where.
    fn missing(&self, error: &io::Error) -> String {
        if error.kind() != io::ErrorKind::NotFound {
            return error.to_string();
        }
        let (name, folder) = (&self.name, self.library.folder().display());
        format!("neither {name}.wav, {name}.opus nor a folder {name} is in {folder}")
    }

    /// Tells the log of a file that cannot be played, once.
    fn tell(&mut self, name: OsString, fault: &str) {
        let music = self.name.as_str();
        if self.told.insert(name) {
            tracing::warn!(music, fault, "a file of music is passed over");
        }
    }
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The names of the sound files in a folder, in order.
fn list(folder: &Path) -> io::Result<Vec<OsString>> {
    let is_sound = |name: &OsString| {
        let path = PathBuf::from(name);
        let suffix = path.extension().and_then(|suffix| suffix.to_str());
        [FileFormat::Wav, FileFormat::OggOpus]
            .iter()
            .any(|format| suffix == Some(format.suffix()))
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(MOST) {
        let name = entry?.file_name();
        if is_sound(&name) && !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}
