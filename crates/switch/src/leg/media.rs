//! A leg's media: its port and what the engine is told of its session.

use std::{net::SocketAddr, time::Duration};

use ::media::{Command, Direction, Local, PeerAddress, Remote, SdpError, Session, Spec};
use sip::{Flow, HeaderName, Instant};
use smallvec::smallvec;

use super::{Leg, Phase};
use crate::stack::Stack;

/// No media port, or no transaction, could be had.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Stack {
    /// Whether a phone may have its media sent there. Not to our own ports, where it would go round for ever; nor to
    /// what only this machine can reach, unless the phone is on it.
    fn may_send_media(&self, flow: &Flow, to: SocketAddr) -> bool {
        let ip = to.ip();
        if ip.is_loopback() && !flow.remote.ip().to_canonical().is_loopback() {
            return false;
        }
        let ours = ip.is_loopback() || ip == self.media_address(flow) || ip == flow.local.ip().to_canonical();
        let open = self.pool.covers(to.port()) || self.listeners.iter().any(|own| own.address.port() == to.port());
        !(ours && open)
    }

    /// The session of a new leg, which has no port yet.
    fn new_session(&mut self, flow: &Flow) -> Session {
        Session::new(Local {
            address: self.media_address(flow),
            port: 0,
            session_id: self.ids.u64() >> 2, // fits the signed 64 bits some phones parse o= with
        })
    }

    /// The clock of the pool of media ports.
    pub fn media_now(&self) -> Duration {
        self.now.since(Instant::ZERO)
    }
}

impl Leg {
    /// Gives the leg a session and a port, if it has none yet.
    pub(super) fn ensure_session(&mut self, cx: &mut Stack) -> Result<&mut Session, NoRoom> {
        if self.session.is_none() {
            let session = cx.new_session(&self.flow);
            let peer = PeerAddress::undescribed(self.flow.remote.ip(), self.seems_behind_nat());
            self.take_port(cx, session, &peer)?;
        }
        self.session.as_mut().ok_or(NoRoom)
    }

    /// Takes the offer with which the leg begins. What it says of the peer's address decides which port the leg gets.
    pub(super) fn first_offer(&mut self, cx: &mut Stack, sdp: &[u8]) -> Result<Result<Spec, SdpError>, NoRoom> {
        let mut session = cx.new_session(&self.flow);
        let offered = session.receive_offer(sdp);
        if offered.is_ok() {
            let remote = self.remote(cx, &session);
            let peer = PeerAddress::described(self.flow.remote.ip(), &remote);
            self.take_port(cx, session, &peer)?;
        }
        Ok(offered)
    }

    fn take_port(&mut self, cx: &mut Stack, mut session: Session, peer: &PeerAddress) -> Result<(), NoRoom> {
        let now = cx.media_now();
        let port = cx.pool.open();
        let Some(local_port) = cx.pool.take(now, port, peer) else {
            cx.pool.release(now, port);
            return Err(NoRoom);
        };
        if cx.pool.is_in_doubt(port) {
            tracing::debug!(
                local_port,
                "no media port is left that tells the leg from others before they are heard"
            );
        }
        session.move_to(cx.media_address(&self.flow), local_port);
        cx.ports.insert(port, self.id);
        cx.media(Command::Open {
            port,
            local_port,
            expected: smallvec![self.flow.remote.ip()],
        });
        self.port = Some(port);
        self.session = Some(session);
        Ok(())
    }

    /// Whether the peer's Contact (or the one we call) is another address than the one it signals from.
    fn seems_behind_nat(&self) -> bool {
        let ip = if self.inbound {
            let contact = self.invite.addresses(HeaderName::Contact).find_map(Result::ok);
            contact.and_then(|contact| contact.uri().ok()?.host.ip())
        } else {
            self.invite.request_uri().ok().and_then(|uri| uri.host.ip())
        };
        ip.is_some_and(|ip| ip.to_canonical() != self.flow.remote.ip().to_canonical())
    }

    /// What the engine may know of the peer.
    fn remote(&self, cx: &Stack, session: &Session) -> Remote {
        let signalling = self.flow.remote.ip();
        let mut remote = session.remote(signalling);
        if remote.rtp.is_some_and(|to| !cx.may_send_media(&self.flow, to)) {
            (remote.rtp, remote.rtcp) = (None, None);
            remote.expected = smallvec![signalling.to_canonical()];
        }
        remote.rtcp = remote.rtcp.filter(|to| cx.may_send_media(&self.flow, *to));
        remote
    }

    /// Tells the engine what the session is now.
    pub(super) fn sync_media(&mut self, cx: &mut Stack) {
        let (Some(session), Some(port)) = (&self.session, self.port) else {
            return;
        };
        let remote = self.remote(cx, session);
        let moved = self.last_rtp != remote.rtp && self.last_rtp.is_some() && remote.rtp.is_some();
        if remote.rtp.is_some() {
            self.last_rtp = remote.rtp;
        }
        if remote.rtp.is_some() {
            // A leg that may be taken for another one on its port is told apart by the engine, or not heard before that
            // one is.
            let peer = PeerAddress::described(self.flow.remote.ip(), &remote);
            if cx.pool.expect(cx.media_now(), port, &peer, moved).is_err() {
                tracing::debug!("the leg may be taken for another one on its media port until one of them is heard");
            }
        }
        let Direction { send, receive } = remote.direction;
        self.held = !(send && receive);
        cx.media(Command::Update {
            port,
            remote,
            relearn: moved,
        });
        let timeout = cx
            .config
            .media_timeout
            .filter(|_| receive && matches!(self.phase, Phase::Up | Phase::Unacked));
        if self.watched != timeout {
            self.watched = timeout;
            cx.media(Command::Watch { port, timeout });
        }
    }

    /// Gives the port back.
    pub(super) fn close_media(&mut self, cx: &mut Stack) {
        if let Some(port) = self.port.take() {
            cx.media(Command::Close(port));
            cx.ports.remove(&port);
            cx.pool.release(cx.media_now(), port);
        }
        self.session = None;
    }
}
