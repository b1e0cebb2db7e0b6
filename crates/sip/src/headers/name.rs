//! Header field names.

use std::fmt;

macro_rules! names {
    ($($id:ident $text:literal [$($letter:literal)?] $times:ident;)*) => {
        /// The name of a header field: every one that is registered, and `Other`.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $text, "`.")] $id,)*
            /// A name that is not known here; it is kept in the message as it came.
            Other,
        }

        /// Every known name, in the order of their discriminants.
        const KNOWN: &[HeaderName] = &[$(HeaderName::$id),*];
        const TEXT: &[&str] = &[$($text),*];
        const COMPACT: &[&[char]] = &[$(&[$($letter)?]),*];
        const ONCE: &[bool] = &[$(names!(@ $times)),*];
    };
    (@ once) => { true };
    (@ many) => { false };
}

names! {
    Via "Via" ['v'] many;
    From "From" ['f'] once;
    To "To" ['t'] once;
    CallId "Call-ID" ['i'] once;
    CSeq "CSeq" [] once;
    Contact "Contact" ['m'] many;
    MaxForwards "Max-Forwards" [] once;
    ContentType "Content-Type" ['c'] once;
    ContentLength "Content-Length" ['l'] once;
    Route "Route" [] many;
    RecordRoute "Record-Route" [] many;
    UserAgent "User-Agent" [] once;
    Server "Server" [] once;
    Allow "Allow" [] many;
    Supported "Supported" ['k'] many;
    Require "Require" [] many;
    ProxyRequire "Proxy-Require" [] many;
    Unsupported "Unsupported" [] many;
    Expires "Expires" [] once;
    Authorization "Authorization" [] many;
    ProxyAuthorization "Proxy-Authorization" [] many;
    WwwAuthenticate "WWW-Authenticate" [] many;
    ProxyAuthenticate "Proxy-Authenticate" [] many;
    AuthenticationInfo "Authentication-Info" [] many;
    ProxyAuthenticationInfo "Proxy-Authentication-Info" [] many;
    Accept "Accept" [] many;
    AcceptEncoding "Accept-Encoding" [] many;
    AcceptLanguage "Accept-Language" [] many;
    AcceptContact "Accept-Contact" ['a'] many;
    AcceptResourcePriority "Accept-Resource-Priority" [] many;
    AdditionalIdentity "Additional-Identity" [] many;
    AlertInfo "Alert-Info" [] many;
    AlertMsgError "Alert-Msg-Error" [] many;
    AllowEvents "Allow-Events" ['u'] many;
    AnswerMode "Answer-Mode" [] once;
    CallInfo "Call-Info" [] many;
    CellularNetworkInfo "Cellular-Network-Info" [] many;
    ContentDisposition "Content-Disposition" [] once;
    ContentEncoding "Content-Encoding" ['e'] many;
    ContentId "Content-ID" [] once;
    ContentLanguage "Content-Language" [] many;
    Date "Date" [] once;
    Diversion "Diversion" [] many;
    Encryption "Encryption" [] many;
    ErrorInfo "Error-Info" [] many;
    Event "Event" ['o'] once;
    FeatureCaps "Feature-Caps" [] many;
    FlowTimer "Flow-Timer" [] once;
    Geolocation "Geolocation" [] many;
    GeolocationError "Geolocation-Error" [] many;
    GeolocationRouting "Geolocation-Routing" [] many;
    Hide "Hide" [] many;
    HistoryInfo "History-Info" [] many;
    Identity "Identity" ['y'] many;
    IdentityInfo "Identity-Info" ['n'] many;
    InReplyTo "In-Reply-To" [] many;
    InfoPackage "Info-Package" [] once;
    Join "Join" [] once;
    MaxBreadth "Max-Breadth" [] once;
    MimeVersion "MIME-Version" [] once;
    MinExpires "Min-Expires" [] once;
    MinSe "Min-SE" [] once;
    Organization "Organization" [] once;
    PAccessNetworkInfo "P-Access-Network-Info" [] many;
    PAnswerState "P-Answer-State" [] many;
    PAssertedIdentity "P-Asserted-Identity" [] many;
    PAssertedService "P-Asserted-Service" [] many;
    PAssociatedUri "P-Associated-URI" [] many;
    PCalledPartyId "P-Called-Party-ID" [] once;
    PChargingFunctionAddresses "P-Charging-Function-Addresses" [] many;
    PChargingVector "P-Charging-Vector" [] once;
    PEarlyMedia "P-Early-Media" [] once;
    PMediaAuthorization "P-Media-Authorization" [] many;
    PPreferredIdentity "P-Preferred-Identity" [] many;
    PPreferredService "P-Preferred-Service" [] many;
    PProfileKey "P-Profile-Key" [] once;
    PRefusedUriList "P-Refused-URI-List" [] many;
    PServedUser "P-Served-User" [] many;
    PUserDatabase "P-User-Database" [] many;
    PVisitedNetworkId "P-Visited-Network-ID" [] many;
    Path "Path" [] many;
    PermissionMissing "Permission-Missing" [] many;
    PolicyContact "Policy-Contact" [] many;
    PolicyId "Policy-ID" [] once;
    Priority "Priority" [] once;
    PriorityShare "Priority-Share" [] many;
    PrivAnswerMode "Priv-Answer-Mode" [] once;
    Privacy "Privacy" [] many;
    RAck "RAck" [] once;
    Reason "Reason" [] many;
    RecvInfo "Recv-Info" [] many;
    ReferEventsAt "Refer-Events-At" [] once;
    ReferSub "Refer-Sub" [] once;
    ReferTo "Refer-To" ['r'] once;
    ReferredBy "Referred-By" ['b'] once;
    RejectContact "Reject-Contact" ['j'] many;
    RelayedCharge "Relayed-Charge" [] many;
    RemotePartyId "Remote-Party-ID" [] many;
    Replaces "Replaces" [] once;
    ReplyTo "Reply-To" [] once;
    RequestDisposition "Request-Disposition" ['d'] many;
    ResourcePriority "Resource-Priority" [] many;
    ResourceShare "Resource-Share" [] many;
    ResponseKey "Response-Key" [] many;
    ResponseSource "Response-Source" [] many;
    RestorationInfo "Restoration-Info" [] many;
    RetryAfter "Retry-After" [] once;
    RSeq "RSeq" [] once;
    SecurityClient "Security-Client" [] many;
    SecurityServer "Security-Server" [] many;
    SecurityVerify "Security-Verify" [] many;
    ServiceInteractInfo "Service-Interact-Info" [] once;
    ServiceRoute "Service-Route" [] many;
    SessionExpires "Session-Expires" ['x'] once;
    SessionId "Session-ID" [] once;
    SipETag "SIP-ETag" [] once;
    SipIfMatch "SIP-If-Match" [] once;
    Subject "Subject" ['s'] once;
    SubscriptionState "Subscription-State" [] once;
    SuppressIfMatch "Suppress-If-Match" [] once;
    TargetDialog "Target-Dialog" [] once;
    Timestamp "Timestamp" [] once;
    TriggerConsent "Trigger-Consent" [] many;
    UserToUser "User-to-User" [] many;
    Warning "Warning" [] many;
}

