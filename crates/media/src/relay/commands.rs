//! The commands of signalling.

use std::{net::IpAddr, time::Duration};

use rand_chacha::rand_core::Rng;

use super::{
    Relay,
    address::Announced,
    canonical, group,
    play::{Owner, Player},
    route::Route,
    stream::{
        Stream, dtmf, in_band,
        outgoing::Join,
        rtcp::{self, MAX_FAREWELLS},
        voice,
    },
    timers::Timer,
};
use crate::{Command, Event, MediaId, Remote, Source, service::RecordEnd};

impl Relay {
    /// Carries out a command. A command for a leg that has ended changes nothing.
    pub fn command(&mut self, now: Duration, command: Command) {
        match command {
            Command::Open {
                media,
                local_port,
                expected,
            } => {
                if let Err(reason) = self.open(now, media, local_port, &expected) {
                    self.events.push_back(Event::Failed { media, reason });
                }
            }
            Command::Update { media, remote, relearn } => self.update(now, media, remote, relearn),
            Command::Bridge(one, other) => self.bridge(now, one, other),
            Command::Unbridge(media) => {
                let relayed = |stream: &&mut Stream| matches!(stream.route, Route::Relay(_));
                if self.streams.live(media).is_some_and(|stream| relayed(&stream)) {
                    self.part(now, media.slot);
                }
            }
            Command::Play {
                media,
                source,
                repeat,
                token,
            } => self.play(now, media, source, repeat, token),
            Command::Stop(media) => {
                let Some(stream) = self.streams.live(media) else { return };
                let echoes = stream.route == Route::Echo;
                self.unplay(media.slot);
                if echoes {
                    self.part(now, media.slot);
                }
            }
            Command::Echo(media) => self.echo(now, media),
            Command::Dtmf { media, digit, millis } => self.press(now, media, digit, Some(millis)),
            Command::Press { media, digit } => self.press(now, media, digit, None),
            Command::Release { media, digit, millis } => {
                if let (Some(event), Some(stream)) = (dtmf::code(digit), self.streams.live(media)) {
                    stream.egress.keys.release(event, millis);
                }
            }
            Command::Watch { media, timeout } => {
                let Some(stream) = self.streams.live(media) else { return };
                stream.ingress.watch = timeout;
                stream.ingress.heard = now;
                // A time beyond reckoning is never.
                self.arm(media.slot, Timer::Watch, timeout.and_then(|t| now.checked_add(t)));
            }
            Command::Listen { media, ears } => group::hearing::listen(self, now, media, ears),
            Command::OpenRoom { room, tones } => group::hall::open_room(self, now, room, tones),
            Command::Sit { room, media, seat } => group::hall::sit(self, now, room, media, seat),
            Command::Stand(media) => {
                if self.streams.live(media).is_some() {
                    group::hall::stand(self, now, media.slot);
                }
            }
            Command::CloseRoom(room) => group::hall::close_room(self, now, room),
            Command::Record(recording) => group::tapes::record(self, now, &recording),
            Command::PauseRecording { recording, paused } => self.recordings.pause(recording, paused),
            Command::StopRecording(recording) => group::tapes::end_recording(self, now, recording, RecordEnd::Stopped),
            Command::Close(media) => self.close(now, media),
        }
    }

    /// The error is in words for the log.
    fn open(&mut self, now: Duration, media: MediaId, local_port: u16, expected: &[IpAddr]) -> Result<(), String> {
        if media.engine != self.config.engine {
            return Err(format!("a leg of engine {}, not {}", media.engine, self.config.engine));
        }
        if media.slot >= self.config.max_legs {
            return Err(format!("more than {} legs", self.config.max_legs));
        }
        if local_port % 2 == 1 || local_port == 0 {
            return Err(format!("{local_port} is no RTP port"));
        }
        // The slot is given out again without a Close: the old leg is over.
        if let Some(before) = self.streams.get(media.slot).map(|stream| stream.id) {
            self.close(now, before);
        }
        let mut stream = Box::new(Stream::new(
            now,
            media,
            local_port,
            &mut self.random,
            self.config.unheard,
        ));
        let port = self.ports.entry(local_port).or_default();
        port.legs += 1;
        stream.ingress.strangers = port.strangers;
        stream.ingress.announced = self.directory.open(media, local_port, expected);
        self.streams.put(stream);
        Ok(())
    }

