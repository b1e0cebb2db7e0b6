//! The one catalogue of reasons why calls end.

use serde::{Deserialize, Serialize};

use crate::{Disposition, EndedBy};

/// Declares [`CauseCode`] and its tables from one list: `Variant = "the.word", "its text", "its remedy";`.
macro_rules! catalogue {
    ($($variant:ident = $word:tt, $text:tt, $remedy:tt;)*) => {
        /// Why a call ended, as one stable word. Programs may compare the word: its meaning never changes. The part
        /// before the dot says where the reason lies.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum CauseCode {
            $(
                #[doc = $text]
                #[serde(rename = $word)]
                $variant,
            )*
        }

        impl CauseCode {
            /// The whole catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in the database, the admin API, the metrics and the log.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// A sentence for people, without a full stop. `{callee}` stands for the party that was called,
            /// `{dialed}` for what was dialled, `{detail}` for the record's technical detail.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// A remedy for people. Empty if there is none.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$variant => $remedy,)*
                }
            }
        }
    };
}

catalogue! {
    PhoneBusy = "phone.busy", "{callee} was busy", "";
    PhoneDeclined = "phone.declined", "{callee} declined the call", "";
    PhoneDnd = "phone.dnd", "{callee} has \"do not disturb\" switched on",
        "Switch it off in the settings of the extension.";
    PhoneCallLimit = "phone.call_limit", "{callee} had as many calls as it may have at once",
        "Raise the call limit in the settings of the extension.";
    PhoneNoAnswer = "phone.no_answer", "No phone answered in time", "";
    PhoneUnavailable = "phone.unavailable", "{callee} was not available: {detail}",
        "Look at the state that the phone shows: it may be set to away or to do not disturb.";
    PhoneNotRegistered = "phone.not_registered", "No phone was signed in as {callee}",
        "Check that the phone is on, is in the network, and signs in with its number and password.";
    PhoneUnreachable = "phone.unreachable", "The phone of {callee} did not react",
        "Check that the phone is on and in the network, and that no firewall drops what is sent to it.";
    PhoneNotFound = "phone.not_found", "The phone of {callee} knows no such number: {detail}",
        "Check the account in the phone: it must have the number of the extension.";
    PhoneNotAcceptable = "phone.not_acceptable", "The phone of {callee} could not take this kind of call: {detail}",
        "Check the codecs and the encryption that the phone allows.";
    PhonePassword = "phone.password", "The phone of {callee} asked for a password: {detail}",
        "Switch off the authentication of incoming calls in the phone.";
    PhoneRedirected = "phone.redirected", "The phone of {callee} forwarded the call to a target that is not allowed",
        "Set the forwarding in the extension's settings instead of in the phone.";
    PhoneFailed = "phone.failed", "The phone of {callee} failed: {detail}", "Look into the phone's own log.";
    PhoneHungUpEarly = "phone.hung_up_early", "{callee} hung up before the answer", "";
    PhoneLost = "phone.lost", "A phone was lost in the middle of the call: {detail}",
        "Look for a phone that restarted or lost its network at that time.";
    PhoneBadAnswer = "phone.bad_answer", "A phone answered with a session description that cannot be used: {detail}",
        "Look into the phone's own log, and for an update of its software.";
    CallerHungUp = "caller.hung_up", "The caller hung up", "";
    CallerCancelled = "caller.cancelled", "The caller hung up before the call was answered", "";
    CallerExpired = "caller.expired", "The caller's phone set a time for the answer, and that time was over", "";
    CallerNoPrack = "caller.no_prack", "The caller's phone did not acknowledge that the call was in progress (PRACK)",
        "Look for a network that loses packets, or switch reliable provisional responses (100rel) off in the phone.";
    CallerAnonymous = "caller.anonymous", "{callee} takes no calls from hidden numbers",
        "Call with the number shown, or allow hidden numbers in the settings of the extension.";
    CallerForbidden = "caller.forbidden", "The caller is not allowed to make this call: {detail}",
        "Check the account in the caller's phone: it must call from its own number, over an allowed transport.";
    CallerBadRequest = "caller.bad_request", "The caller's phone sent a request that is not valid: {detail}",
        "Look into the phone's own log, and for an update of its software.";
    CalleeHungUp = "callee.hung_up", "{callee} hung up", "";
    CodecNoneInCommon = "codec.none_in_common", "The phones have no codec in common",
        "Allow G.711 (PCMA or PCMU) in both phones.";
    NumberUnknown = "number.unknown", "No extension has the number {dialed}", "";
    NumberBadTarget = "number.bad_target", "The dialplan dialled a target that cannot be called: {detail}",
        "Correct the target in the dialplan, or the forwarding of the extension.";
    NumberNoTrunk = "number.no_trunk", "There is no trunk of that name", "Correct the trunk's name in the dialplan.";
    TrunkDown = "trunk.down", "The trunk cannot be reached", "Look at the trunk's state and its last error.";
    TrunkFull = "trunk.full", "The trunk took no further call: {detail}",
        "Raise the trunk's limit, if the provider allows more calls.";
    NumberLoop = "number.loop", "The call was forwarded in a circle",
        "Correct the forwarding of the extensions that forward to each other.";
    NumberUnresolved = "number.unresolved", "There is no way to the host of the target",
        "Check the host and the transport of the target: Tandem needs a listener (--sip) of that transport and IP version.";
    DnsNotFound = "dns.not_found", "The host of the target does not exist, or has no address in DNS",
        "Check the host's name for typing errors; ask the name server for it (dig NAME).";
    DnsTimeout = "dns.timeout", "The name server did not answer in time when the host of the target was looked up",
        "Check that this machine reaches its name server: /etc/resolv.conf, or the setting --dns.";
    DnsFailed = "dns.failed", "The name server could not say where the host of the target is",
        "Ask the name server for the host (dig NAME): it refuses, or the domain is set up wrongly.";
    DnsTooMany = "dns.too_many", "Too many look-ups of host names were under way",
        "Check that the name server answers; raise the limit of look-ups (--dns-lookups).";
    PickupNothing = "pickup.nothing", "No call rang at {dialed} that could be picked up", "";
    PickupDenied = "pickup.denied", "The caller may not pick up that call",
        "Put both extensions into the same pickup group.";
    ParkFull = "park.full", "All slots of parked calls were in use", "Raise the number of slots (park_slots).";
    ParkNothing = "park.nothing", "The caller had no party on hold that could be parked", "";
    ProxyRefused = "proxy.refused", "The call was passed on to another server, which refused it: {detail}",
        "Look into the log of that server.";
    ProxyLost = "proxy.lost", "The call was passed on to another server, and nothing was heard of it for too long", "";
    ScriptRejected = "script.rejected", "The dialplan rejected the call: {detail}", "";
    ScriptRedirected = "script.redirected", "The dialplan redirected the caller: {detail}", "";
    ScriptHungUp = "script.hung_up", "The dialplan hung up", "";
    ScriptEnded = "script.ended", "The dialplan ended", "";
    ScriptDidNothing = "script.did_nothing", "The dialplan did nothing with the call",
        "Add a case for this number to the dialplan.";
    ScriptFailed = "script.failed", "The dialplan failed: {detail}", "Correct the dialplan at that line.";
    MediaNoPort = "media.no_port", "No media port was free",
        "Widen the range of media ports (rtp_ports), or look for calls that do not end.";
    MediaFailed = "media.failed", "A media port failed during the call", "Look into Tandem's log.";
    MediaSilent = "media.silent", "No sound came from a phone for too long",
        "Look for a firewall between the phone and the media ports, or a phone that lost its network.";
    SessionExpired = "session.expired", "A phone did not refresh the session in time",
        "Look for a phone that lost its network, or check its session timer.";
    SwitchOverloaded = "switch.overloaded", "Tandem had no room for the call",
        "Raise the limits on calls and legs if the machine is strong enough.";
    SwitchStopped = "switch.stopped", "Tandem was stopped", "";
    SwitchInterrupted = "switch.interrupted", "Tandem ended abruptly during the call", "Look into the log of the machine.";
    AdminEnded = "admin.ended", "Ended by an administrator", "";
    CallTransferred = "call.transferred", "The call was transferred", "";
    CallJoined = "call.joined", "The call took over a place in another call", "";
    CallNotReplaced = "call.not_replaced", "The call that was to be taken over did not exist", "";
    CallNotDecided = "call.not_decided", "No phone answered in the longest time allowed", "";
    NetworkUnallocated = "network.unallocated", "The telephone network has no such number: {detail}", "Check the number.";
    NetworkNoRoute = "network.no_route", "The telephone network has no route to the number: {detail}",
        "Check the number, or ask the provider.";
    NetworkNoAnswer = "network.no_answer", "The called side did not answer the telephone network: {detail}", "";
    NetworkAbsent = "network.absent", "The called phone cannot be reached in its network: {detail}", "";
    NetworkRejected = "network.rejected", "The called side rejected the call: {detail}", "";
    NetworkNumberChanged = "network.number_changed", "The number has changed: {detail}", "Look up the new number.";
    NetworkInvalidNumber = "network.invalid_number", "The telephone network cannot read the number: {detail}",
        "Check the form in which the dialplan sends numbers.";
    NetworkOutOfOrder = "network.out_of_order", "The called line is out of order: {detail}", "";
    NetworkCongestion = "network.congestion", "The telephone network was congested or failed: {detail}",
        "Try again later, or ask the provider.";
    NetworkNotAllowed = "network.not_allowed", "The telephone network does not allow the call: {detail}",
        "Ask the provider which services the line has.";
    NetworkIncompatible = "network.incompatible", "The called side cannot take this kind of call: {detail}", "";
    NetworkProtocol = "network.protocol", "The telephone network reports a protocol error: {detail}", "Ask the provider.";
    NetworkOther = "network.other", "The telephone network ended the call: {detail}", "";
    Unknown = "unknown", "Unknown: {detail}", "";
}

