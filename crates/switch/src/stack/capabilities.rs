//! What Tandem allows, supports and requires. No other file says so.
//!
//! A new method or extension is one new row here. Each row says where it holds: [`Place`].

use sip::{HeaderName, Limits, Message, Method, Part, StatusCode};

use super::body::{describes_session, description};
use crate::answer::Answer;

/// Where a message belongs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Outside of any dialog, except REGISTER.
    Outside,
    /// Within the dialog of a call, or beginning one: an INVITE and its answers.
    Within,
    /// A REGISTER.
    Register,
    /// Within the dialog of a subscription.
    Subscription,
}

impl Place {
    /// Where an incoming request belongs.
    pub fn of(request: &Message) -> Self {
        if *request.method() == Method::Register {
            Self::Register
        } else if request.to_tag().is_some() {
            Self::Within
        } else {
            Self::Outside
        }
    }
}

/// The methods, and where they are allowed.
///
/// RFC 3261 20.5: Allow lists every method that the user agent understands. So outside of dialogs it also lists BYE,
/// INFO and UPDATE, though each of these gets 481 if it belongs to no dialog. Within a dialog, Allow says which methods
/// can be sent in that dialog (RFC 3261 13.2.1).
const METHODS: [(Method, &[Place]); 13] = [
    (Method::Invite, EVERYWHERE),
    (Method::Ack, EVERYWHERE),
    (Method::Cancel, EVERYWHERE),
    (Method::Bye, EVERYWHERE),
    (
        Method::Options,
        &[Place::Outside, Place::Within, Place::Register, Place::Subscription],
    ),
    // Within a call there is no subscription but that of a REFER, which ends by itself (RFC 3515 section 2.4.4).
    (
        Method::Subscribe,
        &[Place::Outside, Place::Register, Place::Subscription],
    ),
    (Method::Register, &[Place::Outside, Place::Register]),
    // RFC 3903: never within a dialog.
    (Method::Publish, &[Place::Outside, Place::Register]),
    (Method::Info, EVERYWHERE),
    (Method::Update, EVERYWHERE),
    // RFC 3262.
    (Method::Prack, EVERYWHERE),
    (Method::Message, EVERYWHERE),
    // Outside of a dialog for a dialog that Target-Dialog names (RFC 4538).
    (Method::Refer, EVERYWHERE),
];

const EVERYWHERE: &[Place] = &[Place::Outside, Place::Within, Place::Register];

/// An option tag (RFC 3261 19.2).
struct Extension {
    tag: &'static str,
    /// Where Supported names it.
    supported: &'static [Place],
    /// Where a request may require it of us.
    required: &'static [Place],
}

