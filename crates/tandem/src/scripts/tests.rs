//! Scripts on their threads.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use dialplan::{Limits, OperationLimits};
use switch::{Facts, Outcome, ScriptEntry, Verb};

use super::*;

#[global_allocator]
static ALLOCATOR: dialplan::Metered<std::alloc::System> = dialplan::Metered(std::alloc::System);

/// Long enough on any machine; nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

struct World {
    scripts: Scripts,
    plans: Arc<Dialplans>,
    events: Receiver<ScriptEvent>,
    folder: tempfile::TempDir,
}

fn world(options: Options, main: &str) -> World {
    limited(options, main, Limits::default())
}

fn limited(options: Options, main: &str, limits: Limits) -> World {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.rhai"), main).unwrap();
    let plans = Arc::new(Dialplans::load(folder.path(), limits).unwrap());
    let (sender, events): (Sender<ScriptEvent>, _) = channel();
    let scripts = Scripts::start(options, &plans, move |event| drop(sender.send(event))).unwrap();
    World {
        scripts,
        plans,
        events,
        folder,
    }
}

impl World {
    fn start(&self, call: u128, dialed: &str) {
        let facts = Box::new(Facts {
            dialed: dialed.into(),
            ..Facts::default()
        });
        self.scripts.send(ScriptCommand::Start {
            call: CallUid(call),
            entry: ScriptEntry::OnCall,
            facts,
        });
    }

    fn resume(&self, call: u128) {
        self.scripts.send(ScriptCommand::Resume {
            call: CallUid(call),
            outcome: Outcome::Done,
        });
    }

    fn cancel(&self, call: u128) {
        self.scripts.send(ScriptCommand::Cancel { call: CallUid(call) });
    }

    fn next(&self) -> (u128, String) {
        match self.events.recv_timeout(PATIENCE).unwrap() {
            ScriptEvent::Verb { call, verb, .. } => (call.0, format!("{verb:?}")),
            ScriptEvent::Ended { call, result: Ok(()) } => (call.0, "ended".into()),
            ScriptEvent::Ended {
                call,
                result: Err(fault),
            } => (call.0, dialplan::describe(&fault)),
        }
    }
}

const ONE: Options = Options {
    threads: 1,
    scripts: 100,
};

fn is(call: u128, what: &str) -> (u128, String) {
    (call, what.into())
}

#[test]
fn a_script_asks_is_told_and_ends() {
    let world = world(
        Options::default(),
        "fn on_call(caller) { caller.ring(); caller.answer(); }",
    );
    world.start(1, "9");
    assert_eq!(world.next(), is(1, &format!("{:?}", Verb::Ring)));
    world.resume(1);
    assert_eq!(world.next(), is(1, "Answer"));
    world.resume(1);
    assert_eq!(world.next(), is(1, "ended"));
    assert_eq!(world.scripts.alive(), 0);
    world.resume(1);
    world.cancel(1);
    world.start(2, "9");
    assert_eq!(
        world.next(),
        is(2, "Ring"),
        "what comes for an ended script is not answered"
    );
}

#[test]
fn an_endless_script_takes_its_turn_and_no_more() {
    let text = "fn on_call(caller) { if caller.dialed == \"0\" { loop { } } for i in 0..50 { caller.ring(); } }";
    let limits = Limits {
        operations: OperationLimits {
            between_verbs: u64::MAX,
            per_call: u64::MAX,
            ..OperationLimits::default()
        },
        ..Limits::default()
    };
    let world = limited(ONE, text, limits);
    world.start(1, "0");
    world.start(2, "0");
    world.start(3, "1");
    for _ in 0..50 {
        assert_eq!(world.next(), is(3, "Ring"));
        world.resume(3);
    }
    assert_eq!(world.next(), is(3, "ended"));
    world.cancel(1);
    world.cancel(2);
    assert_eq!([world.next(), world.next()], [is(1, "ended"), is(2, "ended")]);
}

#[test]
fn a_cancelled_script_says_nothing_more() {
    let world = world(ONE, "fn on_call(caller) { loop { try { caller.ring(); } catch { } } }");
    world.start(1, "9");
    assert_eq!(world.next(), is(1, "Ring"));
    world.cancel(1);
    assert_eq!(world.next(), is(1, "ended"));
    world.resume(1);
    world.start(2, "9");
    assert_eq!(world.next(), is(2, "Ring"));
    assert_eq!(world.scripts.alive(), 1);
}

