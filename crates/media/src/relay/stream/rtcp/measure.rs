//! The quality of a leg's two ways, for signalling.
//!
//! The delay from mouth to ear cannot be seen from here, since it has parts within both phones. For the score of a way it
//! is taken as half of the round trip, one packet's length, and the jitter buffer: as long as the phone says (RFC 3611
//! section 4.7), else twice the mean jitter. A leg is scored by itself: what the other leg of a call adds is not in it.

use std::time::Duration;

use super::{
    super::{Stream, sound},
    incoming::Totals,
};
use crate::{
    Payload,
    codec::{self, Kind},
    quality::{Path, mos},
    service::{Quality, Way},
};

/// The quality since it was told last; `None` where no packet came or went since.
pub(in crate::relay) fn since(stream: &mut Stream) -> Option<Quality> {
    let counted = [stream.counters.received, stream.counters.sent];
    if std::mem::replace(&mut stream.reports.measured, counted) == counted {
        return None;
    }
    stream.ingress.incoming.sample();
    Some(quality(stream))
}

/// The quality since the leg opened.
pub(in crate::relay) fn quality(stream: &Stream) -> Quality {
    let round_trip = stream.reports.reported.round_trip();
    Quality {
        received: received(stream, round_trip),
        sent: sent(stream, round_trip),
        round_trip: round_trip.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
    }
}

/// From the peer to Tandem.
fn received(stream: &Stream, round_trip: Option<Duration>) -> Way {
    let incoming = &stream.ingress.incoming;
    let Totals { received, lost, gaps } = incoming.totals();
    let [late, doubled] = sound::missed(stream);
    let late = late.min(received);
    let loss = part(lost + late, received - late);
    // G.107 section 3.5: the mean run of lost packets, against the run that random loss would have.
    let burst = if gaps == 0 {
        1.0
    } else {
        lost as f64 / gaps as f64 * (1.0 - loss)
    };
    let jitter = incoming.jitter();
    let path = Path {
        loss,
        burst,
        delay: delay(stream, round_trip, buffer(jitter)),
    };
    let remote = &stream.remote;
    let codec = audio(incoming.number(), &remote.receive_payloads, &remote.send_payloads);
    let score = codec.and_then(|codec| mos(codec, path));
    Way {
        packets: received,
        lost,
        late,
        doubled,
        jitter,
        mos: score.filter(|_| received > 0),
    }
}

/// From Tandem to the peer, as the peer reports it.
fn sent(stream: &Stream, round_trip: Option<Duration>) -> Way {
    let reported = &stream.reports.reported;
    let Some([arrived, lost, late]) = reported.packets() else {
        return Way::default();
    };
    let jitter = reported.jitter();
    let path = Path {
        loss: part(lost + late, arrived - late),
        burst: 1.0,
        delay: delay(stream, round_trip, reported.delay().unwrap_or(buffer(jitter))),
    };
    let codec = audio(stream.egress.out.number, &stream.remote.send_payloads, &[]);
    let score = codec.and_then(|codec| mos(codec, path));
    Way {
        packets: arrived,
        lost,
        late,
        jitter,
        mos: score.filter(|_| arrived > 0),
        ..Way::default()
    }
}

fn delay(stream: &Stream, round_trip: Option<Duration>, buffer: Duration) -> Duration {
    let packet = Duration::from_millis(u64::from(stream.ptime()));
    round_trip.unwrap_or_default() / 2 + packet + buffer
}

/// The usual jitter buffer for a jitter in microseconds.
fn buffer(jitter: u32) -> Duration {
    Duration::from_micros(2 * u64::from(jitter))
}

/// The part of all packets that did not arrive.
fn part(lost: u64, arrived: u64) -> f64 {
    lost as f64 / (lost + arrived).max(1) as f64
}

/// The codec of that payload type. Events and comfort noise are part of a stream of audio: for these it is the first
/// codec of the description.
fn audio<'a>(number: Option<u8>, payloads: &'a [Payload], others: &'a [Payload]) -> Option<&'a str> {
    let all = || payloads.iter().chain(others);
    let is_audio = |payload: &&Payload| codec::kind(&payload.codec) == Kind::Audio;
    let used = all().find(|payload| Some(payload.number) == number).filter(is_audio);
    let payload = used.or_else(|| all().find(is_audio))?;
    Some(payload.codec.as_str())
}
