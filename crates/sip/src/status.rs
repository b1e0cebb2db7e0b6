//! Status codes and their standard reason phrases.

use std::fmt;

/// A response's status code, 100 to 699 (RFC 3261 section 7.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// `None` outside 100 to 699.
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 100 && code <= 699 {
            Some(Self(code))
        } else {
            None
        }
    }

    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The first digit: 1 to 6.
    pub const fn class(self) -> u16 {
        self.0 / 100
    }

    /// 1xx.
    pub const fn is_provisional(self) -> bool {
        self.class() == 1
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Everything but 1xx.
    pub const fn is_final(self) -> bool {
        self.class() > 1
    }

    /// The code this is handled as: an unknown one counts as x00 of its class, an unknown
    /// provisional one as 183 (RFC 3261 section 8.1.3.2).
    pub fn treated_as(self) -> Self {
        if standard(self.0).is_some() {
            self
        } else if self.is_provisional() {
            Self::SESSION_PROGRESS
        } else {
            Self(self.class() * 100)
        }
    }

    /// The standard phrase; for an unknown code that of its class.
    pub fn reason(self) -> &'static str {
        standard(self.treated_as().0).unwrap_or("Unknown")
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl From<StatusCode> for u16 {
    fn from(status: StatusCode) -> Self {
        status.0
    }
}

macro_rules! codes {
    ($($code:literal $name:ident $reason:literal $source:literal;)*) => {
        impl StatusCode {
            $(#[doc = concat!($code, " ", $reason, " (", $source, ").")]
            pub const $name: Self = Self($code);)*

            /// Every standard code, ascending.
            pub const KNOWN: &[Self] = &[$(Self::$name),*];
        }

        fn standard(code: u16) -> Option<&'static str> {
            match code {
                $($code => Some($reason),)*
                _ => None,
            }
        }
    };
}

