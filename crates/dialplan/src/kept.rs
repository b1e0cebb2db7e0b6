//! The last good scripts, kept outside of their folder: a start with a broken folder runs those.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::folder::Sources;
use crate::limits::Limits;

/// The file that holds them, as JSON: the text of each script by its name.
#[derive(Debug)]
pub(crate) struct Kept(PathBuf);

impl Kept {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// The scripts that are kept; `None` where there are none, or none that can be read.
    pub(crate) fn read(&self, limits: &Limits) -> Option<Sources> {
        // In JSON a letter takes six bytes at most.
        let most = limits.folder.bytes.saturating_mul(6).saturating_add(4096);
        if fs::metadata(&self.0).ok()?.len() > most {
            tracing::warn!(file = %self.0.display(), "the kept dialplan is too large, and left alone");
            return None;
        }
        let text = fs::read_to_string(&self.0).ok()?;
        serde_json::from_str(&text)
            .inspect_err(|error| {
                tracing::warn!(file = %self.0.display(), %error, "the kept dialplan cannot be read");
            })
            .ok()
    }

    /// Keeps these in place of what was kept before. Where that fails what runs still runs: the log is told.
    pub(crate) fn write(&self, sources: &Sources) {
        if let Err(error) = self.try_write(sources) {
            let file = self.0.display();
            tracing::warn!(%file, %error, "the dialplan could not be kept for a start with a broken one");
        }
    }

    fn try_write(&self, sources: &Sources) -> io::Result<()> {
        let text = serde_json::to_string(sources)?;
        if fs::read_to_string(&self.0).is_ok_and(|before| before == text) {
            return Ok(());
        }
        let draft = self.0.with_extension("draft");
        // Scripts may hold secrets.
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.0)?;
        // The name is on the disk, too.
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}
