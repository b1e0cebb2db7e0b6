//! The registrar, with a store and a clock that the test controls.
//!
//! | file | what it tests |
//! |---|---|
//! | `bindings.rs` | what a REGISTER binds, refreshes, removes and refuses |
//! | `limits.rs` | how many contacts, and how long they may be |
//! | `model.rs` | random REGISTERs against a model, random interleavings |
//! | `outbound.rs` | RFC 5626: several flows of one phone |
//! | `reaching.rs` | where a registered phone is reached |
//! | `storing.rs` | bindings and the disk: order, restarts, failures |

mod bindings;
mod limits;
mod model;
mod outbound;
mod reaching;
mod storing;

use std::collections::BTreeMap;

use bytes::Bytes;
use sip::{Limits, Transport};

use super::*;
use crate::{AccountChange, Device, Dtmf, Extension, Ha1, Listener, NatPolicy, Transcode};

pub(crate) const UNIX: i64 = 1_700_000_000_000_000;

/// A registrar with extensions 101 (devices 101 and desk) and 102, a clock, and a store. The store answers at once,
/// unless a test says otherwise.
pub(crate) struct World {
    pub(crate) registrar: Registrar,
    pub(crate) accounts: Accounts,
    domain: Domain,
    pub(crate) now: Instant,
    queries: u64,
    /// What is on disk.
    pub(crate) disk: BTreeMapBindings,
    effects: Vec<Effect>,
    /// All changes of contacts that the registrar has told so far.
    pub(crate) told: Vec<Change>,
}

pub(crate) type BTreeMapBindings = BTreeMap<u64, Binding>;

pub(crate) fn device(username: &str, extension: &str, nat: NatPolicy) -> AccountChange {
    AccountChange::Device(Device {
        username: username.into(),
        extension: extension.into(),
        ha1: Ha1 {
            md5: [0; 16],
            sha256: [0; 32],
        },
        codecs: Vec::new(),
        nat,
        transport: None,
        require_qop: false,
        transcode: Transcode::Auto,
        dtmf: Dtmf::Auto,
    })
}

pub(crate) fn identity(number: &str, device: &str) -> Identity {
    Identity {
        extension: number.into(),
        device: Some(device.into()),
        anonymous: false,
    }
}

pub(crate) fn udp() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: "203.0.113.9:40000".parse().unwrap(),
        connection: None,
    }
}

pub(crate) fn tcp(connection: u64) -> Flow {
    Flow {
        transport: Transport::Tcp,
        connection: Some(ConnectionId(connection)),
        ..udp()
    }
}

/// A REGISTER of 101 with these further header lines.
pub(crate) fn register(call_id: &str, cseq: u32, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "REGISTER sip:tandem.local SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK{call_id}{cseq}\r\n\
         From: <sip:101@tandem.local>;tag=a\r\nTo: <sip:101@tandem.local>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    )
}

