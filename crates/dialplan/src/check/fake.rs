//! A switch that is made up: it notes what a script asks for and answers as the test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rhai::{Array, Dynamic, Map};
use switch::{
    Collect, CollectResult, CollectStatus, ConferenceResult, ConferenceStatus, Dial, DialResult, DialStatus,
    ExtensionState, Facts, LastNumber, Outcome, PageResult, PageStatus, ParkResult, ParkStatus, PickupResult,
    PickupStatus, Position, Record, RecordResult, RecordStatus, RecordingUid, ScriptEntry, ScriptFault, Strategy,
    Target, Verb,
};

use crate::generation::Generation;
use crate::{Fiber, Resume, Step};

/// Verbs after which a test is taken to go round in a circle.
const VERBS: usize = 1_000;

/// A verb as tests write it, and its line.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) text: String,
    pub(super) at: Position,
}

/// What the test says of the verbs to come, the next one first.
#[derive(Default)]
struct Next {
    recordings: VecDeque<RecordResult>,
    conferences: VecDeque<ConferenceResult>,
    pickups: VecDeque<PickupResult>,
    parks: VecDeque<ParkResult>,
    pages: VecDeque<PageResult>,
}

pub(super) struct Fake {
    unix_micros: i64,
    results: Vec<(String, VecDeque<DialResult>)>,
    digits: VecDeque<String>,
    next: Next,
    hangs_up_at: Option<String>,
    headers: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
    extensions: BTreeMap<String, ExtensionState>,
    last_numbers: BTreeMap<LastNumber, String>,
    pins: BTreeMap<String, String>,
    asked: Vec<Asked>,
    dials: Vec<Dial>,
}

impl Fake {
    pub(super) fn new(unix_micros: i64) -> Self {
        Self {
            unix_micros,
            results: Vec::new(),
            digits: VecDeque::new(),
            next: Next::default(),
            hangs_up_at: None,
            headers: BTreeMap::new(),
            parameters: BTreeMap::new(),
            extensions: BTreeMap::new(),
            last_numbers: BTreeMap::new(),
            pins: BTreeMap::new(),
            asked: Vec::new(),
            dials: Vec::new(),
        }
    }

    /// What comes of dialling a target; said twice, the second time of dialling it has the second result.
    pub(super) fn on_dial(&mut self, target: &str, result: DialResult) {
        match self.results.iter_mut().find(|(of, _)| of == target) {
            Some((_, results)) => results.push_back(result),
            None => self.results.push((target.to_owned(), VecDeque::from([result]))),
        }
    }

    /// What the caller presses during the next verb that hears it.
    pub(super) fn presses(&mut self, digits: &str) {
        self.digits.push_back(digits.to_owned());
    }

    /// What comes of the next recording.
    pub(super) fn on_record(&mut self, result: RecordResult) {
        self.next.recordings.push_back(result);
    }

    /// What comes of the next conference.
    pub(super) fn on_conference(&mut self, result: ConferenceResult) {
        self.next.conferences.push_back(result);
    }

    /// What comes of the next pickup.
    pub(super) fn on_pickup(&mut self, result: PickupResult) {
        self.next.pickups.push_back(result);
    }

    /// What comes of the next parked call.
    pub(super) fn on_park(&mut self, result: ParkResult) {
        self.next.parks.push_back(result);
    }

    /// What comes of the next page.
    pub(super) fn on_page(&mut self, result: PageResult) {
        self.next.pages.push_back(result);
    }

    pub(super) fn hangs_up_at(&mut self, verb: &str) {
        self.hangs_up_at = Some(verb.to_owned());
    }

    pub(super) fn has_header(&mut self, name: &str, value: &str) {
        self.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }

    pub(super) fn has_parameter(&mut self, name: &str, value: &str) {
        self.parameters.insert(name.to_ascii_lowercase(), value.to_owned());
    }

    pub(super) fn has_extension(&mut self, number: &str, state: ExtensionState) {
        self.extensions.insert(number.to_owned(), state);
    }

