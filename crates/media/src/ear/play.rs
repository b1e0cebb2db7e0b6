//! Fills the pulls of the consumer.

use std::time::Duration;

use super::{
    Ear, Gap, Kind, Last, Mode, Quiet, conceal,
    control::{Change, Limits},
    store::Content,
};

/// Between packets, a gap of at most so many tenths of a millisecond is none: some senders' clocks are not exact.
const NO_GAP: usize = 25;
/// Where sound goes on after a gap, both sides are mixed for so many tenths of a millisecond.
const SEAM: usize = 50;
/// A codec that conceals by itself fades from the first to the second of these milliseconds.
const OWN_FADE: [u32; 2] = [60, 120];
/// A packet that brings no sound waits so many microseconds for packets before it.
const UNORDERED: i64 = 20_000;
/// After so many milliseconds of a pause in which nothing comes, the decoders are given up. It is less than the time after
/// which a leg is not pulled any more ([`Ear::pull`]).
const REST: u32 = 500;

/// Where sound is made shorter, so many milliseconds are decoded beyond what the pull needs.
const EXTRA: u32 = 15;

/// What a pull was filled with, in samples.
#[derive(Debug, Default)]
struct Made {
    concealed: usize,
    quiet: usize,
}

/// A pull in progress.
struct Pull {
    /// The consumer's time, in microseconds.
    at: i64,
    limits: Limits,
    millis: u32,
    made: Made,
}

impl Ear {
    /// Appends the next `millis` milliseconds of sound to `out`, always in full. To be called each `millis` milliseconds,
    /// 10 or 20; the two may take turns.
    pub fn pull(&mut self, now: Duration, millis: u32, out: &mut Vec<i16>) -> Kind {
        let need = self.rate.samples(millis);
        let mut pull = Pull {
            at: self.clock.tick(now, millis),
            limits: Limits::new(&self.config, self.arrivals.spread(), millis),
            millis,
            made: Made::default(),
        };
        while self.pcm.pending() < need {
            let missing = need - self.pcm.pending();
            match self.mode {
                Mode::Playing | Mode::Missing => self.go_on(&mut pull, missing),
                Mode::Idle | Mode::Pause(_) => self.wait(&mut pull, missing),
            }
        }
        if self.mode == Mode::Playing {
            self.adjust(&pull, need);
            let next = self.pcm.end - self.pcm.pending() as i64;
            self.tally.delay = self.waited(pull.at, next).max(0);
        }
        self.pcm.play(need, out);
        let Made { concealed, quiet } = pull.made;
        let speech = need.saturating_sub(concealed + quiet);
        match () {
            () if self.mode == Mode::Playing && concealed == 0 && self.coders.skips() => Kind::Silence,
            () if speech >= concealed && speech >= quiet => Kind::Speech,
            () if concealed >= quiet => Kind::Concealed,
            () if self.mode == Mode::Idle => Kind::Nothing,
            () => Kind::Silence,
        }
    }

    /// How long a packet at this place would have waited at `at`, had it not been delayed.
    fn waited(&self, at: i64, place: i64) -> i64 {
        let base = self.arrivals.base();
        base.map_or(0, |base| at - self.micros(place) - base)
    }

    fn tenths(&self, tenths: usize) -> usize {
        self.rate.samples(1) * tenths / 10
    }

    /// While packets follow each other, or should.
    fn go_on(&mut self, pull: &mut Pull, missing: usize) {
        let Some(head) = self.store.head() else {
            return self.bridge(missing, &mut pull.made);
        };
        let gap = usize::try_from(head.place - self.pcm.end).unwrap_or(0);
        let wait = self.waited(pull.at, head.place);
        if !head.content.is_sound() {
            if gap == 0 || self.sequences.follows(head.sequence) {
                return self.account();
            }
        } else if gap <= self.tenths(NO_GAP) {
            let is_old = wait > pull.limits.never + i64::from(pull.millis) * 1000;
            return self.decode(pull, is_old);
        } else if wait > pull.limits.most {
            // What comes after the gap has waited for too long, so that the gap is left out.
            return self.decode(pull, true);
        }
        self.bridge(missing.min(gap), &mut pull.made);
    }

    /// In a pause, until the first packet of what follows has waited for long enough.
    fn wait(&mut self, pull: &mut Pull, missing: usize) {
        let Some(head) = self.store.head() else {
            return self.pause(missing, &mut pull.made);
        };
        let Content::Sound { samples, .. } = head.content else {
            if self.sequences.follows(head.sequence) || pull.at - head.arrived >= UNORDERED {
                return self.account();
            }
            return self.pause(missing, &mut pull.made);
        };
        let need = self.rate.samples(pull.millis);
        let more = self.micros((need - gcd(samples, need)) as i64);
        if self.waited(pull.at, head.place) >= pull.limits.least + more {
            return self.decode(pull, true);
        }
        self.pause(missing, &mut pull.made);
    }