codes! {
    100 TRYING "Trying" "RFC 3261";
    180 RINGING "Ringing" "RFC 3261";
    181 CALL_IS_BEING_FORWARDED "Call Is Being Forwarded" "RFC 3261";
    182 QUEUED "Queued" "RFC 3261";
    183 SESSION_PROGRESS "Session Progress" "RFC 3261";
    199 EARLY_DIALOG_TERMINATED "Early Dialog Terminated" "RFC 6228";
    200 OK "OK" "RFC 3261";
    202 ACCEPTED "Accepted" "RFC 3265 (deprecated by RFC 6665)";
    204 NO_NOTIFICATION "No Notification" "RFC 5839";
    300 MULTIPLE_CHOICES "Multiple Choices" "RFC 3261";
    301 MOVED_PERMANENTLY "Moved Permanently" "RFC 3261";
    302 MOVED_TEMPORARILY "Moved Temporarily" "RFC 3261";
    305 USE_PROXY "Use Proxy" "RFC 3261";
    380 ALTERNATIVE_SERVICE "Alternative Service" "RFC 3261";
    400 BAD_REQUEST "Bad Request" "RFC 3261";
    401 UNAUTHORIZED "Unauthorized" "RFC 3261";
    402 PAYMENT_REQUIRED "Payment Required" "RFC 3261";
    403 FORBIDDEN "Forbidden" "RFC 3261";
    404 NOT_FOUND "Not Found" "RFC 3261";
    405 METHOD_NOT_ALLOWED "Method Not Allowed" "RFC 3261";
    406 NOT_ACCEPTABLE "Not Acceptable" "RFC 3261";
    407 PROXY_AUTHENTICATION_REQUIRED "Proxy Authentication Required" "RFC 3261";
    408 REQUEST_TIMEOUT "Request Timeout" "RFC 3261";
    409 CONFLICT "Conflict" "RFC 2543 (obsolete; recognised on receipt only)";
    410 GONE "Gone" "RFC 3261";
    411 LENGTH_REQUIRED "Length Required" "RFC 2543 (obsolete; recognised on receipt only)";
    412 CONDITIONAL_REQUEST_FAILED "Conditional Request Failed" "RFC 3903";
    413 REQUEST_ENTITY_TOO_LARGE "Request Entity Too Large" "RFC 3261";
    414 REQUEST_URI_TOO_LONG "Request-URI Too Long" "RFC 3261";
    415 UNSUPPORTED_MEDIA_TYPE "Unsupported Media Type" "RFC 3261";
    416 UNSUPPORTED_URI_SCHEME "Unsupported URI Scheme" "RFC 3261";
    417 UNKNOWN_RESOURCE_PRIORITY "Unknown Resource-Priority" "RFC 4412";
    420 BAD_EXTENSION "Bad Extension" "RFC 3261";
    421 EXTENSION_REQUIRED "Extension Required" "RFC 3261";
    422 SESSION_INTERVAL_TOO_SMALL "Session Interval Too Small" "RFC 4028";
    423 INTERVAL_TOO_BRIEF "Interval Too Brief" "RFC 3261";
    424 BAD_LOCATION_INFORMATION "Bad Location Information" "RFC 6442";
    425 BAD_ALERT_MESSAGE "Bad Alert Message" "RFC 8876";
    428 USE_IDENTITY_HEADER "Use Identity Header" "RFC 8224";
    429 PROVIDE_REFERRER_IDENTITY "Provide Referrer Identity" "RFC 3892";
    430 FLOW_FAILED "Flow Failed" "RFC 5626";
    433 ANONYMITY_DISALLOWED "Anonymity Disallowed" "RFC 5079";
    436 BAD_IDENTITY_INFO "Bad Identity Info" "RFC 8224";
    437 UNSUPPORTED_CREDENTIAL "Unsupported Credential" "RFC 8224";
    438 INVALID_IDENTITY_HEADER "Invalid Identity Header" "RFC 8224";
    439 FIRST_HOP_LACKS_OUTBOUND_SUPPORT "First Hop Lacks Outbound Support" "RFC 5626";
    440 MAX_BREADTH_EXCEEDED "Max-Breadth Exceeded" "RFC 5393";
    469 BAD_INFO_PACKAGE "Bad Info Package" "RFC 6086";
    470 CONSENT_NEEDED "Consent Needed" "RFC 5360";
    480 TEMPORARILY_UNAVAILABLE "Temporarily Unavailable" "RFC 3261";
    481 CALL_DOES_NOT_EXIST "Call/Transaction Does Not Exist" "RFC 3261";
    482 LOOP_DETECTED "Loop Detected" "RFC 3261";
    483 TOO_MANY_HOPS "Too Many Hops" "RFC 3261";
    484 ADDRESS_INCOMPLETE "Address Incomplete" "RFC 3261";
    485 AMBIGUOUS "Ambiguous" "RFC 3261";
    486 BUSY_HERE "Busy Here" "RFC 3261";
    487 REQUEST_TERMINATED "Request Terminated" "RFC 3261";
    488 NOT_ACCEPTABLE_HERE "Not Acceptable Here" "RFC 3261";
    489 BAD_EVENT "Bad Event" "RFC 6665";
    491 REQUEST_PENDING "Request Pending" "RFC 3261";
    493 UNDECIPHERABLE "Undecipherable" "RFC 3261";
    494 SECURITY_AGREEMENT_REQUIRED "Security Agreement Required" "RFC 3329";
    500 SERVER_INTERNAL_ERROR "Server Internal Error" "RFC 3261";
    501 NOT_IMPLEMENTED "Not Implemented" "RFC 3261";
    502 BAD_GATEWAY "Bad Gateway" "RFC 3261";
    503 SERVICE_UNAVAILABLE "Service Unavailable" "RFC 3261";
    504 SERVER_TIMEOUT "Server Time-out" "RFC 3261";
    505 VERSION_NOT_SUPPORTED "Version Not Supported" "RFC 3261";
    513 MESSAGE_TOO_LARGE "Message Too Large" "RFC 3261";
    555 PUSH_NOTIFICATION_SERVICE_NOT_SUPPORTED "Push Notification Service Not Supported" "RFC 8599";
    580 PRECONDITION_FAILURE "Precondition Failure" "RFC 3312";
    600 BUSY_EVERYWHERE "Busy Everywhere" "RFC 3261";
    603 DECLINE "Decline" "RFC 3261";
    604 DOES_NOT_EXIST_ANYWHERE "Does Not Exist Anywhere" "RFC 3261";
    606 NOT_ACCEPTABLE_ANYWHERE "Not Acceptable" "RFC 3261";
    607 UNWANTED "Unwanted" "RFC 8197";
    608 REJECTED "Rejected" "RFC 8688";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_ranges_phrases_and_a_class_to_fall_back_on() {
        assert_eq!(StatusCode::new(99), None);
        assert_eq!(StatusCode::new(700), None);
        assert_eq!(StatusCode::new(180), Some(StatusCode::RINGING));
        assert_eq!(StatusCode::BUSY_HERE.reason(), "Busy Here");
        let odd = StatusCode::new(499).map(StatusCode::treated_as);
        assert_eq!(odd, Some(StatusCode::BAD_REQUEST));
        assert_eq!(
            StatusCode::new(188).map(StatusCode::treated_as),
            Some(StatusCode::SESSION_PROGRESS)
        );
        assert!(StatusCode::KNOWN.is_sorted());
        assert!(StatusCode::RINGING.is_provisional() && !StatusCode::RINGING.is_final());
        assert!(StatusCode::OK.is_success() && StatusCode::OK.is_final());
    }
}