    pub(super) fn has_pin(&mut self, number: &str, pin: &str) {
        self.pins.insert(number.to_owned(), pin.to_owned());
    }

    pub(super) fn has_last_number(&mut self, which: LastNumber, number: &str) {
        self.last_numbers.insert(which, number.to_owned());
    }

    pub(super) fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The dials in full, as maps.
    pub(super) fn dials(&self) -> Array {
        self.dials.iter().map(dial_map).collect()
    }

    /// Runs the plan for this call.
    pub(super) fn run(&mut self, plan: &Arc<Generation>, entry: ScriptEntry, facts: Facts) -> Result<(), ScriptFault> {
        let mut fiber = Fiber::new(plan, entry, facts)?;
        let mut with = Resume::Continue;
        loop {
            match fiber.resume(with, self.unix_micros) {
                Step::Yielded => with = Resume::Continue,
                Step::Ended(result) => return result,
                Step::Verb { verb, at } if self.asked.len() >= VERBS => {
                    let message = format!("asked for {VERBS} things, then for {verb}: does it go round?");
                    return Err(ScriptFault { position: at, message });
                }
                Step::Verb { verb, at } => match self.answer(verb, at) {
                    Some(outcome) => with = Resume::Outcome(outcome),
                    None => return Ok(()),
                },
            }
        }
    }

    /// `None` where the caller hangs up.
    fn answer(&mut self, verb: Verb, at: Position) -> Option<Outcome> {
        let text = verb.to_string();
        // Questions are answered and not noted: they do nothing to the call.
        let outcome = match verb {
            Verb::Header(name) => return Some(Outcome::Text(self.headers.get(&name.to_ascii_lowercase()).cloned())),
            Verb::Parameter(name) => {
                return Some(Outcome::Text(self.parameters.get(&name.to_ascii_lowercase()).cloned()));
            }
            Verb::Extension(number) => {
                return Some(Outcome::Extension(self.extensions.get(&number).cloned().map(Box::new)));
            }
            Verb::LastNumber(which) => return Some(Outcome::Text(self.last_numbers.get(&which).cloned())),
            Verb::Dial(dial) => {
                let result = self.result_of(&dial.targets);
                self.dials.push(*dial);
                Outcome::Dial(Box::new(result))
            }
            Verb::Proxy(to) => {
                let targets = to.targets.into_iter().map(|target| Target::Uri(target.uri));
                Outcome::Dial(Box::new(self.result_of(&targets.collect::<Vec<_>>())))
            }
            Verb::Wait(time) => {
                self.unix_micros = self
                    .unix_micros
                    .saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
                self.heard()
            }
            Verb::Play(_) | Verb::Tone { .. } | Verb::Music { .. } | Verb::Echo => self.heard(),
            Verb::Collect(collect) => Outcome::Collected(self.collected(&collect)),
            Verb::Record(record) => Outcome::Recorded(Box::new(self.recorded(&record))),
            Verb::Conference(_) => Outcome::Conference(self.next.conferences.pop_front().unwrap_or(ConferenceResult {
                status: ConferenceStatus::Left,
                seconds: 10.0,
            })),
            Verb::Pickup(_) => Outcome::PickedUp(self.next.pickups.pop_front().unwrap_or(PickupResult {
                status: PickupStatus::Answered,
                number: String::new(),
                name: String::new(),
            })),
            Verb::Park(_) => Outcome::Parked(self.next.parks.pop_front().unwrap_or(ParkResult {
                status: ParkStatus::Retrieved,
                slot: String::new(),
                by: String::new(),
                talk: 10.0,
            })),
            Verb::Page(_) => Outcome::Paged(self.next.pages.pop_front().unwrap_or(PageResult {
                status: PageStatus::Done,
                phones: 1,
                seconds: 10.0,
            })),
            Verb::Set(_) => Outcome::Done,
            Verb::LogOn(None) => Outcome::Flag(true),
            Verb::LogOn(Some(who)) => Outcome::Flag(self.pins.get(&who.0) == Some(&who.1.0)),
            Verb::Ring
            | Verb::Answer
            | Verb::Reject { .. }
            | Verb::Redirect { .. }
            | Verb::Hangup
            | Verb::Transfer(_) => Outcome::Done,
        };
        let hangs_up = self.hangs_up_at.as_ref() == Some(&text);
        self.asked.push(Asked { text, at });
        (!hangs_up).then_some(outcome)
    }

