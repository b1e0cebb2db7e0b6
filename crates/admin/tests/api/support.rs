//! A whole admin API over a real store in a temporary folder, a fake switch and fake dialplan files.

mod presence;
mod requests;
mod trunks;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use admin::{
    Accounts, AdminState, DialplanError, DialplanInfo, Dialplans, EventBus, Fault, Health, Limits, Server,
    SwitchHandle, SwitchRequest, System, Vault, hash_token,
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use store::Store;
use switch::{
    AccountChange, CallUid, Command, CommandError, Conference, Ha1, LiveCall, LiveLeg, LiveRecording, LiveState,
    LiveSubscription, Party, RecordAction, Registration, Reply, Stats, TrunkChange,
};
use tokio::sync::mpsc;
use tower::ServiceExt;

pub(crate) const TOKEN: &str = "tdm_the-right-token";
pub(crate) const DOMAIN: &str = "tandem.local";

/// What the fake switch knows and was told.
#[derive(Default)]
pub(crate) struct FakeSwitch {
    pub(crate) changes: Vec<AccountChange>,
    pub(crate) trunks: Vec<TrunkChange>,
    pub(crate) calls: Vec<LiveCall>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) subscriptions: Vec<LiveSubscription>,
    pub(crate) conferences: Vec<Conference>,
    pub(crate) busy: bool,
}

impl FakeSwitch {
    fn conference(&mut self, room: &str) -> Result<&mut Conference, CommandError> {
        let conferences = &mut self.conferences;
        let found = conferences.iter_mut().find(|conference| conference.room == room);
        found.ok_or(CommandError::NotFound)
    }

    fn command(&mut self, command: Command) -> Result<Reply, CommandError> {
        if self.busy {
            return Err(CommandError::Busy);
        }
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
            Command::HangUp(id) => {
                let before = self.calls.len();
                self.calls.retain(|call| call.id != id);
                if self.calls.len() == before {
                    Err(CommandError::NotFound)
                } else {
                    Ok(Reply::Done)
                }
            }
            Command::Originate { from, to } => {
                let known = self
                    .changes
                    .iter()
                    .any(|c| matches!(c, AccountChange::Extension(e) if e.number == from));
                if !known {
                    return Err(CommandError::NotFound);
                }
                if !self.registrations.iter().any(|contact| contact.number == from) {
                    return Err(CommandError::NoPhone(from));
                }
                let call = call(7, &from, &to);
                self.calls.push(call.clone());
                Ok(Reply::Started(call.id))
            }
            Command::ListRegistrations => Ok(Reply::Registrations(self.registrations.clone())),
            Command::RemoveRegistration(id) => {
                let before = self.registrations.len();
                self.registrations.retain(|contact| contact.id != id);
                if self.registrations.len() == before {
                    Err(CommandError::NotFound)
                } else {
                    Ok(Reply::Done)
                }
            }
            Command::ListTrunks => Ok(Reply::Trunks(trunks::of(&self.trunks))),
            Command::ListParked => Ok(Reply::Parked(Vec::new())),
            Command::ListSubscriptions => Ok(Reply::Subscriptions(self.subscriptions.clone())),
            Command::ReadPresence(numbers) => Ok(Reply::Presence(presence::of(&self.changes, numbers))),
            Command::ListConferences => Ok(Reply::Conferences(self.conferences.clone())),
            Command::MuteMember { room, member, muted } => {
                let conference = self.conference(&room)?;
                let one = conference.members.iter_mut().find(|one| one.id == member);
                one.ok_or(CommandError::NotFound)?.muted = muted;
                Ok(Reply::Conferences(vec![conference.clone()]))
            }
            Command::SetMemberVolume { room, member, volume } => {
                let conference = self.conference(&room)?;
                let one = conference.members.iter_mut().find(|one| one.id == member);
                one.ok_or(CommandError::NotFound)?.volume = volume;
                Ok(Reply::Conferences(vec![conference.clone()]))
            }
            Command::RemoveMember { room, member } => {
                let members = &mut self.conference(&room)?.members;
                let i = members.iter().position(|one| one.id == member);
                members.remove(i.ok_or(CommandError::NotFound)?);
                Ok(Reply::Done)
            }
            Command::Transfer { call, party, .. } => {
                let call = self.calls.iter().find(|one| one.id == call);
                match (call.ok_or(CommandError::NotFound)?.state, party) {
                    (LiveState::Routing | LiveState::Ringing, Party::Callee) => {
                        Err(CommandError::Conflict("nobody has answered".to_owned()))
                    }
                    _ => Ok(Reply::Done),
                }
            }
            Command::Record { call, action } => {
                let calls = &mut self.calls;
                let call = calls.iter_mut().find(|one| one.id == call);
                let call = call.ok_or(CommandError::NotFound)?;
                call.recording = match (call.recording, action) {
                    (LiveRecording::Off, RecordAction::Start) | (LiveRecording::Paused, RecordAction::Resume) => {
                        LiveRecording::On
                    }
                    (LiveRecording::On, RecordAction::Pause) => LiveRecording::Paused,
                    (LiveRecording::On | LiveRecording::Paused, RecordAction::Stop) => LiveRecording::Off,
                    _ => return Err(CommandError::Conflict("not now".to_owned())),
                };
                Ok(Reply::Done)
            }
            Command::Stats => Ok(Reply::Stats(Box::new(Stats {
                calls: 3,
                calls_started: 41,
                ..Stats::default()
            }))),
        }
    }
}