    fn update(&mut self, now: Duration, media: MediaId, mut remote: Remote, relearn: bool) {
        remote.rtp = remote.rtp.map(canonical);
        remote.rtcp = remote.rtcp.map(canonical);
        remote.signalling = remote.signalling.map(|ip| ip.to_canonical());
        let Some(stream) = self.streams.live(media) else { return };
        let directory = &mut self.directory;
        let (rtp_port, rtcp_port) = (stream.local_port, stream.local_port + 1);
        directory.withdraw(media, rtp_port, &stream.ingress.announced);
        directory.withdraw(media, rtcp_port, &stream.ingress.announced_rtcp);
        // The peer has not moved where signalling names the very source that it sends from.
        if relearn && stream.ingress.learned != remote.rtp {
            let ssrc = stream.ingress.ssrc();
            stream.forget_speaker(directory);
            if let Some(old) = stream.ingress.learned.take() {
                directory.unbind(now, rtp_port, old, ssrc);
            }
            if let Some(old) = stream.ingress.learned_rtcp.take() {
                directory.unbind(now, rtcp_port, old, ssrc);
            }
            stream.ingress.detector.reset();
        }
        let ingress = &mut stream.ingress;
        let before = std::mem::take(&mut ingress.announced);
        ingress.announced = if ingress.learned.is_none() {
            directory.announce(media, rtp_port, remote.rtp, &remote.expected)
        } else {
            // A leg that was learned by its address alone may have been taken for a stranger: the signalled address and
            // port stay open to it.
            let exact = remote.rtp.filter(|rtp| ingress.learned != Some(*rtp));
            directory.correct(media, rtp_port, exact)
        };
        if relearn {
            // The old socket may be at an address that is still expected. Now not even this leg may be heard from
            // there.
            directory.haunt(now, None, rtp_port, &before, &Announced::default());
        } else {
            directory.haunt(now, Some(media), rtp_port, &before, &ingress.announced);
        }
        let exact = remote.rtcp.filter(|_| ingress.learned_rtcp.is_none());
        ingress.announced_rtcp = directory.announce(media, rtcp_port, exact, &[]);
        ingress.described = true;
        let other_types = stream.remote.receive_payloads != remote.receive_payloads;
        stream.remote = remote;
        voice::describe(stream);
        let reports = stream.rtcp_destination().is_some() && !stream.due.is_set(Timer::Report);
        let measures = !stream.due.is_set(Timer::Measure);
        let route = stream.route;
        if reports {
            let next = rtcp::interval(self.config.report, true, self.random.next_u32());
            self.arm(media.slot, Timer::Report, Some(now + next));
        }
        if measures {
            self.arm(media.slot, Timer::Measure, Some(now + self.config.quality));
        }
        self.streams.rebuild(media.slot);
        group::members::review_sound(self, media.slot, other_types);
        if let Route::Relay(other) = route {
            self.streams.rebuild(other);
            group::members::review_sound(self, other, false);
        }
        group::hall::sit_again(self, now, media);
    }

    fn bridge(&mut self, now: Duration, one: MediaId, other: MediaId) {
        if one == other || self.streams.live(one).is_none() || self.streams.live(other).is_none() {
            return;
        }
        for slot in [one.slot, other.slot] {
            self.silence(now, slot);
        }
        self.streams.link(one.slot, other.slot);
        for slot in [one.slot, other.slot] {
            if self.streams.look(slot).is_some_and(|stream| stream.group.is_some()) {
                group::members::join_group(self, now, slot);
            }
        }
    }

    /// Ends what the leg plays and relays.
    pub(super) fn silence(&mut self, now: Duration, slot: u32) {
        self.unplay(slot);
        self.part(now, slot);
    }

    /// Ends the relay from and to the leg, and what was decoded for it.
    fn part(&mut self, now: Duration, slot: u32) {
        let other = match self.streams.look(slot).map(|stream| stream.route) {
            Some(Route::Relay(other)) => Some(other),
            Some(Route::Nowhere | Route::Echo | Route::Room) | None => None,
        };
        group::hall::stand(self, now, slot);
        self.streams.unlink(slot);
        for slot in [slot].into_iter().chain(other) {
            group::members::leave_group(self, now, slot);
        }
    }

