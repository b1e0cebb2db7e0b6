//! The dialplan that runs, and the next one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use switch::ScriptFault;

use crate::generation::Generation;
use crate::limits::Limits;

/// The dialplan folder and its last good [`Generation`].
#[derive(Debug)]
pub struct Dialplans {
    pub(crate) folder: PathBuf,
    pub(crate) limits: Limits,
    current: RwLock<(u64, Arc<Generation>)>,
    /// What keeps the files, as they are now, from being in force.
    fault: Mutex<Option<ScriptFault>>,
    /// Held by who reads the folder to put it in force, or writes it.
    writing: Mutex<()>,
}

impl Dialplans {
    /// Reads and compiles a folder; every fault found is told.
    pub fn load(folder: impl Into<PathBuf>, limits: Limits) -> Result<Self, Vec<ScriptFault>> {
        let folder = folder.into();
        let first = Arc::new(Generation::load(&folder, &limits)?);
        Ok(Self {
            folder,
            limits,
            current: RwLock::new((1, first)),
            fault: Mutex::new(None),
            writing: Mutex::new(()),
        })
    }

    /// Reads and compiles the folder again. Where anything is at fault, what runs stays as it was.
    /// Calls in progress keep the generation they began with in any case.
    pub fn reload(&self) -> Result<(), Vec<ScriptFault>> {
        let _writing = self.writing();
        match Generation::load(&self.folder, &self.limits) {
            Ok(next) => {
                self.put_in_force(next);
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

    /// What a call that begins now runs.
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

    pub(crate) fn put_in_force(&self, next: Generation) {
        let next = Arc::new(next);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = (current.0 + 1, next);
        self.note(None);
    }
}
