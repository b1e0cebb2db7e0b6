//! Reads prompts from their folder, off the media thread.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::mpsc,
};

use media::audio::{
    Clip,
    prompt::{MAX_FILE, decode},
};

/// Starts the reader; names go in, what was read comes out through `done`. It ends when the sender is dropped.
pub(super) fn start(
    folder: PathBuf,
    done: impl Fn(String, Result<Clip, String>) + Send + 'static,
) -> io::Result<mpsc::Sender<String>> {
    let (sender, names) = mpsc::channel::<String>();
    std::thread::Builder::new().name("prompts".into()).spawn(move || {
        for name in names {
            let result = read(&folder, &name);
            done(name, result);
        }
    })?;
    Ok(sender)
}

/// The name was checked by the relay: it does not leave the folder.
fn read(folder: &Path, name: &str) -> Result<Clip, String> {
    let file = File::open(folder.join(format!("{name}.wav"))).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| e.to_string())?;
    decode(&bytes).map_err(|e| e.to_string())
}
