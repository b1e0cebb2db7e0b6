//! The life of one small world.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use media::MediaId;
use sip::{Instant, Transport};
use switch::{CallUid, Command, CommandId, Config, Hold, Input, LiveCall, Reply};
use tests::{
    Settings, World,
    net::{Chance, Faults},
    phone::ODDITIES,
    scripts::Scripts,
};

use crate::{
    acts, ending, scripts,
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
    /// Choices apart from the others.
    pub chances: Chances,
    /// The switch is never started again.
    pub one_switch: bool,
    /// The new and the old voice messages of a number, as the switch was told.
    pub mailboxes: BTreeMap<String, (u32, u32)>,
    /// The extension all of whose phones have unregistered.
    pub away: Option<String>,
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

/// Choices of some kinds of events, apart from the others: a world without one of these is as it was before there were any.
/// `None` in such a world.
pub struct Chances {
    /// Transfers.
    pub transfers: Option<Chance>,
    /// Holds.
    pub holds: Option<Chance>,
    /// Subscriptions.
    pub lamps: Option<Chance>,
    /// Texts for phones that are away.
    pub texts: Option<Chance>,
    /// Restarts of the switch.
    pub restarts: Option<Chance>,
}

impl Chances {
    fn of(seed: u64) -> Self {
        let of = |name, percent| Some(Chance(seed ^ name)).filter(|chance| chance.clone().percent(percent));
        Self {
            transfers: of(0x7265_6665, 75),
            holds: of(0x686f_6c64, 60),
            lamps: of(0x6c61_6d70, 70),
            texts: of(0x7465_7874, 60),
            restarts: of(0x7374_6172, 30),
        }
    }
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
    /// A phone has refused texts in such a way that they are not kept for it.
    pub refused_for_good: bool,
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
    /// Subscriptions so far; each has its number.
    pub lamps: u64,
    /// Documents that phones have published, and those they wanted to.
    pub published: u64,
    /// Keys of phones that were to set what the extension wants.
    pub keys: u64,
    /// Lamps whose state was compared with that of the switch.
    pub compared: u64,
    /// Restarts of the switch, orderly or not.
    pub restarts: u64,
    /// Parties on hold that heard music.
    pub music: u64,
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
pub const GRANTED: Duration = Duration::from_secs(1_800);

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
        let mut life = Self::begin(seed, false, true);
        life.is_of_one_switch();
        life
    }

    /// A world of one switch, with everything that leaves something behind.
    pub fn lasting(seed: u64, shown: bool) -> Self {
        let mut life = Self::begin(seed, shown, false);
        life.is_of_one_switch();
        for chance in [
            &mut life.chances.transfers,
            &mut life.chances.holds,
            &mut life.chances.lamps,
            &mut life.chances.texts,
        ] {
            chance.get_or_insert(Chance(seed));
        }
        if std::mem::take(&mut life.real) {
            life.scripts();
        }
        life
    }

    fn is_of_one_switch(&mut self) {
        self.chances.restarts = None;
        self.one_switch = true;
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
            chances: Chances::of(seed),
            one_switch: false,
            mailboxes: BTreeMap::new(),
            away: None,
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

    pub fn gap(&mut self) -> Duration {
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
        ending::ends(self, true);
    }

    /// One day of a switch that goes on; at its end nothing is left of its calls.
    pub fn another_day(&mut self) -> Tally {
        for phone in 0..self.world.phones.len() {
            self.with(phone, |phone| phone.register(3_600));
        }
        self.world.pass(Duration::from_secs(5));
        self.world.net.faults = self.faults.clone();
        self.day();
        ending::ends(self, false);
        let tally = Tally::of(self);
        self.world.forgets();
        self.seen = Seen::default();
        let texts = self.counts.texts;
        self.counts = Counts {
            texts,
            lamps: self.counts.lamps,
            ..Counts::default()
        };
        self.incidents.killed = false;
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
            }
        }
    }

    /// A pause without loss and without new actions, long enough for all transactions to end; then it is judged.
    fn pauses(&mut self) {
        let faults = std::mem::take(&mut self.world.net.faults);
        self.seen.closed_before_pause = self.world.cdrs.iter().map(|cdr| cdr.open.call_id).collect();
        let calm = self.weather == Weather::Calm;
        self.world.pass(Duration::from_secs(if calm { 10 } else { 40 }));
        judge(self, Moment::Pause);
        judge(self, Moment::Silence);
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

    /// Scripts as in the beginning, for a switch that begins.
    pub fn scripts(&mut self) {
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
