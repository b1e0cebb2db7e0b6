//! Sees that the dialplan folder has changed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use dialplan::Dialplans;
use switch::ScriptFault;

/// Between two looks. A change is taken at the second look that finds it unchanged, so that a file
/// that is being written is not read half.
const EVERY: Duration = Duration::from_millis(250);
/// Folders within folders, and entries, that are looked at; the dialplan's own limits are narrower.
const DEPTH: usize = 8;
const ENTRIES: usize = 4_096;

/// The result of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// New calls run the new scripts.
    Reloaded,
    /// The earlier scripts still run.
    Failed(Vec<ScriptFault>),
}

/// The thread that looks. Dropping it ends it.
pub struct Watch {
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Looks at the folder of `plans` four times a second, loads it again when it has changed, and
    /// tells `report` what came of it. (Looking works with every editor and file system; being told
    /// by the kernel does not.)
    pub fn start(plans: &Arc<Dialplans>, report: impl Fn(Reload) + Send + 'static) -> io::Result<Self> {
        let (wake, woken) = channel();
        let plans = plans.clone();
        let mut seen = Seen::new(fingerprint(plans.folder()));
        let thread = std::thread::Builder::new()
            .name("dialplan-watch".into())
            .spawn(move || {
                loop {
                    let asked = match woken.recv_timeout(EVERY) {
                        Ok(()) => true,
                        Err(RecvTimeoutError::Timeout) => false,
                        Err(RecvTimeoutError::Disconnected) => return,
                    };
                    if seen.look(fingerprint(plans.folder())) || asked {
                        report(match plans.reload() {
                            Ok(()) => Reload::Reloaded,
                            Err(faults) => Reload::Failed(faults),
                        });
                    }
                }
            })?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// Loads the folder again now, changed or not (SIGHUP).
    pub fn reload(&self) {
        if let Some(wake) = &self.wake {
            // It fails only where the thread has ended.
            wake.send(()).ok();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// The state of the folder when it was loaded, and at the last look.
struct Seen {
    loaded: u64,
    last: u64,
}

impl Seen {
    fn new(now: u64) -> Self {
        Self { loaded: now, last: now }
    }

    /// Whether the folder differs from the loaded state, and has come to rest.
    fn look(&mut self, now: u64) -> bool {
        let rests = now == self.last;
        self.last = now;
        let changed = rests && now != self.loaded;
        if changed {
            self.loaded = now;
        }
        changed
    }
}

/// Changes whenever a file in the folder is written, renamed, added or removed: the kernel changes
/// inode or change time with each.
fn fingerprint(folder: &Path) -> u64 {
    let mut found = Vec::new();
    collect(folder, DEPTH, &mut found);
    found.sort_unstable();
    let mut hasher = DefaultHasher::new();
    found.hash(&mut hasher);
    hasher.finish()
}

type Entry = (std::path::PathBuf, u64, u64, i64, i64, i64, i64);

fn collect(folder: &Path, depth: usize, found: &mut Vec<Entry>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() && depth > 0 {
            collect(&path, depth - 1, found);
        } else if path.extension().is_some_and(|extension| extension == "rhai") && found.len() < ENTRIES {
            let m = &metadata;
            found.push((
                path,
                m.ino(),
                m.len(),
                m.mtime(),
                m.mtime_nsec(),
                m.ctime(),
                m.ctime_nsec(),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_it_has_come_to_rest() {
        let mut seen = Seen::new(1);
        let looks = [1, 2, 3, 3, 3, 4, 4, 1, 1].map(|now| seen.look(now));
        assert_eq!(looks, [false, false, false, true, false, false, true, false, true]);
    }

    #[test]
    fn every_way_to_write_a_file_changes_the_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut before = fingerprint(folder.path());
        let mut changed = || {
            let now = fingerprint(folder.path());
            std::mem::replace(&mut before, now) != now
        };
        fs::write(at("main.rhai"), "1").unwrap();
        assert!(changed(), "added");
        assert!(!changed(), "nothing happened");
        fs::write(at("other"), "2").unwrap();
        assert!(!changed(), "no script");
        fs::rename(at("other"), at("main.rhai")).unwrap();
        assert!(changed(), "replaced, as editors do");
        fs::create_dir(at("lib")).unwrap();
        fs::write(at("lib/a.rhai"), "3").unwrap();
        assert!(changed(), "added below");
        fs::remove_file(at("lib/a.rhai")).unwrap();
        assert!(changed(), "removed");
    }
}
