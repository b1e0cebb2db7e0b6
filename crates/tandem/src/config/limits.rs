//! The settings that bound how much of everything there may be.

use std::time::Duration;

use switch::{ReliableProvisional, admission::Rate};

use super::{
    keys::{Apply, Key, key, one},
    values,
};

pub(super) const fn limit(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
    apply: Apply,
) -> Key {
    key("Limits", name, value, default, help, apply)
}

/// A rate, with one second's worth at once.
fn rate(values: &[String]) -> Result<Rate, String> {
    Ok(Rate::per_second(values::whole(one(values), 1, 1_000_000)?))
}

pub(super) const KEYS: &[Key] = &[
    limit(
        "max-calls",
        "N",
        "20000",
        "Calls at once; further ones get 503",
        |c, v| {
            let value = values::whole(one(v), 1, 1_000_000)?;
            c.switch.limits.calls = value;
            c.switch.admission.max_calls = value;
            Ok(())
        },
    ),
    limit(
        "max-transactions",
        "N",
        "500000",
        "SIP transactions at once; further requests get 503",
        |c, v| {
            let value = values::whole(one(v), 16, 10_000_000)?;
            c.switch.admission.max_transactions = value;
            c.switch.transactions.clients = value;
            c.switch.transactions.servers = value;
            Ok(())
        },
    ),
    limit("max-contacts", "N", "200000", "Registered contacts at once", |c, v| {
        c.switch.registrar.contacts = values::whole(one(v), 1, 10_000_000)?;
        Ok(())
    }),
    limit(
        "max-contacts-per-extension",
        "N",
        "20",
        "Registered contacts of one extension at once; phones that share a user name have half of them",
        |c, v| {
            let value: usize = values::whole(one(v), 1, 1_000)?;
            c.switch.registrar.contacts_per_extension = value;
            c.switch.registrar.contacts_per_device = value.div_ceil(2);
            Ok(())
        },
    ),
    limit(
        "max-contact",
        "BYTES",
        "2048",
        "The longest Contact URI, Path value or Call-ID of a registration; longer ones get 400",
        |c, v| {
            c.switch.registrar.text = values::whole(one(v), 128, 8_192)?;
            Ok(())
        },
    ),
    limit(
        "max-scripts",
        "N",
        "16000",
        "Dialplan scripts at once, waiting ones included",
        |c, v| {
            c.limits.scripts = values::whole(one(v), 1, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "source-calls",
        "PER-SECOND",
        "8000",
        "INVITEs a second from one address; a call with a challenge is two of them",
        |c, v| {
            c.switch.admission.source.calls = rate(v)?;
            Ok(())
        },
    ),
    limit(
        "source-registrations",
        "PER-SECOND",
        "4000",
        "REGISTERs a second from one address",
        |c, v| {
            c.switch.admission.source.registrations = rate(v)?;
            Ok(())
        },
    ),
    limit(
        "source-requests",
        "PER-SECOND",
        "2000",
        "Other requests outside of calls a second from one address",
        |c, v| {
            c.switch.admission.source.others = rate(v)?;
            Ok(())
        },
    ),
    limit(
        "total-calls",
        "PER-SECOND",
        "12000",
        "INVITEs a second from everywhere",
        |c, v| {
            c.switch.admission.total.calls = rate(v)?;
            Ok(())
        },
    ),
    limit(
        "total-registrations",
        "PER-SECOND",
        "8000",
        "REGISTERs a second from everywhere",
        |c, v| {
            c.switch.admission.total.registrations = rate(v)?;
            Ok(())
        },
    ),
    limit(
        "total-requests",
        "PER-SECOND",
        "4000",
        "Other requests outside of calls a second from everywhere",
        |c, v| {
            c.switch.admission.total.others = rate(v)?;
            Ok(())
        },
    ),
    limit(
        "wrong-passwords",
        "N",
        "10",
        "Wrong passwords in a row for one user from one address before it has to wait",
        |c, v| {
            c.switch.auth.failures_per_user.burst = values::whole(one(v), 1, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "wrong-passwords-per-source",
        "N",
        "200",
        "The same from one address, for whatever users",
        |c, v| {
            c.switch.auth.failures_per_source.burst = values::whole(one(v), 1, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "min-expires",
        "SECONDS",
        "60",
        "The shortest registration; shorter ones get 423",
        |c, v| {
            c.switch.registrar.min_expires = values::whole(one(v), 1, 3_600)?;
            Ok(())
        },
    ),
    limit(
        "max-expires",
        "SECONDS",
        "3600",
        "The longest registration; longer ones are shortened",
        |c, v| {
            let value = values::whole(one(v), 60, 604_800)?;
            c.switch.registrar.max_expires = value;
            c.switch.registrar.default_expires = value;
            Ok(())
        },
    ),
    limit(
        "session-expires",
        "SECONDS",
        "1800",
        "How often a call proves that it is still there (RFC 4028)",
        |c, v| {
            c.switch.session_expires = values::seconds(one(v), 90.0, 86400.0)?;
            Ok(())
        },
    ),
    limit(
        "reliable-provisional",
        "WHICH",
        "described",
        "Which provisional responses a caller has to acknowledge by PRACK (RFC 3262), beside those to callers that \
         require it: required (no others), described (where they describe early media), always",
        |c, v| {
            let choices = [
                ("required", ReliableProvisional::Required),
                ("described", ReliableProvisional::Described),
                ("always", ReliableProvisional::Always),
            ];
            c.switch.transactions.reliable_provisional = values::choice(one(v), &choices)?;
            Ok(())
        },
    ),
    limit(
        "media-timeout",
        "SECONDS",
        "300",
        "How long a call may be without audio where there should be some; 0: for ever",
        |c, v| {
            c.switch.media_timeout = Some(values::seconds(one(v), 0.0, 86400.0)?).filter(|timeout| !timeout.is_zero());
            Ok(())
        },
    ),
    limit(
        "max-unheard-packets",
        "N",
        "50",
        "Audio packets to an address that only a description names, not signalling, before anything is heard from there \
         (RFC 8445 19.5.1). More where phones that only listen are reached through a proxy",
        |c, v| {
            c.limits.unheard_packets = values::whole(one(v), 0, 4_000_000_000)?;
            Ok(())
        },
    ),
    limit(
        "quality-interval",
        "SECONDS",
        "10",
        "How often the loss, jitter, round trip and score of each leg of a call in progress are measured anew",
        |c, v| {
            c.limits.quality = values::seconds(one(v), 1.0, 86400.0)?;
            Ok(())
        },
    ),
    limit(
        "target-silence",
        "SECONDS",
        "4",
        "How long an address may say nothing to a request before the next one of its name is tried",
        |c, v| {
            c.switch.limits.target_silence = values::seconds(one(v), 0.1, 3600.0)?;
            Ok(())
        },
    ),
    limit(
        "request-tries",
        "N",
        "12",
        "How often one request is sent in all, to the addresses of its name or again after a challenge",
        |c, v| {
            c.switch.limits.request_tries = values::whole(one(v), 1, 1_000)?;
            Ok(())
        },
    ),
    limit(
        "progress-interval",
        "SECONDS",
        "0.2",
        "A caller is told of at most one change (ringing, queued ...) in this time before the answer; 0: of each",
        |c, v| {
            c.switch.limits.progress = values::seconds(one(v), 0.0, 60.0)?;
            Ok(())
        },
    ),
    limit(
        "record-parts",
        "N",
        "64",
        "Segments (who talked with whom), and links to other calls, that the record of one call keeps",
        |c, v| {
            c.switch.limits.record_parts = values::whole(one(v), 2, 10_000)?;
            Ok(())
        },
    ),
    limit(
        "conferences",
        "N",
        "200",
        "Conferences at once; a caller that would begin another one is told that it is full",
        |c, v| {
            c.switch.limits.services.conferences = values::whole(one(v), 1, 100_000)?;
            Ok(())
        },
    ),
    limit(
        "conference-members",
        "N",
        "250",
        "Members of one conference; a further caller is told that it is full",
        |c, v| {
            c.switch.limits.services.conference_members = values::whole(one(v), 1, 100_000)?;
            Ok(())
        },
    ),
    limit(
        "park-slots",
        "FIRST-LAST",
        "701-720",
        "The numbers of the slots of parked calls; none should be the number of an extension",
        |c, v| {
            let (first, last) = values::slots(one(v))?;
            c.switch.limits.services.parking.slots = (first, last);
            Ok(())
        },
    ),
    limit(
        "park-timeout",
        "SECONDS",
        "120",
        "After this time a parked call returns to the extension that parked it",
        |c, v| {
            c.switch.limits.services.parking.timeout = values::seconds(one(v), 1.0, 3_600.0)?;
            Ok(())
        },
    ),
    limit(
        "park-ring",
        "SECONDS",
        "30",
        "How long that extension rings then; if it does not answer, the dialplan of the call goes on",
        |c, v| {
            c.switch.limits.services.parking.ring = values::seconds(one(v), 1.0, 600.0)?;
            Ok(())
        },
    ),
    limit(
        "page-phones",
        "N",
        "50",
        "Phones that one page reaches; further ones are left out",
        |c, v| {
            c.switch.limits.services.page_phones = values::whole(one(v), 1, 10_000)?;
            Ok(())
        },
    ),
    limit(
        "max-recordings",
        "N",
        "1000",
        "Recordings at once; what is to be recorded beyond that is not, and its call goes on",
        |c, v| {
            c.switch.limits.services.recordings = values::whole(one(v), 1, 100_000)?;
            Ok(())
        },
    ),
    limit(
        "media-lines",
        "N",
        "4",
        "Media lines besides the audio (pictures, fax, BFCP) that one leg may have; further lines are refused",
        |c, v| {
            c.switch.limits.services.media_lines = values::whole(one(v), 0, 16)?;
            Ok(())
        },
    ),
    limit(
        "call-mark",
        "SECONDS",
        "5",
        "How often the disk is told that calls go on; after a crash their records say how long they lasted at least",
        |c, v| {
            c.limits.call_mark = values::seconds(one(v), 0.1, 3600.0)?;
            Ok(())
        },
    ),
    limit(
        "recording-max",
        "SECONDS",
        "14400",
        "The longest recording; it ends then, and the call goes on",
        |c, v| {
            c.limits.recording_max = values::seconds(one(v), 1.0, 604_800.0)?;
            Ok(())
        },
    ),
    limit(
        "recording-free-space",
        "MIB",
        "100",
        "What stays free on the disk of recordings: with less none begins, and those in progress end",
        |c, v| {
            c.limits.recording_free_space = values::whole::<u64>(one(v), 0, 1 << 30)? << 20;
            Ok(())
        },
    ),
    limit(
        "max-connections",
        "N",
        "20000",
        "Connections (TCP, TLS, WebSocket) at once; further ones are closed",
        |c, v| {
            c.limits.connections = values::whole(one(v), 1, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "max-connections-per-source",
        "N",
        "1000",
        "The same from one address",
        |c, v| {
            c.limits.connections_per_source = values::whole(one(v), 1, 1_000_000)?;
            Ok(())
        },
    ),
    limit("max-message", "BYTES", "65535", "The longest SIP message", |c, v| {
        c.switch.limits.message_bytes = values::whole(one(v), 1_024, 16_777_216)?;
        Ok(())
    }),
    limit(
        "write-queue",
        "BYTES",
        "1048576",
        "What may wait to be sent on one connection before it is closed",
        |c, v| {
            c.limits.write_queue = values::whole(one(v), 65_536, 1_073_741_824)?;
            Ok(())
        },
    ),
    limit(
        "message-timeout",
        "SECONDS",
        "30",
        "How long one message may take to arrive over a connection",
        |c, v| {
            c.limits.message_timeout = values::seconds(one(v), 0.1, 3600.0)?;
            Ok(())
        },
    ),
    limit(
        "idle-timeout",
        "SECONDS",
        "7200",
        "How long a connection may be silent",
        |c, v| {
            c.limits.idle_timeout = values::seconds(one(v), 1.0, 604800.0)?;
            Ok(())
        },
    ),
    limit(
        "search-records",
        "N",
        "50000",
        "Call records, or recordings, that a search by part of a number or name looks at for one page of its answer",
        |c, v| {
            c.limits.search_records = values::whole(one(v), 100, 10_000_000)?;
            Ok(())
        },
    ),
    limit(
        "keep-recordings",
        "DAYS",
        "0",
        "Remove a recording so many days after it began; 0 keeps all for ever",
        |c, v| {
            let days: u32 = values::whole(one(v), 0, 36_500)?;
            c.limits.keep_recordings = (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
            Ok(())
        },
    ),
    limit(
        "idempotency-time",
        "SECONDS",
        "600",
        "How long the answer to a POST with Idempotency-Key is kept in memory for who asks again",
        |c, v| {
            c.limits.idempotency_time = values::seconds(one(v), 1.0, 86400.0)?;
            Ok(())
        },
    ),
];
