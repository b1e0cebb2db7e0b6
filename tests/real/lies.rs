//! Subscriptions beyond measure, and requests about the calls of others, over real sockets: each is answered, what is kept
//! is bounded, and a call goes on.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use serde_json::json;
use tests::wait::until;

use crate::{
    audio::Conversation,
    floods::{AT_ONCE, attacker, flood},
    phones::{
        phone::{Phone, unique},
        watcher::{Habit, Watcher, all_lamps},
    },
    support::{
        message::Message,
        tandem::{Setup, Tandem, password},
    },
};

const SOON: Duration = Duration::from_secs(20);
/// The longest a transaction waits for an answer (RFC 3261 17.1.2.2, timer F), and a margin.
const FORGOTTEN: Duration = Duration::from_secs(50);

const SUBSCRIBES: u32 = 10_000;
const PUBLISHES: u32 = 5_000;
/// The subscriptions of one extension: the default of `--max-subscriptions-per-extension`.
const ALLOWED: u32 = 500;
/// The memory that a subscription with an unanswered NOTIFY may take, in KiB.
const EACH: u64 = 32;

/// Addresses of their own: limits count by source.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
const TRUSTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);

/// A SUBSCRIBE or PUBLISH of 103 for a number, without credentials.
fn event(method: &str, from: SocketAddr, pbx: &Tandem, (number, body): (&str, &str)) -> String {
    let (server, name) = (pbx.sip, unique("event"));
    let (package, kind) = match method {
        "PUBLISH" => ("presence", "Content-Type: application/pidf+xml\r\n"),
        _ => ("dialog", ""),
    };
    format!(
        "{method} sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{name};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:103@{server}>;tag={name}\r\nTo: <sip:{number}@{server}>\r\nCall-ID: {name}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:103@{from}>\r\nEvent: {package}\r\nExpires: 600\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A presence document with this note.
fn document(note: &str) -> String {
    format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:103@example.org\"><tuple id=\"t\"><status>\
         <basic>open</basic></status><note>{note}</note></tuple></presence>"
    )
}

/// The status of the answer to a request on a connection of its own.
fn asked_by_tcp(pbx: &Tandem, text: impl FnOnce(SocketAddr) -> String) -> u16 {
    let mut stream = TcpStream::connect(pbx.sip).unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let text = text(stream.local_addr().unwrap()).replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    // What is refused by its head is not read to its end.
    let _ = stream.write_all(text.as_bytes());
    let mut answer = [0; 2_048];
    let length = stream.read(&mut answer).unwrap();
    Message(String::from_utf8_lossy(&answer[..length]).into_owned()).status()
}

#[test]
fn publications_beyond_measure_and_documents_that_are_bombs() {
    let pbx = Setup::new()
        .flag("--trust", format!("{TRUSTED}/32=103"))
        .flag("--source-requests", 100_000)
        .flag("--total-requests", 100_000)
        .start();
    pbx.has("103");
    let call = Conversation::on(&pbx);
    let before = pbx.process.memory();
    let floods = [(STRANGER, 401), (TRUSTED, 200)].map(|(address, expected)| {
        let socket = attacker(address);
        let (from, document) = (socket.local_addr().unwrap(), document("in the garden"));
        let answers = flood(&socket, &pbx, (PUBLISHES, AT_ONCE), || {
            event("PUBLISH", from, &pbx, ("103", &document))
        });
        assert_eq!(answers.count(expected), PUBLISHES, "{answers:?}");
        answers
    });
    // The default of `--max-publications-per-extension`: the latest stay.
    assert_eq!(pbx.metric("tandem_publications"), 10);

    // 1 MB, and entities that would grow to a gigabyte.
    let large = document(&"x".repeat(1_000_000));
    let status = asked_by_tcp(&pbx, |from| event("PUBLISH", from, &pbx, ("103", &large)));
    assert!([413, 513].contains(&status), "{status}");
    let entities: String = (1..30)
        .map(|at| format!("<!ENTITY e{at} \"&e{0};&e{0};\">", at - 1))
        .collect();
    let bomb = format!("<!DOCTYPE p [<!ENTITY e0 \"xx\">{entities}]>{}", document("&e29;"));
    let socket = attacker(TRUSTED);
    let bombs = flood(&socket, &pbx, (AT_ONCE * 10, AT_ONCE), || {
        event("PUBLISH", socket.local_addr().unwrap(), &pbx, ("103", &bomb))
    });
    assert_eq!(bombs.count(400), AT_ONCE * 10, "{bombs:?}");
    let grown = pbx.process.memory().saturating_sub(before);
    eprintln!("{grown} KiB for PUBLISHes: {floods:?} {bombs:?}");
    assert!(grown < 32 * 1024, "{grown} KiB");
    call.ends_well(&pbx);
    pbx.expect_nothing_left(SOON);
}

/// How many subscriptions an extension has.
fn subscriptions(pbx: &Tandem, watcher: &str) -> usize {
    let mut count = 0;
    let mut path = "/subscriptions?limit=200".to_owned();
    loop {
        let page = pbx.get(&path);
        let items = page["items"].as_array().unwrap();
        count += items.iter().filter(|item| item["watcher"] == watcher).count();
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/subscriptions?limit=200&cursor={cursor}"),
            None => return count,
        }
    }
}

