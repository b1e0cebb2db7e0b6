//! The dialplan folder as the admin API sees and changes it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use admin::{DialplanError, DialplanInfo, Fault};
use dialplan::{Dialplans, Generation, Limits};
use switch::ScriptFault;

/// The script that every call begins in.
const MAIN: &str = "main";
const SUFFIX: &str = "rhai";

/// Files of one folder, changed one at a time.
pub(super) struct Files {
    plans: Arc<Dialplans>,
    limits: Limits,
    changing: Mutex<()>,
}

impl Files {
    pub(super) fn new(plans: Arc<Dialplans>, limits: Limits) -> Self {
        Self {
            plans,
            limits,
            changing: Mutex::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.plans.folder().join(name).with_extension(SUFFIX)
    }

    /// Compiles a copy of the folder in which `change` was made; only if that is good, it is made in the
    /// folder too, and put in force.
    fn change(&self, change: impl Fn(&Path) -> io::Result<()>) -> Result<(), DialplanError> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let copy = Copy::of(self.plans.folder())?;
        change(&copy.0)?;
        if let Err(faults) = Generation::load(&copy.0, &self.limits) {
            return Err(first_fault(faults));
        }
        change(self.plans.folder())?;
        self.plans.reload().map_err(first_fault)
    }
}

impl admin::Dialplans for Files {
    fn list(&self) -> Result<Vec<DialplanInfo>, DialplanError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.plans.folder())? {
            let path = entry?.path();
            let is_script = path.extension().is_some_and(|suffix| suffix == SUFFIX);
            let (Some(name), true) = (path.file_stem().and_then(|name| name.to_str()), is_script) else {
                continue;
            };
            let about = fs::metadata(&path)?;
            if about.is_file() {
                let modified_at = about.modified().ok().and_then(timestamp);
                found.push(DialplanInfo {
                    name: name.into(),
                    bytes: about.len(),
                    modified_at,
                });
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    fn read(&self, name: &str) -> Result<String, DialplanError> {
        fs::read_to_string(self.path(name)).map_err(missing)
    }

    fn put(&self, name: &str, text: &str) -> Result<(), DialplanError> {
        self.change(|folder| write_whole(&folder.join(name).with_extension(SUFFIX), text))
    }

    fn delete(&self, name: &str) -> Result<(), DialplanError> {
        if name == MAIN {
            return Err(DialplanError::Refused("main is where every call begins".into()));
        }
        if !self.path(name).exists() {
            return Err(DialplanError::NotFound);
        }
        self.change(|folder| fs::remove_file(folder.join(name).with_extension(SUFFIX)))
    }
}

/// Replaces a file at once: nobody reads half of it, and a crash leaves the old or the new one.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("rhai.new");
    fs::write(&beside, text)?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(beside, path)
}

fn missing(error: io::Error) -> DialplanError {
    if error.kind() == io::ErrorKind::NotFound {
        DialplanError::NotFound
    } else {
        error.into()
    }
}

fn timestamp(at: SystemTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::try_from(at).ok()
}

fn first_fault(faults: Vec<ScriptFault>) -> DialplanError {
    let first = faults.into_iter().next().map(fault);
    first.map_or_else(
        || DialplanError::Refused("it does not compile".into()),
        DialplanError::Fault,
    )
}

/// A fault in the words of the admin API.
pub(super) fn fault(fault: ScriptFault) -> Fault {
    let ScriptFault { position, message } = fault;
    Fault {
        file: position.file,
        line: position.line,
        column: position.column,
        detail: message,
    }
}

/// A copy of the folder's scripts, gone when dropped.
struct Copy(PathBuf);

/// Folders within folders that are copied; the dialplan's own limit is narrower.
const DEPTH: usize = 8;

impl Copy {
    fn of(folder: &Path) -> io::Result<Self> {
        static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let place = std::env::temp_dir().join(format!("tandem-dialplans-{}-{number}", std::process::id()));
        fs::create_dir(&place)?;
        let copy = Self(place);
        copy_scripts(folder, &copy.0, DEPTH)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_scripts(from: &Path, to: &Path, depth: usize) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() && depth > 0 {
            fs::create_dir(to.join(name))?;
            copy_scripts(&path, &to.join(name), depth - 1)?;
        } else if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use admin::Dialplans as _;

    use super::*;

    const GOOD: &str = "fn on_call(caller) { caller.reject(404); }\nfn on_trunk(caller) { caller.reject(404); }\n";

    fn files() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.rhai"), GOOD).unwrap();
        let plans = Arc::new(Dialplans::load(folder.path(), Limits::default()).unwrap());
        (folder, Files::new(plans, Limits::default()))
    }

    #[test]
    fn a_good_file_is_written_and_in_force() {
        let (_folder, files) = files();
        let before = files.plans.current();
        let text = format!("// new\n{GOOD}");
        files.put("main", &text).unwrap();
        assert_eq!(files.read("main").unwrap(), text);
        assert!(!Arc::ptr_eq(&before, &files.plans.current()));
        files.put("night", "fn closed() { true }").unwrap();
        let names: Vec<_> = files.list().unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["main", "night"]);
        files.delete("night").unwrap();
        assert!(matches!(files.delete("night"), Err(DialplanError::NotFound)));
        assert!(matches!(files.read("night"), Err(DialplanError::NotFound)));
    }

    #[test]
    fn a_broken_file_changes_nothing() {
        let (folder, files) = files();
        let before = files.plans.current();
        let Err(DialplanError::Fault(fault)) = files.put("main", "fn on_call(caller) {\n  caller.reject(;\n}") else {
            panic!("taken")
        };
        assert_eq!((fault.file.as_str(), fault.line), ("main.rhai", 2));
        assert_eq!(files.read("main").unwrap(), GOOD);
        assert!(Arc::ptr_eq(&before, &files.plans.current()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn main_stays() {
        let (_folder, files) = files();
        assert!(matches!(files.delete("main"), Err(DialplanError::Refused(_))));
    }
}
