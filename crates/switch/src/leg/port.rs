//! A leg's media: its port, and the commands about its session to the media engine.

use std::{net::SocketAddr, time::Duration};

use ::media::{Command, Direction, Local, MediaId, PeerAddress, Pool, Remote, Spec, service::Quality};
use sip::{Flow, HeaderName, Instant, Message};
use smallvec::smallvec;

use super::{LegId, Talk};
use crate::stack::Stack;

/// There is no free media port, or no room for another transaction.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Stack {
    /// Whether the media for a phone may be sent to this address. Our own ports are excluded, because the media would
    /// loop for ever. Loopback addresses are excluded unless the phone is on this machine.
    fn may_send_media(&self, flow: &Flow, to: SocketAddr) -> bool {
        let ip = to.ip();
        if ip.is_loopback() && !flow.remote.ip().to_canonical().is_loopback() {
            return false;
        }
        let ours = ip.is_loopback() || ip == self.media_address(flow) || ip == flow.local.ip().to_canonical();
        let open = self.pool.covers(to.port()) || self.listeners.iter().any(|own| own.address.port() == to.port());
        !(ours && open)
    }

    /// The address at which a new leg will receive media. The port is still 0.
    pub fn new_local(&mut self, flow: &Flow) -> Local {
        Local {
            address: self.media_address(flow),
            port: 0,
            session_id: self.ids.u64() >> 2, // fits the signed 64 bits in which some phones read the o= line
        }
    }

    /// The clock of the pool of media ports.
    pub fn media_now(&self) -> Duration {
        self.now.since(Instant::ZERO)
    }
}

/// A leg's place in the media engine, and what the engine was told last.
#[derive(Debug, Default)]
pub(super) struct Port {
    id: Option<MediaId>,
    /// The last address that the phone gave for its RTP.
    last_rtp: Option<SocketAddr>,
    /// How long the phone may be silent, as the engine was told last.
    watched: Option<Duration>,
    /// Media flows in one direction at most.
    held: bool,
    /// What the engine measured last.
    measured: Option<Box<Quality>>,
    /// The place that was given back, if the engine had it open.
    closed: Option<MediaId>,
    /// The engine could not open the place.
    failed: bool,
    /// The lines besides the audio, by place. A place that is taken stays taken while the leg lasts.
    lines: Vec<Option<LinePort>>,
}

/// The place in the media engine of a line besides the audio.
#[derive(Debug)]
struct LinePort {
    id: MediaId,
    local_port: u16,
    last_rtp: Option<SocketAddr>,
}

impl Port {
    /// The place, once there is one.
    pub const fn id(&self) -> Option<MediaId> {
        self.id
    }

    /// The place that was given back, if the engine had it open: the engine tells when it has closed it.
    pub const fn closed(&self) -> Option<MediaId> {
        self.closed
    }

    /// What the engine measured last.
    pub fn measured(&self) -> Option<&Quality> {
        self.measured.as_deref()
    }

    /// The engine could not open the place.
    pub const fn failed(&mut self) {
        self.failed = true;
    }

    /// The engine measured.
    pub fn measure(&mut self, quality: Quality) {
        **self.measured.get_or_insert_default() = quality;
    }

    /// Whether media flows in one direction at most.
    pub const fn is_held(&self) -> bool {
        self.held
    }

    /// Takes a UDP port, which `talk` names from now on. `peer`, what is known of the phone's media address, decides
    /// which port. `beside`: the place of a leg that this leg is to be bridged with. Both legs are then on one engine.
    pub fn take(
        &mut self,
        cx: &mut Stack,
        leg: LegId,
        flow: &Flow,
        talk: &mut Talk,
        peer: &PeerAddress,
        beside: Option<MediaId>,
    ) -> Result<(), NoRoom> {
        let port = match beside {
            Some(other) => cx.pool.open_beside(other),
            None => cx.pool.open(),
        };
        self.take_from(cx, leg, flow, port, |pool, now| pool.take(now, port, peer))
            .map(|local_port| talk.receive_at(cx.media_address(flow), local_port))
    }