    fn heard(&mut self) -> Outcome {
        Outcome::Digits(self.digits.pop_front().unwrap_or_default())
    }

    /// The keys that the caller presses, as far as they are wanted; the others are for the next verb.
    fn collected(&mut self, want: &Collect) -> CollectResult {
        let pressed = self.digits.pop_front().unwrap_or_default();
        let mut keys = pressed.chars();
        let mut digits = String::new();
        let mut done = false;
        while !done && let Some(key) = keys.next() {
            if Some(key) == want.terminator {
                done = true;
            } else {
                digits.push(key);
                done = digits.len() >= want.max;
            }
        }
        if !keys.as_str().is_empty() {
            self.digits.push_front(keys.as_str().to_owned());
        }
        let status = match (done, digits.is_empty()) {
            (true, _) => CollectStatus::Done,
            (false, true) => CollectStatus::Empty,
            (false, false) => CollectStatus::Timeout,
        };
        CollectResult { digits, status }
    }

    /// What the test said, or five seconds that `#` ends.
    fn recorded(&mut self, want: &Record) -> RecordResult {
        let result = self.next.recordings.pop_front().unwrap_or(RecordResult {
            status: RecordStatus::Done,
            seconds: 5.0,
            file: String::new(),
            id: None,
            digit: Some('#'),
        });
        if result.status == RecordStatus::Failed {
            return result;
        }
        let id = RecordingUid(self.asked.len() as u64);
        RecordResult {
            file: format!("{}-{id}.{}", want.name, want.format.name()),
            id: Some(id),
            ..result
        }
    }

    /// What the test said of one of the targets, or an answer by the first.
    fn result_of(&mut self, targets: &[Target]) -> DialResult {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        let said = self
            .results
            .iter_mut()
            .find(|(of, _)| of == "*" || targets.contains(of));
        let mut result = said.and_then(|(_, results)| {
            // The last one stays.
            if results.len() > 1 {
                results.pop_front()
            } else {
                results.front().cloned()
            }
        });
        let result = result.get_or_insert(DialResult {
            status: DialStatus::Answered,
            code: 200,
            reason: "OK".to_owned(),
            by: String::new(),
            talk: 10.0,
        });
        if result.status == DialStatus::Answered && result.by.is_empty() {
            result.by = targets.first().cloned().unwrap_or_default();
        }
        result.clone()
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn dial_map(dial: &Dial) -> Dynamic {
    let strategy = match dial.strategy {
        Strategy::All => "all",
        Strategy::Sequence => "sequence",
        Strategy::Random => "random",
    };
    let caller_id = dial.caller_id.as_ref().map_or(Dynamic::UNIT, |(number, name)| {
        let entries = [("number", number), ("name", name)];
        Dynamic::from(
            entries
                .map(|(key, value)| (key.into(), value.clone().into()))
                .into_iter()
                .collect::<Map>(),
        )
    });
    let headers: Map = dial
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().into(), value.clone().into()))
        .collect();
    let targets: Array = dial.targets.iter().map(|to| to.to_string().into()).collect();
    let mut map = Map::new();
    map.insert("targets".into(), targets.into());
    let delays: Array = dial.delays.iter().map(|delay| seconds(*delay).into()).collect();
    map.insert("delays".into(), delays.into());
    map.insert("timeout".into(), seconds(dial.timeout).into());
    map.insert("strategy".into(), strategy.into());
    map.insert("caller_id".into(), caller_id);
    map.insert("headers".into(), headers.into());
    map.insert("auto_answer".into(), dial.auto_answer.into());
    map.insert("record".into(), dial.record.clone().map_or(Dynamic::UNIT, Into::into));
    map.into()
}
