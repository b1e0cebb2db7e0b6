//! The route of a leg: where the packets of its peer go.

use super::{
    stream::{
        ingress::{self, Target},
        outgoing::Join,
    },
    streams::Streams,
};

/// Where the packets of a leg's peer go.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Nowhere,
    /// To the peer of the leg in that slot, payload by payload.
    Relay(u32),
    /// Back to the leg's own peer.
    Echo,
    /// To the room that the leg is in.
    Room,
}

impl Streams {
    /// Relays between two legs, both ways. This ends an earlier relay of either leg.
    pub(super) fn link(&mut self, one: u32, other: u32) {
        for (from, to) in [(one, other), (other, one)] {
            if let Some(stream) = self.get(from) {
                stream.route = Route::Relay(to);
                stream.egress.keys.let_go();
                stream.egress.out.interrupt(Join::Anew);
            }
        }
        self.rebuild(one);
        self.rebuild(other);
    }

    /// Ends the relay from and to the slot's leg.
    pub(super) fn unlink(&mut self, slot: u32) {
        let Some(stream) = self.get(slot) else { return };
        let route = std::mem::replace(&mut stream.route, Route::Nowhere);
        stream.egress.keys.let_go();
        if let Route::Relay(other) = route
            && let Some(peer) = self.get(other).filter(|peer| peer.route == Route::Relay(slot))
        {
            peer.route = Route::Nowhere;
            peer.egress.keys.let_go();
            self.rebuild(other);
        }
        self.rebuild(slot);
    }

    /// The table of payload types, after either end of the leg's route changed.
    pub(super) fn rebuild(&mut self, slot: u32) {
        let Some(stream) = self.look(slot) else { return };
        let target = match stream.route {
            Route::Nowhere => Target::Nowhere,
            Route::Relay(other) => {
                let other = self.look(other);
                other.map_or(Target::Nowhere, |other| Target::Peer(&other.remote.send_payloads))
            }
            Route::Echo => Target::Peer(&stream.remote.send_payloads),
            Route::Room => Target::Sound,
        };
        let table = ingress::table(&stream.remote, target, stream.ingress.filtered);
        if let Some(stream) = self.get(slot) {
            *stream.ingress.table = table;
        }
    }
}