#[test]
fn too_many_scripts_are_refused_and_the_others_go_on() {
    let world = world(
        Options { threads: 1, scripts: 1 },
        "fn on_call(caller) { caller.ring(); }",
    );
    world.start(1, "9");
    assert_eq!(world.next(), is(1, "Ring"));
    world.start(2, "9");
    assert_eq!(world.next(), is(2, "1 scripts are running already"));
    world.resume(1);
    assert_eq!(world.next(), is(1, "ended"));
    world.start(3, "9");
    assert_eq!(world.next(), is(3, "Ring"));
}

#[test]
fn a_script_that_fails_harms_only_itself() {
    let text = "fn on_call(caller) { if caller.dialed == \"0\" { throw \"no\" } caller.ring(); }";
    let world = world(ONE, text);
    world.start(1, "1");
    world.start(2, "0");
    assert_eq!(world.next(), is(1, "Ring"));
    assert_eq!(world.next(), is(2, "main.rhai:1:48: no"));
    world.resume(1);
    assert_eq!(world.next(), is(1, "ended"));
}

#[test]
fn calls_in_progress_keep_their_generation() {
    let world = world(ONE, "fn on_call(caller) { caller.ring(); caller.answer(); }");
    let (sender, reloads) = channel();
    let watch = Watch::start(&world.plans, move |reload| drop(sender.send(reload))).unwrap();
    world.start(1, "9");
    assert_eq!(world.next(), is(1, "Ring"));

    std::fs::write(
        world.folder.path().join("main.rhai"),
        "fn on_call(caller) { caller.hangup(); }",
    )
    .unwrap();
    assert_eq!(reloads.recv_timeout(PATIENCE).unwrap(), Reload::Reloaded);
    world.start(2, "9");
    assert_eq!(world.next(), is(2, "Hangup"));
    world.resume(1);
    assert_eq!(world.next(), is(1, "Answer"));

    std::fs::write(world.folder.path().join("main.rhai"), "fn on_call(caller) { caller.").unwrap();
    let Reload::Failed(faults) = reloads.recv_timeout(PATIENCE).unwrap() else {
        panic!("it is broken")
    };
    assert_eq!(faults[0].position.line, 1);
    world.start(3, "9");
    assert_eq!(world.next(), is(3, "Hangup"), "the last good one stays");
    watch.reload();
    assert!(
        matches!(reloads.recv_timeout(PATIENCE).unwrap(), Reload::Failed(_)),
        "asked for, changed or not"
    );
}

#[test]
fn dropping_it_ends_every_script() {
    let world = world(
        ONE,
        "fn on_call(caller) { if caller.dialed == \"0\" { loop { } } caller.ring(); }",
    );
    world.start(1, "0");
    world.start(2, "9");
    assert_eq!(world.next(), is(2, "Ring"));
    drop(world.scripts);
    assert!(world.events.recv().is_err(), "no sender is left");
}

#[test]
fn a_script_that_holds_too_much_memory_ends() {
    let text = "fn on_call(caller) { let s = \"\"; s.pad(4000, 'x'); let m = [#{}, #{}, #{}];\n\
                for n in 0..3 { for i in 0..300 { m[n][`${i}${s}`] = 1; } } caller.ring(); }";
    let mut limits = Limits::default();
    limits.values.memory = 2 << 20;
    let world = limited(ONE, text, limits);
    world.start(1, "9");
    let (_, end) = world.next();
    assert!(
        end.starts_with("main.rhai:2:") && end.ends_with("holds more than 2097152 bytes"),
        "{end}"
    );
}

#[test]
fn a_panic_of_the_listener_ends_no_thread() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.rhai"), "fn on_call(caller) { caller.ring(); }").unwrap();
    let plans = Arc::new(Dialplans::load(folder.path(), Limits::default()).unwrap());
    let (sender, events) = channel();
    let scripts = Scripts::start(ONE, &plans, move |event| {
        assert!(!matches!(event, ScriptEvent::Verb { call: CallUid(1), .. }), "as asked");
        drop(sender.send(event));
    });
    let world = World {
        scripts: scripts.unwrap(),
        plans,
        events,
        folder,
    };
    world.start(1, "9");
    world.start(2, "9");
    assert_eq!(world.next(), is(2, "Ring"));
    world.cancel(1);
    assert_eq!(world.next(), is(1, "ended"));
}