#[test]
fn ten_thousand_subscribes_and_phones_that_answer_no_notify() {
    let pbx = Setup::new()
        .flag("--trust", format!("{TRUSTED}/32=103"))
        .flag("--notify-failures", 1)
        // So that each request gets past what is refused or dropped by source alone.
        .flag("--source-requests", 100_000)
        .flag("--total-requests", 100_000)
        .start();
    pbx.has("103").has("104").has("105").has("106");
    let call = Conversation::on(&pbx);
    let mut watchers = ["104", "105", "106"].map(|number| Watcher::new(&pbx, number));
    let habits = [Habit::Answers, Habit::Sleeps, Habit::Forgets];
    for (watcher, habit) in watchers.iter_mut().zip(habits) {
        watcher.habit = habit;
        (0..20).for_each(|_| watcher.watches("dialog", "101"));
    }
    all_lamps(&mut watchers, "60 subscriptions", SOON, |lamp| lamp.status == 200);
    // Who answers 481 has none any more.
    until("the forgotten ones to be gone", SOON, || {
        watchers.iter_mut().for_each(Watcher::works);
        (subscriptions(&pbx, "106") == 0).then_some(())
    });

    let (stranger, trusted) = (attacker(STRANGER), attacker(TRUSTED));
    let before = pbx.process.memory();
    let subscribes = |socket: &UdpSocket, at_once| {
        let from = socket.local_addr().unwrap();
        flood(socket, &pbx, (SUBSCRIBES, at_once), || {
            event("SUBSCRIBE", from, &pbx, ("101", ""))
        })
    };
    let asked = subscribes(&stranger, AT_ONCE);
    // Here each answer may have a NOTIFY beside it.
    let allowed = subscribes(&trusted, AT_ONCE / 2);
    let grown = pbx.process.memory().saturating_sub(before);
    eprintln!("{grown} KiB for {SUBSCRIBES} SUBSCRIBEs: {asked:?}, and with credentials: {allowed:?}");
    assert!(asked.statuses().all(|status| [401, 503].contains(&status)), "{asked:?}");
    assert!(
        allowed.statuses().all(|status| [200, 403, 503].contains(&status)),
        "{allowed:?}"
    );
    assert!((1..=ALLOWED).contains(&allowed.count(200)), "{allowed:?}");
    assert!(grown < 32 * 1024 + u64::from(ALLOWED) * EACH, "{grown} KiB");
    call.talk.is_heard(50);

    // Those whose NOTIFYs were never answered are given up, and others are not.
    until("the sleepers to be given up", FORGOTTEN, || {
        watchers[0].works();
        let left = ["103", "105"].map(|number| subscriptions(&pbx, number));
        (left == [0, 0]).then_some(())
    });
    assert_eq!(subscriptions(&pbx, "104"), 20);
    call.ends_well(&pbx);
    all_lamps(&mut watchers[..1], "the end of the call", SOON, |lamp| {
        lamp.shows() == "idle"
    });
}

