//! The dialplans of the worlds: canned scripts of random verbs, or one real Rhai dialplan.

use std::time::Duration;

use switch::{
    Collect, ConferenceOptions, Dial, Outcome, Page, Park, Pickup, Pin, Record, RecordingFormat, Strategy, Target, Verb,
};
use tests::{
    net::Chance,
    scripts::{CannedPlan, Next},
};

/// A real dialplan. The last digit of the number selects what [`canned_plan`] does by chance.
pub const PLAN: &str = r##"
fn on_call(caller) {
    let n = caller.dialed;
    if n == "700" { caller.answer(); caller.echo(); return; }
    if n == "701" { caller.answer(); caller.play("welcome"); caller.dial("100"); return; }
    if n == "702" { caller.reject(603); return; }
    if n == "703" { throw "on purpose"; }
    if n == "704" { caller.dial(["100", "101"], #{ timeout: 5, strategy: "sequence" }); caller.play("nobody"); return; }
    if n == "705" { caller.ring(); caller.wait(2); caller.dial(["100", "101", "102"], #{ timeout: 8 }); return; }
    if n == "706" { loop { } }
    if n == "707" { let r = caller.dial("101", #{ timeout: 4 }); if r.status != "answered" { caller.answer(); caller.tone("beep"); } return; }
    if n == "708" { caller.redirect("101"); return; }
    if n == "710" { caller.conference("900", #{ pin: "1", leave: "#", record: true }); return; }
    if n == "711" { let r = caller.record("sim/one", #{ max: 20, silence: 3, beep: true }); caller.dial("100", #{ record: r.status }); return; }
    if n == "712" { let r = caller.collect("menu", #{ max: 2, timeout: 3 }); if r.status == "done" { caller.music(); } caller.dial("101", #{ record: true }); return; }
    if n == "713" { caller.transfer("705"); return; }
    if n == "714" { caller.answer(); caller.transfer("101"); return; }
    if n == "709" { caller.answer(); caller.wait(1); caller.hangup(); return; }
    caller.dial(n, #{ timeout: 15 });
}
"##;

/// Numbers that the real dialplan does not simply dial.
pub const SERVICES: [&str; 15] = [
    "713", "714", "700", "701", "702", "703", "704", "705", "706", "707", "708", "709", "710", "711", "712",
];

/// The conferences of canned scripts.
pub const CONFERENCES: [&str; 2] = ["900", "sales"];

fn seconds(chance: &mut Chance, most: u64) -> Duration {
    Duration::from_millis(chance.below(most * 1_000))
}

fn target(chance: &mut Chance, numbers: &[String]) -> Target {
    match chance.below(20) {
        0 => Target::Uri("sip:somebody@nowhere.example".into()),
        1 => Target::Uri("sip:somebody@198.51.100.250".into()),
        2 => Target::Uri("not a URI".into()),
        3 => Target::Trunk {
            trunk: "none".into(),
            number: "1".into(),
        },
        4 => Target::Extension("999".into()),
        5 => Target::Uri(format!("sip:{}@tandem.local", pick(chance, numbers))),
        _ => Target::Extension(pick(chance, numbers)),
    }
}

pub fn pick(chance: &mut Chance, numbers: &[String]) -> String {
    let at = chance.below(numbers.len() as u64);
    numbers[usize::try_from(at).unwrap()].clone()
}

fn dial(chance: &mut Chance, numbers: &[String], dialed: &str) -> Verb {
    let targets = match chance.below(4) {
        0 => (0..=chance.below(4)).map(|_| target(chance, numbers)).collect(),
        _ => vec![Target::Extension(dialed.into())],
    };
    let strategy = match chance.below(4) {
        0 => Strategy::Sequence,
        1 => Strategy::Random,
        _ => Strategy::All,
    };
    let delays = if strategy == Strategy::All && chance.percent(15) {
        (0..targets.len()).map(|_| seconds(chance, 8)).collect()
    } else {
        Vec::new()
    };
    Verb::Dial(Box::new(Dial {
        targets,
        delays,
        timeout: Duration::from_secs(1) + seconds(chance, 20),
        strategy,
        caller_id: chance.percent(10).then(|| ("555".into(), "Somebody \"else\"".into())),
        headers: if chance.percent(10) {
            vec![("X-Long".into(), "long ".repeat(200))]
        } else {
            Vec::new()
        },
        record: chance.percent(15).then(|| recording(chance)),
        auto_answer: false,
    }))
}

fn recording(chance: &mut Chance) -> String {
    ["call", "sales/call", tests::engine::FULL_DISK][usize::try_from(chance.below(3)).unwrap()].into()
}

/// A verb that takes or gives sound for a while.
fn sound(chance: &mut Chance) -> Verb {
    match chance.below(6) {
        0 => Verb::Music {
            name: chance
                .percent(50)
                .then(|| ["jazz", "missing"][usize::from(chance.percent(30))].into()),
            duration: chance.percent(50).then(|| seconds(chance, 20)),
        },
        1 => Verb::Collect(Box::new(Collect {
            prompts: [vec![], vec!["menu".into()], vec!["missing".into()]][usize::try_from(chance.below(3)).unwrap()]
                .clone(),
            max: usize::try_from(chance.below(4)).unwrap(),
            timeout: seconds(chance, 8),
            terminator: chance.percent(70).then_some('#'),
        })),
        2 => Verb::Record(Box::new(Record {
            name: recording(chance),
            max: seconds(chance, 30),
            silence: chance.percent(30).then(|| Duration::from_secs(3)),
            format: RecordingFormat::ALL[usize::from(chance.percent(50))],
            beep: chance.percent(50),
        })),
        _ => Verb::Conference(Box::new(ConferenceOptions {
            room: CONFERENCES[usize::from(chance.percent(50))].into(),
            pin: chance.percent(30).then(|| Pin("1".into())),
            prompts: Vec::new(),
            muted: chance.percent(20),
            record: chance.percent(50).then(|| recording(chance)),
            leave: chance.percent(80).then_some('#'),
            tones: chance.percent(50),
        })),
    }
}

fn verb(chance: &mut Chance, numbers: &[String], dialed: &str) -> Verb {
    match chance.below(31) {
        27..=30 => sound(chance),
        0..=9 | 24..=26 => dial(chance, numbers, dialed),
        10 | 11 => Verb::Answer,
        12 => Verb::Ring,
        13 => Verb::Echo,
        14 => Verb::Play(vec!["welcome".into()]),
        15 => Verb::Play(vec!["missing".into()]),
        16 => Verb::Tone {
            name: ["beep", "busy"][usize::from(chance.percent(50))].into(),
            duration: chance.percent(50).then(|| seconds(chance, 5)),
        },
        17 => Verb::Wait(seconds(chance, 5)),
        18 => Verb::Reject {
            code: [404, 486, 503, 603, 699][usize::try_from(chance.below(5)).unwrap()]
                .try_into()
                .unwrap(),
            reason: chance.percent(50).then(|| "As It Is".into()),
        },
        19 => Verb::Redirect {
            target: pick(chance, numbers),
        },
        20 => Verb::Hangup,
        21 => Verb::Header("User-Agent".into()),
        22 => Verb::Extension(pick(chance, numbers)),
        _ => Verb::Wait(Duration::ZERO),
    }
}

/// A verb with which people work together: pickups and parked calls, whose slots are few, so that they meet.
fn team(chance: &mut Chance, numbers: &[String]) -> Verb {
    let slot = ["701", "702", "703"][usize::try_from(chance.below(3)).unwrap()];
    match chance.below(10) {
        0..=2 => Verb::Pickup(Pickup::Number(pick(chance, numbers))),
        3 | 4 => Verb::Pickup(Pickup::Number(slot.into())),
        5 => Verb::Pickup(Pickup::Group),
        6 => Verb::Page(Box::new(Page {
            targets: numbers.iter().take(5).cloned().collect(),
            timeout: Duration::from_secs(1) + seconds(chance, 8),
        })),
        _ => Verb::Park(Box::new(Park {
            slot: chance.percent(50).then(|| slot.into()),
            timeout: Some(Duration::from_secs(1) + seconds(chance, 30)),
            ring: Some(Duration::from_secs(1) + seconds(chance, 15)),
            music: chance.percent(20).then(|| "missing".into()),
            held: chance.percent(20),
        })),
    }
}

/// Scripts of up to six verbs; most dial what was dialled, and return.
pub fn canned_plan(seed: u64, numbers: Vec<String>) -> CannedPlan {
    let mut chance = Chance(seed ^ 0x7363_7269);
    let mut teams = Chance(seed ^ 0x7465_616d);
    Box::new(move |facts| {
        let mut chance = Chance(chance.next());
        let mut teams = Chance(teams.next());
        let (numbers, dialed) = (numbers.clone(), facts.dialed.clone());
        let plain = chance.percent(50);
        let mut left = if plain { 1 } else { chance.below(7) };
        let throws = chance.percent(8);
        Box::new(move |outcome| {
            if matches!(outcome, Some(Outcome::Fault(_))) && chance.percent(70) {
                return Next::Throw;
            }
            if left == 0 {
                return if throws { Next::Throw } else { Next::Return };
            }
            left -= 1;
            Next::Ask(if teams.percent(15) {
                team(&mut teams, &numbers)
            } else if plain {
                dial(&mut chance, &numbers, &dialed)
            } else {
                verb(&mut chance, &numbers, &dialed)
            })
        })
    })
}
