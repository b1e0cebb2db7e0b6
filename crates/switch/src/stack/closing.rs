//! Legs that are over and whose media is being closed: how they sounded comes when the engine has closed it, which may be
//! after the end of their call. It is put out as a note to the call's record.

use std::collections::HashMap;

use ::media::{Counters, MediaId, service};

use super::outputs::Outputs;
use crate::{
    api::{CallUid, LegQuality, Output, Quality, WayQuality},
    tables::room::Room,
};

/// Legs that wait at most. The engine answers each at once: more than this is an engine that does not work, and further
/// legs leave without a note.
const MOST: usize = 65_536;

/// See the module.
#[derive(Default)]
pub(crate) struct Closing(HashMap<MediaId, Box<(CallUid, LegQuality)>>);

impl Closing {
    /// A leg of that call is over, which had that place in the engine.
    pub fn begins(&mut self, media: MediaId, call: CallUid, leg: LegQuality) {
        if self.0.len() < MOST {
            self.0.insert(media, Box::new((call, leg)));
        }
    }

    /// The engine had not opened the media of a leg.
    pub fn failed(&mut self, media: MediaId) {
        self.0.remove(&media);
    }

    /// Legs that wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives back room that nothing needs any more.
    pub fn tidy(&mut self) {
        self.0.tidy();
    }
}

/// The engine has closed the media of a leg. Nothing is noted where there was no sound. Packets that were dropped are told
/// in the log, once for the leg.
pub(crate) fn closed(outputs: &mut Outputs, media: MediaId, counters: &Counters, measured: &service::Quality) {
    let Some(waiting) = outputs.closing.0.remove(&media) else {
        return;
    };
    tell_dropped(&waiting, counters);
    if *measured == service::Quality::default() {
        return;
    }
    let (call, mut leg) = *waiting;
    leg.quality = quality(measured);
    let leg = Box::new(leg);
    outputs.push_back(Output::Quality { call, leg });
}

fn tell_dropped((call, leg): &(CallUid, LegQuality), counters: &Counters) {
    let Counters {
        malformed,
        undecodable,
        injected,
        withheld,
        ..
    } = *counters;
    if malformed + undecodable + injected + withheld > 0 {
        tracing::info!(
            %call,
            party = %leg.party,
            malformed,
            undecodable,
            injected,
            withheld,
            "packets of a leg were dropped: no RTP or RTCP as agreed (malformed), no sound of their codec (undecodable), \
             from another source (injected), or for an address from which nothing was heard (withheld)"
        );
    }
}

/// What the engine measured, as records and observers have it.
pub(crate) fn quality(measured: &service::Quality) -> Quality {
    let way = |way: service::Way| WayQuality {
        packets: way.packets,
        lost: way.lost,
        late: way.late,
        doubled: way.doubled,
        jitter_micros: way.jitter,
        mos: way.mos,
    };
    let sent = (measured.sent != service::Way::default()).then(|| way(measured.sent));
    Quality {
        received: way(measured.received),
        sent,
        round_trip_ms: measured.round_trip,
    }
}