    /// Decodes the packet that is next. With `jumps` it need not follow what was heard; of packets that have waited for
    /// too long only the last ones are heard then.
    fn decode(&mut self, pull: &Pull, jumps: bool) {
        if jumps {
            self.shed_old(pull);
        }
        if !self.store.head().is_some_and(|head| head.content.is_sound()) {
            return self.account();
        }
        let Some(packet) = self.store.pop() else { return };
        let Content::Sound { coder, samples } = packet.content else {
            return;
        };
        self.silent = 0;
        let follows = self.sequences.follows(packet.sequence);
        self.sequences.pass(packet.sequence);
        let changed = self.last.0.is_some_and(|last| last.coder != coder);
        if self.mode == Mode::Playing && !jumps && !changed {
            self.control.needed(self.waited(pull.at, packet.place));
        } else {
            self.control.restart(pull.at);
        }
        self.count_gap(follows && packet.place > self.pcm.end - self.last.1.samples as i64);
        let from = self.pcm.samples().len();
        self.lead_over(jumps, changed);
        let seam = self.pcm.samples().len() - from;
        match self.coders.decode(coder, &packet.payload, samples, self.pcm.samples()) {
            Ok(()) => {
                self.tally.played += 1;
                self.pcm.merge(from, seam);
                self.pcm.end = packet.place + samples as i64;
                self.mode = match self.coders.pauses(coder, &packet.payload) {
                    true => Mode::Pause(Quiet::Codec(coder)),
                    false => Mode::Playing,
                };
                self.last = (Some(Last { coder, samples }), Gap::default());
            }
            Err(_) => {
                self.tally.malformed += 1;
                self.pcm.samples().truncate(from);
                self.last.1.is_broken = true;
            }
        }
        self.store.spare(packet.payload);
    }

    /// Drops packets that have waited for longer than any should, and those after them that are above the usual wait.
    fn shed_old(&mut self, pull: &Pull) {
        let waited = |ear: &Ear| ear.store.head().map_or(0, |head| ear.waited(pull.at, head.place));
        if waited(self) > pull.limits.never {
            while self.store.second().is_some() && waited(self) > pull.limits.most {
                self.shed();
            }
        }
    }

    /// Takes a packet out that brings no sound.
    fn account(&mut self) {
        let Some(packet) = self.store.pop() else { return };
        let follows = self.sequences.follows(packet.sequence);
        self.sequences.pass(packet.sequence);
        match packet.content {
            Content::Noise { coder } => {
                self.tally.played += 1;
                self.coders.describe(coder, &packet.payload);
                self.count_gap(follows);
                self.enter(Quiet::Noise(coder));
            }
            Content::Event => {
                self.count_gap(follows);
                self.hush();
            }
            Content::Broken => self.last.1.is_broken = true,
            Content::Sound { .. } => {}
        }
        self.store.spare(packet.payload);
    }

    /// A gap has come to its end: with `is_pause` the peer has sent nothing for its time.
    fn count_gap(&mut self, is_pause: bool) {
        let gap = std::mem::take(&mut self.last.1);
        if gap.is_broken || !is_pause {
            self.tally.concealed += gap.samples as u64;
        }
    }

    /// Appends a little of what would be heard next, for sound that follows from elsewhere to be mixed with.
    fn lead_over(&mut self, jumps: bool, changed: bool) {
        let samples = self.tenths(SEAM);
        match self.mode {
            Mode::Playing if !jumps && !changed => {}
            Mode::Missing if !self.conceals() => self.conceal.make(samples, self.pcm.samples()),
            Mode::Missing | Mode::Pause(Quiet::Codec(_)) if !changed => {}
            Mode::Pause(Quiet::Noise(coder)) => self.coders.noise(coder, samples, self.pcm.samples()),
            Mode::Pause(Quiet::Silence) | Mode::Idle => {
                let end = self.pcm.samples().len();
                self.pcm.samples().resize(end + samples, 0);
            }
            Mode::Playing | Mode::Missing | Mode::Pause(Quiet::Codec(_)) => {
                self.conceal.begin(self.pcm.heard());
                self.conceal.make(samples, self.pcm.samples());
            }
        }
    }

    /// Whether the codec heard last conceals by itself.
    fn conceals(&self) -> bool {
        self.last.0.is_some_and(|last| self.coders.conceals(last.coder))
    }

    /// Conceals what is missing.
    fn bridge(&mut self, samples: usize, made: &mut Made) {
        let before = self.pcm.samples().len();
        let own = self.last.0.filter(|last| self.coders.conceals(last.coder));
        let faded = match own {
            Some(last) => {
                self.bridge_by_codec(last, samples);
                self.rate.samples(OWN_FADE[1])
            }
            None => {
                if self.mode == Mode::Playing {
                    self.conceal.begin(self.pcm.heard());
                }
                self.conceal.make(samples, self.pcm.samples());
                self.rate.samples(conceal::FADED)
            }
        };
        let bridged = self.pcm.samples().len() - before;
        self.mode = Mode::Missing;
        self.pcm.end += bridged as i64;
        let gap = &mut self.last.1;
        match gap.samples < faded {
            true => made.concealed += bridged,
            false => made.quiet += bridged,
        }
        gap.samples += bridged;
        if gap.samples >= faded {
            self.mode = Mode::Pause(Quiet::Silence);
        }
    }

