//! `tandem check`: compiles a folder of scripts and runs its tests.
//!
//! A test is a function without parameters in a file of `tests/` whose name begins with `test_`:
//!
//! ```rhai
//! fn test_the_caller_hears_busy() {
//!     let c = incoming(#{ from: "101", dialed: "102" });
//!     c.on_dial("102", #{ status: "busy", code: 486 });
//!     c.run();
//!     c.expect(["dial 102"]);
//! }
//! ```

mod call;
mod fake;
mod results;

use std::path::Path;
use std::sync::Arc;

use rhai::{AST, Dynamic, Engine};
use switch::ScriptFault;

use crate::entry::Entry;
use crate::fault;
use crate::folder::{self, Read, Sources};
use crate::generation::{Compiled, Generation, Look, aside, compile_one};
use crate::limits::Limits;
use crate::lint::Prompts;
use crate::{engine, fiber};

/// What [`check`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Faults of the dialplan, or of files of tests as a whole. Where the dialplan has any, no test runs.
    pub faults: Vec<ScriptFault>,
    /// The tests, by file and name.
    pub tests: Vec<TestResult>,
}

/// How one test went.
#[derive(Clone, Debug, PartialEq)]
pub struct TestResult {
    /// Its file, relative to the folder.
    pub file: String,
    /// Its function.
    pub name: String,
    /// Where and why it failed.
    pub result: Result<(), ScriptFault>,
}

impl Report {
    /// Nothing is wrong.
    pub fn passed(&self) -> bool {
        self.faults.is_empty() && self.tests.iter().all(|test| test.result.is_ok())
    }

    /// All faults as `file:line:column: message`, one line each, as compilers print them; files are relative to the
    /// dialplan folder.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.all_faults().map(|fault| fault::describe(&fault))
    }

    /// The same with paths that an editor opens: those of the folder as it was named.
    pub fn lines_in(&self, folder: &Path) -> impl Iterator<Item = String> {
        self.all_faults().map(|fault| fault::describe_in(folder, &fault))
    }

    fn all_faults(&self) -> impl Iterator<Item = ScriptFault> {
        let of_tests = self.tests.iter().filter_map(|test| {
            let fault = test.result.as_ref().err()?;
            Some(ScriptFault {
                message: format!("{}: {}", test.name, fault.message),
                ..fault.clone()
            })
        });
        self.faults.iter().cloned().chain(of_tests)
    }
}

/// Compiles the scripts of a folder and runs their tests. No phone rings: what the scripts ask for is
/// answered by the tests. Every fault is told: of files that cannot be read, of scripts and of tests.
///
/// `prompts` says what is wrong with a prompt that a script plays by name; `None` to leave them alone.
pub fn check(folder: &Path, limits: &Limits, prompts: Option<Prompts>) -> Report {
    let Read { plan, tests, faults } = folder::read_all(folder, limits);
    let mut report = check_sources(plan, &tests, limits, prompts);
    // Where something could not be read, what follows from that is not told, too.
    if !faults.is_empty() {
        let unread = |fault: &ScriptFault| {
            fault.position.line > 0 || faults.iter().all(|f| f.position.file != fault.position.file)
        };
        report.faults.retain(unread);
        report.faults.splice(0..0, faults);
        report.tests.clear();
    }
    report
}

pub(crate) fn check_sources(plan: Sources, tests: &Sources, limits: &Limits, prompts: Option<Prompts>) -> Report {
    let (plan, mut report) = match Generation::compile(plan, limits, Look::Closely(prompts)) {
        Ok(plan) => (Some(Arc::new(plan)), Report::default()),
        Err(faults) => {
            let report = Report {
                faults,
                ..Report::default()
            };
            (None, report)
        }
    };
    for (file, text) in tests {
        let (name, text) = (file.clone(), text.clone());
        let of_file = Tests {
            engine: test_engine(plan.as_ref(), limits),
            limits: limits.clone(),
            file: file.clone(),
        };
        match aside(limits, move || CompiledTests::new(of_file, &name, &text)) {
            // Where the dialplan does not compile there is nothing to test.
            Ok(Ok(_)) if plan.is_none() => {}
            Ok(Ok(compiled)) => compiled.run(&mut report),
            Ok(Err(faults)) | Err(faults) => report.faults.extend(faults),
        }
    }
    report
}

/// An engine for tests: scripts' own, and the calls they are tested with.
fn test_engine(plan: Option<&Arc<Generation>>, limits: &Limits) -> Engine {
    let mut engine = engine::new(limits);
    if let Some(plan) = plan {
        call::register(&mut engine, plan);
    }
    engine
}

struct Tests {
    engine: Engine,
    limits: Limits,
    file: String,
}

struct CompiledTests {
    tests: Arc<Tests>,
    script: AST,
    names: Vec<String>,
}

impl CompiledTests {
    fn new(tests: Tests, file: &str, text: &str) -> Result<Self, Vec<ScriptFault>> {
        let Compiled { script, faults, .. } = compile_one(&tests.engine, file, text);
        let Some(script) = script.filter(|_| faults.is_empty()) else {
            return Err(faults);
        };
        let functions = script.iter_functions().filter(|function| function.params.is_empty());
        let mut names: Vec<String> = functions.map(|function| function.name.to_owned()).collect();
        names.retain(|name| name.starts_with("test_"));
        names.sort();
        Ok(Self {
            tests: Arc::new(tests),
            script,
            names,
        })
    }

    /// Each test runs on a stack of its own, watched like a script.
    fn run(self, report: &mut Report) {
        for name in self.names {
            let (tests, script, function) = (self.tests.clone(), self.script.clone(), name.clone());
            let result = aside(&self.tests.limits, move || run(&tests, &script, &function));
            let result = result.unwrap_or_else(|mut faults| faults.pop().map_or(Ok(()), Err));
            report.tests.push(TestResult {
                file: self.tests.file.clone(),
                name,
                result,
            });
        }
    }
}

fn run(tests: &Tests, script: &AST, function: &str) -> Result<(), ScriptFault> {
    let Some(entry) = Entry::find(script, function, 0) else {
        return Ok(());
    };
    let result = entry
        .run(&tests.engine, script, Dynamic::UNIT)
        .map_err(|error| fault::of_error(*error, &tests.file));
    match fiber::current() {
        Some(state) => state
            .stop()
            .map_or(result.clone(), |stop| fault::of_stop(stop, result, &state)),
        None => result,
    }
}

#[cfg(test)]
mod tests;
