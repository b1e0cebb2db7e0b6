//! One UDP socket.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, RawFd},
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use nix::{
    cmsg_space, libc,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmsg, sendmsg,
        setsockopt, sockopt,
    },
};
use sip::{Flow, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use switch::{Input, Transmit};
use tokio::{io::Interest, net::UdpSocket, sync::mpsc};

use super::{Limits, local::Routes, stun};

/// No datagram is longer.
const LONGEST: usize = 65_536;
/// Asked of the kernel for either direction, so that a burst does not overflow while the switch works.
const KERNEL_BUFFER: usize = 4 << 20;

pub(super) struct Udp {
    socket: Rc<UdpSocket>,
    bound: SocketAddr,
    buffer: Vec<u8>,
    control: Vec<u8>,
    waiting: VecDeque<Transmit>,
    waiting_most: usize,
    batch: usize,
}

impl Udp {
    pub(super) fn bind(
        address: SocketAddr,
        limits: &Limits,
        reporter: mpsc::Sender<Input>,
        routes: Rc<Routes>,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        }
        // The kernel may grant less (more than its limit only to root); that is no reason not to start.
        if setsockopt(&socket, sockopt::RcvBufForce, &KERNEL_BUFFER).is_err() {
            let _ = socket.set_recv_buffer_size(KERNEL_BUFFER);
        }
        let _ = socket.set_send_buffer_size(KERNEL_BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = Rc::new(UdpSocket::from_std(socket.into())?);
        let bound = socket.local_addr()?;
        tokio::task::spawn_local(report_errors(Rc::clone(&socket), bound, reporter, routes));
        Ok(Self {
            socket,
            bound,
            buffer: vec![0; LONGEST],
            control: cmsg_space!(libc::in6_pktinfo),
            waiting: VecDeque::new(),
            waiting_most: limits.datagram_queue,
            batch: limits.batch,
        })
    }

    /// Whether nothing waits to be sent.
    pub(super) fn is_flushed(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Takes what has come, at most a batch, and sends what had to wait.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, inputs: &mut Vec<Input>) {
        self.poll_send(context, inputs);
        for _ in 0..self.batch {
            match self.poll_one(context) {
                Poll::Ready(Some(input)) => inputs.push(input),
                Poll::Ready(None) => {}
                Poll::Pending => return,
            }
        }
        // There may be more, and only this task can wake itself for it.
        context.waker().wake_by_ref();
    }

    /// One datagram; `None` if it held nothing for the switch.
    fn poll_one(&mut self, context: &mut Context<'_>) -> Poll<Option<Input>> {
        loop {
            if self.socket.poll_recv_ready(context).is_pending() {
                return Poll::Pending;
            }
            let (socket, buffer, control) = (&self.socket, &mut self.buffer, &mut self.control);
            let received = socket.try_io(Interest::READABLE, || receive(socket.as_raw_fd(), buffer, control));
            match received {
                Ok(Some(datagram)) => return Poll::Ready(self.admit(&datagram)),
                Ok(None) => return Poll::Ready(None),
                // Not ready after all: ask again, so that the waker is registered.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An ICMP error of an earlier datagram; `report_errors` knows which.
                Err(_) => return Poll::Ready(None),
            }
        }
    }

    fn admit(&mut self, datagram: &Datagram) -> Option<Input> {
        let bytes = self.buffer.get(..datagram.length)?;
        let local = SocketAddr::new(datagram.local.unwrap_or(self.bound.ip()), self.bound.port());
        let flow = Flow {
            transport: Transport::Udp,
            local,
            remote: datagram.remote,
            connection: None,
        };
        // Keep-alives: a double CRLF is answered by a single one (RFC 5626 4.4.1 has it for streams; phones
        // send it here too), anything else without content keeps a NAT open and asks for nothing.
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0)) {
            if bytes == b"\r\n\r\n" {
                let pong = Transmit {
                    flow,
                    bytes: Bytes::from_static(b"\r\n"),
                };
                let _ = self.try_send(&pong);
            }
            return None;
        }
        if let Some(bytes) = stun::answer(bytes, datagram.remote) {
            let _ = self.try_send(&Transmit { flow, bytes });
            return None;
        }
        Some(Input::Received {
            flow,
            bytes: Bytes::copy_from_slice(bytes),
        })
    }

    fn poll_send(&mut self, context: &mut Context<'_>, inputs: &mut Vec<Input>) {
        while let Some(transmit) = self.waiting.pop_front() {
            if self.socket.poll_send_ready(context).is_pending() {
                self.waiting.push_front(transmit);
                return;
            }
            match self.try_send(&transmit) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.waiting.push_front(transmit),
                Err(_) => inputs.push(Input::TransmitFailed { flow: transmit.flow }),
            }
        }
    }

    /// Sends now, or keeps the message until the socket takes it.
    pub(super) fn send(&mut self, transmit: Transmit) -> io::Result<()> {
        let sent = if self.waiting.is_empty() {
            self.try_send(&transmit)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.waiting.len() < self.waiting_most {
                    self.waiting.push_back(transmit);
                } else {
                    tracing::debug!(flow = %transmit.flow, "datagram lost: the socket takes no more");
                }
                Ok(())
            }
            done => done,
        }
    }

    fn try_send(&self, transmit: &Transmit) -> io::Result<()> {
        let fd = self.socket.as_raw_fd();
        past_an_older_fault(|| {
            self.socket
                .try_io(Interest::WRITABLE, || send(fd, self.bound, transmit))
        })
    }
}

