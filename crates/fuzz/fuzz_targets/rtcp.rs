//! Any RTCP of two phones that talk, on a port of its own and on the RTP port. What goes out is whole RTCP.
#![no_main]

use std::{net::SocketAddr, time::Duration};

use media::{Command, Direction, MediaId, Payload, Relay, Remote, relay::Config};

fn remote(rtp: SocketAddr, rtcp_mux: bool) -> Remote {
    let pcmu = Payload { number: 0, codec: "PCMU".into(), clock_rate: 8000, channels: 1, fmtp: None };
    Remote {
        rtp: Some(rtp),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
        rtcp_mux,
        raw: false,
        expected: [rtp.ip()].into_iter().collect(),
        signalling: Some(rtp.ip()),
        send_payloads: vec![pcmu.clone()],
        receive_payloads: vec![pcmu],
        direction: Direction { send: true, receive: true },
        ptime: 20,
    }
}

/// Whether these packets end where the datagram ends, and the first is a report.
fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let [head, _, high, low, ..] = rest {
        let length = (usize::from(u16::from_be_bytes([*high, *low])) + 1) * 4;
        if *head >> 6 != 2 || length > rest.len() {
            return false;
        }
        rest = &rest[length..];
    }
    rest.is_empty() && matches!(bytes.get(1), Some(200 | 201))
}

libfuzzer_sys::fuzz_target!(|datagrams: Vec<(bool, u8, u8, Vec<u8>)>| {
    let mut relay = Relay::new(Config::default());
    let mut now = Duration::from_secs(1_800_000_000);
    let phones: [SocketAddr; 2] = [([192, 0, 2, 1], 4000).into(), ([192, 0, 2, 2], 4000).into()];
    let legs = [1, 2].map(|slot| MediaId { engine: 0, slot, generation: 0 });
    for (n, leg) in legs.into_iter().enumerate() {
        let local_port = 20_000 + 2 * n as u16;
        relay.command(now, Command::Open { media: leg, local_port, expected: Default::default() });
        relay.command(now, Command::Update { media: leg, remote: remote(phones[n], n == 0), relearn: false });
    }
    relay.command(now, Command::Bridge(legs[0], legs[1]));
    // The streams that the phones get, once both have spoken.
    let mut streams = [0; 2];
    for n in [0, 1] {
        let mut rtp = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 77 + n as u8, 1, 2, 3];
        relay.packet(now, 20_000 + 2 * n as u16, phones[n], &mut rtp, &mut |_, _, bytes: &[u8]| {
            streams[1 - n] = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        });
    }
    for (second, kind, format, body) in datagrams {
        now += Duration::from_millis(700);
        let n = usize::from(second);
        let mut bytes = vec![0x80 | format & 0x3f, 200 + kind % 8];
        bytes.extend(((body.len() / 4) as u16).to_be_bytes());
        bytes.extend(&body[..body.len() / 4 * 4]);
        // Where the body says 1, 2, 3, 4 it means the stream that the phone gets.
        for at in (4..bytes.len()).step_by(4) {
            if bytes[at..at + 4] == [1, 2, 3, 4] {
                bytes[at..at + 4].copy_from_slice(&streams[n].to_be_bytes());
            }
        }
        let (port, from) = if second {
            (20_003, SocketAddr::new(phones[1].ip(), 4001))
        } else {
            (20_000, phones[0])
        };
        relay.packet(now, port, from, &mut bytes, &mut |_, _, bytes: &[u8]| assert!(is_whole(bytes)));
        relay.tick(now, &mut |_, _, bytes: &[u8]| assert!(is_whole(bytes)));
        while relay.poll_event().is_some() {}
    }
    relay.command(now, Command::Close(legs[0]));
    relay.tick(now, &mut |_, _, bytes: &[u8]| assert!(is_whole(bytes)));
});
