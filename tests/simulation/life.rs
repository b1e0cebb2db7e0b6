//! The life of one small world.

use std::{collections::BTreeSet, time::Duration};

use media::MediaId;
use sip::{Instant, Transport};
use switch::{CallUid, Command, CommandId, Config, Hold, Input, LiveCall, Reply};
use tests::{
    Phase, Settings, World,
    net::{Chance, Faults},
    phone::ODDITIES,
    scripts::Scripts,
};

use crate::{
    acts, scripts,
    tally::Tally,
    verdict::{self, Moment, judge},
    weather::{Incidents, Weather, faults},
};

/// Calls a world has before it comes to its end.
pub const CALLS: usize = 60;
/// The most events a world has before it comes to its end, also if fewer calls came about.
const ROUNDS: usize = 3_000;
/// Calls by URI and forwards to a URI go to this address, where nothing answers.
pub const OUTSIDE: &str = "198.51.100.250";

/// See the module.
pub struct Life {
    pub world: World,
    /// Every choice of the world but those of network, scripts and switch.
    pub chance: Chance,
    /// The extensions.
    pub numbers: Vec<String>,
    /// How bad the circumstances are.
    pub weather: Weather,
    /// Events that excuse some verdicts.
    pub incidents: Incidents,
    /// The counters of a running world.
    pub counts: Counts,
    /// True if the dialplan is a real dialplan, in Rhai.
    pub real: bool,
    /// The past events that verdicts need.
    pub seen: Seen,
    /// Chooses the transfers; `None` in a world without transfers.
    pub transfers: Option<Chance>,
    /// When the network comes back.
    pub outage: Option<Instant>,
    /// The faults of the network while it is there.
    pub faults: Faults,
    /// The settings of the switch.
    pub config: Config,
    /// The verdict that is being given, for the message of a failure.
    pub judging: &'static str,
    seed: u64,
    round: usize,
}

/// The past events that verdicts need.
#[derive(Default)]
pub struct Seen {
    /// Ports on which nothing more was heard, and by when each must be closed.
    pub silent: Vec<(MediaId, Instant)>,
    /// Calls whose record was closed before the pause began.
    pub closed_before_pause: BTreeSet<CallUid>,
    /// Two numbers whose phones heard each other, and when (microseconds since the Unix epoch).
    pub talks: Vec<(String, String, i64)>,
}

/// The counters of a running world.
#[derive(Default)]
pub struct Counts {
    /// Pairs of phones whose sessions were compared.
    pub talks: u64,
    /// How often a phone said something through the media engine, and the phone that it talked with heard it.
    pub said: u64,
    /// Texts sent so far; each has its number.
    pub texts: u64,
    /// Answers and CANCELs sent by a stranger that has no part in a call.
    pub spoofed: u64,
}

impl Drop for Life {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.world.ladder.off {
            let verdict = if self.judging.is_empty() {
                "no verdict"
            } else {
                self.judging
            };
            let (seed, round, ladder) = (self.seed, self.round, &self.world.ladder);
            eprintln!("world {seed} ({:?}), round {round}, {verdict}:\n{ladder}", self.weather);
        }
    }
}

/// Session intervals of a phone: what it asks for, what it grants, the least it takes. It never refreshes a session.
type Intervals = (Option<&'static str>, Option<&'static str>, Option<u32>);

/// The longest session interval that any phone grants.
const GRANTED: Duration = Duration::from_secs(1_800);