    fn echo(&mut self, now: Duration, media: MediaId) {
        if self.streams.live(media).is_none() {
            return;
        }
        self.silence(now, media.slot);
        if let Some(stream) = self.streams.live(media) {
            stream.route = Route::Echo;
            stream.egress.out.interrupt(Join::Anew);
        }
        self.streams.rebuild(media.slot);
    }

    /// Without `millis` until the key is released.
    fn press(&mut self, now: Duration, media: MediaId, digit: char, millis: Option<u16>) {
        let Some(event) = dtmf::code(digit) else { return };
        let Some(stream) = self.streams.live(media) else { return };
        // A peer that takes neither events nor sound of ours cannot be told; the voice is not held up for it.
        let sounds = stream.egress.packets.is_some() && in_band::has_tone(event);
        if stream.event_payload().is_none() && !sounds {
            return;
        }
        if millis.is_some() && stream.egress.crossing.was_last(now, event) {
            return;
        }
        if stream.egress.keys.press(now, event, millis) && !stream.due.is_set(Timer::Keys) {
            self.arm(media.slot, Timer::Keys, Some(now));
        }
    }

    fn play(&mut self, now: Duration, media: MediaId, source: Source, repeat: bool, token: u64) {
        let Some(stream) = self.streams.live(media) else { return };
        let deaf = !stream.remote.send_payloads.is_empty() && stream.egress.packets.is_none();
        if stream.route == Route::Echo && !deaf {
            self.part(now, media.slot);
        }
        self.unplay(media.slot);
        let fault = if deaf {
            Err("the leg has no codec that Tandem can encode".to_owned())
        } else {
            Ok(())
        };
        let music = match &source {
            Source::Music(name) => Some(name.clone()),
            Source::Prompts(_) | Source::Tone(_) => None,
        };
        let is_music = music.is_some();
        let parts = fault.and_then(|()| self.play.files.parts(source));
        let (parts, fault) = match parts {
            Ok(parts) => (parts, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        let player = match music.filter(|_| fault.is_none()) {
            Some(name) => Player::music(name, token, now),
            None => Player::new(Owner::Leg(media), parts, repeat, token, now, &mut self.play),
        };
        let first = (!player.waits()).then_some(player.next);
        if let Some(stream) = self.streams.live(media) {
            if is_music {
                // Its packets are made for all legs together: the leg needs no encoder of its own.
                stream.egress.voice = None;
            }
            stream.egress.player = Some(player);
        }
        if fault.is_some() {
            return self.end_play(media.slot, fault);
        }
        self.arm(media.slot, Timer::Play, first);
    }

    fn close(&mut self, now: Duration, media: MediaId) {
        if self.streams.live(media).is_none() {
            return;
        }
        group::tapes::end_recordings_of(self, now, media.slot);
        self.unplay(media.slot);
        self.part(now, media.slot);
        for timer in Timer::ALL {
            self.arm(media.slot, timer, None);
        }
        let Some(mut stream) = self.streams.take(media.slot) else {
            return;
        };
        if self.farewells.len() < MAX_FAREWELLS {
            self.farewells.extend(rtcp::farewell(&mut stream, now));
        }
        let quality = rtcp::measure::quality(&stream);
        let (local_port, ingress, mut counters) = (stream.local_port, &stream.ingress, stream.counters);
        let directory = &mut self.directory;
        directory.withdraw(media, local_port, &ingress.announced);
        directory.withdraw(media, local_port + 1, &ingress.announced_rtcp);
        directory.haunt(now, Some(media), local_port, &ingress.announced, &Announced::default());
        let ssrc = ingress.ssrc();
        if let Some(source) = ingress.learned {
            directory.unbind(now, local_port, source, ssrc);
        }
        if let Some(source) = ingress.learned_rtcp {
            directory.unbind(now, local_port + 1, source, ssrc);
        }
        directory.speaks(media, local_port, ingress.speaking, None);
        if let Some(port) = self.ports.get_mut(&local_port) {
            counters.injected += port.strangers - ingress.strangers;
            port.legs -= 1;
            if port.legs == 0 {
                self.ports.remove(&local_port);
            }
        }
        self.events.push_back(Event::Closed {
            media,
            counters,
            quality,
        });
    }
}
