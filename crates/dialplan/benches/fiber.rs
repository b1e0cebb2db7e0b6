//! What a script costs: to begin, to wait, to go on, and while it waits.
//!
//! `cargo bench -p dialplan --bench fiber`

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use dialplan::{Dialplans, Fiber, Generation, Limits, Resume, Step};
use switch::{DialResult, DialStatus, Facts, Outcome, ScriptEntry};

/// Resident memory is told in pages of this many bytes.
const PAGE: usize = 4_096;

fn say(name: &str, value: u64, unit: &str) {
    println!("bench\tscript: {name}\t{value}\t{unit}");
}

/// Times `work`; a single round where this is not run as a benchmark, only to see that it works.
fn measure(name: &str, rounds: u32, mut work: impl FnMut()) {
    if !std::env::args().any(|argument| argument == "--bench") {
        return work();
    }
    (0..rounds / 10).for_each(|_| work());
    #[allow(clippy::disallowed_methods)] // a benchmark reads the clock
    let begin = std::time::Instant::now();
    (0..rounds).for_each(|_| work());
    let each = begin.elapsed().as_nanos() / u128::from(rounds);
    say(name, u64::try_from(each).unwrap(), "ns");
}

fn plan(folder: &Path, name: &str, body: &str) -> Arc<Generation> {
    let folder = folder.join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("main.rhai"), format!("fn on_call(caller) {{ {body} }}")).unwrap();
    Dialplans::load(folder, Limits::default()).unwrap().current()
}

fn start(plan: &Arc<Generation>) -> Fiber {
    let facts = Facts {
        number: "101".into(),
        dialed: "102".into(),
        ..Facts::default()
    };
    Fiber::new(plan, ScriptEntry::OnCall, facts).unwrap()
}

fn busy() -> Resume {
    Resume::Outcome(Outcome::Dial(Box::new(DialResult {
        status: DialStatus::Busy,
        code: 486,
        reason: "Busy Here".into(),
        by: String::new(),
        talk: 0.0,
    })))
}

/// Runs a script to its end, answering each of its verbs with `with`.
fn run(plan: &Arc<Generation>, with: &Resume) {
    let mut fiber = start(plan);
    let mut step = fiber.resume(Resume::Continue, 0);
    loop {
        step = match step {
            Step::Verb { .. } => fiber.resume(with.clone(), 0),
            Step::Yielded => fiber.resume(Resume::Continue, 0),
            Step::Ended(result) => return result.unwrap(),
        };
    }
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * PAGE
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let empty = plan(folder.path(), "empty", "");
    let dial = plan(
        folder.path(),
        "dial",
        "let r = caller.dial(caller.dialed, #{ timeout: 20 }); r.status",
    );
    let endless = plan(folder.path(), "endless", "loop { caller.ring(); }");
    let failover = "for carrier in [\"a\", \"b\", \"c\"] {\n\
                    let r = caller.dial(`${carrier}/${caller.dialed}`, #{ timeout: 20 });\n\
                    if r.status == \"answered\" || r.status == \"busy\" && carrier == \"c\" { break; }\n\
                    } caller.reject(486);";
    let failover = plan(folder.path(), "failover", failover);
    let count = plan(folder.path(), "count", "let n = 0; for i in 0..100_000 { n += i; }");

    measure("nothing, from start to end", 20_000, || run(&empty, &Resume::Continue));
    measure("a dial, from start to end", 20_000, || run(&dial, &busy()));
    measure("start to the first verb, then cancelled", 20_000, || {
        drop(start(&dial).resume(Resume::Continue, 0));
    });
    let mut fiber = start(&endless);
    fiber.resume(Resume::Continue, 0);
    let mut left = 40_000;
    measure("suspend and resume", 100_000, || {
        left -= 1;
        // A call may not go on for ever: begin another.
        if left == 0 {
            fiber = start(&endless);
            fiber.resume(Resume::Continue, 0);
            left = 40_000;
        }
        assert!(matches!(
            fiber.resume(Resume::Outcome(Outcome::Done), 0),
            Step::Verb { .. }
        ));
    });
    measure("failover over three trunks, refused", 10_000, || {
        let mut fiber = start(&failover);
        let mut with = Resume::Continue;
        for _ in 0..3 {
            assert!(matches!(fiber.resume(with, 0), Step::Verb { .. }));
            with = busy();
        }
        assert!(matches!(fiber.resume(with, 0), Step::Verb { .. }));
        assert!(matches!(
            fiber.resume(Resume::Outcome(Outcome::Done), 0),
            Step::Ended(Ok(()))
        ));
    });
    measure("300,000 operations", 20, || run(&count, &Resume::Continue));

    let many = if std::env::args().any(|argument| argument == "--bench") {
        10_000
    } else {
        10
    };
    let before = resident();
    let mut waiting: Vec<Fiber> = (0..many).map(|_| start(&dial)).collect();
    for fiber in &mut waiting {
        assert!(matches!(fiber.resume(Resume::Continue, 0), Step::Verb { .. }));
    }
    let each = resident().saturating_sub(before) / many;
    say(&format!("memory of each of {many} that wait"), each as u64, "bytes");
}
