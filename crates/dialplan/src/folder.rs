//! Reading a folder of scripts, and nothing outside of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use switch::{Position, ScriptFault};

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
    let root =
        fs::canonicalize(folder).map_err(|error| vec![whole_file("", format!("{}: {error}", folder.display()))])?;
    let mut reader = Reader {
        root: &root,
        limits,
        sources: Sources::new(),
        faults: Vec::new(),
    };
    reader.folder(&root, "", DEPTH);
    let Reader { sources, faults, .. } = reader;
    if !faults.is_empty() {
        return Err(faults);
    }
    let (tests, plan) = sources.into_iter().partition(|(name, _)| name.starts_with(TESTS));
    Ok((plan, tests))
}

struct Reader<'a> {
    root: &'a Path,
    limits: &'a Limits,
    sources: Sources,
    faults: Vec<ScriptFault>,
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
        if self.sources.len() >= self.limits.files {
            return self
                .faults
                .push(whole_file(&name, format!("more than {} files", self.limits.files)));
        }
        match read_file(path, self.limits.file) {
            Ok(text) => drop(self.sources.insert(name, text)),
            Err(message) => self.faults.push(whole_file(&name, message)),
        }
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
