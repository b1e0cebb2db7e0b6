//! Brings the legs of the next packets into the processor's cache, all at the same time.
//!
//! Hundreds of legs do not fit into the nearest cache, and each packet belongs to another leg. A packet that is handled
//! alone waits several times for memory, and these waits take longer than the work itself. The processor can wait for
//! many reads at once when no read needs the result of another; so the legs of a whole batch are read first.

use std::{hint::black_box, net::SocketAddr};

use super::{
    Relay, canonical,
    leg::{Entry, Leg, Sink},
};

impl Relay {
    /// Reads what [`Relay::packet`] will need for these datagrams, given as (local port, source, octets). Changes nothing:
    /// a packet is handled alike with and without.
    pub fn warm<'a>(&mut self, datagrams: impl Iterator<Item = (u16, SocketAddr, &'a [u8])>) {
        let mut ways = std::mem::take(&mut self.ways);
        ways.clear();
        // A pass over all datagrams for each step of the way, so that no read of a pass waits for another.
        ways.extend(datagrams.filter_map(|(port, from, bytes)| {
            let number = bytes.get(1)? & 0x7f;
            Some((self.directory.find(port, canonical(from))?, number))
        }));
        let mut read = 0;
        for (slot, number) in &mut ways {
            let Some(leg) = self.at(*slot) else { continue };
            read ^= leg.read_ingress(*number);
            if let Sink::Peer(other) = leg.sink {
                *slot = other;
            }
        }
        for (slot, _) in &ways {
            read ^= self.at(*slot).map_or(0, Leg::read_egress);
        }
        black_box(read);
        self.ways = ways;
    }

    fn at(&self, slot: u32) -> Option<&Leg> {
        self.legs.get(slot as usize)?.as_deref()
    }
}

impl Leg {
    /// A field of each part of a leg that its own packets need.
    fn read_ingress(&self, number: u8) -> u64 {
        let known = matches!(self.table[usize::from(number)], Entry::Known { .. });
        let heard = u64::from(self.heard.subsec_nanos()) ^ u64::from(self.incoming.ssrc.unwrap_or(0));
        let spoken = self.speaking.map_or(0, |(_, ssrc)| u64::from(ssrc));
        heard ^ spoken ^ self.counters.received ^ u64::from(self.remote.direction.receive) ^ u64::from(known)
    }

    /// A field of each part of a leg that packets to its peer need.
    fn read_egress(&self) -> u64 {
        let to = self.learned.or(self.remote.rtp).map_or(0, |to| u64::from(to.port()));
        let limits =
            u64::from(self.remote.ptime) ^ u64::from(self.player.is_some()) ^ u64::from(self.keys.is_pressed());
        to ^ limits
            ^ u64::from(self.out.packets)
            ^ u64::from(self.out.ssrc)
            ^ self.counters.sent
            ^ u64::from(self.local_port)
    }
}
