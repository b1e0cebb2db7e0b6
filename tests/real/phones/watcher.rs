//! A phone of our own that watches: many subscriptions on one socket, and what each of its lamps shows.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use tests::wait::until;

use super::phone::unique;
use crate::support::{
    message::Message,
    tandem::{Tandem, password},
};

/// What it does with a NOTIFY.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Habit {
    Answers,
    /// Sends no answer.
    Sleeps,
    /// Knows of no such subscription: 481.
    Forgets,
}

/// One subscription.
#[derive(Debug)]
pub struct Lamp {
    pub number: String,
    /// The status of the answer to its SUBSCRIBE, 0 before that.
    pub status: u16,
    /// How many NOTIFYs came, without those that came again.
    pub notified: u32,
    /// The body of the last one.
    pub document: String,
    event: String,
    call_id: String,
    tag: String,
    /// CSeq of our last SUBSCRIBE, and of the last NOTIFY.
    sequences: [u32; 2],
    version: Option<u32>,
}

impl Lamp {
    /// What it shows: `confirmed`, `early`, `trying`, `idle`, or `nothing` for an extension without a phone.
    pub fn shows(&self) -> &str {
        let is = |state: &str| self.document.contains(&format!("<state>{state}</state>"));
        let lit = ["confirmed", "early", "trying"].into_iter().find(|state| is(state));
        lit.unwrap_or(if is("terminated") { "idle" } else { "nothing" })
    }
}

pub struct Watcher {
    pub habit: Habit,
    pub lamps: Vec<Lamp>,
    number: String,
    socket: UdpSocket,
    server: SocketAddr,
    /// By Call-ID.
    places: HashMap<String, usize>,
}

impl Watcher {
    /// The phone of an extension. It does not register.
    pub fn new(pbx: &Tandem, number: &str) -> Self {
        Self::at(pbx, number, Ipv4Addr::LOCALHOST)
    }

    /// The same at an address of its own.
    pub fn at(pbx: &Tandem, number: &str, host: impl Into<IpAddr>) -> Self {
        let socket = UdpSocket::bind((host.into(), 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            habit: Habit::Answers,
            lamps: Vec::new(),
            number: number.to_owned(),
            socket,
            server: pbx.sip,
            places: HashMap::new(),
        }
    }

    /// Sends a SUBSCRIBE; nothing has come yet.
    pub fn watches(&mut self, event: &str, number: &str) {
        let lamp = Lamp {
            number: number.to_owned(),
            status: 0,
            notified: 0,
            document: String::new(),
            event: event.to_owned(),
            call_id: unique("lamp"),
            tag: unique("tag"),
            sequences: [1, 0],
            version: None,
        };
        self.send(&self.subscribe(&lamp, ""));
        self.places.insert(lamp.call_id.clone(), self.lamps.len());
        self.lamps.push(lamp);
    }

    fn subscribe(&self, lamp: &Lamp, more: &str) -> String {
        let (server, address) = (self.server, self.socket.local_addr().unwrap());
        let (number, watcher, tag) = (&lamp.number, &self.number, &lamp.tag);
        format!(
            "SUBSCRIBE sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch={};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{watcher}@{server}>;tag={tag}\r\nTo: <sip:{number}@{server}>\r\nCall-ID: {}\r\nCSeq: {} SUBSCRIBE\r\n\
             Contact: <sip:{watcher}@{address}>\r\nEvent: {}\r\nExpires: 3600\r\n{more}Content-Length: 0\r\n\r\n",
            unique("z9hG4bK"),
            lamp.call_id,
            lamp.sequences[0],
            lamp.event,
        )
    }

    fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.server).unwrap();
    }

    /// Takes what has come, and answers it.
    pub fn works(&mut self) {
        let mut buffer = [0; 65_536];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let message = Message(String::from_utf8_lossy(&buffer[..length]).into_owned());
            let Some(&at) = self.places.get(message.header("Call-ID")) else {
                continue;
            };
            match (message.status(), message.method()) {
                (0, "NOTIFY") => self.is_notified(at, &message),
                (401, _) if self.lamps[at].sequences[0] == 1 => self.authenticates(at, &message),
                (status @ 200.., _) => self.lamps[at].status = status,
                _ => {}
            }
        }
    }

    fn authenticates(&mut self, at: usize, challenge: &Message) {
        let lamp = &mut self.lamps[at];
        lamp.sequences[0] = 2;
        let uri = format!("sip:{}@{}", lamp.number, self.server);
        let more = challenge.authorization("SUBSCRIBE", &uri, &self.number, &password(&self.number), true);
        self.send(&self.subscribe(&self.lamps[at], &more));
    }

    fn is_notified(&mut self, at: usize, notify: &Message) {
        match self.habit {
            Habit::Sleeps => return,
            Habit::Forgets => {
                self.lamps[at].notified += 1;
                return self.send(&notify.response("481 Subscription Does Not Exist", "", "", ""));
            }
            Habit::Answers => {}
        }
        self.send(&notify.response("200 OK", "", "", ""));
        let lamp = &mut self.lamps[at];
        let sequence: u32 = notify.header("CSeq").split(' ').next().unwrap().parse().unwrap();
        if sequence == lamp.sequences[1] {
            return;
        }
        let version = notify
            .body()
            .split_once(" version=\"")
            .and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
        // A phone drops what goes back (RFC 3261 12.2.2, RFC 4235 section 4.1): then the lamp would be wrong for ever.
        assert!(
            sequence > lamp.sequences[1] && (version.is_none() || version > lamp.version),
            "{:?} was followed by {}",
            (lamp.sequences[1], lamp.version),
            notify.0
        );
        lamp.sequences[1] = sequence;
        lamp.version = version;
        lamp.notified += 1;
        notify.body().clone_into(&mut lamp.document);
    }
}

/// Waits until all lamps of all watchers are like this.
pub fn all_lamps(watchers: &mut [Watcher], what: &str, limit: Duration, like: impl Fn(&Lamp) -> bool) {
    until(what, limit, || {
        watchers.iter_mut().for_each(Watcher::works);
        let mut lamps = watchers.iter().flat_map(|watcher| &watcher.lamps);
        lamps.all(&like).then_some(())
    });
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for lamp in &self.lamps {
                let Lamp {
                    number,
                    status,
                    notified,
                    ..
                } = lamp;
                eprintln!(
                    "{} sees {number} {}: {status}, {notified} NOTIFYs",
                    self.number,
                    lamp.shows()
                );
            }
        }
    }
}
