//! The dialplan that runs, and the next one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use switch::ScriptFault;

use crate::folder::{self, Sources, whole_file};
use crate::generation::{Generation, Look};
use crate::kept::Kept;
use crate::limits::Limits;

/// The dialplan folder and its last good [`Generation`].
#[derive(Debug)]
pub struct Dialplans {
    pub(crate) folder: PathBuf,
    pub(crate) limits: Limits,
    current: RwLock<(u64, Arc<Generation>)>,
    /// The faults because of which the files, as they are now, are not in force.
    fault: Mutex<Option<ScriptFault>>,
    /// Held by who reads the folder to put it in force, or writes it.
    writing: Mutex<()>,
    /// Where the last good scripts are kept for the next start, if anywhere.
    kept: Option<Kept>,
}

/// The scripts that run after a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InForce {
    /// The scripts of the folder.
    Folder,
    /// The last good ones: the folder has these faults.
    Kept(Vec<ScriptFault>),
    /// Nothing, each call fails: the folder has these faults, and none that were good are kept.
    Nothing(Vec<ScriptFault>),
}

impl Dialplans {
    /// Reads and compiles a folder; every fault found is told.
    pub fn load(folder: impl Into<PathBuf>, limits: Limits) -> Result<Self, Vec<ScriptFault>> {
        let folder = folder.into();
        let (first, _) = from_folder(&folder, &limits)?;
        Ok(Self::new(folder, limits, first, None))
    }

    /// The same for a start that must not fail: where the folder is broken, the last good scripts run, which are kept in
    /// the file `kept`; where there are none, every call ends with a fault. From now on good scripts are kept there.
    pub fn start(folder: impl Into<PathBuf>, limits: Limits, kept: impl Into<PathBuf>) -> (Self, InForce) {
        let (folder, kept) = (folder.into(), Kept::new(kept.into()));
        let faults = match from_folder(&folder, &limits) {
            Ok((first, sources)) => {
                kept.write(&sources);
                return (Self::new(folder, limits, first, Some(kept)), InForce::Folder);
            }
            Err(faults) => faults,
        };
        let before = kept.read(&limits);
        let before = before.and_then(|sources| Generation::compile(sources, &limits, Look::Briefly).ok());
        let why = faults.first().cloned();
        let (first, in_force) = match before {
            Some(before) => (before, InForce::Kept(faults)),
            None => {
                let why = why.clone().unwrap_or_else(|| whole_file("", "there is no dialplan"));
                (Generation::none(&limits, why), InForce::Nothing(faults))
            }
        };
        let plans = Self::new(folder, limits, first, Some(kept));
        plans.note(why);
        (plans, in_force)
    }

    fn new(folder: PathBuf, limits: Limits, first: Generation, kept: Option<Kept>) -> Self {
        Self {
            folder,
            limits,
            current: RwLock::new((1, Arc::new(first))),
            fault: Mutex::new(None),
            writing: Mutex::new(()),
            kept,
        }
    }

    /// Reads and compiles the folder again. Where anything is at fault, what runs stays as it was.
    /// Calls in progress keep the generation they began with in any case.
    pub fn reload(&self) -> Result<(), Vec<ScriptFault>> {
        let _writing = self.writing();
        match from_folder(&self.folder, &self.limits) {
            Ok((next, sources)) => {
                self.put_in_force(next, &sources);
                Ok(())
            }
            Err(faults) => {
                self.note(faults.first().cloned());
                Err(faults)
            }
        }
    }

    /// The first fault of the files where they were not taken when they were read last: something older runs.
    pub fn fault(&self) -> Option<ScriptFault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, fault: Option<ScriptFault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The scripts that a call runs if it begins now.
    pub fn current(&self) -> Arc<Generation> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// How many generations there have been, the first included.
    pub fn generation(&self) -> u64 {
        self.current.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Where the scripts are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put_in_force(&self, next: Generation, sources: &Sources) {
        if let Some(kept) = &self.kept {
            kept.write(sources);
        }
        let next = Arc::new(next);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = (current.0 + 1, next);
        self.note(None);
    }
}

fn from_folder(folder: &Path, limits: &Limits) -> Result<(Generation, Sources), Vec<ScriptFault>> {
    let (plan, _tests) = folder::read(folder, limits)?;
    let generation = Generation::compile(plan.clone(), limits, Look::Closely(None))?;
    Ok((generation, plan))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Fiber, Resume, Step, describe};
    use switch::{Facts, ScriptEntry, Verb};

