//! Who speaks: the legs that are mixed, each faded in and out, made louder or quieter.

use std::collections::VecDeque;

use super::{
    Config, Who,
    leveller::{Leveller, factor},
    members::{Member, Members, Rule},
};
use crate::{
    MediaId,
    listen::activity::{Activity, Change, power},
    service::{Seat, Sound},
    sound::Rate,
};

/// Milliseconds in which a voice that begins is faded in. It begins from its noise floor.
const FADE_IN: u32 = 2;
/// Who is mixed already counts as so much louder, so that two of one level do not take turns: 6 dB.
const KEPT: u64 = 4;

/// What a member says.
#[derive(Debug, Default)]
pub(super) struct Mouth {
    pub(super) activity: Activity,
    leveller: Option<Leveller>,
    /// The factor of the seat.
    seat: f32,
    /// The factor that the last frame ended with; 0 while the member is not mixed.
    gain: f32,
    /// Smoothed mean square.
    loudness: u64,
    /// The sound of this tick, or of the one before.
    frame: Option<u32>,
    /// A frame came in this tick.
    said: bool,
    /// A call of `say` came in this tick.
    called: bool,
    /// Who hears what is said now.
    rule: Option<Rule>,
}

impl Mouth {
    pub(super) fn set(&mut self, seat: Seat) {
        self.seat = factor(f32::from(seat.gain.clamp(-40, 20)));
        match (seat.levelled, &self.leveller) {
            (true, None) => self.leveller = Some(Leveller::default()),
            (false, Some(_)) => self.leveller = None,
            (true, Some(_)) | (false, None) => {}
        }
    }
}

/// Sound that is kept for a tick.
#[derive(Debug)]
struct Frame {
    rate: Rate,
    pcm: Vec<i16>,
}

/// Somebody who left while speaking: the last sound fades.
#[derive(Debug)]
struct Ghost {
    frame: u32,
    said: bool,
    gain: f32,
    rule: Rule,
    source: bool,
}

/// A voice of this tick.
#[derive(Debug)]
pub(super) struct Voice {
    /// Who does not hear it.
    pub(super) owner: Option<u32>,
    pub(super) heard_by: Rule,
    /// It is no leg's.
    pub(super) source: bool,
    pub(super) rate: Rate,
    from: usize,
    to: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Floor {
    frames: Vec<Frame>,
    free: Vec<u32>,
    /// The slots that have a frame.
    on: Vec<u32>,
    ghosts: Vec<Ghost>,
    pub(super) voices: Vec<Voice>,
    samples: Vec<i32>,
    ranking: Vec<(u64, u32)>,
    /// Owners and listeners of the voices of the tick before, to see whether they changed.
    before: Vec<(Option<u32>, Rule)>,
}

impl Floor {
    /// The samples of a voice.
    pub(super) fn samples(&self, voice: &Voice) -> &[i32] {
        &self.samples[voice.from..voice.to]
    }

    /// Takes in what a member says.
    pub(super) fn say(&mut self, slot: u32, member: &mut Member, pcm: &[i16], of: (Rate, u32), config: &Config) {
        let (rate, millis) = of;
        let mouth = &mut member.mouth;
        let power = power(pcm);
        let paused = !mouth.activity.mixed(config.hangover);
        if !mouth.called {
            mouth.activity.frame(power, millis, config.hangover);
            if let Some(leveller) = &mut mouth.leveller
                && mouth.activity.is_speech(power)
            {
                leveller.speech(power, millis);
            }
            mouth.loudness = (mouth.loudness * 3 + u64::from(power)) / 4;
        }
        mouth.called = true;
        let heard = mouth.rule.is_some() || member.heard_by != Rule::NoLeg;
        // Music is never noise.
        let sound = mouth.activity.mixed(config.hangover) || matches!(member.who, Who::Source(_));
        if mouth.frame.is_none() && !(sound && heard) {
            return;
        }
        if paused {
            mouth.loudness = mouth.loudness.max(power.into());
        }
        mouth.said = true;
        let frame = match mouth.frame {
            Some(frame) => frame,
            None => {
                let frame = self.free.pop().unwrap_or_else(|| {
                    self.frames.push(Frame { rate, pcm: Vec::new() });
                    self.frames.len() as u32 - 1
                });
                mouth.frame = Some(frame);
                mouth.rule = Some(member.heard_by);
                self.on.push(slot);
                frame
            }
        };
        let frame = &mut self.frames[frame as usize];
        frame.rate = rate;
        frame.pcm.clear();
        frame.pcm.extend_from_slice(pcm);
        frame.pcm.resize(rate.samples(millis), 0);
    }

    /// A member has left.
    pub(super) fn leave(&mut self, slot: u32, member: &mut Member) {
        let Some(frame) = member.mouth.frame.take() else {
            return;
        };
        self.on.retain(|on| *on != slot);
        // Who said something first in this tick, and left, was never heard.
        if member.mouth.gain == 0.0 {
            self.free.push(frame);
            return;
        }
        self.ghosts.push(Ghost {
            frame,
            said: member.mouth.said,
            gain: member.mouth.gain,
            rule: member.mouth.rule.unwrap_or(Rule::NoLeg),
            source: member.is_source(),
        });
    }