    /// Takes the UDP port that `talk` names, for a leg that goes on from its image.
    /// A line besides the audio whose port is not to be had is received no longer.
    pub fn take_again(&mut self, cx: &mut Stack, leg: LegId, flow: &Flow, talk: &mut Talk) -> Result<(), NoRoom> {
        let peer = PeerAddress::described(flow.remote.ip(), &remote(cx, flow, talk));
        let local_port = talk.local_port();
        let port = cx.pool.open();
        self.take_from(cx, leg, flow, port, |pool, now| {
            pool.take_again(now, port, &peer, local_port)
        })?;
        let ports = talk.line_ports().to_vec();
        self.lines.resize_with(ports.len(), || None);
        for (place, local_port) in ports.into_iter().enumerate().filter(|(_, port)| *port != 0) {
            let (id, now) = (cx.pool.open_beside(port), cx.media_now());
            let peer = PeerAddress::undescribed(flow.remote.ip(), false);
            if cx.pool.take_again(now, id, &peer, local_port).is_none() {
                cx.pool.release(now, id);
                talk.receive_line_at(place, 0);
                continue;
            }
            self.open_line(cx, leg, flow, (place, id, local_port));
        }
        Ok(())
    }

    /// The engine receives the line at this place, and `lines` has a place for it.
    fn open_line(&mut self, cx: &mut Stack, leg: LegId, flow: &Flow, (place, id, local_port): (usize, MediaId, u16)) {
        cx.ports.insert(id, leg);
        cx.media(Command::Open {
            media: id,
            local_port,
            expected: smallvec![flow.remote.ip()],
        });
        self.lines[place] = Some(LinePort {
            id,
            local_port,
            last_rtp: None,
        });
    }

    fn take_from(
        &mut self,
        cx: &mut Stack,
        leg: LegId,
        flow: &Flow,
        port: MediaId,
        take: impl FnOnce(&mut Pool, Duration) -> Option<u16>,
    ) -> Result<u16, NoRoom> {
        let now = cx.media_now();
        let Some(local_port) = take(&mut cx.pool, now) else {
            cx.pool.release(now, port);
            return Err(NoRoom);
        };
        if cx.pool.is_in_doubt(port) {
            tracing::debug!(
                local_port,
                "no media port is left that tells the leg from others before they are heard"
            );
        }
        cx.ports.insert(port, leg);
        cx.media(Command::Open {
            media: port,
            local_port,
            expected: smallvec![flow.remote.ip()],
        });
        self.id = Some(port);
        Ok(local_port)
    }

    /// Takes a UDP port for each line of `spec` besides the audio that has none yet, on the engine of the leg. Each line
    /// has a port of its own: a phone takes equal ports for one stream. A line for which there is no port is refused.
    pub fn take_lines(&mut self, cx: &mut Stack, leg: LegId, flow: &Flow, talk: &mut Talk, spec: &Spec) {
        let Some(beside) = self.id else { return };
        let wanted = spec.lines().iter().enumerate().filter(|(_, line)| line.is_some());
        for (place, _) in wanted
            .filter(|(place, _)| talk.may_have_line(*place))
            .collect::<Vec<_>>()
        {
            if self.lines.get(place).is_some_and(Option::is_some) {
                continue;
            }
            let mut others = vec![talk.local_port()];
            others.extend(self.lines.iter().flatten().map(|line| line.local_port));
            let (id, now) = (cx.pool.open_beside(beside), cx.media_now());
            let peer = PeerAddress::undescribed(flow.remote.ip(), false);
            let Some(local_port) = cx.pool.take_apart(now, id, &peer, &others) else {
                tracing::info!(
                    place,
                    "no media port is free for another media line: the line is refused"
                );
                cx.pool.release(now, id);
                continue;
            };
            talk.receive_line_at(place, local_port);
            if self.lines.len() <= place {
                self.lines.resize_with(place + 1, || None);
            }
            self.open_line(cx, leg, flow, (place, id, local_port));
        }
    }

    /// The places in the media engine of the lines besides the audio, by their place in the call.
    pub fn lines(&self) -> impl Iterator<Item = Option<MediaId>> {
        self.lines.iter().map(|line| line.as_ref().map(|line| line.id))
    }