fn intervals(chance: &mut Chance) -> Intervals {
    let one = |chance: &mut Chance, of: [Option<&'static str>; 4]| of[usize::try_from(chance.below(4)).unwrap()];
    let asks = [None, Some("95;refresher=uac"), Some("1800;refresher=uas"), Some("100")];
    let grants = [None, Some("90;refresher=uas"), Some("90;refresher=uac"), Some("1800")];
    let least = chance.percent(30).then_some(120);
    (one(chance, asks), one(chance, grants), least)
}

impl Life {
    /// A world at its beginning. With `shown` it keeps its ladder, which makes it slower.
    pub fn new(seed: u64, shown: bool) -> Self {
        Self::begin(seed, shown, false)
    }

    /// A world whose inputs and outputs are recorded.
    pub fn recorded(seed: u64) -> Self {
        Self::begin(seed, false, true)
    }

    fn begin(seed: u64, shown: bool, recorded: bool) -> Self {
        let mut chance = Chance(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let (calm, real) = (chance.percent(30), chance.percent(10));
        let weather = if calm {
            Weather::Calm
        } else if chance.percent(20) {
            Weather::Orderly
        } else if chance.percent(20) {
            Weather::Hostile
        } else {
            Weather::Rough
        };
        let mut config = Config::default();
        if chance.percent(50) {
            config.session_expires = Duration::from_secs(90);
        }
        if chance.percent(10) {
            config.limits.datagram_bytes = 700;
        }
        if chance.percent(10) {
            config.limits.calls = 3;
        }
        if chance.percent(10) {
            config.media_ports = (20_000, 20_007);
        }
        if chance.percent(20) {
            config.limits.setup = Duration::from_secs(12);
        }
        // Chosen apart, so that other choices are as they were before there was music.
        if Chance(seed ^ 0x6d75_7369).percent(40) {
            config.limits.services.hold = Hold::Pass;
        }
        let numbers: Vec<String> = (0..2 + chance.below(4)).map(|n| format!("10{n}")).collect();
        let mut world = World::new(Settings {
            seed,
            plan: "fn on_call(caller) { }".into(),
            config: config.clone(),
            store_delay: Duration::from_millis(chance.below(30)),
        });
        world.ladder.off = !shown;
        if recorded {
            world.record();
        }
        if !real {
            let delay = [0, 1, 30, 2_000][usize::try_from(chance.below(4)).unwrap()];
            world.script_delay = Duration::from_millis(delay);
        }
        let faults = faults(weather, &mut chance);
        let mut life = Self {
            world,
            chance,
            numbers,
            weather,
            incidents: Incidents::default(),
            counts: Counts::default(),
            real,
            seen: Seen::default(),
            // Chosen apart, so that a world without transfers is as it was before there were any.
            transfers: Some(Chance(seed ^ 0x7265_6665)).filter(|chance| chance.clone().percent(75)),
            outage: None,
            faults,
            config,
            judging: "",
            seed,
            round: 0,
        };
        life.scripts();
        life.people();
        life
    }

    fn people(&mut self) {
        let sixes = [0, 0, 0, 50, 100][usize::try_from(self.chance.below(5)).unwrap()];
        // Chosen apart, so that a world has the same phones as before there were any.
        let mut reliable = Chance(self.seed ^ 0x5072_6163);
        for number in self.numbers.clone() {
            self.world.extension(&number);
            for _ in 0..=self.chance.below(3) {
                let index = if self.chance.percent(sixes) {
                    self.world.phone6(&number)
                } else {
                    self.world.phone(&number)
                };
                let codecs: &[&str] = match self.chance.below(8) {
                    0 => &["G722", "PCMA", "TELEPHONE-EVENT"],
                    1 => &["OPUS", "PCMU"],
                    2 => &["G722"],
                    3 => &["OPUS", "TELEPHONE-EVENT"],
                    4 => &["GSM", "PCMA"],
                    _ => &["PCMU", "PCMA", "TELEPHONE-EVENT"],
                };
                let timer = self.chance.percent(70);
                let intervals = self.chance.percent(25).then(|| intervals(&mut self.chance));
                let (twins, odd) = (self.chance.percent(5), self.chance.percent(15));
                let odd_sdp = self.chance.percent(30);
                let odd_sdp = odd_sdp.then(|| usize::try_from(self.chance.below(ODDITIES as u64)).unwrap());
                let stream = self.chance.percent(15);
                let alive = [None, Some("\r\n\0"), Some("\r\n"), Some("\0\0")];
                let alive = alive[usize::try_from(self.chance.below(4)).unwrap()];
                if stream && self.chance.percent(50) {
                    let address = self.world.phones[index].address;
                    self.world.streams.listening.insert(address);
                }
                let mut habits = self.world.phones[index].mood.clone();
                crate::odd::habits(&mut self.chance, &mut habits);
                habits.reliable = crate::odd::reliable(&mut reliable);
                self.with(index, |phone| {
                    phone.mood = habits;
                    if stream {
                        phone.transport = Transport::Tcp;
                    }
                    phone.mood.codecs = codecs.to_vec();
                    phone.mood.timer = timer;
                    if let Some((asks, grants, least)) = intervals {
                        (phone.mood.asks_timer, phone.mood.grants_timer, phone.mood.min_se) = (asks, grants, least);
                    }
                    (phone.mood.twins, phone.mood.odd, phone.mood.keeps_alive) = (twins, odd, alive);
                    phone.mood.old_digest = index % 5 == 4;
                    phone.mood.odd_sdp = odd_sdp;
                    phone.register(3_600);
                });
            }
        }
        self.world.pass(Duration::from_secs(2));
        self.world.net.faults = self.faults.clone();
        self.world.net.kept = Some(std::collections::VecDeque::new());
        let spoofer = acts::SPOOFER.parse().expect("an address");
        self.world.wires.insert(spoofer, Vec::new());
    }

    /// Does something with a phone.
    pub fn with<R>(&mut self, index: usize, act: impl FnOnce(&mut tests::Phone) -> R) -> R {
        let phone = &mut self.world.phones[index];
        phone.advance(self.world.now);
        let result = act(phone);
        self.world.flush();
        result
    }

    /// A note in the ladder.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        if !self.world.ladder.off {
            let now = self.world.now;
            self.world.ladder.note(now, &format!("*** {}", what()));
        }
    }

    fn gap(&mut self) -> Duration {
        let micros = match self.chance.below(100) {
            0..=29 => 0,
            30..=64 => self.chance.below(50_000),
            65..=93 => self.chance.below(1_500_000),
            94..=98 => self.chance.below(10_000_000),
            _ => self.chance.below(40_000_000),
        };
        Duration::from_micros(micros)
    }

    /// Plays it to its end, and counts what happened.
    pub fn play(mut self) -> Tally {
        self.run();
        Tally::of(&self)
    }

    /// Plays it to its end; the world can be looked at afterwards.
    pub fn run(&mut self) {
        self.day();
        self.ends(true);
    }

    /// One day of a switch that goes on; at its end nothing is left of its calls.
    pub fn another_day(&mut self) -> Tally {
        for phone in 0..self.world.phones.len() {
            self.with(phone, |phone| phone.register(3_600));
        }
        self.world.pass(Duration::from_secs(5));
        self.world.net.faults = self.faults.clone();
        self.day();
        self.ends(false);
        let tally = Tally::of(self);
        self.world.forgets();
        self.seen = Seen::default();
        (self.counts.talks, self.counts.spoofed, self.incidents.killed) = (0, 0, false);
        tally
    }

    fn day(&mut self) {
        self.round = 0;
        while self.world.opened.len() < CALLS && self.round < ROUNDS {
            self.round += 1;
            let gap = self.gap();
            self.world.pass(gap);
            if self.outage.is_some_and(|end| end <= self.world.now) {
                self.outage = None;
                self.world.net.faults = self.faults.clone();
            }
            acts::act(self);
            judge(self, Moment::Event);
            if self.round.is_multiple_of(50) {
                judge(self, Moment::NowAndThen);
            }
            let often = if self.weather == Weather::Calm { 25 } else { 100 };
            if self.round.is_multiple_of(often) {
                self.pauses();
                judge(self, Moment::Pause);
            }
        }
    }

    /// A pause without loss and without new actions, long enough for all transactions to end.
    fn pauses(&mut self) {
        let faults = std::mem::take(&mut self.world.net.faults);
        self.seen.closed_before_pause = self.world.cdrs.iter().map(|cdr| cdr.open.call_id).collect();
        let calm = self.weather == Weather::Calm;
        self.world.pass(Duration::from_secs(if calm { 10 } else { 40 }));
        self.world.net.faults = faults;
    }

    /// The calls in progress, as the admin API lists them.
    pub fn list_calls(&mut self) -> Vec<LiveCall> {
        self.world.handle(Input::Command {
            id: CommandId(1),
            command: Command::ListCalls,
        });
        let mut replies = std::mem::take(&mut self.world.replies);
        match (replies.pop(), replies.is_empty()) {
            (Some(Ok(Reply::Calls(calls))), true) => calls,
            (other, _) => panic!("calls are listed once: {other:?}"),
        }
    }

    /// All calls end; then nothing may be left.
    fn ends(&mut self, last: bool) {
        self.note(|| "the world comes to its end".into());
        self.world.net.faults = Faults::default();
        self.world.store_works = true;
        self.outage = None;
        let gap = self.gap();
        self.world.pass(gap);
        if self.chance.percent(40) {
            self.world.pass(verdict::ALL_SETTLED);
            judge(self, Moment::Settled);
        }
        if last && self.chance.percent(20) {
            self.world.handle(Input::Drain);
        }
        if self.chance.percent(50) {
            self.ends_by_itself();
        } else {
            self.is_ended(last);
        }
        // 32 s for an ACK, 32 s for a BYE, and 32 s for the last transaction, with some to spare.
        self.world.pass(Duration::from_secs(120));
        judge(self, Moment::CallsOver);
        self.phones_end();
        judge(self, Moment::PhonesOver);
    }

    /// All phones that have power hang up, again and again. The calls of the other phones end by their session timers.
    fn ends_by_itself(&mut self) {
        for _ in 0..12 {
            self.phones_hang_up(100);
            self.world.pass(Duration::from_secs(15));
        }
        let longest = self.config.session_expires.max(GRANTED);
        self.world.pass(longest + self.config.limits.setup);
    }

    /// Most phones hang up; then the admin API, or a stop of the switch, ends the calls that are left.
    fn is_ended(&mut self, last: bool) {
        self.phones_hang_up(80);
        let wait = self.chance.below(40);
        self.world.pass(Duration::from_secs(wait));
        if last && self.chance.percent(50) {
            return self.world.handle(Input::HangUpAll);
        }
        // The retransmission of a lost INVITE may come for 32 s.
        for _ in 0..2 {
            for call in self.world.opened.clone() {
                self.command(Command::HangUp(call));
            }
            self.world.pass(Duration::from_secs(40));
        }
    }

    fn phones_hang_up(&mut self, percent: u64) {
        for phone in 0..self.world.phones.len() {
            let goes = self.chance.percent(percent);
            self.with(phone, |phone| {
                for call in 0..phone.calls.len() {
                    if goes && !phone.mood.dead {
                        phone.hang_up(call);
                    }
                }
            });
        }
    }

    /// The switch is killed, and started again on what is on disk.
    pub fn killed(&mut self) {
        if self.world.recording.is_some() {
            return; // a recording is of one switch
        }
        let seed = self.chance.next();
        self.incidents.killed = true;
        self.seen = Seen::default();
        self.world.restart(&Settings {
            seed,
            plan: "fn on_call(caller) { }".into(),
            config: self.config.clone(),
            ..Settings::default()
        });
        self.scripts();
        // The ends of those calls were not seen: the store closes their records.
        self.world.interrupted();
        self.world.events.clear();
    }

    fn scripts(&mut self) {
        if self.real {
            let limits = dialplan::Limits {
                operations: dialplan::OperationLimits {
                    between_verbs: 2_000,
                    ..dialplan::OperationLimits::default()
                },
                ..dialplan::Limits::default()
            };
            self.world.scripts = Scripts::within(scripts::PLAN, &limits);
        } else {
            let plan = scripts::canned_plan(self.chance.next(), self.numbers.clone());
            self.world.scripts = Scripts::canned(plan);
        }
    }

    fn phones_end(&mut self) {
        for phone in 0..self.world.phones.len() {
            self.with(phone, |phone| {
                if phone.mood.dead {
                    return phone.reboots();
                }
                for call in 0..phone.calls.len() {
                    if phone.calls[call].is_asked() {
                        phone.decide(call, 487);
                    }
                    if !matches!(phone.calls[call].phase, Phase::Over(_)) {
                        phone.hang_up(call);
                    }
                }
            });
        }
        self.world.pass(Duration::from_secs(100));
    }

    /// A command of the admin API; its answer is judged.
    pub fn command(&mut self, command: Command) {
        self.world.handle(Input::Command {
            id: CommandId(1),
            command: command.clone(),
        });
        let replies = std::mem::take(&mut self.world.replies);
        verdict::replies::is_right(self, &command, &replies);
    }
}
