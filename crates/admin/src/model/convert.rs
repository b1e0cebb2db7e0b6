//! From the switch's and the store's types to those of the API.

use jiff::Timestamp;

use super::{Call, Cause, Cdr, CdrEnding, CdrTimes, Extension, Link, Registration, Segment};

/// Times are microseconds since the Unix epoch inside. A time outside of the calendar becomes the epoch.
pub(crate) fn timestamp(unix_micros: i64) -> Timestamp {
    Timestamp::from_microsecond(unix_micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The wall clock, as the store wants it.
pub(crate) fn now_micros() -> i64 {
    Timestamp::now().as_microsecond()
}

/// From answer to end, to the millisecond.
fn talk_seconds(answered_at: Option<i64>, ended_at: i64) -> f64 {
    let micros = answered_at.map_or(0, |at| ended_at.saturating_sub(at).max(0));
    let millis = u32::try_from(micros / 1_000).unwrap_or(u32::MAX);
    f64::from(millis) / 1_000.0
}

impl From<store::Account> for Extension {
    fn from(account: store::Account) -> Self {
        let extension = account.extension;
        let own = account
            .devices
            .iter()
            .find(|device| device.username == extension.number);
        Self {
            require_qop: own.is_some_and(|device| device.require_qop),
            transcode: own.map(|device| device.transcode).unwrap_or_default(),
            dtmf: own.map(|device| device.dtmf).unwrap_or_default(),
            number: extension.number,
            name: extension.name,
            dnd: extension.dnd,
            forward_always: extension.forward_always,
            forward_busy: extension.forward_busy,
            forward_no_answer: extension.forward_no_answer,
            forward_unreachable: extension.forward_unreachable,
            voicemail: extension.voicemail,
            rules: extension.rules,
            has_pin: account.has_pin,
            created_at: timestamp(account.created_at),
            updated_at: timestamp(account.updated_at),
        }
    }
}

impl From<switch::Registration> for Registration {
    fn from(registration: switch::Registration) -> Self {
        Self {
            id: registration.id.to_string(),
            number: registration.number,
            contact: registration.contact,
            source: registration.source,
            transport: registration.transport,
            user_agent: registration.user_agent,
            expires_at: timestamp(registration.expires_at),
            instance: registration.instance,
            reg_id: registration.reg_id,
            gruu: registration.gruu,
            flow_lost: registration.flow_lost,
            push_provider: registration.push_provider,
        }
    }
}

impl From<switch::LiveCall> for Call {
    fn from(call: switch::LiveCall) -> Self {
        Self {
            id: call.id.to_string(),
            from: call.from,
            from_name: call.from_name,
            dialed: call.dialed,
            to: call.to,
            state: call.state,
            started_at: timestamp(call.started_at),
            answered_at: call.answered_at.map(timestamp),
            doing: call.doing,
            recording: call.recording,
            legs: call.legs,
        }
    }
}

/// What happened, with the names of this call. A detail that is empty leaves no colon behind.
fn said(cdr: &records::Cdr) -> String {
    let callee = if cdr.to.is_empty() { &cdr.open.dialed } else { &cdr.to };
    let mut text = cdr.cause.text();
    if cdr.detail.is_empty() {
        text = text.strip_suffix(": {detail}").unwrap_or(text);
    }
    // One pass: what is put in is not searched again.
    let mut said = String::with_capacity(text.len() + callee.len() + cdr.detail.len());
    for (i, part) in text.split('{').enumerate() {
        let (name, rest) = part.split_once('}').filter(|_| i > 0).unwrap_or(("", part));
        said.push_str(match name {
            "callee" => callee,
            "dialed" => &cdr.open.dialed,
            "detail" => &cdr.detail,
            _ => "",
        });
        said.push_str(rest);
    }
    said
}

impl From<records::Segment> for Segment {
    fn from(segment: records::Segment) -> Self {
        Self {
            from: timestamp(segment.from),
            to: timestamp(segment.to),
            party: segment.party,
            with: segment.with,
            why: segment.why,
        }
    }
}

impl From<records::Link> for Link {
    fn from(link: records::Link) -> Self {
        Self {
            call_id: link.call.to_string(),
            how: link.how,
        }
    }
}

impl From<records::Cdr> for Cdr {
    fn from(cdr: records::Cdr) -> Self {
        let cause = Cause {
            code: cdr.cause,
            text: said(&cdr),
            remedy: cdr.cause.remedy(),
        };
        Self {
            id: None,
            call_id: cdr.open.call_id.to_string(),
            sip_call_id: cdr.open.sip_call_id,
            from: cdr.open.from,
            from_name: cdr.open.from_name,
            to: cdr.to,
            dialed: cdr.open.dialed,
            times: CdrTimes {
                started_at: timestamp(cdr.open.started_at),
                answered_at: cdr.answered_at.map(timestamp),
                ended_at: timestamp(cdr.ended_at),
                talk_seconds: talk_seconds(cdr.answered_at, cdr.ended_at),
            },
            ending: CdrEnding {
                disposition: cdr.disposition,
                sip_code: cdr.sip_code,
                ended_by: cdr.ended_by,
                cause,
                detail: cdr.detail,
            },
            segments: cdr.segments.into_iter().map(Into::into).collect(),
            links: cdr.links.into_iter().map(Into::into).collect(),
            quality: Vec::new(),
        }
    }
}

impl From<store::StoredCdr> for Cdr {
    fn from(stored: store::StoredCdr) -> Self {
        Self {
            id: Some(stored.id),
            quality: stored.quality,
            ..stored.cdr.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use records::CauseCode;

    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(timestamp(1_767_602_400_000_000).to_string(), "2026-01-05T08:40:00Z");
        assert_eq!(timestamp(i64::MAX), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn talk_time_is_seconds_and_never_negative() {
        assert!((talk_seconds(Some(1_000_000), 2_500_000) - 1.5).abs() < 1e-9);
        assert!(talk_seconds(None, 2_500_000).abs() < 1e-9);
        assert!(talk_seconds(Some(9), 2).abs() < 1e-9);
    }

    #[test]
    fn a_cause_is_told_with_the_names_of_its_call() {
        let mut cdr = records::Cdr {
            open: records::CdrOpen {
                call_id: records::CallUid(1),
                from: "101".into(),
                from_name: String::new(),
                dialed: "999".into(),
                sip_call_id: String::new(),
                started_at: 0,
            },
            to: String::new(),
            answered_at: None,
            ended_at: 1,
            disposition: records::Disposition::Failed,
            sip_code: 480,
            ended_by: records::EndedBy::System,
            cause: CauseCode::PhoneUnavailable,
            detail: "Away {dialed}".into(),
            segments: Vec::new(),
            links: Vec::new(),
            hidden: false,
        };
        assert_eq!(said(&cdr), "999 was not available: Away {dialed}");
        cdr.detail.clear();
        assert_eq!(said(&cdr), "999 was not available");
        for (to, cause, expected) in [
            ("102", CauseCode::PhoneBusy, "102 was busy"),
            ("", CauseCode::NumberUnknown, "No extension has the number 999"),
            ("102", CauseCode::CallerHungUp, "The caller hung up"),
            ("", CauseCode::Unknown, "Unknown"),
        ] {
            (cdr.to, cdr.cause) = (to.into(), cause);
            assert_eq!(said(&cdr), expected);
        }
    }
}
