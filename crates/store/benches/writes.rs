//! What a durable registration and a call record cost, in CPU of this process, all its threads counted.
//! `cargo bench -p store`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark's figures are its output"
)]

use std::fs;

use records::{
    Binding, BindingChange, CallUid, CauseCode, Cdr, CdrOpen, Disposition, Dtmf, EndedBy, Extension, Flow, Ha1,
    Segment, Transcode, Transport,
};
use store::{NewExtension, Options, Store, Synchronous};

const DOMAIN: &str = "tandem.local";
const PHONES: u64 = 10_000;
const NOW: i64 = 1_800_000_000_000_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (mode, synchronous) in [("full", Synchronous::Full), ("normal", Synchronous::Normal)] {
        runtime.block_on(measure(mode, synchronous));
    }
}

/// Nanoseconds this process has computed, over the threads that live.
fn cpu() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let spent = |task: fs::DirEntry| -> Option<u64> {
        fs::read_to_string(task.path().join("schedstat"))
            .ok()?
            .split(' ')
            .next()?
            .parse()
            .ok()
    };
    tasks.filter_map(|task| spent(task.unwrap())).sum()
}

fn say(name: &str, mode: &str, since: u64, operations: u64) {
    let microseconds = cpu().saturating_sub(since) as f64 / 1000.0 / operations as f64;
    println!(
        "{:<60} {microseconds:>9.1} µs",
        format!("{name}, synchronous {mode}, CPU")
    );
}

async fn measure(mode: &str, synchronous: Synchronous) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let options = Options {
        synchronous,
        ..Options::default()
    };
    let store = Store::open(folder.path().join("tandem.db"), options).await.unwrap();
    let numbers: Vec<NewExtension> = (0..PHONES).map(|n| extension(&format!("{}", 100_000 + n))).collect();
    let since = cpu();
    assert!(
        store
            .import_extensions(DOMAIN, &numbers, false, NOW)
            .await
            .unwrap()
            .applied
    );
    say("extension imported", mode, since, PHONES);

    registrations(&store, mode, "first registration, 200 in flight", 0, 200).await;
    registrations(&store, mode, "refreshed registration, 200 in flight", 1, 200).await;
    registrations(&store, mode, "refreshed registration, 20 in flight", 2, 20).await;

    for (name, in_flight, calls) in [
        ("call record, 50 in flight", 50, 20_000),
        ("call record, one by one", 1, 500),
    ] {
        let (since, writer) = (cpu(), store.writer(DOMAIN));
        for wave in 0..calls / in_flight {
            let wave: Vec<_> = (0..in_flight)
                .map(|n| closed((in_flight << 32) + wave * in_flight + n))
                .collect();
            let opened: Vec<_> = wave.iter().map(|cdr| writer.open_cdr(cdr.open.clone())).collect();
            for durable in opened {
                durable.await.unwrap();
            }
            wave.into_iter().for_each(|cdr| writer.close_cdr(cdr));
        }
        writer.flush().await.unwrap();
        say(name, mode, since, calls);
    }
    let since = cpu();
    assert_eq!(store.load_accounts(DOMAIN).await.unwrap().len() as u64, PHONES);
    say("account loaded at the start", mode, since, PHONES);
    store.close().await.unwrap();
}

async fn registrations(store: &Store, mode: &str, name: &str, round: u32, in_flight: u64) {
    let (since, writer) = (cpu(), store.writer(DOMAIN));
    for wave in 0..PHONES / in_flight {
        let save = |n| writer.save_bindings(vec![BindingChange::Save(binding(wave * in_flight + n, round))]);
        let saved: Vec<_> = (0..in_flight).map(save).collect();
        for durable in saved {
            durable.await.unwrap();
        }
    }
    say(name, mode, since, PHONES);
}

fn extension(number: &str) -> NewExtension {
    NewExtension {
        extension: Extension {
            number: number.into(),
            name: "Phone".into(),
            ..Extension::default()
        },
        ha1: Ha1 {
            md5: [1; 16],
            sha256: [2; 32],
        },
        require_qop: false,
        transcode: Transcode::Auto,
        dtmf: Dtmf::Auto,
    }
}

fn binding(id: u64, round: u32) -> Binding {
    let number = format!("{}", 100_000 + id);
    Binding {
        id,
        contact: format!("sip:{number}@192.0.2.7:5062;transport=udp"),
        username: number.clone(),
        number,
        flow: Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.7:5062".parse().unwrap(),
            connection: None,
        },
        path: Vec::new(),
        instance: Some("<urn:uuid:00000000-0000-1000-8000-000A95A0E128>".into()),
        reg_id: None,
        q: 1000,
        call_id: format!("5d9f0a7e{id:08x}@192.0.2.7"),
        cseq: 1 + round,
        user_agent: "Desk phone 1.0".into(),
        registered_at: NOW,
        expires_at: NOW + 3_600_000_000 * i64::from(round + 1),
    }
}

fn closed(call: u64) -> Cdr {
    let started_at = NOW + call.cast_signed() * 1000;
    let open = CdrOpen {
        call_id: CallUid(u128::from(call) * 0x9e37_79b9_7f4a_7c15),
        sip_call_id: format!("{call:08x}@192.0.2.7"),
        from: format!("{}", 100_000 + call % PHONES),
        from_name: "Alice".into(),
        dialed: format!("{}", 100_000 + (call * 7) % PHONES),
        started_at,
    };
    Cdr {
        to: open.dialed.clone(),
        answered_at: Some(started_at + 2_000_000),
        ended_at: started_at + 60_000_000,
        disposition: Disposition::Answered,
        sip_code: 200,
        ended_by: EndedBy::Caller,
        cause: CauseCode::CallerHungUp,
        detail: String::new(),
        segments: Segment::of_plain_call(
            started_at,
            &open.from,
            Some((started_at + 2_000_000, &open.dialed)),
            started_at + 60_000_000,
        ),
        links: Vec::new(),
        hidden: false,
        open,
    }
}
