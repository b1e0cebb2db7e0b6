//! Which listeners share a stream of packets.
//!
//! All who are silent, and hear by one rule, share a stream for each form. Who speaks, or is spoken to alone, has a
//! stream of its own. A listener changes to a shared stream between two packets; to a stream of its own at any time,
//! since that takes over what the packet holds so far.

use super::{
    Form, Who,
    floor::{Floor, Voice},
    limiter::Limiter,
    members::{Member, Members, Rule},
};
use crate::sound::Resampler;

/// A stream of packets, for as long as there is one. A user keeps one encoder for each.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// Index into a table of streams; small, and used again.
    pub slot: u32,
    /// Counts how often the slot was used.
    pub generation: u32,
}

/// Sound that is due, and all who are to be sent it.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The stream that the packet is of.
    pub stream: StreamId,
    /// On the first packet of a new stream: the stream that its listener was sent before. The listener's decoder knows
    /// that stream; an encoder that has a state goes on best from a copy of that stream's.
    pub before: Option<StreamId>,
    /// The packet's form.
    pub form: &'a Form,
    /// Samples at the form's rate: one packet. (Where a tick is longer than the form's ptime: two.)
    pub pcm: &'a [i16],
    /// Nobody is heard: all samples are 0.
    pub silent: bool,
    /// Who is to be sent it; never nobody.
    pub listeners: &'a [Who],
}

/// What a stream holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// What silent listeners with this rule hear.
    Shared(Rule),
    /// What one listener hears.
    Own(u32),
}

/// A resampler of one stream alone.
#[derive(Debug, Default)]
pub(super) struct Crossing {
    pub(super) resampler: Option<Resampler>,
    /// It holds sound of the tick before.
    pub(super) tail: bool,
}

#[derive(Debug)]
pub(super) struct Stream {
    generation: u32,
    before: Option<StreamId>,
    pub(super) key: Key,
    pub(super) form: u32,
    members: Vec<Who>,
    pub(super) pcm: Vec<i16>,
    pub(super) silent: bool,
    due: bool,
    /// Somebody was heard in the tick before.
    pub(super) tail: bool,
    pub(super) limiter: Limiter,
    pub(super) crossings: [Crossing; 3],
}

impl Stream {
    /// Whether anybody is sent it.
    pub(super) fn is_heard(&self) -> bool {
        !self.members.is_empty()
    }
}

/// A form in use.
#[derive(Debug)]
struct Used {
    number: u32,
    form: Form,
    uses: u32,
}

/// The forms in use, each once. A number is never given to another form.
#[derive(Debug, Default)]
pub(super) struct Forms {
    list: Vec<Used>,
    next: u32,
}

impl Forms {
    /// The number of a form, which is used once more.
    pub(super) fn intern(&mut self, form: Form) -> u32 {
        if let Some(used) = self.list.iter_mut().find(|used| used.form == form) {
            used.uses += 1;
            return used.number;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.list.push(Used { number, form, uses: 1 });
        number
    }

    /// A form is used once less.
    pub(super) fn release(&mut self, number: u32) {
        self.list.retain_mut(|used| {
            if used.number == number {
                used.uses -= 1;
            }
            used.uses > 0
        });
    }

    /// The form of that number.
    pub(super) fn get(&self, number: u32) -> Option<&Form> {
        let used = self.list.iter().find(|used| used.number == number)?;
        Some(&used.form)
    }

    pub(super) fn any(&self, is: impl Fn(&Form) -> bool) -> bool {
        self.list.iter().any(|used| is(&used.form))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) forms: Forms,
    pub(super) list: Vec<Stream>,
    /// Slots of `list` without listeners.
    free: Vec<u32>,
    /// Some listener waits for the end of a packet to change streams.
    pub(super) settling: bool,
    pub(super) scratch: super::render::Scratch,
}

impl Streams {
    /// A tick begins: what was due was taken.
    pub(super) fn begin(&mut self) {
        for stream in &mut self.list {
            if std::mem::take(&mut stream.due) {
                stream.pcm.clear();
                stream.silent = true;
                stream.before = None;
            }
        }
    }

