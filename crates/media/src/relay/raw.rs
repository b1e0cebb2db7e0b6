//! Datagrams of lines besides the audio (pictures, faxes by T.38, BFCP): copied as they are, RTP or not, with their RTCP.
//!
//! Their sources are learned as those of audio are, by address alone: there may be no SSRC in them. A datagram goes to
//! the other end of the bridge only where that is such a line, too.

use std::{net::SocketAddr, time::Duration};

use super::{route::Route, streams::Streams};

/// Passes a datagram of the leg in `slot` on. `report`: it came to the port of RTCP.
pub(super) fn pass<F>(streams: &mut Streams, now: Duration, slot: u32, bytes: &[u8], report: bool, out: &mut F)
where
    F: FnMut(u16, SocketAddr, &[u8]),
{
    let Some(stream) = streams.get(slot) else { return };
    stream.ingress.heard = now;
    stream.counters.received += u64::from(!report);
    let taken = report || stream.remote.direction.receive;
    let Route::Relay(other) = stream.route else { return };
    let Some(target) = streams.get(other).filter(|target| taken && target.remote.raw) else {
        return;
    };
    let (to, port) = match report {
        true => (target.rtcp_destination(), target.local_port + 1),
        false => (target.destination(), target.local_port),
    };
    let Some(to) = to.filter(|to| target.may_send(*to)) else {
        return;
    };
    target.counters.sent += u64::from(!report);
    out(port, to, bytes);
}
