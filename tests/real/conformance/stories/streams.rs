//! RFC 3261 section 18.3 and RFC 5626: what is only seen on a stream.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use tests::wait::{throughout, until};

use super::{Outcome, Story, story};
use crate::conformance::{line::Transport, peer::Peer, scene::Scene};

pub const STORIES: &[Story] = &[
    story(
        "3261 18.3",
        "A message of a stream may come in pieces, and two in one",
        in_pieces,
    ),
    story(
        "3261 18.3",
        "A message of a stream without a length draws 400",
        without_length,
    ),
    story("5626 4.4.1", "A double CRLF is answered by a single one", pinged),
];

/// A connection of its own, and what is answered on it until enough has come.
fn streams(scene: &Scene<'_>, pieces: &[&str], enough: impl Fn(&str) -> bool) -> Outcome {
    let mut stream = TcpStream::connect(scene.server.address).map_err(|error| error.to_string())?;
    stream.set_nonblocking(true).map_err(|error| error.to_string())?;
    let mut came = Vec::new();
    let mut reads = |stream: &mut TcpStream| {
        let mut chunk = [0; 4_096];
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            came.extend(&chunk[..length]);
        }
        String::from_utf8_lossy(&came).into_owned()
    };
    for piece in pieces {
        stream.write_all(piece.as_bytes()).map_err(|error| error.to_string())?;
        // So that the next piece does not catch up with this one.
        throughout(Duration::from_millis(30), || {});
    }
    let end = Instant::now() + Duration::from_secs(5);
    until("an answer on a stream", Duration::from_secs(10), || {
        let came = reads(&mut stream);
        match enough(&came) {
            true => Some(Ok(())),
            false if Instant::now() > end => Some(Err(format!("{came:?} came"))),
            false => None,
        }
    })
}

fn in_pieces(scene: &mut Scene<'_>) -> Outcome {
    let peer = Peer::new(Transport::Tcp, scene.server.address, scene.server.user(0));
    let both = [0, 1]
        .map(|_| peer.request("OPTIONS", &peer.new_dialog(""), &[], ""))
        .concat();
    let (one, rest) = both.split_at(20);
    let (two, three) = rest.split_at(rest.len() / 2);
    streams(scene, &[one, two, three], |came| {
        came.matches("SIP/2.0 200").count() == 2
    })
}

fn without_length(scene: &mut Scene<'_>) -> Outcome {
    let peer = Peer::new(Transport::Tcp, scene.server.address, scene.server.user(0));
    let request = peer.request("OPTIONS", &peer.new_dialog(""), &["-Content-Length:"], "");
    streams(scene, &[&request], |came| came.starts_with("SIP/2.0 400"))
}

fn pinged(scene: &mut Scene<'_>) -> Outcome {
    streams(scene, &["\r\n\r\n"], |came| came == "\r\n")
}
