//! Which peer is in which call. Lamps, the busy state and queues use this.
//!
//! | part | what it holds |
//! |---|---|
//! | [`Line`] | one leg, seen from the peer at its other end |
//! | [`Activity`] | the lines of every peer that has any, and which extensions have changed |
//!
//! The core keeps it current whenever a leg is made, changed or removed. This room knows no calls.

use std::collections::{BTreeMap, BTreeSet};

use sip::Instant;
use smallvec::SmallVec;

use crate::{
    ids::LegId,
    locations::{Number, Peer},
};

/// The state of a leg, as other people see it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineState {
    /// The peer calls or is called; nothing is heard yet.
    Trying,
    /// Not answered, but there is early media.
    Early,
    /// Its phone rings.
    Ringing,
    /// Answered.
    Up,
    /// Answered, and on hold by its phone.
    Held,
    /// Over, or ending.
    Ending,
}

impl LineState {
    /// The word in the admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "trying",
            Self::Early => "early",
            Self::Ringing => "ringing",
            Self::Up => "up",
            Self::Held => "held",
            Self::Ending => "ending",
        }
    }
}

/// One leg of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The leg.
    pub leg: LegId,
    /// The peer has called; otherwise it is called.
    pub calls: bool,
    /// Its state.
    pub state: LineState,
    /// The party that the peer is connected with or is to be connected with, as the peer is told: a number or a URI.
    /// Empty if that is not known.
    pub with: Box<str>,
    /// When it began.
    pub since: Instant,
}

/// What an extension does, all its lines taken together.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It has no line.
    Nothing,
    /// It is called, and has not answered.
    Rung,
    /// It calls or talks.
    InCall,
}

impl Doing {
    /// The word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Rung => "rings",
            Self::InCall => "in a call",
        }
    }
}

/// See the module. There are as many lines as legs; `limits.calls` and `limits.branches` limit them.
#[derive(Default)]
pub(crate) struct Activity {
    lines: BTreeMap<Peer, SmallVec<[Line; 1]>>,
    /// Extensions whose lines have changed since they were last taken from this set: at most one entry an extension.
    changed: BTreeSet<Number>,
}

impl Activity {
    /// A peer has another line.
    pub fn begins(&mut self, peer: &Peer, line: Line) {
        self.lines.entry(peer.clone()).or_default().push(line);
        self.note(peer);
    }

    /// A line has this state now.
    pub fn is_now(&mut self, peer: &Peer, leg: LegId, state: LineState) {
        let Some(line) = self.line(peer, leg) else { return };
        if std::mem::replace(&mut line.state, state) != state {
            self.note(peer);
        }
    }

    /// A line is connected with another party now.
    pub fn is_with(&mut self, peer: &Peer, leg: LegId, with: &str) {
        let Some(line) = self.line(peer, leg) else { return };
        if &*line.with != with {
            line.with = with.into();
            self.note(peer);
        }
    }

    /// A line is gone.
    pub fn ends(&mut self, peer: &Peer, leg: LegId) {
        let Some(lines) = self.lines.get_mut(peer) else { return };
        lines.retain(|line| line.leg != leg);
        if lines.is_empty() {
            self.lines.remove(peer);
        }
        self.note(peer);
    }

    /// The lines of a peer, the oldest first.
    pub fn of(&self, peer: &Peer) -> &[Line] {
        self.lines.get(peer).map_or(&[], SmallVec::as_slice)
    }

    /// What an extension does.
    pub fn doing(&self, number: &Number) -> Doing {
        let lines = self.of(&Peer::Extension(number.clone()));
        let rung = |line: &Line| {
            let waits = matches!(line.state, LineState::Trying | LineState::Early | LineState::Ringing);
            !line.calls && waits
        };
        match lines {
            [] => Doing::Nothing,
            lines if lines.iter().all(rung) => Doing::Rung,
            _ => Doing::InCall,
        }
    }

    /// Whether a peer calls, is called, or talks.
    pub fn is_busy(&self, peer: &Peer) -> bool {
        !self.of(peer).is_empty()
    }

    /// Takes an extension whose lines have changed; `None` if there is none.
    pub fn next_changed(&mut self) -> Option<Number> {
        self.changed.pop_first()
    }

    /// How many peers have a line, plus how many changes were not taken yet.
    pub fn len(&self) -> usize {
        self.lines.len() + self.changed.len()
    }

    fn line(&mut self, peer: &Peer, leg: LegId) -> Option<&mut Line> {
        self.lines.get_mut(peer)?.iter_mut().find(|line| line.leg == leg)
    }

    fn note(&mut self, peer: &Peer) {
        if let Some(number) = peer.number() {
            self.changed.insert(number.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::slots::Slots;

    /// Three names of legs.
    fn legs() -> [LegId; 3] {
        let mut slots: Slots<(), crate::ids::LegKind> = Slots::default();
        std::array::from_fn(|_| slots.try_insert_with(|_| Ok::<_, ()>(())).unwrap())
    }

    fn line(leg: LegId, calls: bool) -> Line {
        Line {
            leg,
            calls,
            state: LineState::Trying,
            with: "102".into(),
            since: Instant::ZERO,
        }
    }

    fn changed(activity: &mut Activity) -> Vec<String> {
        std::iter::from_fn(|| activity.next_changed())
            .map(|number| number.to_string())
            .collect()
    }

    #[test]
    fn an_extension_is_rung_then_in_a_call_then_free() {
        let mut activity = Activity::default();
        let (peer, number, [one, two, _]) = (Peer::extension("101"), Number::from("101"), legs());
        assert_eq!(activity.doing(&number), Doing::Nothing);
        activity.begins(&peer, line(one, false));
        activity.is_now(&peer, one, LineState::Ringing);
        assert_eq!(activity.doing(&number), Doing::Rung);
        assert!(activity.is_busy(&peer));
        activity.begins(&peer, line(two, true));
        assert_eq!(activity.doing(&number), Doing::InCall);
        activity.ends(&peer, two);
        activity.is_now(&peer, one, LineState::Up);
        assert_eq!(activity.doing(&number), Doing::InCall);
        activity.ends(&peer, one);
        assert_eq!(
            (activity.doing(&number), activity.is_busy(&peer)),
            (Doing::Nothing, false)
        );
        assert_eq!(changed(&mut activity), ["101"]);
        assert_eq!(activity.len(), 0);
    }

    #[test]
    fn only_real_changes_of_extensions_are_reported() {
        let mut activity = Activity::default();
        let (peer, [one, two, other]) = (Peer::extension("101"), legs());
        let outside = Peer::Uri("sip:bob@example.org".into());
        activity.begins(&peer, line(one, true));
        activity.begins(&outside, line(two, false));
        assert_eq!(changed(&mut activity), ["101"]);
        activity.is_now(&peer, one, LineState::Trying);
        activity.is_with(&peer, one, "102");
        activity.is_now(&peer, other, LineState::Up);
        activity.is_with(&peer, other, "103");
        activity.is_now(&outside, two, LineState::Up);
        assert_eq!(changed(&mut activity), [""; 0]);
        activity.is_with(&peer, one, "103");
        assert_eq!(
            (changed(&mut activity), &*activity.of(&peer)[0].with),
            (vec!["101".into()], "103")
        );
        activity.ends(&outside, two);
        activity.ends(&peer, one);
        assert_eq!(changed(&mut activity), ["101"]);
        assert_eq!(activity.len(), 0);
    }
}