/// Linux reports the ICMP error of any earlier datagram to the next send. Then the datagram of this send has not left,
/// and the error says nothing of its destination: it is sent again. A send that fails twice has an error of its own.
fn past_an_older_fault(mut send: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    match send() {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => send(),
        done => done,
    }
}

struct Datagram {
    length: usize,
    remote: SocketAddr,
    local: Option<IpAddr>,
}

/// One `recvmsg`; `None` for an empty datagram, or one without a usable source.
#[allow(clippy::ptr_arg, reason = "the kernel fills its capacity")]
fn receive(fd: RawFd, buffer: &mut [u8], control: &mut Vec<u8>) -> io::Result<Option<Datagram>> {
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(control), MsgFlags::MSG_DONTWAIT)?;
    let remote = message
        .address
        .as_ref()
        .and_then(socket_address)
        .filter(|remote| remote.port() != 0);
    let mut local = None;
    for item in message.cmsgs().into_iter().flatten() {
        local = local_of(&item).or(local);
    }
    let length = message.bytes;
    Ok(remote
        .filter(|_| length > 0)
        .map(|remote| Datagram { length, remote, local }))
}

/// The address a datagram was sent to, from its control message.
#[allow(clippy::wildcard_enum_match_arm, reason = "the kernel's list, not ours")]
fn local_of(item: &ControlMessageOwned) -> Option<IpAddr> {
    match item {
        ControlMessageOwned::Ipv4PacketInfo(info) => Some(IpAddr::V4(u32::from_be(info.ipi_spec_dst.s_addr).into())),
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(IpAddr::V6(info.ipi6_addr.s6_addr.into())),
        _ => None,
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

/// One `sendmsg`, from the flow's own local address where the socket is bound to a wildcard.
fn send(fd: RawFd, bound: SocketAddr, transmit: &Transmit) -> io::Result<()> {
    let slices = [IoSlice::new(&transmit.bytes)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let source = Some(transmit.flow.local.ip()).filter(|ip| bound.ip().is_unspecified() && !ip.is_unspecified());
    match (transmit.flow.remote, source) {
        (SocketAddr::V4(to), Some(IpAddr::V4(from))) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from(from).to_be(),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            sendmsg(
                fd,
                &slices,
                &[ControlMessage::Ipv4PacketInfo(&info)],
                flags,
                Some(&SockaddrIn::from(to)),
            )
        }
        (SocketAddr::V6(to), Some(IpAddr::V6(from))) => {
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: from.octets() },
                ipi6_ifindex: to.scope_id(),
            };
            sendmsg(
                fd,
                &slices,
                &[ControlMessage::Ipv6PacketInfo(&info)],
                flags,
                Some(&SockaddrIn6::from(to)),
            )
        }
        (SocketAddr::V4(to), _) => sendmsg(fd, &slices, &[], flags, Some(&SockaddrIn::from(to))),
        (SocketAddr::V6(to), _) => sendmsg(fd, &slices, &[], flags, Some(&SockaddrIn6::from(to))),
    }?;
    Ok(())
}

