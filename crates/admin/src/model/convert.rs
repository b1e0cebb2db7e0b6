//! From the switch's and the store's types to those of the API.

use jiff::Timestamp;

use super::{Call, CallState, Cdr, Disposition, EndedBy, Extension, Leg, Registration};

/// Times are microseconds since the Unix epoch inside; one that no calendar has becomes the epoch.
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
        let store::Account { extension, devices } = account;
        let own = devices.iter().find(|device| device.username == extension.number);
        Self {
            require_qop: own.is_some_and(|device| device.require_qop),
            number: extension.number,
            name: extension.name,
            dnd: extension.dnd,
            forward_always: extension.forward_always,
            forward_busy: extension.forward_busy,
            forward_no_answer: extension.forward_no_answer,
            voicemail: extension.voicemail,
            created_at: timestamp(extension.created_at),
            updated_at: timestamp(extension.updated_at),
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
        }
    }
}

impl From<switch::LiveCall> for Call {
    fn from(call: switch::LiveCall) -> Self {
        let state = match call.state {
            switch::LiveState::Routing => CallState::Routing,
            switch::LiveState::Ringing => CallState::Ringing,
            switch::LiveState::Answered => CallState::Answered,
        };
        let leg = |leg: switch::LiveLeg| Leg {
            party: leg.party,
            inbound: leg.inbound,
            state: leg.state,
            remote: leg.remote,
            codec: leg.codec,
        };
        Self {
            id: call.id.to_string(),
            from: call.from,
            from_name: call.from_name,
            dialed: call.dialed,
            to: call.to,
            state,
            started_at: timestamp(call.started_at),
            answered_at: call.answered_at.map(timestamp),
            doing: call.doing,
            legs: call.legs.into_iter().map(leg).collect(),
        }
    }
}

impl From<switch::Cdr> for Cdr {
    fn from(cdr: switch::Cdr) -> Self {
        let disposition = match cdr.disposition {
            switch::Disposition::Answered => Disposition::Answered,
            switch::Disposition::Busy => Disposition::Busy,
            switch::Disposition::NoAnswer => Disposition::NoAnswer,
            switch::Disposition::Cancelled => Disposition::Cancelled,
            switch::Disposition::Rejected => Disposition::Rejected,
            switch::Disposition::Failed => Disposition::Failed,
        };
        let ended_by = match cdr.ended_by {
            switch::EndedBy::Caller => EndedBy::Caller,
            switch::EndedBy::Callee => EndedBy::Callee,
            switch::EndedBy::Script => EndedBy::Script,
            switch::EndedBy::Admin => EndedBy::Admin,
            switch::EndedBy::System => EndedBy::System,
        };
        Self {
            id: None,
            call_id: cdr.open.call_id.to_string(),
            sip_call_id: cdr.open.sip_call_id,
            from: cdr.open.from,
            from_name: cdr.open.from_name,
            to: cdr.to,
            dialed: cdr.open.dialed,
            started_at: timestamp(cdr.open.started_at),
            answered_at: cdr.answered_at.map(timestamp),
            ended_at: timestamp(cdr.ended_at),
            talk_seconds: talk_seconds(cdr.answered_at, cdr.ended_at),
            disposition,
            sip_code: cdr.sip_code,
            ended_by,
            detail: cdr.detail,
        }
    }
}

impl From<store::StoredCdr> for Cdr {
    fn from(stored: store::StoredCdr) -> Self {
        let cdr = stored.cdr;
        let disposition = match cdr.disposition {
            store::Disposition::Answered => Disposition::Answered,
            store::Disposition::Busy => Disposition::Busy,
            store::Disposition::NoAnswer => Disposition::NoAnswer,
            store::Disposition::Cancelled => Disposition::Cancelled,
            store::Disposition::Rejected => Disposition::Rejected,
            store::Disposition::Failed => Disposition::Failed,
        };
        let ended_by = match cdr.ended_by {
            store::EndedBy::Caller => EndedBy::Caller,
            store::EndedBy::Callee => EndedBy::Callee,
            store::EndedBy::Script => EndedBy::Script,
            store::EndedBy::Admin => EndedBy::Admin,
            store::EndedBy::System => EndedBy::System,
        };
        Self {
            id: Some(stored.id),
            call_id: cdr.open.call_id,
            sip_call_id: cdr.open.sip_call_id,
            from: cdr.open.from,
            from_name: cdr.open.from_name,
            to: cdr.to,
            dialed: cdr.open.dialed,
            started_at: timestamp(cdr.open.started_at),
            answered_at: cdr.answered_at.map(timestamp),
            ended_at: timestamp(cdr.ended_at),
            talk_seconds: talk_seconds(cdr.answered_at, cdr.ended_at),
            disposition,
            sip_code: cdr.sip_code,
            ended_by,
            detail: cdr.detail,
        }
    }
}

impl From<Disposition> for store::Disposition {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Answered => Self::Answered,
            Disposition::Busy => Self::Busy,
            Disposition::NoAnswer => Self::NoAnswer,
            Disposition::Cancelled => Self::Cancelled,
            Disposition::Rejected => Self::Rejected,
            Disposition::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
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
}