    /// Lets the codec conceal. Where the packet after the gap is here, all of the gap at once: it may hold a copy of what
    /// was in the packet before it (RFC 6716 section 2.1.7).
    fn bridge_by_codec(&mut self, last: Last, samples: usize) {
        let [full, faded] = OWN_FADE.map(|millis| self.rate.samples(millis));
        let next = self.store.head().and_then(|head| {
            let gap = usize::try_from(head.place - self.pcm.end).ok()?;
            let same = matches!(head.content, Content::Sound { coder, .. } if coder == last.coder);
            (same && gap <= last.samples).then_some((gap, head))
        });
        let samples = next.map_or(samples, |(gap, _)| gap);
        let before = self.pcm.samples().len();
        let payload = next.map(|(_, head)| &head.payload[..]);
        self.coders.conceal(last.coder, samples, payload, self.pcm.samples());
        let done = self.last.1.samples;
        for (n, sample) in self.pcm.samples()[before..].iter_mut().enumerate() {
            let fading = (done + n).saturating_sub(full) as f32 / (faded - full) as f32;
            *sample = (f32::from(*sample) * (1.0 - fading).max(0.0)) as i16;
        }
    }

    /// The peer is silent from now on.
    pub(super) fn hush(&mut self) {
        self.enter(Quiet::Silence);
    }

    /// A pause begins, or sounds otherwise from now on.
    fn enter(&mut self, quiet: Quiet) {
        let samples = self.tenths(SEAM);
        let from = self.pcm.samples().len();
        let changed = !matches!(self.mode, Mode::Pause(before) if before == quiet) && self.mode != Mode::Idle;
        if changed {
            if self.mode != Mode::Missing || self.conceals() {
                self.conceal.begin(self.pcm.heard());
            }
            self.conceal.make(samples, self.pcm.samples());
        }
        self.mode = Mode::Pause(quiet);
        if changed {
            self.sound_of_pause(quiet, samples);
            self.pcm.merge(from, samples);
        }
    }

    fn sound_of_pause(&mut self, quiet: Quiet, samples: usize) {
        let end = self.pcm.samples().len() + samples;
        match quiet {
            Quiet::Noise(coder) => self.coders.noise(coder, samples, self.pcm.samples()),
            Quiet::Codec(coder) => self.coders.conceal(coder, samples, None, self.pcm.samples()),
            Quiet::Silence => self.pcm.samples().resize(end, 0),
        }
    }

    /// The peer pauses.
    fn pause(&mut self, samples: usize, made: &mut Made) {
        let before = self.pcm.samples().len();
        match self.mode {
            Mode::Pause(quiet) => self.sound_of_pause(quiet, samples),
            Mode::Idle | Mode::Playing | Mode::Missing => self.pcm.samples().resize(before + samples, 0),
        }
        made.quiet += self.pcm.samples().len() - before;
        // A packet that waits needs its decoder.
        if self.mode == Mode::Pause(Quiet::Silence) && self.store.head().is_none() {
            self.silent += samples;
            if self.silent >= self.rate.samples(REST) {
                self.coders.rest();
            }
        }
    }

    /// Makes the sound longer or shorter, where packets wait for too short or too long a time.
    fn adjust(&mut self, pull: &Pull, need: usize) {
        let left = self.pcm.pending() - need;
        let samples = |micros: i64| (micros.max(0) * i64::from(self.rate.hertz()) / 1_000_000) as usize;
        match self.control.decide(pull.at, &pull.limits, self.micros(left as i64)) {
            Change::Nothing => {}
            Change::Lengthen(wanted, alike) => {
                let more = self.pcm.lengthen(samples(wanted), alike);
                self.tally.stretched += more as u64;
                if more > 0 {
                    self.control.restart(pull.at);
                }
            }
            Change::Shorten(wanted, alike) => {
                let wanted = samples(wanted);
                while self.pcm.pending() < need + self.rate.samples(EXTRA) && self.is_next_here() {
                    self.decode(pull, false);
                }
                let less = self.pcm.shorten(wanted, self.pcm.pending() - need, alike);
                self.tally.shortened += less as u64;
                self.control.restart(pull.at);
            }
            Change::Trim(wanted, alike) => {
                let less = self.pcm.shorten(samples(wanted), samples(wanted), alike);
                self.tally.shortened += less as u64;
            }
        }
    }

    /// Whether the packet that follows what is decoded is here, in the same codec.
    fn is_next_here(&self) -> bool {
        let last = self.last.0.map(|last| last.coder);
        self.mode == Mode::Playing
            && self.store.head().is_some_and(|head| {
                let same = matches!(head.content, Content::Sound { coder, .. } if Some(coder) == last);
                same && head.place - self.pcm.end <= self.tenths(NO_GAP) as i64
            })
    }
}

/// The greatest common divisor.
fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