/// Dialplans in memory; a text with the word `fault` does not compile, `main` cannot be removed.
#[derive(Default)]
pub(crate) struct FakeDialplans(pub(crate) Mutex<BTreeMap<String, String>>);

impl Dialplans for FakeDialplans {
    fn list(&self) -> Result<Vec<DialplanInfo>, DialplanError> {
        let info = |(name, text): (&String, &String)| DialplanInfo {
            name: name.clone(),
            bytes: text.len() as u64,
            modified_at: None,
        };
        Ok(self.0.lock().unwrap().iter().map(info).collect())
    }

    /// A file named `broken` counts as one that somebody has broken by hand.
    fn fault(&self) -> Option<Fault> {
        self.0.lock().unwrap().contains_key("broken").then(|| Fault {
            file: "broken.rhai".to_owned(),
            line: 7,
            column: 1,
            detail: "no such verb".to_owned(),
        })
    }

    fn read(&self, name: &str) -> Result<String, DialplanError> {
        self.0.lock().unwrap().get(name).cloned().ok_or(DialplanError::NotFound)
    }

    fn put(&self, name: &str, text: &str) -> Result<(), DialplanError> {
        if let Some(column) = text.find("fault") {
            let (file, detail) = (format!("{name}.rhai"), "this is a fault".to_owned());
            return Err(DialplanError::Fault(Fault {
                file,
                line: 1,
                column: column as u32 + 1,
                detail,
            }));
        }
        self.0.lock().unwrap().insert(name.to_owned(), text.to_owned());
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), DialplanError> {
        if name == "main" {
            return Err(DialplanError::Refused("main is needed".to_owned()));
        }
        if name == "disk" {
            return Err(std::io::Error::other("secret path /var/x").into());
        }
        self.0
            .lock()
            .unwrap()
            .remove(name)
            .map(drop)
            .ok_or(DialplanError::NotFound)
    }
}