    /// A tick has ended: finds the streams whose packet is whole.
    pub(super) fn due(&mut self, elapsed: u64) {
        for stream in &mut self.list {
            let Some(form) = self.forms.get(stream.form) else {
                continue;
            };
            stream.due = stream.is_heard() && !stream.pcm.is_empty() && ends(elapsed, form.ptime);
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let due = self.list.iter().enumerate().filter(|(_, stream)| stream.due);
        due.filter_map(|(slot, stream)| {
            Some(Group {
                stream: StreamId {
                    slot: slot as u32,
                    generation: stream.generation,
                },
                before: stream.before,
                form: self.forms.get(stream.form)?,
                pcm: &stream.pcm,
                silent: stream.silent,
                listeners: &stream.members,
            })
        })
    }

    /// Puts each listener into its stream. `elapsed`: the room's milliseconds; `apart`: see [`super::Config::apart`].
    pub(super) fn arrange(&mut self, members: &mut Members, floor: &Floor, elapsed: u64, apart: u64) {
        self.settling = false;
        for stream in &mut self.list {
            stream.members.clear();
        }
        for slot in 0..members.slots() {
            let Some(member) = members.at_mut(slot) else { continue };
            let Some(form) = member.form else { continue };
            let Some(ptime) = self.forms.get(form).map(|form| form.ptime) else {
                continue;
            };
            let wanted = wanted(slot, member, floor);
            let current = member.stream.filter(|stream| self.list[*stream as usize].form == form);
            let key = current.map(|stream| self.list[stream as usize].key);
            let since = if wanted == Key::Own(slot) {
                member.apart = None;
                elapsed
            } else {
                *member.apart.get_or_insert(elapsed)
            };
            let rule = member.hears;
            let stays = key == Some(Key::Own(slot))
                && elapsed < since + apart
                && floor.voices.iter().any(|voice| hears(Some(slot), rule, voice));
            member.stream = if stays && key != Some(wanted) {
                self.settling = true;
                current
            } else if key == Some(wanted) {
                current
            } else if ends(elapsed, ptime) || matches!(wanted, Key::Own(_)) && current.is_some() {
                Some(self.find(wanted, form, current))
            } else {
                self.settling = true;
                match (current, key) {
                    // In the middle of a packet. The listener's own stream goes on; from a shared one it takes a copy.
                    (Some(own), Some(Key::Own(_))) => Some(own),
                    (Some(_), _) => Some(self.find(Key::Own(slot), form, current)),
                    // A new listener waits for the next packet.
                    (None, _) => None,
                }
            };
            if let Some(stream) = member.stream {
                self.list[stream as usize].members.push(member.who);
            }
        }
        for (slot, stream) in self.list.iter_mut().enumerate() {
            if stream.members.is_empty() && stream.key != UNUSED {
                stream.key = UNUSED;
                self.free.push(slot as u32);
            }
        }
    }

    /// The stream of that kind, or a new one that goes on from `current`.
    fn find(&mut self, key: Key, form: u32, current: Option<u32>) -> u32 {
        let known = self.list.iter().position(|s| s.key == key && s.form == form);
        if let Some(known) = known {
            return known as u32;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.list.push(Stream {
                generation: 0,
                before: None,
                key: UNUSED,
                form,
                members: Vec::new(),
                pcm: Vec::new(),
                silent: true,
                due: false,
                tail: false,
                limiter: Limiter::default(),
                crossings: Default::default(),
            });
            self.list.len() as u32 - 1
        });
        let mut stream = std::mem::take(&mut self.list[slot as usize].pcm);
        stream.clear();
        let mut state = (true, false, Limiter::default(), None);
        if let Some(at) = current {
            let current = &self.list[at as usize];
            stream.extend_from_slice(&current.pcm);
            let id = StreamId {
                slot: at,
                generation: current.generation,
            };
            state = (current.silent, current.tail, current.limiter.clone(), Some(id));
        }
        let new = &mut self.list[slot as usize];
        new.generation = new.generation.wrapping_add(1);
        (new.pcm, new.key, new.form, new.due) = (stream, key, form, false);
        (new.silent, new.tail, new.limiter, new.before) = state;
        new.crossings.iter_mut().for_each(|crossing| crossing.resampler = None);
        slot
    }
}

/// The key of a stream that nobody hears.
const UNUSED: Key = Key::Own(u32::MAX);

/// Whether packets of so many milliseconds end at that time.
fn ends(elapsed: u64, ptime: u32) -> bool {
    // A tick of 20 ms ends two packets of 10.
    elapsed.is_multiple_of(ptime.max(1).into())
}

/// Whether a listener (`None`: somebody who is silent) with that rule hears a voice.
pub(super) fn hears(listener: Option<u32>, rule: Rule, voice: &Voice) -> bool {
    let itself = listener.is_some() && voice.owner == listener;
    !itself && voice.heard_by.permits(listener) && (voice.source || rule.permits(voice.owner))
}

/// The stream that a listener should be sent.
fn wanted(slot: u32, member: &Member, floor: &Floor) -> Key {
    let rule = member.hears;
    let apart = |voice: &Voice| hears(Some(slot), rule, voice) != hears(None, rule, voice);
    if floor.voices.iter().any(apart) {
        Key::Own(slot)
    } else {
        Key::Shared(rule)
    }
}
