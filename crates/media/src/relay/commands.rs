//! What signalling asks of the relay.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{
    Relay,
    address::Announced,
    canonical, dtmf,
    leg::{Leg, Sink, Timer},
    play::{Part, Player, samples},
    stream::Join,
};
use crate::{
    Command, Event, MediaId, Remote, Source,
    audio::{prompt, tone},
};

/// Prompts in one play.
const MAX_PROMPTS: usize = 128;

impl Relay {
    /// Carries out a command. One for a leg that is gone changes nothing.
    pub fn command(&mut self, now: Duration, command: Command) {
        match command {
            Command::Open {
                media: port,
                local_port,
                expected,
            } => self.open(now, port, local_port, &expected),
            Command::Update {
                media: port,
                remote,
                relearn,
            } => self.update(now, port, remote, relearn),
            Command::Bridge(one, other) => self.bridge(one, other),
            Command::Unbridge(port) => {
                if self.live(port).is_some_and(|leg| matches!(leg.sink, Sink::Peer(_))) {
                    self.unlink(port.slot);
                }
            }
            Command::Play {
                media: port,
                source,
                repeat,
                token,
            } => self.play(now, port, source, repeat, token),
            Command::Stop(port) => {
                let Some(leg) = self.live(port) else { return };
                leg.player = None;
                let echoes = leg.sink == Sink::Echo;
                self.arm(port.slot, Timer::Play, None);
                if echoes {
                    self.unlink(port.slot);
                }
            }
            Command::Echo(port) => {
                if self.live(port).is_none() {
                    return;
                }
                self.silence(port.slot);
                if let Some(leg) = self.live(port) {
                    leg.sink = Sink::Echo;
                    leg.out.interrupt(Join::Anew);
                }
                self.rebuild(port.slot);
                self.arm(port.slot, Timer::Report, Some(now + self.config.report));
            }
            Command::Dtmf {
                media: port,
                digit,
                millis,
            } => {
                let Some(event) = dtmf::code(digit) else { return };
                let Some(leg) = self.live(port) else { return };
                // A peer without RFC 4733 cannot be told; the voice is not held up for it.
                if leg.event_payload().is_none() {
                    return;
                }
                if leg.keys.press(event, millis) && leg.due[Timer::Keys as usize].is_none() {
                    self.arm(port.slot, Timer::Keys, Some(now));
                }
            }
            Command::Watch { media: port, timeout } => {
                let Some(leg) = self.live(port) else { return };
                leg.watch = timeout;
                leg.heard = now;
                // A time beyond reckoning is never.
                self.arm(port.slot, Timer::Watch, timeout.and_then(|t| now.checked_add(t)));
            }
            Command::Close(port) => self.close(now, port),
        }
    }

    fn open(&mut self, now: Duration, port: MediaId, local_port: u16, expected: &[IpAddr]) {
        let at = port.slot as usize;
        if port.slot >= self.config.max_legs {
            let reason = format!("more than {} legs", self.config.max_legs);
            self.events.push_back(Event::Failed { media: port, reason });
            return;
        }
        if local_port % 2 == 1 || local_port == 0 {
            let reason = format!("{local_port} is no RTP port");
            self.events.push_back(Event::Failed { media: port, reason });
            return;
        }
        // A slot given out again without a Close: the old leg is over.
        if let Some(before) = self.leg(port.slot).map(|leg| leg.id) {
            self.close(now, before);
        }
        let random = self.random();
        if self.legs.len() <= at {
            self.legs.resize_with(at + 1, || None);
        }
        let mut leg = Box::new(Leg::new(port, local_port, random));
        let totals = self.ports.entry(local_port).or_default();
        totals.legs += 1;
        leg.strangers = totals.strangers;
        leg.heard = now;
        leg.unheard = self.config.unheard;
        leg.announced = self.directory.open(port, local_port, expected);
        self.legs[at] = Some(leg);
        self.open += 1;
    }

    fn update(&mut self, now: Duration, port: MediaId, mut remote: Remote, relearn: bool) {
        let slot = port.slot;
        remote.rtp = remote.rtp.map(canonical);
        remote.rtcp = remote.rtcp.map(canonical);
        remote.signalling = remote.signalling.map(|ip| ip.to_canonical());
        let Some(leg) = self
            .legs
            .get_mut(slot as usize)
            .and_then(Option::as_deref_mut)
            .filter(|l| l.id == port)
        else {
            return;
        };
        let (rtp_port, rtcp_port) = (leg.local_port, leg.local_port + 1);
        self.directory.withdraw(port, rtp_port, &leg.announced);
        self.directory.withdraw(port, rtcp_port, &leg.announced_rtcp);
        // The peer that speaks from where signalling now says it does has not moved.
        if relearn && leg.learned != remote.rtp {
            let ssrc = leg.stream();
            self.directory.speaks(port, rtp_port, leg.speaking.take(), None);
            leg.disputed = false;
            if let Some(old) = leg.learned.take() {
                self.directory.unbind(now, rtp_port, old, ssrc);
            }
            if let Some(old) = leg.learned_rtcp.take() {
                self.directory.unbind(now, rtcp_port, old, ssrc);
            }
            leg.detector.reset();
        }
        let before = std::mem::take(&mut leg.announced);
        leg.announced = if leg.learned.is_none() {
            self.directory.announce(port, rtp_port, remote.rtp, &remote.expected)
        } else {
            // The signalled address stays open to a leg that was learned by mere address: it may have been somebody else.
            let exact = remote.rtp.filter(|rtp| leg.learned != Some(*rtp));
            self.directory.correct(port, rtp_port, exact)
        };
        if relearn {
            // The old socket may be at an address that is expected still: not even this leg may be heard from there now.
            self.directory
                .haunt(now, None, rtp_port, &before, &Announced::default());
        } else {
            self.directory.haunt(now, Some(port), rtp_port, &before, &leg.announced);
        }
        let exact = remote.rtcp.filter(|_| leg.learned_rtcp.is_none());
        leg.announced_rtcp = self.directory.announce(port, rtcp_port, exact, &[]);
        leg.described = true;
        leg.remote = remote;
        let sink = leg.sink;
        self.rebuild(slot);
        if let Sink::Peer(other) = sink {
            self.rebuild(other);
        }
    }