/// RFC 3261 18.4: an unreachable destination is reported to the sender. The kernel keeps the
/// datagram that an ICMP error is about, with where it went.
async fn report_errors(socket: Rc<UdpSocket>, bound: SocketAddr, reporter: mpsc::Sender<Input>, routes: Rc<Routes>) {
    while socket.ready(Interest::ERROR).await.is_ok() {
        while let Ok(remote) = socket.try_io(Interest::ERROR, || unreachable(socket.as_raw_fd())) {
            let Some(remote) = remote else { continue };
            let ip = if bound.ip().is_unspecified() {
                routes.to(remote.ip())
            } else {
                Some(bound.ip())
            };
            let Some(ip) = ip else { continue };
            let local = SocketAddr::new(ip, bound.port());
            let flow = Flow {
                transport: Transport::Udp,
                local,
                remote,
                connection: None,
            };
            if reporter.send(Input::TransmitFailed { flow }).await.is_err() {
                return;
            }
        }
    }
}

/// The next entry of the socket's error queue: where its datagram went, if that cannot be reached.
fn unreachable(fd: RawFd) -> io::Result<Option<SocketAddr>> {
    let mut nothing = [0_u8; 1];
    let mut slices = [IoSliceMut::new(&mut nothing)];
    let mut control = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, libc::in6_pktinfo);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut control), flags)?;
    let mut hard = false;
    for item in message.cmsgs().into_iter().flatten() {
        hard |= is_hard(&item);
    }
    Ok(message.address.as_ref().and_then(socket_address).filter(|_| hard))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the kernel's list, not ours")]
fn is_hard(item: &ControlMessageOwned) -> bool {
    let error = match item {
        ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => error.ee_errno,
        _ => return false,
    };
    is_final(error)
}

/// RFC 3261 18.4: network, host, port and protocol unreachable (or unknown, or fenced off), and what the header
/// says is refused; a TTL that ran out, a path that takes smaller packets only, and the like are ignored.
fn is_final(error: u32) -> bool {
    [
        libc::ECONNREFUSED,
        libc::EHOSTUNREACH,
        libc::EHOSTDOWN,
        libc::ENETUNREACH,
        libc::ENONET,
        libc::ENOPROTOOPT,
        libc::EACCES,
        libc::EPROTO,
    ]
    .iter()
    .any(|known| u32::try_from(*known) == Ok(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_icmp_error_about_one_phone_is_not_taken_for_another_s() {
        for older in [
            libc::ECONNREFUSED,
            libc::EHOSTUNREACH,
            libc::ENETUNREACH,
            libc::EMSGSIZE,
            libc::EACCES,
        ] {
            let mut results = vec![Ok(()), Err(io::Error::from_raw_os_error(older))];
            assert!(past_an_older_fault(|| results.pop().unwrap()).is_ok(), "{older}");
            assert!(results.is_empty(), "sent once more: {older}");
        }
        let mut tries = 0;
        let result = past_an_older_fault(|| {
            tries += 1;
            Err(io::Error::from_raw_os_error(libc::ENETUNREACH))
        });
        assert_eq!((result.is_err(), tries), (true, 2));
        let mut tries = 0;
        let result = past_an_older_fault(|| {
            tries += 1;
            Err(io::ErrorKind::WouldBlock.into())
        });
        assert_eq!((result.is_err(), tries), (true, 1), "a full buffer is no fault");
    }

    #[test]
    fn only_icmp_errors_that_will_not_pass_are_reported() {
        let errno = |error: i32| u32::try_from(error).unwrap();
        // The errors that Linux makes of codes 0 to 15 of "destination unreachable" and of "parameter problem", and of
        // ICMPv6.
        for error in [
            libc::ENETUNREACH,
            libc::EHOSTUNREACH,
            libc::ENOPROTOOPT,
            libc::ECONNREFUSED,
            libc::EHOSTDOWN,
            libc::ENONET,
            libc::EACCES,
            libc::EPROTO,
        ] {
            assert!(is_final(errno(error)), "{error}");
        }
        for error in [libc::EMSGSIZE, libc::EOPNOTSUPP, 0] {
            assert!(!is_final(errno(error)), "{error}");
        }
    }
}
