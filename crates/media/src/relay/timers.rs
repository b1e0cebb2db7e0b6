//! What is due: frames of what is played, digits, reports, and the watch over silent peers.

use std::{net::SocketAddr, time::Duration};

use super::{
    Relay,
    dtmf::{self, Packet, Step},
    leg::{Sink, Timer},
    packets::{Header, send},
    stream::{Join, Place},
};
use crate::{Event, audio::RATE, codec::g711::Law};

/// Further behind than this, a play goes on from now instead of catching up in a burst.
const LATE: Duration = Duration::from_millis(200);
/// Samples in the longest frame Tandem makes (60 ms).
const MAX_FRAME: usize = 480;

impl Relay {
    /// Does everything that is due.
    pub fn tick<F>(&mut self, now: Duration, out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        while let Some((at, slot, timer)) = self.timers.first().copied().filter(|(at, ..)| *at <= now) {
            self.timers.remove(&(at, slot, timer));
            if let Some(leg) = self.leg(slot) {
                leg.due[timer as usize] = None;
            }
            match timer {
                Timer::Watch => self.check(now, slot),
                Timer::Play => self.frame(now, slot, out),
                Timer::Keys => self.key(now, slot, out),
                Timer::Report => self.report(now, slot, out),
            }
        }
    }

    fn check(&mut self, now: Duration, slot: u32) {
        let Some(leg) = self.leg(slot) else { return };
        let Some(until) = leg.watch.and_then(|timeout| leg.heard.checked_add(timeout)) else {
            return;
        };
        let port = leg.id;
        if until <= now {
            self.events.push_back(Event::Silent(port));
        } else {
            self.arm(slot, Timer::Watch, Some(until));
        }
    }

    fn frame<F>(&mut self, now: Duration, slot: u32, out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let Some(leg) = self.legs.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let ptime = leg.ptime();
        let length = ptime * (RATE / 1000);
        let (law, destination, pressed) = (leg.law(), leg.destination(), leg.keys.is_pressed());
        let Some(player) = &mut leg.player else { return };
        let mut frame = [0; MAX_FRAME];
        let frame = &mut frame[..(length as usize).min(MAX_FRAME)];
        if !player.fill(law.map_or(Law::Pcmu, |(_, law)| law), frame) {
            return self.end_play(slot, None);
        }
        if now.saturating_sub(player.next) > LATE {
            player.next = now;
        }
        player.next += Duration::from_millis(u64::from(ptime));
        let next = player.next;
        let following = leg.out.following(now, RATE, length);
        let timestamp = player.timestamp.unwrap_or(following.timestamp);
        let first = player.timestamp.is_none();
        player.timestamp = Some(timestamp.wrapping_add(length));
        if let (Some((number, _)), Some(destination), false) = (law, destination, pressed) {
            let place = Place {
                timestamp,
                first,
                ..following
            };
            leg.out.sent(now, place, false);
            leg.out.source = None;
            let header = Header {
                number,
                marker: first,
                place,
                ssrc: leg.out.ssrc,
            };
            send(&mut self.scratch, leg, destination, header, frame, None, out);
        }
        self.arm(slot, Timer::Play, Some(next));
    }

    fn key<F>(&mut self, now: Duration, slot: u32, out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let Some(leg) = self.legs.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        let next = match leg.keys.step() {
            Step::Done => None,
            Step::Pause(pause) => Some(now + pause),
            Step::Send(Packet { payload, timestamp }) => {
                let following = leg.out.following(now, RATE, leg.ptime() * (RATE / 1000));
                let place = Place {
                    timestamp: timestamp.unwrap_or(following.timestamp),
                    ..following
                };
                leg.keys.began(place.timestamp);
                leg.out.interrupt(Join::Sequence);
                if let (Some(number), Some(destination)) = (leg.event_payload(), leg.destination()) {
                    leg.out.sent(now, place, true);
                    let header = Header {
                        number,
                        marker: timestamp.is_none(),
                        place,
                        ssrc: leg.out.ssrc,
                    };
                    send(&mut self.scratch, leg, destination, header, &payload, None, out);
                }
                Some(now + dtmf::STEP)
            }
        };
        self.arm(slot, Timer::Keys, next);
    }

    fn report<F>(&mut self, now: Duration, slot: u32, out: &mut F)
    where
        F: FnMut(u16, SocketAddr, &[u8]),
    {
        let Some(leg) = self.legs.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        // The peers of a bridge report to each other.
        if leg.player.is_none() && leg.sink != Sink::Echo {
            return;
        }
        super::rtcp::make(now, leg, out);
        self.arm(slot, Timer::Report, Some(now + self.config.report));
    }
}