/// A call loop by the dialplan, to be walked by transfers.
const LOOPS: &str = "fn on_call(caller) {
    if caller.dialed == \"900\" { caller.transfer(\"900\"); return; }
    caller.dial(caller.dialed, #{ timeout: 20 });
}";

/// Makes an extension that belongs to a pickup group.
fn grouped(pbx: &Tandem, number: &str, group: &str) {
    let body = json!({ "number": number, "password": password(number), "pickup_group": group });
    let answer = pbx.api("POST", "/extensions", &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[test]
fn a_foreign_call_is_neither_taken_nor_transferred() {
    let pbx = Tandem::start();
    grouped(&pbx, "103", "sales");
    pbx.has("104").has("105");
    let mut call = Conversation::on(&pbx);
    let (mut carol, mut mallory) = (Phone::registered(&pbx, "103"), Phone::registered(&pbx, "104"));
    let target = format!("Refer-To: <sip:104@{}>\r\n", pbx.sip);
    let named = call.alices.name();
    let other = named.replace("to-tag=", "to-tag=x");

    // Replaces and Join: of no dialog, of half a dialog, and of a call of other people (RFC 3911: 403).
    for (field, status) in [
        ("Replaces: none;to-tag=x;from-tag=y".to_owned(), 481),
        (format!("Replaces: {other}"), 481),
        (format!("Join: {other}"), 481),
        (format!("Join: {named}"), 403),
    ] {
        let answer = mallory.asks_to_call("101", &format!("{field}\r\n"));
        assert_eq!(answer.status(), status, "{field}");
    }
    // REFER outside of the dialog: of a stranger, of a phone that has no part in the call, and with the call's name.
    let dialog = format!(
        "Target-Dialog: {}\r\n",
        named.replace("to-tag", "remote-tag").replace("from-tag", "local-tag")
    );
    for more in [target.clone(), format!("{target}{dialog}")] {
        assert_eq!(mallory.asks("REFER", "101", &more, "").status(), 403, "{more}");
    }
    let mut nobody = Phone::new(&pbx, "999");
    assert_eq!(nobody.asks("REFER", "101", &target, "").status(), 401);
    // REFER within it by who has overheard its tags: asked for a password, and then not obeyed.
    let stranger = Phone::at(&pbx, "104", STRANGER);
    let mut stolen = call.alices.clone();
    let answer = { stranger }.refers(&mut stolen, "104");
    assert!([401, 403].contains(&answer.status()), "{}", answer.0);

    // A call that rings in another pickup group.
    let (ringing, branch) = call.alice.begins("103");
    let (invite, tag) = carol.rings();
    let from = invite.header("From").split_once(";tag=").unwrap().1;
    let named = format!("{};to-tag={from};from-tag={tag}", invite.header("Call-ID"));
    let answer = mallory.asks_to_call("103", &format!("Replaces: {named}\r\n"));
    assert_eq!(answer.status(), 403);
    carol.takes(&invite, &tag);
    let mut ringing = call.alice.is_answered(ringing, &branch);
    call.alice.hangs_up(&mut ringing);
    carol.is_hung_up();
    call.ends_well(&pbx);
}

#[test]
fn loops_of_transfers_and_redirections_end() {
    let pbx = Setup::new().plan(LOOPS).start();
    pbx.has("103");
    let mut call = Conversation::on(&pbx);
    // 302 to itself: the caller hears that it does not lead anywhere, and the phone was not asked again and again.
    let mut carol = Phone::registered(&pbx, "103");
    let (dialog, branch) = call.alice.begins("103");
    carol.refuses("302 Moved Temporarily", &format!("Contact: <sip:103@{}>\r\n", pbx.sip));
    let answer = call.alice.is_refused_at_last(&dialog, &branch);
    assert!((400..500).contains(&answer.status()), "{}", answer.0);
    assert_eq!(carol.unread("INVITE"), 0);

    // A transfer to a number that transfers to itself ends as a chain of proxies does; the party comes back.
    let answer = call.bob.refers(&mut call.bobs, "900");
    assert_eq!(answer.status(), 202, "{}", answer.0);
    call.bob.is_notified("SIP/2.0 500");
    call.ends_well(&pbx);
    pbx.expect_nothing_left(SOON);
}
