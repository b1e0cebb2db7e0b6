//! The dialplan folder as the admin API sees and changes it.

use std::sync::Arc;

use admin::{DialplanError, DialplanInfo, Fault};
use dialplan::{Dialplans, FileError, InForce, Limits, describe_in};
use switch::ScriptFault;

use crate::config::Config;

/// The last good scripts, in the data folder.
const KEPT: &str = "dialplan-kept.json";

/// Puts the dialplans in force. Broken dialplans do not keep phones from registering: then the last good dialplans run,
/// or each call fails where there are none. The log says so. The note is for the person who started Tandem.
pub(super) fn start(config: &Config) -> (Arc<Dialplans>, Option<String>) {
    let folder = &config.dialplans;
    let (plans, in_force) = Dialplans::start(folder, Limits::default(), config.data.join(KEPT));
    let (faults, what) = match in_force {
        InForce::Folder => return (Arc::new(plans), None),
        InForce::Kept(faults) => (faults, "calls run the last good dialplan, kept from before"),
        InForce::Nothing(faults) => (faults, "no earlier one is kept, so every call is refused with 500"),
    };
    for fault in &faults {
        tracing::error!("dialplan fault: {}", describe_in(folder, fault));
    }
    let first = faults.first().map(|fault| describe_in(folder, fault));
    let folder = folder.display();
    tracing::error!(%folder, "the dialplan is broken: {what}. Phones register. Mend the files: they are taken at once");
    let note = format!("The dialplan is broken ({}): {what}.", first.unwrap_or_default());
    (Arc::new(plans), Some(note))
}

/// Files of one folder, changed one at a time.
pub(super) struct Files(pub(super) Arc<Dialplans>);

impl admin::Dialplans for Files {
    fn list(&self) -> Result<Vec<DialplanInfo>, DialplanError> {
        let files = self.0.files().map_err(refusal)?;
        let info = |file: dialplan::PlanFile| DialplanInfo {
            name: file.name,
            bytes: file.bytes,
            modified_at: file.modified,
        };
        Ok(files.into_iter().map(info).collect())
    }

    fn fault(&self) -> Option<Fault> {
        self.0.fault().map(fault)
    }

    fn is_running(&self) -> bool {
        self.0.current().is_running()
    }

    fn read(&self, name: &str) -> Result<String, DialplanError> {
        self.0.text(name).map_err(refusal)
    }

    fn put(&self, name: &str, text: &str) -> Result<(), DialplanError> {
        self.0.put(name, text).map_err(refusal)
    }

    fn delete(&self, name: &str) -> Result<(), DialplanError> {
        self.0.delete(name).map_err(refusal)
    }
}

fn refusal(error: FileError) -> DialplanError {
    match error {
        FileError::NotFound => DialplanError::NotFound,
        FileError::Io(error) => DialplanError::Io(error),
        // The API tells one fault; the next shows when that is mended.
        FileError::Faults(faults) => match faults.into_iter().next() {
            Some(first) => DialplanError::Fault(fault(first)),
            None => DialplanError::Refused("it does not compile".into()),
        },
        FileError::Refused(why) => DialplanError::Refused(why.to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use admin::Dialplans as _;

    const GOOD: &str = "fn on_call(caller) { caller.reject(404); }\nfn on_trunk(caller) { caller.reject(404); }\n";

    fn files() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.rhai"), GOOD).unwrap();
        let plans = Arc::new(Dialplans::load(folder.path(), Limits::default()).unwrap());
        (folder, Files(plans))
    }

    #[test]
    fn a_good_file_is_written_and_in_force() {
        let (_folder, files) = files();
        let before = files.0.current();
        let text = format!("// new\n{GOOD}");
        files.put("main", &text).unwrap();
        assert_eq!(files.read("main").unwrap(), text);
        assert!(!Arc::ptr_eq(&before, &files.0.current()));
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
        let before = files.0.current();
        let Err(DialplanError::Fault(fault)) = files.put("main", "fn on_call(caller) {\n  caller.reject(;\n}") else {
            panic!("taken")
        };
        assert_eq!((fault.file.as_str(), fault.line), ("main.rhai", 2));
        assert_eq!(files.read("main").unwrap(), GOOD);
        assert!(Arc::ptr_eq(&before, &files.0.current()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_fault_in_files_changed_by_hand_is_told_until_they_are_taken() {
        let (folder, files) = files();
        assert_eq!(files.fault(), None);
        fs::write(
            folder.path().join("main.rhai"),
            "fn on_call(caller) {\n  caller.reject(;\n}",
        )
        .unwrap();
        files.0.reload().unwrap_err();
        let told = files.fault().unwrap();
        assert_eq!((told.file.as_str(), told.line), ("main.rhai", 2));
        files.put("main", GOOD).unwrap();
        assert_eq!(files.fault(), None);
    }

    #[test]
    fn main_stays() {
        let (_folder, files) = files();
        assert!(matches!(files.delete("main"), Err(DialplanError::Refused(_))));
    }
}
