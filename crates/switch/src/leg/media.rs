//! A leg's media: its port and what the engine is told of its session.

use std::net::SocketAddr;

use ::media::{Command, Direction, Local, Session};
use sip::{Flow, Limits, Message, Part};
use smallvec::smallvec;

use super::{Leg, Phase};
use crate::stack::Stack;

/// The session description in a message: its body, or that part of a multipart one (RFC 5621 section 3.1). Empty where
/// there is none.
pub(crate) fn description(message: &Message) -> &[u8] {
    if message.content_type().is_none() {
        return message.body();
    }
    let parts = message.parts(&Limits::default()).unwrap_or_default();
    parts
        .iter()
        .find(|part| describes_session(part))
        .map_or(&[], |part| part.body)
}

/// Whether a part describes the session; the description of an early session (RFC 3959) does not.
pub(crate) fn describes_session(part: &Part<'_>) -> bool {
    let early = || {
        part.purpose()
            .is_some_and(|purpose| purpose.kind.eq_ignore_ascii_case("early-session"))
    };
    part.is("application", "sdp") && !early()
}

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
}

impl Leg {
    /// Gives the leg a session and a port, if it has none yet.
    pub(super) fn ensure_session(&mut self, cx: &mut Stack) -> Result<&mut Session, NoRoom> {
        if self.session.is_none() {
            let expected = [self.flow.remote.ip()];
            let port = cx.pool.open();
            let Some(local_port) = cx.pool.take(port, &expected) else {
                cx.pool.release(port);
                return Err(NoRoom);
            };
            cx.ports.insert(port, self.id);
            cx.media(Command::Open {
                port,
                local_port,
                expected: smallvec![expected[0]],
            });
            self.port = Some(port);
            let local = Local {
                address: cx.media_address(&self.flow),
                port: local_port,
                session_id: cx.ids.u64() >> 2, // fits the signed 64 bits some phones parse o= with
            };
            self.session = Some(Session::new(local));
        }
        self.session.as_mut().ok_or(NoRoom)
    }

    /// Tells the engine what the session is now.
    pub(super) fn sync_media(&mut self, cx: &mut Stack) {
        let (Some(session), Some(port)) = (&self.session, self.port) else {
            return;
        };
        let mut remote = session.remote(self.flow.remote.ip());
        if remote.rtp.is_some_and(|to| !cx.may_send_media(&self.flow, to)) {
            (remote.rtp, remote.rtcp) = (None, None);
            remote.expected = smallvec![self.flow.remote.ip().to_canonical()];
        }
        remote.rtcp = remote.rtcp.filter(|to| cx.may_send_media(&self.flow, *to));
        let moved = self.last_rtp != remote.rtp && self.last_rtp.is_some() && remote.rtp.is_some();
        if remote.rtp.is_some() {
            self.last_rtp = remote.rtp;
        }
        if moved {
            // The new source may be one that another silent leg on this port expects; the engine
            // tells them apart by the exact address then, and drops what it cannot tell.
            let _ = cx.pool.relearn(port, &remote.expected);
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
            cx.pool.release(port);
        }
        self.session = None;
    }
}