/// Slots of the look-up table.
const SLOTS: usize = 1024;
const EMPTY: u8 = u8::MAX;

/// Mixes length, first, middle and last letter: all that is cheap to see of a name. With these
/// factors no two known names share a slot; if a new one does, it takes the next.
const fn slot(name: &[u8]) -> usize {
    let first = (name[0] | 0x20) as usize;
    let last = (name[name.len() - 1] | 0x20) as usize;
    let middle = (name[name.len() / 2] | 0x20) as usize;
    (name.len() * 931 + first * 992 + last * 671 + middle * 365) % SLOTS
}

/// Open addressing, filled when this is compiled.
const TABLE: [u8; SLOTS] = {
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < TEXT.len() {
        let mut at = slot(TEXT[index].as_bytes());
        while table[at] != EMPTY {
            at = (at + 1) % SLOTS;
        }
        table[at] = index as u8;
        index += 1;
    }
    table
};

/// The compact forms by letter, `a` to `z` (RFC 3261 section 7.3.3 and the IANA registry).
const LETTERS: [u8; 26] = {
    let mut table = [EMPTY; 26];
    let mut index = 0;
    while index < COMPACT.len() {
        if let [letter] = COMPACT[index] {
            table[(*letter as u8 - b'a') as usize] = index as u8;
        }
        index += 1;
    }
    table
};