    fn sync_lines(&mut self, cx: &mut Stack, flow: &Flow, talk: &Talk) {
        let remotes = talk.line_remotes(flow.remote.ip());
        for (place, line) in self.lines.iter_mut().enumerate() {
            let Some(line) = line else { continue };
            let remote = remotes.get(place).cloned().flatten();
            let mut remote = remote.unwrap_or_else(|| Remote {
                raw: true,
                ..Remote::default()
            });
            remote = reachable(cx, flow, remote);
            let moved = line.last_rtp.is_some() && remote.rtp.is_some() && line.last_rtp != remote.rtp;
            if remote.rtp.is_some() {
                line.last_rtp = remote.rtp;
                let peer = PeerAddress::described(flow.remote.ip(), &remote);
                // As with the audio: the engine tells two legs apart, or one of them waits.
                let _ = cx.pool.expect(cx.media_now(), line.id, &peer, moved);
            }
            cx.media(Command::Update {
                media: line.id,
                remote,
                relearn: moved,
            });
        }
    }

    /// Tells the engine what the session is now. `up`: the leg is answered, and the phone must not stay silent for
    /// longer than the timeout.
    pub fn sync(&mut self, cx: &mut Stack, flow: &Flow, talk: &Talk, up: bool) {
        let Some(port) = self.id else { return };
        let remote = remote(cx, flow, talk);
        let moved = self.last_rtp != remote.rtp && self.last_rtp.is_some() && remote.rtp.is_some();
        if remote.rtp.is_some() {
            self.last_rtp = remote.rtp;
            // Two legs on one port may look alike. The engine then tells them apart, or this leg is not heard before
            // the other one is.
            let peer = PeerAddress::described(flow.remote.ip(), &remote);
            if cx.pool.expect(cx.media_now(), port, &peer, moved).is_err() {
                tracing::debug!("the leg may be taken for another one on its media port until one of them is heard");
            }
        }
        let Direction { send, receive } = remote.direction;
        self.held = !(send && receive);
        let hears = receive && !remote.receive_payloads.is_empty();
        cx.media(Command::Update {
            media: port,
            remote,
            relearn: moved,
        });
        // Most phones send nothing while they hold, also where they say `sendonly`.
        let timeout = cx.config.media_timeout.filter(|_| hears && up && !talk.holds());
        if self.watched != timeout {
            self.watched = timeout;
            cx.media(Command::Watch { media: port, timeout });
        }
        self.sync_lines(cx, flow, talk);
    }

    /// Gives the port back.
    pub fn close(&mut self, cx: &mut Stack) {
        let lines = self.lines.drain(..).flatten().map(|line| line.id);
        let audio = self.id.take();
        self.closed = audio.filter(|_| !self.failed);
        for port in audio.into_iter().chain(lines) {
            cx.media(Command::Close(port));
            cx.ports.remove(&port);
            cx.pool.release(cx.media_now(), port);
        }
    }
}

/// What the engine needs of the phone, without the addresses to which no media may be sent.
pub(super) fn remote(cx: &Stack, flow: &Flow, talk: &Talk) -> Remote {
    reachable(cx, flow, talk.remote(flow.remote.ip()))
}

/// A phone as described, without the addresses to which no media may be sent.
fn reachable(cx: &Stack, flow: &Flow, mut remote: Remote) -> Remote {
    let signalling = flow.remote.ip();
    if remote.rtp.is_some_and(|to| !cx.may_send_media(flow, to)) {
        (remote.rtp, remote.rtcp) = (None, None);
        remote.expected = smallvec![signalling.to_canonical()];
    }
    remote.rtcp = remote.rtcp.filter(|to| cx.may_send_media(flow, *to));
    remote
}

/// What is known of the phone's media address before the phone has described any media. `invite` shows whether the
/// phone is behind NAT: by the Contact of a phone that calls, by the Request-URI of a phone that is called.
pub(super) fn undescribed(flow: &Flow, inbound: bool, invite: &Message) -> PeerAddress {
    let signalling = flow.remote.ip();
    let ip = if inbound {
        let contact = invite.addresses(HeaderName::Contact).find_map(Result::ok);
        contact.and_then(|contact| contact.uri().ok()?.host.ip())
    } else {
        invite.request_uri().ok().and_then(|uri| uri.host.ip())
    };
    let behind_nat = ip.is_some_and(|ip| ip.to_canonical() != signalling.to_canonical());
    PeerAddress::undescribed(signalling, behind_nat)
}
