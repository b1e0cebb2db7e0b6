//! The files of a dialplan, for those who edit it over the API.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use switch::ScriptFault;

use crate::folder::{self, Sources, whole_file};
use crate::generation::Look;
use crate::{Dialplans, Generation, describe};

/// The file that cannot be deleted.
const ENTRANCE: &str = "main";

/// A file of the dialplan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFile {
    /// Its name without `.rhai`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written last, where the file system knows.
    pub modified: Option<Timestamp>,
}

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none of that name.
    #[error("there is no such dialplan")]
    NotFound,
    /// A name is 1 to 64 of `A-Z a-z 0-9 _ -`; `main` stays.
    #[error("{0}")]
    Refused(&'static str),
    /// The folder would not compile with this change; nothing was written. Never empty.
    #[error("{}", .0.iter().map(describe).collect::<Vec<_>>().join("; "))]
    Faults(Vec<ScriptFault>),
    /// The file system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Dialplans {
    /// The files that lie in the folder itself, by name. Those in folders below, tests among them, are
    /// not edited from afar.
    pub fn files(&self) -> Result<Vec<PlanFile>, FileError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str().and_then(|name| name.strip_suffix(".rhai")) else {
                continue;
            };
            let metadata = entry.metadata()?;
            if is_name(name) && metadata.is_file() && files.len() < self.limits.folder.files {
                let modified = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
                files.push(PlanFile {
                    name: name.to_owned(),
                    bytes: metadata.len(),
                    modified,
                });
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// The text of one.
    pub fn text(&self, name: &str) -> Result<String, FileError> {
        let path = self.path(name)?;
        // Not through links, which may lead out of the folder.
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            return Err(FileError::NotFound);
        }
        folder::read_file(&path, self.limits.folder.file).map_err(|message| fault(name, message))
    }

    /// Compiles the folder with this text in it; only if that is good, writes the file and puts the new
    /// generation in force.
    pub fn put(&self, name: &str, text: &str) -> Result<(), FileError> {
        let path = self.path(name)?;
        if text.len() as u64 > self.limits.folder.file {
            return Err(fault(name, format!("larger than {} bytes", self.limits.folder.file)));
        }
        let _writing = self.writing();
        let mut sources = self.sources()?;
        sources.insert(format!("{name}.rhai"), text.to_owned());
        let next = self.compile(&sources)?;
        write(&path, text)?;
        self.put_in_force(next, &sources);
        Ok(())
    }

    /// Removes a file, if the folder compiles without it.
    pub fn delete(&self, name: &str) -> Result<(), FileError> {
        let path = self.path(name)?;
        if name == ENTRANCE {
            return Err(FileError::Refused("main cannot be deleted: every call begins there"));
        }
        let _writing = self.writing();
        let mut sources = self.sources()?;
        if sources.remove(&format!("{name}.rhai")).is_none() {
            return Err(FileError::NotFound);
        }
        let next = self.compile(&sources)?;
        fs::remove_file(&path)?;
        self.put_in_force(next, &sources);
        Ok(())
    }

    fn path(&self, name: &str) -> Result<PathBuf, FileError> {
        if !is_name(name) {
            return Err(FileError::Refused("a name is 1 to 64 of A-Z, a-z, 0-9, _ and -"));
        }
        Ok(self.folder.join(format!("{name}.rhai")))
    }

    fn sources(&self) -> Result<Sources, FileError> {
        folder::read(&self.folder, &self.limits)
            .map(|(plan, _)| plan)
            .map_err(FileError::Faults)
    }

    fn compile(&self, sources: &Sources) -> Result<Generation, FileError> {
        Generation::compile(sources.clone(), &self.limits, Look::Closely(None)).map_err(FileError::Faults)
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

fn fault(name: &str, message: String) -> FileError {
    FileError::Faults(vec![whole_file(&format!("{name}.rhai"), message)])
}

/// Nobody ever sees half of a file, also after a power failure.
fn write(path: &std::path::Path, text: &str) -> io::Result<()> {
    // Hidden, so that it is no script.
    let draft = path.with_file_name(".draft");
    let mut file = File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    const MAIN: &str = "import \"a\" as a; fn on_call(caller) { a::f(caller) }";

    fn world() -> (tempfile::TempDir, Dialplans) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.rhai"), MAIN).unwrap();
        fs::write(folder.path().join("a.rhai"), "fn f(c) { c.ring() }").unwrap();
        fs::create_dir(folder.path().join("tests")).unwrap();
        fs::write(folder.path().join("tests/t.rhai"), "").unwrap();
        let plans = Dialplans::load(folder.path(), Limits::default()).unwrap();
        (folder, plans)
    }

    fn names(plans: &Dialplans) -> Vec<String> {
        plans.files().unwrap().into_iter().map(|file| file.name).collect()
    }

    #[test]
    fn files_are_listed_and_read() {
        let (folder, plans) = world();
        assert_eq!(names(&plans), ["a", "main"]);
        assert_eq!(plans.files().unwrap()[1].bytes, MAIN.len() as u64);
        assert_eq!(plans.text("main").unwrap(), MAIN);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("x.rhai")).unwrap();
        for name in ["b", "x"] {
            assert!(matches!(plans.text(name), Err(FileError::NotFound)), "{name}");
        }
        for name in ["", "..", "../a", "tests/t", "a.rhai", "a/b", ".draft", "é"] {
            assert!(matches!(plans.text(name), Err(FileError::Refused(_))), "{name}");
        }
    }

    #[test]
    fn what_compiles_is_written_and_runs() {
        let (folder, plans) = world();
        plans.put("b", "fn g() { }").unwrap();
        assert_eq!(
            (names(&plans), plans.generation()),
            (vec!["a".into(), "b".into(), "main".into()], 2)
        );
        assert_eq!(fs::read_to_string(folder.path().join("b.rhai")).unwrap(), "fn g() { }");
        plans.delete("b").unwrap();
        assert_eq!(
            (names(&plans), plans.generation()),
            (vec!["a".into(), "main".into()], 3)
        );
        assert!(matches!(plans.delete("b"), Err(FileError::NotFound)));
    }

    #[test]
    fn what_does_not_compile_changes_nothing() {
        let (_folder, plans) = world();
        let refused = |result: Result<(), FileError>| result.unwrap_err().to_string();
        assert_eq!(
            refused(plans.put("a", "fn f(c) {\n c.rign( }")),
            "a.rhai:2:10: Unexpected '}'"
        );
        assert_eq!(
            refused(plans.delete("a")),
            "main.rhai:1:8: there is no module \"a.rhai\" in the dialplan folder; there are: none"
        );
        assert_eq!(
            refused(plans.delete("main")),
            "main cannot be deleted: every call begins there"
        );
        let large = " ".repeat(300 << 10);
        assert_eq!(refused(plans.put("a", &large)), "a.rhai: larger than 262144 bytes");
        assert_eq!(
            (plans.text("a").unwrap().as_str(), plans.generation()),
            ("fn f(c) { c.ring() }", 1)
        );
    }
}
