//! Calls through the built binary: how they survive, or end with it.

use std::collections::HashSet;

use sip::{HeaderName, Method, StatusCode, Transport};

use crate::{
    phone::Phone,
    support::{Pbx, Place, tandem},
};

/// 101 and 102, signed in.
fn phones(pbx: &Pbx, transport: Transport) -> (Phone, Phone) {
    let phone = |number| {
        let mut phone = Phone::new(transport, pbx.sip(), number, pbx.password(number));
        assert_eq!(phone.register().status(), Some(StatusCode::OK));
        phone
    };
    (phone("101"), phone("102"))
}

/// 101 has called 102, and they talk.
fn talking(pbx: &Pbx, transport: Transport) -> (Phone, Phone) {
    let (mut caller, mut callee) = phones(pbx, transport);
    let place = std::thread::spawn(move || {
        let invite = callee.hears(Method::Invite);
        callee.answers(&invite, StatusCode::RINGING);
        callee.answers(&invite, StatusCode::OK);
        callee.hears(Method::Ack);
        callee
    });
    assert_eq!(caller.dial("102").status(), Some(StatusCode::RINGING));
    caller.is_answered();
    (caller, place.join().unwrap())
}

fn records(pbx: &Pbx, token: &str) -> Vec<serde_json::Value> {
    items(pbx, token, "/api/v1/cdrs")
}

/// The first page of a list.
fn items(pbx: &Pbx, token: &str, path: &str) -> Vec<serde_json::Value> {
    let answer = pbx.get(path, Some(token));
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    body["items"].as_array().unwrap().clone()
}

#[test]
fn a_call_over_udp_and_over_tcp_is_ended_by_the_drain_and_recorded_before_the_exit() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let place = Place::new();
        let sip = format!("{transport}:127.0.0.1:0");
        let pbx = Pbx::start(place.serve(&["--sip", &sip, "--drain", "0"]));
        let token = pbx.after("Admin token:").unwrap();
        let (mut caller, mut callee) = talking(&pbx, transport);
        pbx.signal("-TERM");
        for phone in [&mut caller, &mut callee] {
            let bye = phone.hears(Method::Bye);
            phone.answers(&bye, StatusCode::OK);
        }
        let (status, log) = pbx.ends();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("before every BYE"), "{log}");

        let pbx = Pbx::start(place.serve(&[]));
        let records = records(&pbx, &token);
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!(
            (&records[0]["disposition"], &records[0]["ended_by"]),
            (&"answered".into(), &"system".into())
        );
        pbx.stop();
    }
}

#[test]
fn media_ports_that_another_program_holds_cost_no_call() {
    let place = Place::new();
    let first: std::net::SocketAddr = place.rtp.split('-').next().unwrap().parse().unwrap();
    // RTCP's of the second pair, and RTP's of the third.
    let _held = [3, 4].map(|at| std::net::UdpSocket::bind((first.ip(), first.port() + at)).unwrap());
    let pbx = Pbx::start(place.serve(&["--drain", "0"]));
    let (mut caller, mut callee) = talking(&pbx, Transport::Udp);
    pbx.signal("-TERM");
    for phone in [&mut caller, &mut callee] {
        let bye = phone.hears(Method::Bye);
        phone.answers(&bye, StatusCode::OK);
    }
    let (status, log) = pbx.ends();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("other programs hold media ports"), "{log}");
    assert!(!log.contains("a media port failed"), "{log}");
}

#[test]
fn while_it_drains_new_calls_get_503_and_a_call_may_end_by_itself() {
    let place = Place::new();
    let pbx = Pbx::start(place.serve(&["--drain", "3600"]));
    let (mut caller, mut callee) = talking(&pbx, Transport::Udp);
    let mut late = Phone::new(Transport::Udp, pbx.sip(), "102", pbx.password("102"));
    pbx.signal("-TERM");
    // The signal takes some time to arrive. Calls after it are refused.
    while late.dial("nobody").status() != Some(StatusCode::SERVICE_UNAVAILABLE) {}
    let answer = caller.bye();
    assert_eq!(answer.status(), Some(StatusCode::OK));
    let bye = callee.hears(Method::Bye);
    callee.answers(&bye, StatusCode::OK);
    assert_eq!(pbx.ends().0.code(), Some(0));
}

