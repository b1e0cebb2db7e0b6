//! The API and the page with made-up calls and phones, for work on the page:
//! `cargo run -p admin --example demo`, then `npm run dev` in `web/`.

#![allow(clippy::print_stdout)]

mod lamps;
mod rooms;
mod sounds;

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use admin::{
    AdminState, DialplanError, DialplanInfo, Dialplans, EventBus, Fault, Health, Limits, SwitchHandle, SwitchRequest,
    Vault, generate_token, hash_token,
};
use jiff::Timestamp;
use rooms::Rooms;
use store::{Store, StoreError};
use switch::{
    Began, CallUid, CauseCode, Cdr, CdrOpen, Command, CommandError, Disposition, EndedBy, Event, Extension, Ha1,
    LegQuality, Link, LinkKind, LiveCall, LiveLeg, LiveRecording, LiveState, Quality, RecordAction, Registration,
    Reply, Segment, Story, WayQuality,
};
use tokio::sync::mpsc;

const DOMAIN: &str = "tandem.local";
/// A leg that sounds well.
const GOOD: Quality = Quality {
    received: WAY,
    sent: Some(WAY),
    round_trip_ms: Some(24),
};
const WAY: WayQuality = WayQuality {
    packets: 2_998,
    lost: 2,
    late: 0,
    doubled: 0,
    jitter_micros: 1_375,
    mos: Some(439),
};
const PEOPLE: [(&str, &str); 6] = [
    ("101", "Alice Meyer"),
    ("102", "Bob Okafor"),
    ("103", "Chiara Rossi"),
    ("200", "Reception"),
    ("201", "Meeting room"),
    ("300", "Workshop"),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("tandem-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let store = Store::open(folder.join("demo.db"), store::Options::default()).await?;
    let token =
        std::env::var("TANDEM_TOKEN").or_else(|_| generate_token().map_err(|_| std::env::VarError::NotPresent))?;
    store.put_token(DOMAIN, "demo", hash_token(&token), 0).await?;
    fill(&store).await?;
    sounds::fill(&store, &folder.join("recordings")).await?;
    let (switch, requests) = SwitchHandle::channel(64);
    let (events, health) = (EventBus::default(), Health::default());
    health.ready();
    tokio::spawn(Fake::new(events.clone()).run(requests));
    let state = AdminState {
        store,
        domain: DOMAIN.into(),
        switch,
        recordings: folder.join("recordings"),
        dialplans: Arc::new(Plans::new()),
        events,
        health,
        vault: Arc::new(Vault::with([7; 32])),
        hasher: Arc::new(|_, _| Ha1 {
            md5: [0; 16],
            sha256: [0; 32],
        }),
        registry: prometheus_client::registry::Registry::default(),
        metrics_need_token: false,
        system: admin::System {
            version: "0.0.0",
            domain: DOMAIN.into(),
            servers: vec![admin::Server {
                address: "192.0.2.7".to_owned(),
                port: 5060,
                transports: vec!["udp".to_owned(), "tcp".to_owned()],
            }],
        },
        trusted_proxies: Vec::new(),
        limits: Limits::default(),
    };
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{address}  token: {token}");
    admin::serve(state, listener, async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

async fn fill(store: &Store) -> Result<(), StoreError> {
    let now = Timestamp::now().as_microsecond();
    for (number, name) in PEOPLE {
        let new = store::NewExtension {
            extension: Extension {
                number: number.to_owned(),
                name: name.to_owned(),
                ..Extension::default()
            },
            ha1: Ha1 {
                md5: [0; 16],
                sha256: [0; 32],
            },
            require_qop: false,
            transcode: records::Transcode::Auto,
            dtmf: records::Dtmf::Auto,
        };
        store.create_extension(DOMAIN, &new, now).await?;
    }
    let forward = store::ExtensionPatch {
        settings: records::SettingsPatch {
            forward_no_answer: Some(Some("200".to_owned())),
            ..records::SettingsPatch::default()
        },
        ..store::ExtensionPatch::default()
    };
    store.update_extension(DOMAIN, "101", &forward, now).await?;
    let quiet = store::ExtensionPatch {
        settings: records::SettingsPatch {
            dnd: Some(true),
            ..records::SettingsPatch::default()
        },
        voicemail: Some(true),
        ..store::ExtensionPatch::default()
    };
    store.update_extension(DOMAIN, "103", &quiet, now).await?;
    let ends = [
        (Disposition::Answered, 200, CauseCode::CallerHungUp, "caller: hung up"),
        (Disposition::Busy, 486, CauseCode::PhoneBusy, "Busy Here"),
        (Disposition::NoAnswer, 480, CauseCode::PhoneNoAnswer, "No Answer"),
        (
            Disposition::Cancelled,
            487,
            CauseCode::CallerCancelled,
            "the caller gave up",
        ),
        (
            Disposition::Failed,
            500,
            CauseCode::ScriptFailed,
            "main.rhai:7:12: no such function",
        ),
    ];
    for n in 0..60_i64 {
        let (disposition, sip_code, cause, detail) = ends[usize::try_from(n * n).unwrap_or(0) % ends.len()];
        let (from, to) = (
            PEOPLE[usize::try_from(n).unwrap_or(0) % 6],
            PEOPLE[usize::try_from(n + 2).unwrap_or(0) % 6],
        );
        let started_at = now - (60 - n) * 23 * 60_000_000;
        let answered = disposition == Disposition::Answered;
        let open = CdrOpen {
            call_id: CallUid((n + 1).cast_unsigned().into()),
            sip_call_id: format!("{:08x}@192.0.2.{n}", n * 77),
            from: from.0.to_owned(),
            from_name: from.1.to_owned(),
            dialed: to.0.to_owned(),
            started_at,
        };
        let (answered_at, ended_at) = (started_at + 6_000_000, started_at + (20 + n * 7) * 1_000_000);
        let mut story = Story::begin(started_at, from.0, 64);
        if answered {
            story.turn(answered_at, from.0, to.0, Began::Answered);
        }
        let mut links = Vec::new();
        // Some calls are transferred to the reception's deputy, in a call of its own.
        if answered && n % 20 == 0 && n > 0 {
            story.turn(answered_at + 20_000_000, from.0, "104", Began::Transferred);
            links.push(Link {
                call: CallUid(n.cast_unsigned().into()),
                how: LinkKind::TransferredTo,
            });
        }
        store.writer(DOMAIN).close_cdr(Cdr {
            segments: story.end(ended_at),
            links,
            hidden: false,
            open,
            to: to.0.to_owned(),
            answered_at: answered.then_some(answered_at),
            ended_at,
            disposition,
            sip_code,
            ended_by: EndedBy::Caller,
            cause,
            detail: detail.to_owned(),
        });
        if answered {
            sounded(store, CallUid((n + 1).cast_unsigned().into()), from.0, to.0, n % 3 == 1);
        }
    }
    store.writer(DOMAIN).flush().await
}

/// Adds how the two legs of a call sounded; `bad`: the second one's phone was on a bad network.
fn sounded(store: &Store, call: CallUid, from: &str, to: &str, bad: bool) {
    let poor = WayQuality {
        packets: 2_731,
        lost: 269,
        late: 12,
        jitter_micros: 38_250,
        mos: Some(294),
        ..WAY
    };
    let second = Quality {
        received: poor,
        sent: None,
        round_trip_ms: None,
    };
    for (party, inbound, quality) in [(from, true, GOOD), (to, false, if bad { second } else { GOOD })] {
        let leg = LegQuality {
            party: party.to_owned(),
            inbound,
            codec: Some("PCMA".to_owned()),
            quality,
        };
        store.writer(DOMAIN).leg_quality(call, leg);
    }
}

/// Calls that come and go by themselves.
struct Fake {
    events: EventBus,
    calls: Vec<LiveCall>,
    contacts: Vec<Registration>,
    rooms: Rooms,
    next: u128,
}

impl Fake {
    fn new(events: EventBus) -> Self {
        let expires_at = Timestamp::now().as_microsecond() + 3_000_000_000;
        let contact = |(id, (number, _)): (u64, (&str, &str))| Registration {
            id,
            number: number.to_owned(),
            contact: format!("sip:{number}@192.0.2.{}:5060", 10 + id),
            source: format!("192.0.2.{}:5060", 10 + id),
            transport: if id % 2 == 0 { "udp" } else { "tcp" }.to_owned(),
            user_agent: "Desk phone 4.2".to_owned(),
            expires_at,
            ..Registration::default()
        };
        let contacts = (0..).zip(PEOPLE).take(4).map(contact).collect();
        Self {
            events,
            calls: Vec::new(),
            contacts,
            rooms: Rooms::new(),
            next: 1000,
        }
    }

    async fn run(mut self, mut requests: mpsc::Receiver<SwitchRequest>) {
        let mut tick = tokio::time::interval(Duration::from_secs(4));
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(SwitchRequest::Command { command, reply }) => {
                        let _ = reply.send(self.command(command));
                    }
                    Some(SwitchRequest::Account { taken, .. } | SwitchRequest::Trunk { taken, .. }) => {
                        let _ = taken.send(());
                    }
                    None => return,
                },
                _ = tick.tick() => self.step(),
            }
        }
    }

    /// A call rings, or the one that rings is answered; now and then the oldest ends.
    fn step(&mut self) {
        self.rooms.step(&self.events);
        if let Some(call) = self.calls.iter_mut().find(|call| call.state == LiveState::Ringing) {
            call.state = LiveState::Answered;
            call.answered_at = Some(Timestamp::now().as_microsecond());
            self.events.publish(Event::CallAnswered(Box::new(call.clone())));
        } else if self.calls.len() < 3 {
            let i = usize::try_from(self.next % 5).unwrap_or(0);
            self.start(PEOPLE[i].0, PEOPLE[i + 1].0);
        } else {
            let oldest = self.calls[0].id;
            self.end(oldest);
        }
    }

    fn start(&mut self, from: &str, to: &str) -> CallUid {
        self.next += 1;
        let name = |number: &str| PEOPLE.iter().find(|p| p.0 == number).map_or("", |p| p.1).to_owned();
        let leg = |party: &str, inbound, state: &str| LiveLeg {
            party: party.to_owned(),
            inbound,
            state: state.to_owned(),
            remote: "192.0.2.10:5060".to_owned(),
            codec: Some("PCMA".to_owned()),
            quality: (state == "trying").then_some(GOOD),
        };
        let call = LiveCall {
            id: CallUid(self.next),
            from: from.to_owned(),
            from_name: name(from),
            dialed: to.to_owned(),
            to: to.to_owned(),
            state: LiveState::Ringing,
            started_at: Timestamp::now().as_microsecond(),
            answered_at: None,
            doing: "dial (main.rhai:2)".to_owned(),
            recording: LiveRecording::Off,
            legs: vec![leg(from, true, "trying"), leg(to, false, "ringing")],
        };
        self.calls.push(call.clone());
        self.events.publish(Event::CallStarted(Box::new(call.clone())));
        self.events.publish(Event::CallRinging(Box::new(call)));
        CallUid(self.next)
    }

    fn end(&mut self, id: CallUid) -> bool {
        let Some(i) = self.calls.iter().position(|call| call.id == id) else {
            return false;
        };
        let call = self.calls.remove(i);
        let open = CdrOpen {
            call_id: call.id,
            from: call.from,
            from_name: call.from_name,
            dialed: call.dialed,
            sip_call_id: "demo".to_owned(),
            started_at: call.started_at,
        };
        let ended_at = Timestamp::now().as_microsecond();
        let answered = call.answered_at.map(|at| (at, call.to.as_str()));
        self.events.publish(Event::CallEnded(Box::new(Cdr {
            segments: Segment::of_plain_call(open.started_at, &open.from, answered, ended_at),
            links: Vec::new(),
            hidden: false,
            open,
            to: call.to,
            answered_at: call.answered_at,
            ended_at,
            disposition: Disposition::Answered,
            sip_code: 200,
            ended_by: EndedBy::Admin,
            cause: CauseCode::AdminEnded,
            detail: String::new(),
        })));
        true
    }

    fn command(&mut self, command: Command) -> Result<Reply, CommandError> {
        match command {
            Command::ListCalls => Ok(Reply::Calls(self.calls.clone())),
            Command::GetCall(id) => {
                let call = self
                    .calls
                    .iter()
                    .find(|call| call.id == id)
                    .ok_or(CommandError::NotFound)?;
                Ok(Reply::Calls(vec![call.clone()]))
            }
            Command::HangUp(id) => self.end(id).then_some(Reply::Done).ok_or(CommandError::NotFound),
            Command::Transfer { call, .. } => self.end(call).then_some(Reply::Done).ok_or(CommandError::NotFound),
            Command::Originate { from, to } => {
                if self.contacts.iter().any(|contact| contact.number == from) {
                    Ok(Reply::Started(self.start(&from, &to)))
                } else {
                    Err(CommandError::NoPhone(from))
                }
            }
            Command::ListRegistrations => Ok(Reply::Registrations(self.contacts.clone())),
            Command::RemoveRegistration(id) => {
                let i = self
                    .contacts
                    .iter()
                    .position(|contact| contact.id == id)
                    .ok_or(CommandError::NotFound)?;
                let contact = self.contacts.remove(i);
                self.events.publish(Event::RegistrationRemoved(Box::new(contact)));
                Ok(Reply::Done)
            }
            Command::ListSubscriptions => Ok(Reply::Subscriptions(lamps::subscriptions())),
            Command::ReadPresence(numbers) => {
                Ok(Reply::Presence(lamps::presence(&self.calls, &self.contacts, numbers)))
            }
            Command::ListConferences => Ok(Reply::Conferences(self.rooms.list())),
            Command::ListTrunks => Ok(Reply::Trunks(Vec::new())),
            Command::ListParked => Ok(Reply::Parked(lamps::parked())),
            Command::MuteMember { room, member, muted } => self.rooms.mute(&room, member, muted, &self.events),
            Command::SetMemberVolume { room, member, volume } => {
                self.rooms.set_volume(&room, member, volume, &self.events)
            }
            Command::RemoveMember { room, member } => self.rooms.remove(&room, member, &self.events),
            Command::Record { call, action } => {
                let call = self.calls.iter_mut().find(|one| one.id == call);
                let call = call.ok_or(CommandError::NotFound)?;
                if call.state != LiveState::Answered {
                    return Err(CommandError::Conflict("the call is not connected".to_owned()));
                }
                call.recording = match action {
                    RecordAction::Start | RecordAction::Resume => LiveRecording::On,
                    RecordAction::Pause => LiveRecording::Paused,
                    RecordAction::Stop => LiveRecording::Off,
                };
                Ok(Reply::Done)
            }
            Command::Stats => Ok(Reply::Stats(Box::default())),
        }
    }
}

