//! Any datagrams, to the RTP and the RTCP port of a bridged leg.
#![no_main]

use std::{net::SocketAddr, time::Duration};

use media::{Command, Direction, Payload, MediaId, Relay, Remote, relay::Config};

fn remote(rtp: SocketAddr) -> Remote {
    let payloads: Vec<Payload> = [(0, "PCMU"), (101, "TELEPHONE-EVENT")]
        .map(|(number, codec)| Payload { number, codec: codec.into(), clock_rate: 8000, channels: 1, fmtp: None })
        .into();
    Remote {
        rtp: Some(rtp),
        rtcp: Some(SocketAddr::new(rtp.ip(), rtp.port() + 1)),
        rtcp_mux: false,
        raw: false,
        expected: [rtp.ip()].into_iter().collect(),
        signalling: Some(rtp.ip()),
        send_payloads: payloads.clone(),
        receive_payloads: payloads,
        direction: Direction { send: true, receive: true },
        ptime: 20,
    }
}

libfuzzer_sys::fuzz_target!(|datagrams: Vec<(bool, Vec<u8>)>| {
    let mut relay = Relay::new(Config::default());
    let mut now = Duration::from_secs(1_800_000_000);
    let from: SocketAddr = ([192, 0, 2, 1], 4000).into();
    let ports = [1, 2].map(|slot| MediaId { engine: 0, slot, generation: 0 });
    for (port, rtp) in ports.into_iter().zip([from, ([192, 0, 2, 2], 4000).into()]) {
        relay.command(now, Command::Open { media: port, local_port: 20_000, expected: Default::default() });
        relay.command(now, Command::Update { media: port, remote: remote(rtp), relearn: false });
    }
    relay.command(now, Command::Bridge(ports[0], ports[1]));
    for (rtcp, mut bytes) in datagrams {
        now += Duration::from_millis(7);
        let from = SocketAddr::new(from.ip(), from.port() + u16::from(rtcp));
        relay.packet(now, 20_000 + u16::from(rtcp), from, &mut bytes, &mut |_, _, _: &[u8]| {});
        relay.tick(now, &mut |_, _, _: &[u8]| {});
        while relay.poll_event().is_some() {}
    }
});