#[test]
fn killed_during_a_call_it_closes_the_record_and_finds_the_phones_again() {
    let place = Place::new();
    let mut pbx = Pbx::start(place.serve(&["--call-mark", "0.1"]));
    let (token, sip) = (pbx.after("Admin token:").unwrap(), format!("udp:{}", pbx.sip()));
    let (mut caller, mut callee) = talking(&pbx, Transport::Udp);
    // The answer is a row in the database before the caller hears of it. Each mark is a row as well, and two marks are
    // some time of talk. Four more rows than now are both.
    let before = pbx.metric("tandem_store_written_total");
    while pbx.metric("tandem_store_written_total") < before + 4 {}
    pbx.child.kill().unwrap();
    pbx.child.wait().unwrap();

    let pbx = Pbx::start(place.serve(&["--sip", &sip]));
    let first = records(&pbx, &token);
    assert_eq!(first.len(), 1, "{first:?}");
    // The record has the known facts: answered, by whom, since when, and how long at least.
    assert_eq!(
        (&first[0]["disposition"], &first[0]["ended_by"], &first[0]["to"]),
        (&"answered".into(), &"system".into(), &"102".into())
    );
    assert!(first[0]["answered_at"].is_string(), "{first:?}");
    let talk = first[0]["talk_seconds"].as_f64().unwrap();
    assert!(talk > 0.1 && talk < 20.0, "{first:?}");
    assert!(first[0]["detail"].as_str().unwrap().contains("at least"), "{first:?}");
    // No phone has signed in again, and still they reach each other.
    let ringing = std::thread::spawn(move || {
        let invite = callee.hears(Method::Invite);
        callee.answers(&invite, StatusCode::BUSY_HERE);
        callee.hears(Method::Ack);
    });
    assert_eq!(caller.dial("102").status(), Some(StatusCode::BUSY_HERE));
    ringing.join().unwrap();
    assert_eq!(pbx.stop().0.code(), Some(0));
    let pbx = Pbx::start(place.serve(&[]));
    let both = records(&pbx, &token);
    assert_eq!(both.len(), 2, "{both:?}");
    assert_eq!(both[0]["disposition"], "busy");
    pbx.stop();
}

#[test]
fn a_half_closed_connection_gets_its_answer() {
    let place = Place::new();
    let pbx = Pbx::start(place.serve(&["--sip", "tcp:127.0.0.1:0"]));
    let mut phone = Phone::new(Transport::Tcp, pbx.sip(), "101", pbx.password("101"));
    let options = "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKhalf\r\nMax-Forwards: 70\r\n\
                   From: <sip:a@b>;tag=f\r\nTo: <sip:a@b>\r\nCall-ID: half\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    phone.send(options.as_bytes());
    phone.half_close();
    let answer = phone.status(&Method::Options, None);
    assert!(answer.header(HeaderName::To).is_some_and(|to| to.contains("tag=")));
    assert_eq!(pbx.stop().0.code(), Some(0));
}

#[test]
fn a_recorded_call_replays_to_the_bytes_that_the_phones_heard() {
    let place = Place::new();
    let recording = place.text("run.jsonl");
    let pbx = Pbx::start(place.serve(&["--record", &recording]));
    let (mut caller, mut callee) = talking(&pbx, Transport::Udp);
    assert_eq!(caller.bye().status(), Some(StatusCode::OK));
    let bye = callee.hears(Method::Bye);
    callee.answers(&bye, StatusCode::OK);
    assert_eq!(pbx.stop().0.code(), Some(0));
    let output = tandem(&["replay", &recording]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let sent: HashSet<Vec<u8>> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|line| line.pointer("/output/Transmit/bytes").cloned())
        .map(|bytes| serde_json::from_value(bytes).unwrap())
        .collect();
    for heard in caller.heard.iter().chain(&callee.heard) {
        assert!(sent.contains(&heard[..]), "{}", String::from_utf8_lossy(heard));
    }
}

#[test]
fn killed_while_a_call_is_recorded_the_recording_has_an_end_and_a_whole_file() {
    let place = Place::new();
    let mut pbx = Pbx::start(place.serve(&[]));
    let token = pbx.after("Admin token:").unwrap();
    let _phones = talking(&pbx, Transport::Udp);
    let calls = items(&pbx, &token, "/api/v1/calls");
    let path = format!("/api/v1/calls/{}/recording", calls[0]["id"].as_str().unwrap());
    let answer = pbx.ask("POST", &path, Some(&token), "{\"action\":\"start\"}");
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let of_call = "/api/v1/recordings?kind=call";
    let recording = loop {
        if let Some(recording) = items(&pbx, &token, of_call).pop() {
            break recording;
        }
    };
    assert_eq!(recording["state"], "in_progress");
    // The phones say nothing: silence is written.
    let files = place.path("data/recordings");
    let size = || {
        let files = std::fs::read_dir(&files).into_iter().flatten().filter_map(Result::ok);
        let file = files
            .filter(|file| file.path().extension().is_some_and(|end| end == "wav"))
            .last();
        file.and_then(|file| Some((file.path(), file.metadata().ok()?.len())))
    };
    while size().is_none_or(|(_, octets)| octets < 10_000) {}
    pbx.child.kill().unwrap();
    pbx.child.wait().unwrap();

    let pbx = Pbx::start(place.serve(&[]));
    let recordings = items(&pbx, &token, of_call);
    assert_eq!(recordings.len(), 1, "{recordings:?}");
    let (file, octets) = size().unwrap();
    let recording = &recordings[0];
    let told = (&recording["state"], &recording["end"], &recording["bytes"]);
    assert_eq!(
        told,
        (&"ended".into(), &"interrupted".into(), &octets.into()),
        "{recording}"
    );
    assert!(recording["seconds"].as_f64().unwrap() > 0.1, "{recording}");
    // The head of the file says how long it is.
    let head = std::fs::read(file).unwrap();
    let said = u32::from_le_bytes(head[40..44].try_into().unwrap());
    assert_eq!(u64::from(said), octets - 44);
    pbx.stop();
}
