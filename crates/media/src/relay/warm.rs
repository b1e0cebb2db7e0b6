//! Brings the legs of the next packets into the processor's cache, all at the same time.
//!
//! Hundreds of legs do not fit into the nearest cache, and each packet belongs to another leg. A packet that is handled
//! alone waits several times for memory, and these waits take longer than the work itself. The processor can wait for
//! many reads at once when no read needs the result of another; so the legs of a whole batch are read first.

use std::{hint::black_box, net::SocketAddr};

use super::{
    address::Directory,
    canonical,
    route::Route,
    stream::{Stream, ingress::Entry},
    streams::Streams,
};

/// For [`super::Relay::warm`]. `ways` is room to work in: a leg and a payload type for each datagram.
pub(super) fn read<'a>(
    directory: &Directory,
    streams: &Streams,
    ways: &mut Vec<(u32, u8)>,
    datagrams: impl Iterator<Item = (u16, SocketAddr, &'a [u8])>,
) {
    ways.clear();
    // A pass over all datagrams for each step of the way, so that no read of a pass waits for another.
    ways.extend(datagrams.filter_map(|(port, from, bytes)| {
        let number = bytes.get(1)? & 0x7f;
        Some((directory.find(port, canonical(from))?, number))
    }));
    let mut read = 0;
    for (slot, number) in ways.iter_mut() {
        let Some(stream) = streams.look(*slot) else { continue };
        read ^= ingress(stream, *number);
        if let Route::Relay(other) = stream.route {
            *slot = other;
        }
    }
    for (slot, _) in ways.iter() {
        read ^= streams.look(*slot).map_or(0, egress);
    }
    black_box(read);
}

/// A field of each part of a leg that its own packets need.
fn ingress(stream: &Stream, number: u8) -> u64 {
    let ingress = &stream.ingress;
    let known = matches!(ingress.table[usize::from(number)], Entry::Known { .. });
    let heard = u64::from(ingress.heard.subsec_nanos()) ^ u64::from(ingress.incoming.ssrc.unwrap_or(0));
    let spoken = ingress.speaking.map_or(0, |(_, ssrc)| u64::from(ssrc));
    heard ^ spoken ^ stream.counters.received ^ u64::from(stream.remote.direction.receive) ^ u64::from(known)
}

/// A field of each part of a leg that packets to its peer need.
fn egress(stream: &Stream) -> u64 {
    let egress = &stream.egress;
    let to = stream
        .ingress
        .learned
        .or(stream.remote.rtp)
        .map_or(0, |to| u64::from(to.port()));
    let limits =
        u64::from(stream.remote.ptime) ^ u64::from(egress.player.is_some()) ^ u64::from(egress.keys.is_pressed());
    to ^ limits
        ^ u64::from(egress.out.packets)
        ^ u64::from(egress.out.ssrc)
        ^ stream.counters.sent
        ^ u64::from(stream.local_port)
}
