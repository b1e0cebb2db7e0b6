//! Many datagrams in one system call: `recvmmsg` and `sendmmsg`.
//!
//! `nix` wraps both calls. But its result of `sendmmsg` can be counted only by reading source addresses, and the kernel
//! writes none when it sends. So the two calls are made here, and one socket option that no crate offers is set here.
//! Nothing else in this room is unsafe.
#![allow(unsafe_code)]

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use media::relay::MAX_PACKET;
use nix::libc;

/// Datagrams in one call.
pub(super) const SIZE: usize = 64;
/// Datagrams that are taken from the sockets at most before they are handled.
const ROOM: usize = 2 * SIZE;
/// Datagrams in a call where no more are likely.
pub(super) const FEW: usize = 8;
/// Datagrams that wait in one outbox at most.
const MAX_QUEUED: usize = 4 * SIZE;
/// A `sockaddr_in6`, the longest there is here. The kernel copies it by octets, so it needs no alignment.
const NAME: usize = 28;

type Name = [u8; NAME];

/// Sets "don't fragment" on what an IPv4 socket sends, whatever the path's MTU (ip(7)). A packet of audio fits any
/// path, and the kernel need not choose an identification for each packet, which is a tenth of the packet's cost.
pub(super) fn dont_fragment(socket: BorrowedFd<'_>) -> io::Result<()> {
    let value: libc::c_int = libc::IP_PMTUDISC_PROBE;
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` octets at `value`, a c_int that outlives the call.
    let result = unsafe {
        let value = (&raw const value).cast();
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            value,
            length,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Datagrams that were taken from the sockets and wait to be handled.
pub(super) struct Receiver {
    buffers: [[u8; MAX_PACKET]; ROOM],
    names: [Name; ROOM],
    lengths: [usize; ROOM],
    /// The local port that each came to.
    ports: [u16; ROOM],
    count: usize,
}

impl Receiver {
    pub(super) fn new() -> Box<Receiver> {
        Box::new(Receiver {
            buffers: [[0; MAX_PACKET]; ROOM],
            names: [[0; NAME]; ROOM],
            lengths: [0; ROOM],
            ports: [0; ROOM],
            count: 0,
        })
    }

    /// Forgets all datagrams.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Whether there is no room for a whole batch.
    pub(super) fn is_full(&self) -> bool {
        ROOM - self.count < SIZE
    }

    /// Takes what has come to the socket of that local port, up to `N` datagrams and up to the room there is; how many.
    /// Never blocks. A small `N` costs less where few are there.
    pub(super) fn receive<const N: usize>(&mut self, port: u16, socket: BorrowedFd<'_>) -> io::Result<usize> {
        const { assert!(N <= SIZE) };
        let mut vectors = [NO_VECTOR; N];
        let mut headers = [EMPTY; N];
        let (buffers, names) = (&mut self.buffers[self.count..], &mut self.names[self.count..]);
        let room = buffers.len().min(N);
        for (((header, vector), buffer), name) in headers.iter_mut().zip(&mut vectors).zip(buffers).zip(names) {
            *vector = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: MAX_PACKET,
            };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = name.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = NAME as libc::socklen_t;
        }
        // SAFETY: the first `room` of `headers` are filled. Each points to one iovec of `vectors`, which describes
        // exactly one buffer of `self.buffers`, and to one name of NAME octets with that length; all of them outlive
        // the call and nothing else refers to them during it. Any octets are valid values of both.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                room as _,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for header in &headers[..count] {
            self.lengths[self.count] = (header.msg_len as usize).min(MAX_PACKET);
            self.ports[self.count] = port;
            self.count += 1;
        }
        Ok(count)
    }

    /// All datagrams in the order they were taken: the local port, the source, the octets.
    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = (u16, SocketAddr, &mut [u8])> {
        let buffers = self.buffers.iter_mut();
        let all = self.ports.iter().zip(&self.names).zip(buffers).zip(&self.lengths);
        all.take(self.count)
            .filter_map(|(((port, name), buffer), length)| Some((*port, read_name(name)?, &mut buffer[..*length])))
    }
}

/// Datagrams to be sent through one socket.
#[derive(Default)]
pub(super) struct Outbox {
    octets: Vec<u8>,
    /// End of each datagram in `octets`, and where it goes.
    items: Vec<(usize, Name, u8)>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a datagram; `true` when it is time to flush. `dual` writes IPv4 addresses for an IPv6 socket.
    pub(super) fn push(&mut self, to: SocketAddr, dual: bool, bytes: &[u8]) -> bool {
        let (name, length) = write_name(to, dual);
        self.octets.extend_from_slice(bytes);
        self.items.push((self.octets.len(), name, length));
        self.items.len() >= MAX_QUEUED
    }

    /// Sends everything. What the kernel refuses is lost, as on any network.
    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>) {
        let mut at = 0;
        while at < self.items.len() {
            // An error is about the first datagram: go on after it.
            let sent = if self.items.len() - at <= FEW {
                self.send::<FEW>(socket, at)
            } else {
                self.send::<SIZE>(socket, at)
            };
            at += sent.unwrap_or(1).max(1);
        }
        self.items.clear();
        self.octets.clear();
    }

    /// Sends up to `N` datagrams from the given one on; how many went.
    fn send<const N: usize>(&mut self, socket: BorrowedFd<'_>, from: usize) -> io::Result<usize> {
        let mut vectors = [libc::iovec {
            iov_base: ptr::null_mut(),
            iov_len: 0,
        }; SIZE];
        let mut headers = [EMPTY; N];
        let mut start = from.checked_sub(1).map_or(0, |before| self.items[before].0);
        let batch = &mut self.items[from..];
        let count = batch.len().min(N);
        for ((item, header), vector) in batch.iter_mut().zip(&mut headers).zip(&mut vectors) {
            let (end, name, length) = item;
            let bytes = &mut self.octets[start..*end];
            start = *end;
            *vector = libc::iovec {
                iov_base: bytes.as_mut_ptr().cast(),
                iov_len: bytes.len(),
            };
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_name = name.as_mut_ptr().cast();
            header.msg_hdr.msg_namelen = libc::socklen_t::from(*length);
        }
        // SAFETY: the first `count` of `headers` are filled. Each points to one iovec of `vectors`, which describes a
        // range of `self.octets` taken as a slice above, and to the first `length` octets of a name in `self.items`;
        // all of them outlive the call, which only reads them, and nothing else refers to them during it.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                count as _,
                libc::MSG_DONTWAIT as _,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

const NO_VECTOR: libc::iovec = libc::iovec {
    iov_base: ptr::null_mut(),
    iov_len: 0,
};
const EMPTY: libc::mmsghdr = libc::mmsghdr {
    msg_hdr: libc::msghdr {
        msg_name: ptr::null_mut(),
        msg_namelen: 0,
        msg_iov: ptr::null_mut(),
        msg_iovlen: 0,
        msg_control: ptr::null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    },
    msg_len: 0,
};

/// A `sockaddr_in` or `sockaddr_in6`: family in the host's order, port and address in the network's (ip(7), ipv6(7)).
fn read_name(name: &Name) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes([name[0], name[1]]));
    let port = u16::from_be_bytes([name[2], name[3]]);
    match family {
        libc::AF_INET => Some((Ipv4Addr::from(*name[4..].first_chunk::<4>()?), port).into()),
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(*name[8..].first_chunk::<16>()?);
            let scope = u32::from_ne_bytes(*name[24..].first_chunk()?);
            Some(SocketAddrV6::new(ip, port, 0, scope).into())
        }
        _ => None,
    }
}

fn write_name(address: SocketAddr, dual: bool) -> (Name, u8) {
    let mut name = [0; NAME];
    name[2..4].copy_from_slice(&address.port().to_be_bytes());
    let v6 = match address {
        SocketAddr::V4(v4) if !dual => {
            name[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            name[4..8].copy_from_slice(&v4.ip().octets());
            return (name, 16);
        }
        SocketAddr::V4(v4) => SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0),
        SocketAddr::V6(v6) => v6,
    };
    name[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
    name[8..24].copy_from_slice(&v6.ip().octets());
    name[24..].copy_from_slice(&v6.scope_id().to_ne_bytes());
    (name, NAME as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_and_read_the_same() {
        for (text, dual, read) in [
            ("192.0.2.1:4000", false, "192.0.2.1:4000"),
            ("192.0.2.1:4000", true, "[::ffff:192.0.2.1]:4000"),
            ("[2001:db8::1]:65535", true, "[2001:db8::1]:65535"),
            ("[fe80::1%3]:4000", true, "[fe80::1%3]:4000"),
        ] {
            assert_eq!(
                read_name(&write_name(text.parse().unwrap(), dual).0),
                Some(read.parse().unwrap())
            );
        }
        assert_eq!(read_name(&[0; NAME]), None);
    }

    #[test]
    fn more_than_a_batch_goes_out_in_order_and_a_refused_one_is_skipped() {
        use std::{net::UdpSocket, os::fd::AsFd};
        let (sender, receiver) = (
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
        );
        let to = receiver.local_addr().unwrap();
        let mut outbox = Outbox::default();
        for n in 0..150u8 {
            // Port 0 is refused by the kernel.
            let to = if n % 50 == 3 { SocketAddr::new(to.ip(), 0) } else { to };
            assert!(!outbox.push(to, false, &[n; 20]));
        }
        outbox.flush(sender.as_fd());
        assert!(outbox.is_empty());
        let mut batch = Receiver::new();
        let mut got = Vec::new();
        while batch.receive::<SIZE>(7, receiver.as_fd()).is_ok() {
            if batch.is_full() {
                got.extend(
                    batch
                        .datagrams()
                        .map(|(port, from, bytes)| (port, from, bytes[0], bytes.len())),
                );
                batch.clear();
            }
        }
        got.extend(
            batch
                .datagrams()
                .map(|(port, from, bytes)| (port, from, bytes[0], bytes.len())),
        );
        let from = sender.local_addr().unwrap();
        assert_eq!(
            got,
            (0..150)
                .filter(|n| n % 50 != 3)
                .map(|n| (7, from, n, 20))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn datagrams_without_room_stay_in_the_socket() {
        use std::{net::UdpSocket, os::fd::AsFd};
        let [one, other, phone] = [0; 3].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        for n in 0..ROOM as u8 {
            let to = if n < 100 { &one } else { &other };
            phone.send_to(&[n; 20], to.local_addr().unwrap()).unwrap();
        }
        phone.send_to(&[200; 20], other.local_addr().unwrap()).unwrap();
        let mut batch = Receiver::new();
        let take = |batch: &mut Receiver, port| {
            let socket = if port == 1 { &one } else { &other };
            batch.receive::<SIZE>(port, socket.as_fd()).unwrap()
        };
        assert_eq!((take(&mut batch, 1), batch.is_full()), (64, false));
        assert_eq!((take(&mut batch, 1), batch.is_full()), (36, true));
        assert_eq!(take(&mut batch, 2), 28, "as much as there is room for");
        let got: Vec<(u16, u8)> = batch.datagrams().map(|(port, _, bytes)| (port, bytes[0])).collect();
        let sent = (0..ROOM as u8).map(|n| (if n < 100 { 1 } else { 2 }, n));
        assert_eq!(got, sent.collect::<Vec<_>>());
        batch.clear();
        assert_eq!((batch.datagrams().count(), take(&mut batch, 2)), (0, 1));
    }
}
