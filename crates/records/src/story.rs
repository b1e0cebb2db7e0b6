//! The story of a call: which parties were together at which time, and the linked calls.

use serde::{Deserialize, Serialize};

use crate::CallUid;

/// Why a segment began.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Began {
    /// The call began.
    Started,
    /// The call was answered: by the other party, or by Tandem itself where there is none.
    Answered,
    /// A party came by a transfer.
    Transferred,
    /// A party took the place of another: a pick-up, or a move to another phone.
    Replaced,
    /// A party came back after a transfer that failed.
    Returned,
    /// One party left, and the other stayed.
    Left,
}

/// A part of a call with the same two parties. The segments of a record tile its time: the first segment begins
/// with the call, each segment begins at the end of the segment before, and the last segment ends with the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// When it began.
    pub from: i64,
    /// When it ended.
    pub to: i64,
    /// The first party, at the beginning the caller: an extension's number or a URI.
    pub party: String,
    /// The other party. Empty if there was none, or Tandem itself (a prompt, the ringing).
    pub with: String,
    /// Why it began.
    pub why: Began,
}

impl Segment {
    /// The segments of a call without a transfer: before the answer, and after it. `answered` is the time of the answer
    /// and the party that answered.
    pub fn of_plain_call(started_at: i64, party: &str, answered: Option<(i64, &str)>, ended_at: i64) -> Vec<Self> {
        let mut story = Story::begin(started_at, party, 2);
        if let Some((at, with)) = answered {
            story.turn(at, party, with, Began::Answered);
        }
        story.end(ended_at)
    }

    /// True if these segments tile the time from `start` to `end`: no gap, no overlap, no negative length.
    pub fn tile(segments: &[Self], start: i64, end: i64) -> bool {
        let mut at = start;
        let in_order = segments.iter().all(|segment| {
            let fits = segment.from == at && segment.from <= segment.to;
            at = segment.to;
            fits
        });
        in_order && !segments.is_empty() && at == end
    }
}

/// How a call is linked to another call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// A party of this call went on in the other call.
    TransferredTo,
    /// A party of the other call goes on in this call.
    TransferredFrom,
    /// This call was an INVITE with Replaces (for example a pick-up): it took over a place in the other call.
    Joined,
    /// The other call was an INVITE with Replaces: it took over a place in this call.
    JoinedBy,
}

/// A link to another call.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Link {
    /// The other call.
    pub call: CallUid,
    /// How the two calls are linked.
    pub how: LinkKind,
}

/// Collects the segments of a call. Pure: the time of each turn is an argument.
#[derive(Clone, Debug)]
pub struct Story {
    segments: Vec<Segment>,
    most: usize,
}

impl Story {
    /// The call of `party` begins at `at`. The record has at most `most` segments (at least one): the last segment
    /// lasts to the end of the call.
    pub fn begin(at: i64, party: &str, most: usize) -> Self {
        Self {
            segments: vec![Segment {
                from: at,
                to: at,
                party: party.to_owned(),
                with: String::new(),
                why: Began::Started,
            }],
            most: most.max(1),
        }
    }

    /// From `at` on, `party` talks with the party `with` (empty: no party). A turn at the moment of the turn before
    /// replaces that turn. A clock that goes back counts as one that stands still.
    pub fn turn(&mut self, at: i64, party: &str, with: &str, why: Began) {
        let room = self.segments.len() < self.most;
        let Some(now) = self.segments.last_mut() else { return };
        let at = at.max(now.from);
        if at == now.from {
            (now.party, now.with, now.why) = (party.to_owned(), with.to_owned(), why);
        } else if room {
            now.to = at;
            self.segments.push(Segment {
                from: at,
                to: at,
                party: party.to_owned(),
                with: with.to_owned(),
                why,
            });
        }
    }

    /// The two parties of the present segment.
    pub fn now(&self) -> (&str, &str) {
        let now = self.segments.last();
        now.map_or(("", ""), |now| (now.party.as_str(), now.with.as_str()))
    }

    /// Ends the call at `at`, and returns its segments, which tile its time.
    pub fn end(mut self, at: i64) -> Vec<Segment> {
        if let Some(now) = self.segments.last_mut() {
            now.to = at.max(now.from);
        }
        self.segments
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(from: i64, to: i64) -> Segment {
        Segment {
            from,
            to,
            party: String::new(),
            with: String::new(),
            why: Began::Started,
        }
    }

    #[test]
    fn a_gap_an_overlap_or_a_missing_end_is_seen() {
        for (segments, expected) in [
            (vec![segment(1, 5)], true),
            (vec![segment(1, 3), segment(3, 5)], true),
            (vec![segment(1, 1), segment(1, 5)], true),
            (vec![], false),
            (vec![segment(2, 5)], false),
            (vec![segment(1, 4)], false),
            (vec![segment(1, 2), segment(3, 5)], false),
            (vec![segment(1, 4), segment(3, 5)], false),
            (vec![segment(1, 6), segment(6, 5)], false),
        ] {
            assert_eq!(Segment::tile(&segments, 1, 5), expected, "{segments:?}");
        }
    }

    #[test]
    fn a_plain_call_has_its_ringing_and_its_talk() {
        let segments = Segment::of_plain_call(10, "101", Some((13, "102")), 20);
        let told = segments
            .iter()
            .map(|s| (s.from, s.to, s.party.as_str(), s.with.as_str(), s.why));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (10, 13, "101", "", Began::Started),
                (13, 20, "101", "102", Began::Answered)
            ]
        );
        assert_eq!(Segment::of_plain_call(10, "101", None, 20).len(), 1);
    }

    proptest! {
        #[test]
        fn whatever_happens_in_a_call_its_segments_tile_its_time(
            start in -5_i64..1_000,
            most in 0_usize..6,
            turns in prop::collection::vec((-3_i64..50, 0_u8..3, 0_u8..3), 0..12),
            rest in 0_i64..50,
        ) {
            let mut story = Story::begin(start, "101", most);
            let mut at = start;
            for (later, party, with) in &turns {
                at += later;
                let (party, with) = (party.to_string(), with.to_string());
                story.turn(at, &party, &with, Began::Transferred);
            }
            let last = story.now().1.to_owned();
            let end = start.max(at) + 150 + rest;
            let segments = story.end(end);
            prop_assert!(Segment::tile(&segments, start, end), "{segments:?}");
            prop_assert!(segments.len() <= most.max(1));
            prop_assert_eq!(&segments.last().unwrap().with, &last);
            prop_assert!(segments.iter().skip(1).all(|segment| segment.from < segment.to), "{:?}", segments);
        }
    }
}