impl World {
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let mut accounts = Accounts::default();
        for number in ["101", "102"] {
            accounts.apply(AccountChange::Extension(Extension {
                number: number.into(),
                ..Extension::default()
            }));
            accounts.apply(device(number, number, NatPolicy::Source));
        }
        accounts.apply(device("desk", "101", NatPolicy::Contact));
        let mut domain = Domain::new("tandem.local", None);
        domain.listen(&[Listener {
            transport: Transport::Udp,
            address: "0.0.0.0:5060".parse().unwrap(),
        }]);
        Self {
            registrar: Registrar::new(config),
            accounts,
            domain,
            now: Instant::from_micros(1_000_000),
            queries: 0,
            disk: BTreeMapBindings::new(),
            effects: Vec::new(),
            told: Vec::new(),
        }
    }

    fn unix(&self) -> i64 {
        UNIX + i64::try_from(self.now.as_micros()).unwrap()
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now += std::time::Duration::from_secs(seconds);
        self.registrar.timeout(self.now);
        self.drain();
    }

    /// Sends without answering the store.
    pub(crate) fn begin(&mut self, text: &str, flow: Flow, identity: &Identity) -> QueryId {
        let message = Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap();
        self.queries += 1;
        let query = QueryId(self.queries);
        let (accounts, domain) = (&self.accounts, &self.domain);
        self.registrar.register(
            self.now,
            UNIX + self.now.as_micros() as i64,
            query,
            &message,
            &flow,
            identity,
            accounts,
            domain,
        );
        self.drain();
        query
    }

    pub(crate) fn drain(&mut self) {
        while let Some(effect) = self.registrar.poll() {
            match &effect {
                Effect::Forget(changes) => write(&mut self.disk, changes),
                Effect::Located(change) => self.told.push(change.clone()),
                Effect::Reply { .. }
                | Effect::Store { .. }
                | Effect::Added(_)
                | Effect::Wake(..)
                | Effect::Removed(_) => {}
            }
            self.effects.push(effect);
        }
    }

    /// Carries out the Store of a query.
    fn write(&mut self, query: QueryId) {
        let changes = self.effects.iter().find_map(|effect| {
            let Effect::Store { query: of, changes } = effect else {
                return None;
            };
            (*of == query).then(|| changes.clone())
        });
        write(&mut self.disk, &changes.expect("something to store"));
    }

    /// Tells the registrar whether a Store succeeded.
    fn report(&mut self, query: QueryId, ok: bool) {
        assert!(self.registrar.stored(self.now, self.unix(), query, ok));
        self.drain();
    }

    /// Carries out the Store of a query, or lets it fail.
    pub(crate) fn store(&mut self, query: QueryId, ok: bool) {
        if ok {
            self.write(query);
        }
        self.report(query, ok);
    }

    fn answer(&self, query: QueryId) -> Option<Answer> {
        self.effects.iter().find_map(|effect| {
            let Effect::Reply { query: of, answer } = effect else {
                return None;
            };
            (*of == query).then(|| answer.clone())
        })
    }

    pub(crate) fn send_as(&mut self, text: &str, flow: Flow, identity: &Identity) -> Answer {
        self.effects.clear();
        let query = self.begin(text, flow, identity);
        if self.answer(query).is_none() {
            self.store(query, true);
        }
        self.answer(query).expect("an answer")
    }

    pub(crate) fn send(&mut self, call_id: &str, cseq: u32, lines: &[&str]) -> Answer {
        self.send_as(&register(call_id, cseq, lines), udp(), &identity("101", "101"))
    }

    fn status(&mut self, call_id: &str, cseq: u32, lines: &[&str]) -> u16 {
        self.send(call_id, cseq, lines).status.code()
    }

    /// The contacts as a fetch lists them.
    fn fetch(&mut self) -> Vec<String> {
        contacts(&self.send("fetch", 1, &[]))
    }

    /// Where the contacts of 101 came from, the newest first.
    fn flows(&self) -> Vec<Flow> {
        let located = self.located();
        located.values().rev().map(|contact| contact.binding.flow).collect()
    }

    /// The newest contact.
    fn newest(&self) -> Binding {
        self.located().into_values().next_back().unwrap().binding.clone()
    }

    fn events(&self) -> (usize, usize) {
        let added = self
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Added(_)))
            .count();
        let removed = self
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Removed(_)))
            .count();
        (added, removed)
    }

    /// The contacts according to the changes that were told, by number and id.
    fn located(&self) -> BTreeMap<(String, u64), Arc<Contact>> {
        let mut located = BTreeMap::new();
        for change in &self.told {
            match change {
                Change::Put(contact) => {
                    let key = (contact.binding.number.clone(), contact.binding.id);
                    drop(located.insert(key, Arc::clone(contact)));
                }
                Change::Remove { number, id } => {
                    assert!(located.remove(&(number.clone(), *id)).is_some(), "removed once");
                }
            }
        }
        located
    }

    /// Memory and disk hold the same bindings, and the told changes lead to the same contacts.
    pub(crate) fn agrees_with_disk(&self) {
        let held = self.registrar.table.sorted().into_iter();
        let held: Vec<&Arc<Contact>> = held.map(|bound| &bound.contact).collect();
        assert_eq!(self.located().values().collect::<Vec<_>>(), held);
        let mut shown: Vec<u64> = self.registrar.registrations().iter().map(|shown| shown.id).collect();
        shown.sort_unstable();
        assert_eq!(shown, self.disk.keys().copied().collect::<Vec<_>>());
        for (id, binding) in &self.disk {
            let held = self.registrar.binding(*id).unwrap();
            assert_eq!(
                (&held.contact, held.cseq, held.expires_at),
                (&binding.contact, binding.cseq, binding.expires_at)
            );
        }
    }
}

fn write(disk: &mut BTreeMapBindings, changes: &[BindingChange]) {
    for change in changes {
        match change {
            BindingChange::Save(binding) => drop(disk.insert(binding.id, binding.clone())),
            BindingChange::Remove(id) => drop(disk.remove(id)),
        }
    }
}

fn contacts(answer: &Answer) -> Vec<String> {
    let values = answer.headers.iter().filter(|(name, _)| *name == HeaderName::Contact);
    values.map(|(_, value)| value.clone()).collect()
}

pub(crate) const PHONE: &str = "Contact: <sip:101@10.0.0.5:5062>";
/// A contact of an outbound flow (RFC 5626).
pub(crate) const OUTBOUND: &str = "Contact: <sip:101@10.0.0.5;ob>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