    /// Makes the voices of this tick.
    pub(super) fn gather(
        &mut self,
        members: &mut Members,
        millis: u32,
        config: &Config,
        events: &mut VecDeque<(MediaId, Sound)>,
    ) {
        self.before.clear();
        self.before.extend(self.voices.iter().map(|v| (v.owner, v.heard_by)));
        self.voices.clear();
        self.samples.clear();
        for slot in 0..members.slots() {
            let Some(member) = members.at_mut(slot) else { continue };
            let mouth = &mut member.mouth;
            if !std::mem::take(&mut mouth.called) {
                mouth.activity.nothing(millis, config.hangover);
            }
            let change = mouth.activity.take();
            if let (Some(change), Who::Leg(leg)) = (change, member.who) {
                let sound = match change {
                    Change::Begins => Sound::SpeechBegins,
                    Change::Ends => Sound::SpeechEnds,
                };
                events.push_back((leg, sound));
            }
        }
        self.rank(members, config);
        let mut n = 0;
        while let Some(&slot) = self.on.get(n) {
            let Some(member) = members.at_mut(slot) else {
                self.on.swap_remove(n);
                continue;
            };
            if self.voice(slot, member, millis) {
                n += 1;
                continue;
            }
            // The sound has faded.
            self.on.swap_remove(n);
            member.mouth.rule = None;
            self.free.extend(member.mouth.frame.take());
        }
        while let Some(ghost) = self.ghosts.pop() {
            self.fade(ghost.frame, ghost.said, millis);
            self.push(ghost.frame, (ghost.gain, 0.0), None, ghost.rule, ghost.source);
            self.free.push(ghost.frame);
        }
    }

    /// Finds the loudest, where more speak than are mixed.
    fn rank(&mut self, members: &Members, config: &Config) {
        self.ranking.clear();
        for slot in &self.on {
            let Some(member) = members.at(*slot) else { continue };
            if wants(member, config) && !member.is_source() {
                let mouth = &member.mouth;
                let kept = if mouth.gain > 0.0 { KEPT } else { 1 };
                self.ranking.push((mouth.loudness.saturating_mul(kept), *slot));
            }
        }
        // Of more than 64 the sums might not fit 32 bits.
        let most = config.max_talkers.clamp(1, 64);
        if self.ranking.len() > most {
            self.ranking.select_nth_unstable_by(most - 1, |a, b| b.cmp(a));
            self.ranking.truncate(most);
        }
        for slot in &self.on {
            let Some(member) = members.at(*slot) else { continue };
            if wants(member, config) && member.is_source() {
                self.ranking.push((0, *slot));
            }
        }
        self.ranking.sort_unstable_by_key(|(_, slot)| *slot);
    }

    /// Makes a voice of a member. `false` when it has faded.
    fn voice(&mut self, slot: u32, member: &mut Member, millis: u32) -> bool {
        let chosen = self.ranking.binary_search_by_key(&slot, |(_, slot)| *slot).is_ok();
        let source = member.is_source();
        let mouth = &mut member.mouth;
        let Some(frame) = mouth.frame else { return false };
        let said = std::mem::take(&mut mouth.said);
        let to = if chosen && said {
            let levelled = mouth.leveller.as_ref().map_or(1.0, Leveller::factor);
            mouth.seat * levelled
        } else {
            0.0
        };
        let from = std::mem::replace(&mut mouth.gain, to);
        if from == 0.0 && to == 0.0 {
            return false;
        }
        let rule = mouth.rule.unwrap_or(Rule::NoLeg);
        if !said {
            self.fade(frame, false, millis);
        }
        self.push(frame, (from, to), Some(slot), rule, source);
        true
    }

    /// Where no sound followed, the last one is taken in reverse: it goes on from the same sample, without a click.
    fn fade(&mut self, frame: u32, said: bool, millis: u32) {
        let frame = &mut self.frames[frame as usize];
        if !said {
            frame.pcm.reverse();
        }
        frame.pcm.resize(frame.rate.samples(millis), 0);
    }

    fn push(&mut self, frame: u32, gain: (f32, f32), owner: Option<u32>, heard_by: Rule, source: bool) {
        let Frame { rate, pcm } = &self.frames[frame as usize];
        let start = self.samples.len();
        let (from, to) = gain;
        if from == to {
            self.samples.extend(pcm.iter().map(|s| scaled(*s, to)));
        } else {
            let length = if from == 0.0 {
                rate.samples(FADE_IN).min(pcm.len())
            } else {
                pcm.len()
            };
            let step = (to - from) / length as f32;
            let ramp = pcm[..length].iter().enumerate();
            self.samples
                .extend(ramp.map(|(n, s)| scaled(*s, from + step * (n + 1) as f32)));
            self.samples.extend(pcm[length..].iter().map(|s| scaled(*s, to)));
        }
        self.voices.push(Voice {
            owner,
            heard_by,
            source,
            rate: *rate,
            from: start,
            to: self.samples.len(),
        });
    }

    /// A voice that is no member's: a tone of the room. `owner` does not hear it.
    pub(super) fn add(&mut self, owner: Option<u32>, rate: Rate, pcm: impl Iterator<Item = i16>) {
        let from = self.samples.len();
        self.samples.extend(pcm.map(i32::from));
        self.voices.push(Voice {
            owner,
            heard_by: Rule::All,
            source: true,
            rate,
            from,
            to: self.samples.len(),
        });
    }

    /// Whether other voices sound than in the tick before.
    pub(super) fn moved(&self) -> bool {
        !self
            .before
            .iter()
            .copied()
            .eq(self.voices.iter().map(|v| (v.owner, v.heard_by)))
    }
}

/// Whether a member is to be mixed now. Who is heard by others than before fades first.
fn wants(member: &Member, config: &Config) -> bool {
    let mouth = &member.mouth;
    mouth.said
        && member.heard_by != Rule::NoLeg
        && mouth.rule == Some(member.heard_by)
        && (member.is_source() || mouth.activity.mixed(config.hangover))
}

fn scaled(sample: i16, gain: f32) -> i32 {
    (f32::from(sample) * gain) as i32
}