/// Everything a test needs.
pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) switch: Arc<Mutex<FakeSwitch>>,
    pub(crate) events: EventBus,
    pub(crate) health: Health,
    /// What the shell changes extensions by.
    pub(crate) accounts: Accounts,
    /// What the switch is asked, where no fake one takes it.
    pub(crate) requests: Option<mpsc::Receiver<SwitchRequest>>,
    pub(crate) folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks an error's whole shape (RFC 9457).
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str, field: Option<&str>) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let body = self.json();
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["status"], status);
        assert_eq!(body["title"], self.status.canonical_reason().unwrap());
        assert_eq!(body["code"], code, "{body}");
        assert!(
            body["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{body}"
        );
        assert_eq!(body.get("field").and_then(Value::as_str), field, "{body}");
        body
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

pub(crate) struct Setup {
    pub(crate) limits: Limits,
    pub(crate) metrics_need_token: bool,
    pub(crate) trusted_proxies: Vec<&'static str>,
    pub(crate) switch_runs: bool,
    /// The test itself is the switch: see [`World::requests`].
    pub(crate) switch_held: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            metrics_need_token: false,
            trusted_proxies: Vec::new(),
            switch_runs: true,
            switch_held: false,
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let (world, state) = Self::state(setup).await;
        Self {
            router: admin::router(state),
            ..world
        }
    }

    /// The parts, for tests that bring a server.
    pub(crate) async fn state(setup: Setup) -> (Self, AdminState) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("t.db"), store::Options::default())
            .await
            .unwrap();
        store.put_token(DOMAIN, "first", hash_token(TOKEN), 0).await.unwrap();
        store
            .put_token(DOMAIN, "second", hash_token("another-good-one"), 0)
            .await
            .unwrap();
        let (handle, requests) = SwitchHandle::channel(8);
        let switch = Arc::new(Mutex::new(FakeSwitch::default()));
        let mut held = None;
        if setup.switch_held {
            held = Some(requests);
        } else if setup.switch_runs {
            tokio::spawn(requests::run(switch.clone(), requests));
        }
        let dialplans = FakeDialplans::default();
        dialplans
            .0
            .lock()
            .unwrap()
            .insert("main".to_owned(), "fn on_call(caller) {}\n".to_owned());
        let (events, health) = (EventBus::default(), Health::default());
        let accounts = Accounts::new(store.clone(), DOMAIN.into(), handle.clone(), Arc::new(hash));
        let state = AdminState {
            store: store.clone(),
            domain: DOMAIN.into(),
            switch: handle,
            recordings: folder.path().join("recordings"),
            dialplans: Arc::new(dialplans),
            events: events.clone(),
            health: health.clone(),
            vault: Arc::new(Vault::with([7; 32])),
            hasher: Arc::new(hash),
            registry: Registry::default(),
            metrics_need_token: setup.metrics_need_token,
            system: System {
                version: "0.0.0",
                domain: DOMAIN.into(),
                servers: vec![Server {
                    address: "192.0.2.7".to_owned(),
                    port: 5060,
                    transports: vec!["udp".to_owned(), "tcp".to_owned()],
                }],
            },
            trusted_proxies: setup
                .trusted_proxies
                .iter()
                .map(|network| network.parse().unwrap())
                .collect(),
            limits: setup.limits,
        };
        (
            Self {
                router: Router::new(),
                store,
                accounts,
                switch,
                events,
                health,
                requests: held,
                folder,
            },
            state,
        )
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None, "").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None, "").await
    }

    pub(crate) async fn post(&self, path: &str, json: &str) -> Answer {
        self.call(Method::POST, path, Some("application/json"), json).await
    }

    pub(crate) async fn patch(&self, path: &str, json: &str) -> Answer {
        self.call(Method::PATCH, path, Some("application/json"), json).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, kind: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// With more header fields than [`World::call`].
    pub(crate) async fn with_headers(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn plain(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) fn changes(&self) -> Vec<AccountChange> {
        std::mem::take(&mut self.switch.lock().unwrap().changes)
    }

    /// The stored hash of the only device of an extension.
    pub(crate) async fn stored_ha1(&self, number: &str) -> [u8; 32] {
        let account = self.store.account(DOMAIN, number).await.unwrap();
        assert_eq!(account.devices.len(), 1);
        assert_eq!(account.devices[0].username, number);
        account.devices[0].ha1.sha256
    }
}

/// Stands in for the digest hashes: only equality matters here.
pub(crate) fn hash(user: &str, password: &str) -> Ha1 {
    let sha256 = hash_token(&format!("{user}:realm:{password}"));
    let mut md5 = [0; 16];
    md5.copy_from_slice(&sha256[..16]);
    Ha1 { md5, sha256 }
}

pub(crate) fn call(id: u128, from: &str, to: &str) -> LiveCall {
    LiveCall {
        id: CallUid(id),
        from: from.to_owned(),
        from_name: "Alice".to_owned(),
        dialed: to.to_owned(),
        to: to.to_owned(),
        state: LiveState::Ringing,
        started_at: 1_767_602_400_000_000,
        answered_at: None,
        doing: "dial (main.rhai:2)".to_owned(),
        recording: LiveRecording::Off,
        legs: vec![LiveLeg {
            party: from.to_owned(),
            inbound: true,
            state: "trying".to_owned(),
            remote: "127.0.0.1:5062".to_owned(),
            codec: Some("PCMA".to_owned()),
            quality: None,
        }],
    }
}

pub(crate) fn contact(id: u64, number: &str) -> Registration {
    Registration {
        id,
        number: number.to_owned(),
        contact: format!("sip:{number}@127.0.0.1:5062"),
        source: "127.0.0.1:5062".to_owned(),
        transport: "udp".to_owned(),
        user_agent: "test".to_owned(),
        expires_at: 1_767_602_400_000_000,
        ..Registration::default()
    }
}
