//! Reads prompts from their folder, off the media thread.
//!
//! Each time a prompt is played its file is looked at. Samples that were read before are used only while the file has
//! not changed since.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use media::audio::{
    Cache, Clip,
    prompt::{MAX_FILE, decode, is_name},
};

/// Octets of prompts that are kept in memory for the next time they are played.
const KEPT: usize = 64 << 20;

/// Starts the thread that reads. Names go in through the sender, prompts or errors come out through `done`. The thread
/// ends when the sender is dropped.
pub(super) fn start(
    folder: PathBuf,
    done: impl Fn(String, Result<Arc<Clip>, String>) + Send + 'static,
) -> io::Result<mpsc::Sender<String>> {
    let (sender, names) = mpsc::channel::<String>();
    let mut prompts = Prompts::new(folder);
    std::thread::Builder::new().name("prompts".into()).spawn(move || {
        for name in names {
            let result = prompts.get(&name);
            done(name, result);
        }
    })?;
    Ok(sender)
}

/// Whether the folder has a prompt of that name that can be played.
///
/// # Errors
/// It is not there, cannot be read, or is no prompt; in words for people.
pub fn check_prompt(folder: &Path, name: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err("no name of a prompt".to_owned());
    }
    Prompts::new(folder.to_owned()).get(name).map(drop)
}

/// Device, inode, length, and times of modification and change of a file. Each way to write or replace a file changes
/// at least one of them.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

fn stamp(file: &Metadata) -> Stamp {
    (
        file.dev(),
        file.ino(),
        file.len(),
        (file.mtime(), file.mtime_nsec()),
        (file.ctime(), file.ctime_nsec()),
    )
}

struct Prompts {
    folder: PathBuf,
    kept: Cache<Stamp>,
}

impl Prompts {
    fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            kept: Cache::new(KEPT),
        }
    }

    /// The name was checked by the relay: it does not leave the folder.
    fn get(&mut self, name: &str) -> Result<Arc<Clip>, String> {
        let read = self.read(name);
        if read.is_err() {
            self.kept.forget(name);
        }
        read
    }

    fn read(&mut self, name: &str) -> Result<Arc<Clip>, String> {
        let words = |error: io::Error| error.to_string();
        let file = File::open(self.folder.join(format!("{name}.wav"))).map_err(words)?;
        // Of the file that is open: another may take its name at any time.
        let stamp = stamp(&file.metadata().map_err(words)?);
        if let Some(clip) = self.kept.get(name, &stamp) {
            return Ok(clip);
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(words)?;
        let clip = Arc::new(decode(&bytes).map_err(|e| e.to_string())?);
        self.kept.put(name, stamp, clip.clone());
        Ok(clip)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A WAV file of so many samples of A-law.
    fn wav(samples: u32) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(36 + samples).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt ");
        file.extend_from_slice(&16_u32.to_le_bytes());
        for field in [6_u16, 1] {
            file.extend_from_slice(&field.to_le_bytes());
        }
        for field in [8_000_u32, 8_000] {
            file.extend_from_slice(&field.to_le_bytes());
        }
        for field in [1_u16, 8] {
            file.extend_from_slice(&field.to_le_bytes());
        }
        file.extend_from_slice(b"data");
        file.extend_from_slice(&samples.to_le_bytes());
        file.extend(std::iter::repeat_n(0xd5, samples as usize));
        file
    }

    #[test]
    fn a_prompt_that_was_replaced_is_heard_at_the_next_play() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut prompts = Prompts::new(folder.path().to_owned());
        assert!(prompts.get("a").unwrap_err().contains("No such file"));
        fs::write(&path, wav(160)).unwrap();
        let first = prompts.get("a").unwrap();
        assert!(Arc::ptr_eq(&first, &prompts.get("a").unwrap()), "read once");
        // As editors do, with another file of the same length under the same name.
        fs::write(folder.path().join("new"), wav(160)).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(!Arc::ptr_eq(&first, &prompts.get("a").unwrap()));
        fs::write(&path, wav(320)).unwrap();
        assert!(prompts.get("a").unwrap().size() > first.size(), "written in place");
        fs::write(&path, "no sound").unwrap();
        assert!(prompts.get("a").unwrap_err().contains("not a WAV file"));
        fs::remove_file(&path).unwrap();
        assert!(prompts.get("a").unwrap_err().contains("No such file"));
        assert!(check_prompt(folder.path(), "a").is_err() && check_prompt(folder.path(), "../a").is_err());
    }
}
