//! What the store's tests share.
#![allow(dead_code, reason = "each test file uses some of it")]

use records::{
    Binding, BindingChange, CallUid, CauseCode, Cdr, CdrOpen, Disposition, Dtmf, EndedBy, Extension, Flow, Ha1,
    Segment, Transcode, Transport,
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use store::{NewExtension, Options, Store};
use tempfile::TempDir;

pub(crate) const DOMAIN: &str = "tandem.local";
pub(crate) const NOW: i64 = 1_800_000_000_000_000;

/// A store in a folder of its own, which goes with it.
pub(crate) struct Kept {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

pub(crate) async fn fresh() -> Kept {
    fresh_with(Options::default()).await
}

pub(crate) async fn fresh_with(options: Options) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("tandem.db"), options).await.unwrap();
    Kept { store, folder }
}

impl Kept {
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("tandem.db")
    }

    /// Closes the store and opens it again.
    pub(crate) async fn reopened(self) -> Self {
        let Self { store, folder } = self;
        store.close().await.unwrap();
        let store = Store::open(folder.path().join("tandem.db"), Options::default())
            .await
            .unwrap();
        Self { store, folder }
    }

    /// What another process would find in the database now.
    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        count(&self.path(), query).await
    }
}

pub(crate) async fn raw(path: &std::path::Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path).create_if_missing(true))
        .await
        .unwrap()
}

pub(crate) async fn count(path: &std::path::Path, query: &'static str) -> i64 {
    let mut connection = raw(path).await;
    sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
}

pub(crate) fn ha1(seed: u8) -> Ha1 {
    Ha1 {
        md5: [seed; 16],
        sha256: [seed; 32],
    }
}

pub(crate) fn new_extension(number: &str) -> NewExtension {
    NewExtension {
        extension: Extension {
            number: number.into(),
            name: format!("Phone {number}"),
            ..Extension::default()
        },
        ha1: ha1(1),
        require_qop: false,
        transcode: Transcode::Auto,
        dtmf: Dtmf::Auto,
    }
}

pub(crate) fn open_cdr(call: u64) -> CdrOpen {
    CdrOpen {
        call_id: CallUid(call.into()),
        sip_call_id: format!("{call}@192.0.2.1"),
        from: "101".into(),
        from_name: "Alice".into(),
        dialed: "102".into(),
        started_at: NOW + call.cast_signed() * 1_000_000,
    }
}

pub(crate) fn closed_cdr(call: u64) -> Cdr {
    let open = open_cdr(call);
    Cdr {
        to: "102".into(),
        answered_at: Some(open.started_at + 2_000_000),
        ended_at: open.started_at + 62_000_000,
        disposition: Disposition::Answered,
        sip_code: 200,
        ended_by: EndedBy::Caller,
        cause: CauseCode::CallerHungUp,
        detail: "BYE".into(),
        segments: Segment::of_plain_call(
            open.started_at,
            "101",
            Some((open.started_at + 2_000_000, "102")),
            open.started_at + 62_000_000,
        ),
        links: Vec::new(),
        hidden: false,
        open,
    }
}

pub(crate) fn binding(id: u64, number: &str) -> Binding {
    Binding {
        id,
        number: number.into(),
        username: number.into(),
        contact: format!("sip:{number}@192.0.2.7:5062;ob"),
        flow: Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "[2001:db8::7]:5062".parse().unwrap(),
            connection: None,
        },
        path: vec!["<sip:edge1;lr>".into(), "<sip:edge2;lr>".into()],
        instance: Some("\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\"".into()),
        reg_id: Some(1),
        q: 700,
        call_id: "reg@192.0.2.7".into(),
        cseq: 17,
        user_agent: "Desk phone 1.0".into(),
        registered_at: NOW,
        expires_at: NOW + 3_600_000_000,
    }
}

pub(crate) fn gone(id: u64) -> BindingChange {
    BindingChange::Remove(id)
}

pub(crate) fn save(binding: Binding) -> BindingChange {
    BindingChange::Save(binding)
}
