//! The dialplan that runs, and the next one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use switch::ScriptFault;

use crate::generation::Generation;
use crate::limits::Limits;

/// The dialplan folder and its last good [`Generation`].
#[derive(Debug)]
pub struct Dialplans {
    folder: PathBuf,
    limits: Limits,
    current: RwLock<Arc<Generation>>,
}

impl Dialplans {
    /// Reads and compiles a folder; every fault found is told.
    pub fn load(folder: impl Into<PathBuf>, limits: Limits) -> Result<Self, Vec<ScriptFault>> {
        let folder = folder.into();
        let first = Generation::load(&folder, &limits)?;
        Ok(Self {
            folder,
            limits,
            current: RwLock::new(Arc::new(first)),
        })
    }

    /// Reads and compiles the folder again. Where anything is at fault, what runs stays as it was.
    /// Calls in progress keep the generation they began with in any case.
    pub fn reload(&self) -> Result<(), Vec<ScriptFault>> {
        let next = Arc::new(Generation::load(&self.folder, &self.limits)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// What a call that begins now runs.
    pub fn current(&self) -> Arc<Generation> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the scripts are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