    fn bridge(&mut self, one: MediaId, other: MediaId) {
        if one == other || self.live(one).is_none() || self.live(other).is_none() {
            return;
        }
        self.silence(one.slot);
        self.silence(other.slot);
        for (from, to) in [(one, other), (other, one)] {
            if let Some(leg) = self.live(from) {
                leg.sink = Sink::Peer(to.slot);
                leg.out.interrupt(Join::Anew);
            }
        }
        self.rebuild(one.slot);
        self.rebuild(other.slot);
    }

    /// Ends what the leg plays and relays.
    fn silence(&mut self, slot: u32) {
        if let Some(leg) = self.leg(slot) {
            leg.player = None;
        }
        self.arm(slot, Timer::Play, None);
        self.unlink(slot);
    }

    fn play(&mut self, now: Duration, port: MediaId, source: Source, repeat: bool, token: u64) {
        let Some(leg) = self.live(port) else { return };
        let audible = !matches!(source, Source::Silence(_));
        if audible && !leg.remote.send_payloads.is_empty() && leg.law().is_none() {
            leg.player = Some(Player::new(Vec::new(), false, token, now));
            return self.end_play(port.slot, Some("the leg has no G.711 codec".into()));
        }
        if leg.sink == Sink::Echo {
            self.unlink(port.slot);
        }
        let parts = self.parts(source);
        let Some(leg) = self.live(port) else { return };
        let (parts, fault) = match parts {
            Ok(parts) => (parts, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        let player = Player::new(parts, repeat, token, now);
        let wanted: Vec<String> = player.wanted().map(str::to_owned).collect();
        leg.player = Some(player);
        if fault.is_some() {
            return self.end_play(port.slot, fault);
        }
        self.arm(port.slot, Timer::Play, wanted.is_empty().then_some(now));
        self.arm(port.slot, Timer::Report, Some(now + self.config.report));
        for name in wanted {
            let waiting = self.waiting.entry(name.clone()).or_default();
            if waiting.is_empty() {
                self.wanted.push_back(name);
            }
            if !waiting.contains(&port) {
                waiting.push(port);
            }
        }
    }

    fn parts(&mut self, source: Source) -> Result<Vec<Part>, String> {
        match source {
            Source::Prompts(names) if names.len() > MAX_PROMPTS => Err(format!("more than {MAX_PROMPTS} prompts")),
            Source::Prompts(names) => names.into_iter().filter(|n| !n.is_empty()).map(Self::prompt).collect(),
            Source::Tone(name) => {
                // A colon is in no prompt's name.
                let key = format!("tone:{}", tone::plan(&name));
                if let Some(clip) = self.cache.get(&key, &()) {
                    return Ok(vec![Part::Clip(clip)]);
                }
                let clip = Arc::new(tone::render(&name).map_err(|e| e.to_string())?);
                self.cache.put(&key, (), clip.clone());
                Ok(vec![Part::Clip(clip)])
            }
            Source::Silence(length) => Ok(vec![Part::Silence(samples(length))]),
        }
    }

    fn prompt(name: String) -> Result<Part, String> {
        if !prompt::is_name(&name) {
            return Err(format!(
                "{:?} is no prompt name",
                name.chars().take(64).collect::<String>()
            ));
        }
        // The file may have changed since it was played last: whoever reads it knows.
        Ok(Part::Wanted(name))
    }

    fn close(&mut self, now: Duration, port: MediaId) {
        if self.live(port).is_none() {
            return;
        }
        let slot = port.slot;
        self.unlink(slot);
        for timer in [Timer::Watch, Timer::Play, Timer::Keys, Timer::Report] {
            self.arm(slot, timer, None);
        }
        let Some(mut leg) = self.legs.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.open -= 1;
        let local_port = leg.local_port;
        self.directory.withdraw(port, local_port, &leg.announced);
        self.directory.withdraw(port, local_port + 1, &leg.announced_rtcp);
        self.directory
            .haunt(now, Some(port), local_port, &leg.announced, &Announced::default());
        let ssrc = leg.stream();
        if let Some(source) = leg.learned {
            self.directory.unbind(now, local_port, source, ssrc);
        }
        if let Some(source) = leg.learned_rtcp {
            self.directory.unbind(now, local_port + 1, source, ssrc);
        }
        self.directory.speaks(port, local_port, leg.speaking, None);
        if let Some(totals) = self.ports.get_mut(&local_port) {
            leg.counters.injected += totals.strangers - leg.strangers;
            totals.legs -= 1;
            if totals.legs == 0 {
                self.ports.remove(&local_port);
            }
        }
        self.events.push_back(Event::Closed {
            media: port,
            counters: leg.counters,
        });
    }
}
