//! Header field names.

use std::fmt;

macro_rules! names {
    ($($id:ident $text:literal $compact:expr;)*) => {
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
        const COMPACT: &[Option<char>] = &[$($compact),*];
    };
}

names! {
    Via "Via" Some('v');
    From "From" Some('f');
    To "To" Some('t');
    CallId "Call-ID" Some('i');
    CSeq "CSeq" None;
    Contact "Contact" Some('m');
    MaxForwards "Max-Forwards" None;
    ContentType "Content-Type" Some('c');
    ContentLength "Content-Length" Some('l');
    Route "Route" None;
    RecordRoute "Record-Route" None;
    UserAgent "User-Agent" None;
    Server "Server" None;
    Allow "Allow" None;
    Supported "Supported" Some('k');
    Require "Require" None;
    ProxyRequire "Proxy-Require" None;
    Unsupported "Unsupported" None;
    Expires "Expires" None;
    Authorization "Authorization" None;
    ProxyAuthorization "Proxy-Authorization" None;
    WwwAuthenticate "WWW-Authenticate" None;
    ProxyAuthenticate "Proxy-Authenticate" None;
    AuthenticationInfo "Authentication-Info" None;
    ProxyAuthenticationInfo "Proxy-Authentication-Info" None;
    Accept "Accept" None;
    AcceptEncoding "Accept-Encoding" None;
    AcceptLanguage "Accept-Language" None;
    AcceptContact "Accept-Contact" Some('a');
    AcceptResourcePriority "Accept-Resource-Priority" None;
    AdditionalIdentity "Additional-Identity" None;
    AlertInfo "Alert-Info" None;
    AlertMsgError "Alert-Msg-Error" None;
    AllowEvents "Allow-Events" Some('u');
    AnswerMode "Answer-Mode" None;
    CallInfo "Call-Info" None;
    CellularNetworkInfo "Cellular-Network-Info" None;
    ContentDisposition "Content-Disposition" None;
    ContentEncoding "Content-Encoding" Some('e');
    ContentId "Content-ID" None;
    ContentLanguage "Content-Language" None;
    Date "Date" None;
    Diversion "Diversion" None;
    Encryption "Encryption" None;
    ErrorInfo "Error-Info" None;
    Event "Event" Some('o');
    FeatureCaps "Feature-Caps" None;
    FlowTimer "Flow-Timer" None;
    Geolocation "Geolocation" None;
    GeolocationError "Geolocation-Error" None;
    GeolocationRouting "Geolocation-Routing" None;
    Hide "Hide" None;
    HistoryInfo "History-Info" None;
    Identity "Identity" Some('y');
    IdentityInfo "Identity-Info" Some('n');
    InReplyTo "In-Reply-To" None;
    InfoPackage "Info-Package" None;
    Join "Join" None;
    MaxBreadth "Max-Breadth" None;
    MimeVersion "MIME-Version" None;
    MinExpires "Min-Expires" None;
    MinSe "Min-SE" None;
    Organization "Organization" None;
    PAccessNetworkInfo "P-Access-Network-Info" None;
    PAnswerState "P-Answer-State" None;
    PAssertedIdentity "P-Asserted-Identity" None;
    PAssertedService "P-Asserted-Service" None;
    PAssociatedUri "P-Associated-URI" None;
    PCalledPartyId "P-Called-Party-ID" None;
    PChargingFunctionAddresses "P-Charging-Function-Addresses" None;
    PChargingVector "P-Charging-Vector" None;
    PEarlyMedia "P-Early-Media" None;
    PMediaAuthorization "P-Media-Authorization" None;
    PPreferredIdentity "P-Preferred-Identity" None;
    PPreferredService "P-Preferred-Service" None;
    PProfileKey "P-Profile-Key" None;
    PRefusedUriList "P-Refused-URI-List" None;
    PServedUser "P-Served-User" None;
    PUserDatabase "P-User-Database" None;
    PVisitedNetworkId "P-Visited-Network-ID" None;
    Path "Path" None;
    PermissionMissing "Permission-Missing" None;
    PolicyContact "Policy-Contact" None;
    PolicyId "Policy-ID" None;
    Priority "Priority" None;
    PriorityShare "Priority-Share" None;
    PrivAnswerMode "Priv-Answer-Mode" None;
    Privacy "Privacy" None;
    RAck "RAck" None;
    Reason "Reason" None;
    RecvInfo "Recv-Info" None;
    ReferEventsAt "Refer-Events-At" None;
    ReferSub "Refer-Sub" None;
    ReferTo "Refer-To" Some('r');
    ReferredBy "Referred-By" Some('b');
    RejectContact "Reject-Contact" Some('j');
    RelayedCharge "Relayed-Charge" None;
    RemotePartyId "Remote-Party-ID" None;
    Replaces "Replaces" None;
    ReplyTo "Reply-To" None;
    RequestDisposition "Request-Disposition" Some('d');
    ResourcePriority "Resource-Priority" None;
    ResourceShare "Resource-Share" None;
    ResponseKey "Response-Key" None;
    ResponseSource "Response-Source" None;
    RestorationInfo "Restoration-Info" None;
    RetryAfter "Retry-After" None;
    RSeq "RSeq" None;
    SecurityClient "Security-Client" None;
    SecurityServer "Security-Server" None;
    SecurityVerify "Security-Verify" None;
    ServiceInteractInfo "Service-Interact-Info" None;
    ServiceRoute "Service-Route" None;
    SessionExpires "Session-Expires" Some('x');
    SessionId "Session-ID" None;
    SipETag "SIP-ETag" None;
    SipIfMatch "SIP-If-Match" None;
    Subject "Subject" Some('s');
    SubscriptionState "Subscription-State" None;
    SuppressIfMatch "Suppress-If-Match" None;
    TargetDialog "Target-Dialog" None;
    Timestamp "Timestamp" None;
    TriggerConsent "Trigger-Consent" None;
    UserToUser "User-to-User" None;
    Warning "Warning" None;
}

/// Slots of the look-up table: about a third of them is used.
const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;

/// Mixes length, first and last letter: all that is cheap to see of a name.
const fn slot(name: &[u8]) -> usize {
    let first = (name[0] | 0x20) as usize;
    let last = (name[name.len() - 1] | 0x20) as usize;
    let middle = (name[name.len() / 2] | 0x20) as usize;
    (name.len() * 37 + first * 101 + last * 59 + middle * 17) % SLOTS
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
        if let Some(letter) = COMPACT[index] {
            table[(letter as u8 - b'a') as usize] = index as u8;
        }
        index += 1;
    }
    table
};

impl HeaderName {
    /// Every known name; `Other` is not among them.
    pub const fn known() -> &'static [Self] {
        KNOWN
    }

    /// The name as it is written; empty for `Other`.
    pub fn as_str(self) -> &'static str {
        TEXT.get(self as usize).copied().unwrap_or("")
    }

    /// The compact form, where there is one.
    pub fn compact(self) -> Option<char> {
        COMPACT.get(self as usize).copied().flatten()
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
                    if TEXT[usize::from(index)].as_bytes().eq_ignore_ascii_case(name) {
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
            if let Some(letter) = name.compact() {
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