impl CauseCode {
    /// Reads the word of a cause.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.name() == text)
    }

    /// The cause for a phone's final status to our INVITE (300 to 699).
    pub const fn of_status(code: u16) -> Self {
        match code {
            300..=399 => Self::PhoneRedirected,
            401 | 407 => Self::PhonePassword,
            403 | 433 | 603 | 607 | 608 => Self::PhoneDeclined,
            404 | 410 | 484 | 485 | 604 => Self::PhoneNotFound,
            408 | 430 | 504 => Self::PhoneUnreachable,
            406 | 415 | 488 | 606 => Self::PhoneNotAcceptable,
            480 | 487 | 503 => Self::PhoneUnavailable,
            486 | 600 => Self::PhoneBusy,
            _ => Self::PhoneFailed,
        }
    }

    /// The cause for a cause value of the telephone network (Q.850, Table 1; 0 to 127). `None` for the values that only
    /// say that a person acted: normal clearing (16), busy (17), normal and unspecified (31).
    pub const fn of_q850(cause: u8) -> Option<Self> {
        Some(match cause {
            16 | 17 | 31 => return None,
            1 => Self::NetworkUnallocated,
            2..=3 | 25 => Self::NetworkNoRoute,
            18..=19 => Self::NetworkNoAnswer,
            20 => Self::NetworkAbsent,
            21 => Self::NetworkRejected,
            22..=23 => Self::NetworkNumberChanged,
            27 => Self::NetworkOutOfOrder,
            28 => Self::NetworkInvalidNumber,
            34..=47 => Self::NetworkCongestion,
            49..=63 => Self::NetworkNotAllowed,
            65..=79 | 88 => Self::NetworkIncompatible,
            95..=111 => Self::NetworkProtocol,
            _ => Self::NetworkOther,
        })
    }

    /// The cause of a record without one: records from before the catalogue. The best guess from how the call ended.
    pub const fn guess(disposition: Disposition, sip_code: u16, ended_by: EndedBy) -> Self {
        match (disposition, ended_by) {
            (_, EndedBy::Admin) => Self::AdminEnded,
            (Disposition::Answered, EndedBy::Caller) => Self::CallerHungUp,
            (Disposition::Answered, EndedBy::Callee) => Self::CalleeHungUp,
            (Disposition::Answered, EndedBy::Script) => Self::ScriptEnded,
            (Disposition::Cancelled, EndedBy::Caller) => Self::CallerCancelled,
            (_, EndedBy::Script) => Self::ScriptRejected,
            (_, EndedBy::Callee) => Self::of_status(sip_code),
            (_, EndedBy::Caller | EndedBy::System) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_word_is_dotted_and_unique_and_can_be_parsed() {
        let mut words = BTreeSet::new();
        for &cause in CauseCode::ALL {
            let word = cause.name();
            assert!(words.insert(word), "{word} stands twice");
            let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            let dotted = word
                .split_once('.')
                .is_some_and(|(room, what)| plain(room) && plain(what));
            assert!(dotted || cause == CauseCode::Unknown, "{word}");
            assert_eq!(CauseCode::parse(word), Some(cause));
            assert_eq!(serde_json::to_value(cause).unwrap(), word);
        }
        assert_eq!(CauseCode::parse("phone"), None);
    }

    #[test]
    fn each_cause_has_words_for_people() {
        for cause in CauseCode::ALL {
            let (text, remedy) = (cause.text(), cause.remedy());
            assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
            assert!(remedy.is_empty() || remedy.ends_with('.'), "{remedy}");
            let mut rest = text.to_owned();
            for place in ["{callee}", "{dialed}", "{detail}"] {
                rest = rest.replace(place, "");
            }
            assert!(!rest.contains(['{', '}']), "{text}");
        }
    }

    #[test]
    fn each_status_and_each_q_850_value_has_a_cause() {
        for (code, expected) in [
            (302, CauseCode::PhoneRedirected),
            (486, CauseCode::PhoneBusy),
            (600, CauseCode::PhoneBusy),
            (603, CauseCode::PhoneDeclined),
            (480, CauseCode::PhoneUnavailable),
            (408, CauseCode::PhoneUnreachable),
            (404, CauseCode::PhoneNotFound),
            (488, CauseCode::PhoneNotAcceptable),
            (407, CauseCode::PhonePassword),
            (500, CauseCode::PhoneFailed),
        ] {
            assert_eq!(CauseCode::of_status(code), expected, "{code}");
        }
        for (cause, expected) in [
            (1, Some(CauseCode::NetworkUnallocated)),
            (3, Some(CauseCode::NetworkNoRoute)),
            (16, None),
            (17, None),
            (18, Some(CauseCode::NetworkNoAnswer)),
            (20, Some(CauseCode::NetworkAbsent)),
            (21, Some(CauseCode::NetworkRejected)),
            (22, Some(CauseCode::NetworkNumberChanged)),
            (27, Some(CauseCode::NetworkOutOfOrder)),
            (28, Some(CauseCode::NetworkInvalidNumber)),
            (31, None),
            (42, Some(CauseCode::NetworkCongestion)),
            (57, Some(CauseCode::NetworkNotAllowed)),
            (88, Some(CauseCode::NetworkIncompatible)),
            (102, Some(CauseCode::NetworkProtocol)),
            (127, Some(CauseCode::NetworkOther)),
        ] {
            assert_eq!(CauseCode::of_q850(cause), expected, "{cause}");
        }
    }

    #[test]
    fn a_record_without_a_cause_gets_the_one_that_fits_best() {
        for (disposition, code, by, expected) in [
            (Disposition::Answered, 200, EndedBy::Caller, CauseCode::CallerHungUp),
            (Disposition::Answered, 200, EndedBy::Callee, CauseCode::CalleeHungUp),
            (Disposition::Answered, 200, EndedBy::Script, CauseCode::ScriptEnded),
            (Disposition::Answered, 200, EndedBy::Admin, CauseCode::AdminEnded),
            (Disposition::Answered, 200, EndedBy::System, CauseCode::Unknown),
            (Disposition::Busy, 486, EndedBy::Callee, CauseCode::PhoneBusy),
            (Disposition::Cancelled, 487, EndedBy::Caller, CauseCode::CallerCancelled),
            (Disposition::Rejected, 603, EndedBy::Script, CauseCode::ScriptRejected),
            (Disposition::NoAnswer, 480, EndedBy::System, CauseCode::Unknown),
        ] {
            assert_eq!(CauseCode::guess(disposition, code, by), expected);
        }
    }
}