/// Files in memory; a text with the word `fault` has one.
struct Plans(Mutex<BTreeMap<String, String>>);

impl Plans {
    fn new() -> Self {
        let main = "fn on_call(caller) {\n    let r = caller.dial(caller.dialed, #{ timeout: 20 });\n    \
                    if r.status in [\"busy\", \"noanswer\", \"unavailable\"] { caller.voicemail(caller.dialed); }\n}\n";
        let night = "fn closed(now) { now.hour < 8 || now.hour >= 18 }\n";
        let files = [("main", main), ("night", night)];
        Self(Mutex::new(
            files.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
        ))
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dialplans for Plans {
    fn list(&self) -> Result<Vec<DialplanInfo>, DialplanError> {
        let modified_at = Some(Timestamp::now());
        let info = |(name, text): (&String, &String)| DialplanInfo {
            name: name.clone(),
            bytes: text.len() as u64,
            modified_at,
        };
        Ok(self.files().iter().map(info).collect())
    }

    fn fault(&self) -> Option<Fault> {
        None
    }

    fn read(&self, name: &str) -> Result<String, DialplanError> {
        self.files().get(name).cloned().ok_or(DialplanError::NotFound)
    }

    fn put(&self, name: &str, text: &str) -> Result<(), DialplanError> {
        if let Some((line, at)) = (1..).zip(text.lines()).find_map(|(n, l)| Some((n, l.find("fault")?))) {
            let column = u32::try_from(at + 1).unwrap_or(0);
            let (file, detail) = (format!("{name}.rhai"), "unknown word: fault".to_owned());
            return Err(DialplanError::Fault(Fault {
                file,
                line,
                column,
                detail,
            }));
        }
        self.files().insert(name.to_owned(), text.to_owned());
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), DialplanError> {
        self.files().remove(name).map(drop).ok_or(DialplanError::NotFound)
    }
}