    struct World(tempfile::TempDir);

    impl World {
        fn new(main: &str) -> Self {
            let world = Self(tempfile::tempdir().unwrap());
            fs::create_dir(world.0.path().join("plans")).unwrap();
            world.write("main.rhai", main);
            world
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join("plans").join(name), text).unwrap();
        }

        fn kept(&self) -> PathBuf {
            self.0.path().join("kept.json")
        }

        fn start(&self) -> (Dialplans, InForce) {
            Dialplans::start(self.0.path().join("plans"), Limits::default(), self.kept())
        }
    }

    /// What a call does first.
    fn does(plans: &Dialplans) -> Result<Verb, String> {
        let facts = Facts {
            dialed: "102".into(),
            ..Facts::default()
        };
        let mut fiber = Fiber::new(&plans.current(), ScriptEntry::OnCall, facts).unwrap();
        match fiber.resume(Resume::Continue, 0) {
            Step::Verb { verb, .. } => Ok(verb),
            Step::Ended(result) => Err(result.map_err(|fault| describe(&fault)).unwrap_err()),
            Step::Yielded => panic!("it does nothing"),
        }
    }

    const RINGS: &str = "import \"a\" as a; fn on_call(caller) { a::f(caller) }";

    #[test]
    fn a_start_with_a_broken_folder_runs_what_ran_before() {
        let world = World::new(RINGS);
        world.write("a.rhai", "fn f(c) { c.ring() }");
        assert_eq!(world.start().1, InForce::Folder);
        world.write("a.rhai", "fn f(c) {\n c.ring( }");
        let (plans, in_force) = world.start();
        let InForce::Kept(faults) = in_force else {
            panic!("{in_force:?}")
        };
        assert_eq!(describe(&faults[0]), "a.rhai:2:10: Unexpected '}'");
        assert_eq!((does(&plans), plans.fault()), (Ok(Verb::Ring), Some(faults[0].clone())));
        // Once it is mended it runs, and is kept.
        world.write("a.rhai", "fn f(c) { c.answer() }");
        plans.reload().unwrap();
        assert_eq!((does(&plans), plans.fault()), (Ok(Verb::Answer), None));
        fs::remove_dir_all(world.0.path().join("plans")).unwrap();
        let (plans, in_force) = world.start();
        assert!(matches!(in_force, InForce::Kept(_)), "also without a folder");
        assert_eq!(does(&plans), Ok(Verb::Answer));
    }

    #[test]
    fn what_is_written_over_the_api_is_kept_and_what_is_refused_is_not() {
        let world = World::new("fn on_call(caller) { caller.ring() }");
        let (plans, _) = world.start();
        plans.put("main", "fn on_call(caller) { caller.hangup() }").unwrap();
        plans.put("main", "fn on_call(caller) { caller.").unwrap_err();
        world.write("main.rhai", "}");
        assert_eq!(does(&world.start().0), Ok(Verb::Hangup));
    }

    #[test]
    fn scripts_that_ran_before_run_although_they_would_be_refused_today() {
        let world = World::new("}");
        let text = r#"{"main.rhai":"fn on_call(caller) { caller.ring(); caller.nope(); }"}"#;
        fs::write(world.kept(), text).unwrap();
        assert_eq!(does(&world.start().0), Ok(Verb::Ring));
    }

    #[test]
    fn where_nothing_is_kept_every_call_says_why() {
        for kept in [None, Some("no json"), Some("{}"), Some(r#"{"main.rhai":"}"}"#)] {
            let world = World::new("fn on_call(caller) {\n caller.reject(;\n}");
            if let Some(kept) = kept {
                fs::write(world.kept(), kept).unwrap();
            }
            let (plans, in_force) = world.start();
            assert!(matches!(in_force, InForce::Nothing(_)), "{kept:?}");
            assert_eq!(does(&plans), Err("main.rhai:2:16: Unexpected ';'".to_owned()));
            world.write("main.rhai", "fn on_call(caller) { caller.ring() }");
            plans.reload().unwrap();
            assert_eq!((does(&plans), plans.fault()), (Ok(Verb::Ring), None));
        }
    }

    #[test]
    fn a_dialplan_that_cannot_be_kept_runs_all_the_same() {
        let world = World::new("fn on_call(caller) { caller.ring() }");
        fs::create_dir(world.kept()).unwrap();
        let (plans, in_force) = world.start();
        assert_eq!((does(&plans), in_force), (Ok(Verb::Ring), InForce::Folder));
    }
}