/// Equality by two words that may overlap: most names are shorter than 17 octets.
fn same(one: &[u8], two: &[u8]) -> bool {
    if one.len() != two.len() {
        return false;
    }
    match (
        one.first_chunk::<8>(),
        two.first_chunk::<8>(),
        one.last_chunk::<8>(),
        two.last_chunk::<8>(),
    ) {
        (Some(a), Some(b), Some(c), Some(d)) => a == b && c == d && (one.len() <= 16 || one == two),
        (_, _, _, _) => match (
            one.first_chunk::<4>(),
            two.first_chunk::<4>(),
            one.last_chunk::<4>(),
            two.last_chunk::<4>(),
        ) {
            (Some(a), Some(b), Some(c), Some(d)) => a == b && c == d,
            (_, _, _, _) => one.iter().eq(two),
        },
    }
}

impl HeaderName {
    /// Every known name; `Other` is not among them.
    pub const fn known() -> &'static [Self] {
        KNOWN
    }

    /// The name as it is written; empty for `Other`.
    pub fn as_str(self) -> &'static str {
        TEXT.get(self as usize).copied().unwrap_or("")
    }

    /// Whether a message may have one such field only, with one value.
    pub fn is_single(self) -> bool {
        ONCE.get(self as usize).copied().unwrap_or(false)
    }

    /// Reads a name, full or compact, in any case; what is not known is `Other`.
    pub fn parse(name: &[u8]) -> Self {
        let found = |index: u8| KNOWN.get(usize::from(index)).copied().unwrap_or(Self::Other);
        match name {
            [] => Self::Other,
            [letter] => match letter.to_ascii_lowercase() {
                letter @ b'a'..=b'z' => found(LETTERS[usize::from(letter - b'a')]),
                _ => Self::Other,
            },
            _ => {
                let mut at = slot(name);
                loop {
                    let index = TABLE[at];
                    if index == EMPTY {
                        return Self::Other;
                    }
                    let text = TEXT[usize::from(index)].as_bytes();
                    // Nearly everybody writes names as they are registered.
                    if same(text, name) || text.eq_ignore_ascii_case(name) {
                        return found(index);
                    }
                    at = (at + 1) % SLOTS;
                }
            }
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_by_its_letter() {
        for &name in HeaderName::known() {
            let text = name.as_str();
            assert_eq!(HeaderName::parse(text.as_bytes()), name);
            assert_eq!(HeaderName::parse(text.to_ascii_uppercase().as_bytes()), name);
            assert_eq!(HeaderName::parse(text.to_ascii_lowercase().as_bytes()), name);
            if let Some(letter) = COMPACT[name as usize].first() {
                assert_eq!(HeaderName::parse(letter.to_string().as_bytes()), name);
                assert_eq!(HeaderName::parse(letter.to_uppercase().to_string().as_bytes()), name);
            }
        }
        assert_eq!(HeaderName::parse(b"X-Unknown"), HeaderName::Other);
        assert_eq!(HeaderName::parse(b"q"), HeaderName::Other);
        assert_eq!(HeaderName::parse(b""), HeaderName::Other);
        assert_eq!(HeaderName::parse(b"C%6Fntact"), HeaderName::Other);
    }
}
