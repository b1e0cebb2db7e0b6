//! Reading a folder of scripts, and nothing outside of it.

mod files;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use switch::{Position, ScriptFault};

pub use self::files::{FileError, PlanFile};
use crate::limits::Limits;

/// The file every dialplan begins with.
pub(crate) const MAIN: &str = "main.rhai";
/// What the names of a dialplan's tests begin with.
const TESTS: &str = "tests/";
/// Folders within folders.
const DEPTH: usize = 8;

/// Scripts by their name relative to the folder, `/` between.
pub(crate) type Sources = BTreeMap<String, String>;

/// A fault of a file as a whole.
pub(crate) fn whole_file(file: &str, message: impl Into<String>) -> ScriptFault {
    ScriptFault {
        position: Position {
            file: file.to_owned(),
            line: 0,
            column: 0,
        },
        message: message.into(),
    }
}

/// Reads all `*.rhai` of `folder`, its tests apart: (dialplan, tests).
///
/// Hidden files are left out (editors leave them behind). A link that leads out of the folder is a
/// fault, as is a file that is too large, not UTF-8 or not readable.
pub(crate) fn read(folder: &Path, limits: &Limits) -> Result<(Sources, Sources), Vec<ScriptFault>> {
    let Read { plan, tests, faults } = read_all(folder, limits);
    if faults.is_empty() {
        Ok((plan, tests))
    } else {
        Err(faults)
    }
}

/// What could be read of a folder, and what could not.
pub(crate) struct Read {
    pub(crate) plan: Sources,
    pub(crate) tests: Sources,
    pub(crate) faults: Vec<ScriptFault>,
}

/// The same, for those who look for every fault.
pub(crate) fn read_all(folder: &Path, limits: &Limits) -> Read {
    let root = fs::canonicalize(folder).map_err(|error| whole_file("", format!("{}: {error}", folder.display())));
    let root = match root {
        Ok(root) => root,
        Err(fault) => {
            return Read {
                plan: Sources::new(),
                tests: Sources::new(),
                faults: vec![fault],
            };
        }
    };
    let mut reader = Reader {
        root: &root,
        limits,
        sources: Sources::new(),
        faults: Vec::new(),
        full: false,
    };
    reader.folder(&root, "", DEPTH);
    let Reader { sources, faults, .. } = reader;
    let (tests, plan) = sources.into_iter().partition(|(name, _)| name.starts_with(TESTS));
    Read { plan, tests, faults }
}

struct Reader<'a> {
    root: &'a Path,
    limits: &'a Limits,
    sources: Sources,
    faults: Vec<ScriptFault>,
    /// There were more files than there may be.
    full: bool,
}

impl Reader<'_> {
    fn folder(&mut self, path: &Path, prefix: &str, depth: usize) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.faults.push(whole_file(prefix, error.to_string())),
        };
        for entry in entries.flatten() {
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str().filter(|name| !name.starts_with('.')) else {
                continue;
            };
            let name = format!("{prefix}{name}");
            let path = entry.path();
            // Follows links: what matters is where they lead.
            let Ok(found) = fs::metadata(&path) else { continue };
            if found.is_dir() && depth > 0 && self.inside(&path) {
                self.folder(&path, &format!("{name}/"), depth - 1);
            } else if found.is_file() && name.ends_with(".rhai") {
                self.file(&path, name);
            }
        }
    }

    fn file(&mut self, path: &Path, name: String) {
        if !self.inside(path) {
            return self.faults.push(whole_file(&name, "a link out of the dialplan folder"));
        }
        if self.sources.len() >= self.limits.folder.files {
            // Said once: there may be very many more.
            if !std::mem::replace(&mut self.full, true) {
                let message = format!("more than {} files", self.limits.folder.files);
                self.faults.push(whole_file(&name, message));
            }
            return;
        }
        match read_file(path, self.limits.folder.file) {
            Ok(text) => self.add(name, text),
            Err(message) => self.faults.push(whole_file(&name, message)),
        }
    }

    fn add(&mut self, name: String, text: String) {
        let before: u64 = self.sources.values().map(|text| text.len() as u64).sum();
        if before + text.len() as u64 > self.limits.folder.bytes {
            let message = format!("with it, the folder is larger than {} bytes", self.limits.folder.bytes);
            return self.faults.push(whole_file(&name, message));
        }
        self.sources.insert(name, text);
    }

    fn inside(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|path| path.starts_with(self.root))
    }
}

/// The text of one file, or what is wrong with it.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > limit {
        return Err(format!("larger than {limit} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{describe, limits::FolderLimits};

    fn faults(files: &[(&str, &[u8])], limits: &Limits) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
        read(folder.path(), limits).map_or_else(|faults| faults.iter().map(describe).collect(), |_| Vec::new())
    }

    #[test]
    fn scripts_are_read_and_tests_are_apart() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "main.rhai",
            ".hidden.rhai",
            "main.rhai~",
            "README.md",
            "lib/a.rhai",
            "tests/main.rhai",
            ".git/x.rhai",
        ] {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), name).unwrap();
        }
        let (plan, tests) = read(folder.path(), &Limits::default()).unwrap();
        assert_eq!(plan.keys().collect::<Vec<_>>(), ["lib/a.rhai", "main.rhai"]);
        assert_eq!(tests.keys().collect::<Vec<_>>(), ["tests/main.rhai"]);
        assert_eq!(plan["lib/a.rhai"], "lib/a.rhai");
    }

    #[test]
    fn what_is_too_much_or_no_text_is_told() {
        let limits = Limits {
            folder: FolderLimits {
                file: 4,
                bytes: 6,
                files: 2,
            },
            ..Limits::default()
        };
        assert_eq!(faults(&[("a.rhai", b"1234")], &limits), Vec::<String>::new());
        assert_eq!(
            faults(&[("a.rhai", b"12345")], &limits),
            ["a.rhai: larger than 4 bytes"]
        );
        assert_eq!(faults(&[("a.rhai", b"\xff")], &limits), ["a.rhai: not UTF-8"]);
        let two = faults(&[("a.rhai", b"1234"), ("b.rhai", b"123")], &limits);
        assert!(
            two.len() == 1 && two[0].ends_with("with it, the folder is larger than 6 bytes"),
            "{two:?}"
        );
        let empty = ["a.rhai", "b.rhai", "c.rhai", "d.rhai"].map(|name| (name, &b""[..]));
        let four = faults(&empty, &limits);
        assert!(four.len() == 1 && four[0].ends_with("more than 2 files"), "{four:?}");
        let missing = read(Path::new("/nonexistent/dialplans"), &limits).unwrap_err();
        assert_eq!(
            describe(&missing[0]),
            "/nonexistent/dialplans: No such file or directory (os error 2)"
        );
    }
}