const EXTENSIONS: [Extension; 16] = [
    // RFC 4028.
    Extension {
        tag: "timer",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 3327. A request without a Path needs nothing done.
    Extension {
        tag: "path",
        supported: &[Place::Outside, Place::Register],
        required: &[Place::Outside, Place::Within, Place::Register],
    },
    // RFC 5626.
    Extension {
        tag: "outbound",
        supported: &[Place::Outside, Place::Register],
        required: &[Place::Register],
    },
    // RFC 5627. Our own Contact is no GRUU: a dialog does not name it.
    Extension {
        tag: "gruu",
        supported: &[Place::Outside, Place::Register],
        required: &[Place::Outside, Place::Register],
    },
    // RFC 3262.
    Extension {
        tag: "100rel",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 6228. Section 5: it is never required.
    Extension {
        tag: "199",
        supported: &[Place::Outside, Place::Within],
        required: &[],
    },
    // RFC 4412: passed on.
    Extension {
        tag: "resource-priority",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 3329: digest is what a client may agree on.
    Extension {
        tag: "sec-agree",
        supported: &[Place::Outside, Place::Register],
        required: &[Place::Outside, Place::Within, Place::Register],
    },
    // RFC 3312: understood, but nothing is reserved.
    Extension {
        tag: "precondition",
        supported: &[],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 3891.
    Extension {
        tag: "replaces",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 3911.
    Extension {
        tag: "join",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 4488.
    Extension {
        tag: "norefersub",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 4916: From of a request within a dialog may change, and To of our requests follows.
    Extension {
        tag: "from-change",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 4538.
    Extension {
        tag: "tdialog",
        supported: &[Place::Outside, Place::Within],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 4662.
    Extension {
        tag: "eventlist",
        supported: &[Place::Outside, Place::Subscription],
        required: &[Place::Outside, Place::Within],
    },
    // RFC 5367.
    Extension {
        tag: "recipient-list-subscribe",
        supported: &[Place::Outside, Place::Subscription],
        required: &[Place::Outside, Place::Within],
    },
];

/// The event package of the subscription that a REFER makes (RFC 3515).
pub(crate) const REFER_PACKAGE: &str = "refer";

/// Accept of an answer about sessions (RFC 3261 20.1).
pub(crate) const ACCEPT_SESSION: &str = "application/sdp";

/// Accept of an answer to OPTIONS: what an INVITE and a MESSAGE may bring (RFC 3261 11.2).
pub(crate) const ACCEPT: &str = "application/sdp, text/plain";

/// Accept of an answer to INFO: the key presses that Tandem itself reads (RFC 6086 section 4.2.2).
pub(crate) const ACCEPT_KEYS: &str = "application/dtmf-relay, application/dtmf, application/hook-flash";

/// The only content coding that Tandem reads (RFC 3261 20.2).
pub(crate) const ACCEPT_ENCODING: &str = "identity";

/// The value of Allow: the methods that are allowed at this place.
pub(crate) fn allow(place: Place) -> String {
    allow_without(place, None)
}

/// The same without one method that the other phone of the call does not accept.
pub(crate) fn allow_without(place: Place, method: Option<&Method>) -> String {
    let taken = METHODS
        .iter()
        .filter(|(allowed, places)| places.contains(&place) && method != Some(allowed));
    let names: Vec<&str> = taken.map(|(allowed, _)| allowed.as_str()).collect();
    names.join(", ")
}

/// The value of Supported: the extensions that a peer may use there.
pub(crate) fn supported(place: Place) -> String {
    let known = EXTENSIONS.iter().filter(|known| known.supported.contains(&place));
    let tags: Vec<&str> = known.map(|known| known.tag).collect();
    tags.join(", ")
}

/// The extensions that a request requires and Tandem does not have, as the value of Unsupported; `None` if it has all
/// of them (RFC 3261 8.2.2.3). `names` is Require, and outside of the registrar also Proxy-Require.
pub(crate) fn unsupported(request: &Message, names: &[HeaderName]) -> Option<String> {
    let place = Place::of(request);
    let has = |tag: &&str| {
        let mut known = EXTENSIONS.iter().filter(|known| known.required.contains(&place));
        known.any(|known| known.tag.eq_ignore_ascii_case(tag))
    };
    let asked = names.iter().flat_map(|name| request.values(*name)).map(str::trim);
    let missing: Vec<&str> = asked.filter(|tag| !has(tag)).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// Whether Tandem understands what a request requires and the body it has (RFC 3261 8.2.2.3, 8.2.3), within a dialog or
/// not.
///
/// # Errors
/// The answer that refuses it: 420, 415 or 493.
pub(crate) fn understood(message: &Message) -> Result<(), Answer> {
    if let Some(tags) = unsupported(message, &[HeaderName::Require, HeaderName::ProxyRequire]) {
        return Err(Answer::new(StatusCode::BAD_EXTENSION).with(HeaderName::Unsupported, tags));
    }
    let mut encodings = message.values(HeaderName::ContentEncoding);
    let looked_at = *message.method() != Method::Bye;
    if looked_at && encodings.any(|encoding| !encoding.eq_ignore_ascii_case(ACCEPT_ENCODING)) {
        let answer = Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        return Err(answer.with(HeaderName::AcceptEncoding, ACCEPT_ENCODING));
    }
    if hides_its_session(message) {
        return Err(Answer::new(StatusCode::UNDECIPHERABLE));
    }
    if has_foreign_body(message) {
        return Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with(HeaderName::Accept, ACCEPT_SESSION));
    }
    Ok(())
}

/// Whether what a request says of the session is encrypted for somebody else (RFC 3261 23.2, 21.4.30). Tandem is the user
/// agent that has to read it, and has no key. A text in a MESSAGE is for the other phone, and passes as it is.
fn hides_its_session(message: &Message) -> bool {
    let describes = matches!(message.method(), Method::Invite | Method::Update | Method::Prack);
    describes && description(message).is_none() && {
        let parts = message.parts(&Limits::default()).unwrap_or_default();
        parts.iter().any(|part| part.is("application", "pkcs7-mime"))
    }
}

/// Whether a request has a body that must be understood and is not (RFC 3261 8.2.3, 20.11).
///
/// That is a part with `handling=required`. A part without `handling` counts as required only if there is no session
/// description beside it: location, ISUP and similar parts often come without `handling=optional`.
fn has_foreign_body(message: &Message) -> bool {
    let describes = match message.method() {
        Method::Invite | Method::Update => true,
        // The other phone has to understand these bodies. And a call must end, whatever body a BYE has.
        Method::Info | Method::Message | Method::Bye | Method::Ack | Method::Cancel => return false,
        // The event package decides.
        Method::Subscribe | Method::Publish => return false,
        Method::Register | Method::Options | Method::Prack | Method::Notify | Method::Refer | Method::Other(_) => false,
    };
    if message.body().is_empty() || message.content_type().is_none() {
        return false;
    }
    let Ok(parts) = message.parts(&Limits::default()) else {
        return describes;
    };
    let known = |part: &&Part<'_>| describes_session(part) && !part.body.is_empty();
    let described = parts.iter().any(|part| known(&part));
    let chosen = parts.iter().filter(known).any(|part| part.alternative);
    let foreign = |part: &Part<'_>| match part.purpose() {
        _ if part.alternative && chosen => false,
        Some(purpose) if purpose.required => true,
        Some(purpose) if purpose.optional => false,
        Some(_) | None => describes && !described,
    };
    parts.iter().any(|part| !known(&part) && foreign(part)) || (describes && parts.is_empty())
}

#[cfg(test)]
mod tests {
    use sip::Builder;

    use super::*;

    #[test]
    fn what_is_allowed_and_supported_depends_on_the_place() {
        let all =
            "INVITE, ACK, CANCEL, BYE, OPTIONS, SUBSCRIBE, REGISTER, PUBLISH, INFO, UPDATE, PRACK, MESSAGE, REFER";
        let of_a_call = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, MESSAGE, REFER";
        for (place, methods, extensions) in [
            (
                Place::Outside,
                all,
                "timer, path, outbound, gruu, 100rel, 199, resource-priority, sec-agree, replaces, join, norefersub, \
                 from-change, tdialog, eventlist, recipient-list-subscribe",
            ),
            (
                Place::Within,
                of_a_call,
                "timer, 100rel, 199, resource-priority, replaces, join, norefersub, from-change, tdialog",
            ),
            (Place::Register, all, "path, outbound, gruu, sec-agree"),
            (
                Place::Subscription,
                "OPTIONS, SUBSCRIBE",
                "eventlist, recipient-list-subscribe",
            ),
        ] {
            assert_eq!(allow_without(place, None), methods, "{place:?}");
            assert_eq!(supported(place), extensions, "{place:?}");
        }
        assert!(!allow_without(Place::Within, Some(&Method::Info)).contains("INFO"));
    }

    #[test]
    fn a_request_is_refused_for_an_extension_that_its_place_does_not_have() {
        for (method, to, required, missing) in [
            (Method::Invite, "<sip:2@t>", "timer", None),
            (Method::Invite, "<sip:2@t>", "Path, TIMER", None),
            (Method::Invite, "<sip:2@t>", "100rel, replaces, x", Some("x")),
            (Method::Invite, "<sip:2@t>", "outbound", Some("outbound")),
            (Method::Update, "<sip:2@t>;tag=1", "timer", None),
            (Method::Register, "<sip:2@t>", "outbound, path", None),
            (Method::Register, "<sip:2@t>", "timer", Some("timer")),
        ] {
            let request = Builder::request(&method, "sip:t")
                .header(HeaderName::To, to)
                .header(HeaderName::Require, required)
                .finish();
            let refused = understood(&request).err();
            let told = refused
                .as_ref()
                .and_then(|answer| answer.header(HeaderName::Unsupported));
            assert_eq!(told, missing, "{method} {required}");
        }
    }
}
