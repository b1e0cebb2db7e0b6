//! What the look-up of a host comes to (RFC 3263 section 4).

use serde::{Deserialize, Serialize};
use sip::Flow;

use super::CauseCode;

/// The ways to a host, best first and never empty, or why there is none.
///
/// **The name that a peer must prove.** A way under TLS has a `connection`: the number of the connection to that address
/// on which the peer has proved, or will have to prove, to be the host of the URI (RFC 5922 section 4; not the target of an
/// SRV record, which anybody could have put there). The connection need not be open yet. The outside keeps the number
/// with the name, opens the connection when the first message goes over it, and opens it again under the same number if it
/// has closed. So whatever keeps a flow (a leg, a transaction, a registration) keeps the name, at no cost.
pub type Ways = Result<Vec<Flow>, Unresolved>;

/// Why the look-up of a host led to no way.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unresolved {
    /// The name does not exist, or has no address.
    NotFound,
    /// No name server answered in time.
    Timeout,
    /// The name servers refuse, or say nothing that can be used.
    Failed,
    /// Too many look-ups were under way.
    TooMany,
    /// The host is known, but no listener of ours has the transport and IP version that lead to it.
    NoWay,
}

impl Unresolved {
    /// The cause of a call that ends for this reason.
    pub const fn cause(self) -> CauseCode {
        match self {
            Self::NotFound => CauseCode::DnsNotFound,
            Self::Timeout => CauseCode::DnsTimeout,
            Self::Failed => CauseCode::DnsFailed,
            Self::TooMany => CauseCode::DnsTooMany,
            Self::NoWay => CauseCode::NumberUnresolved,
        }
    }

    /// The reason phrase of the answer to the caller.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "Destination Not Found",
            Self::Timeout => "Name Server Did Not Answer",
            Self::Failed => "Name Server Failed",
            Self::TooMany => "Too Many Name Lookups",
            Self::NoWay => "No Way To Destination",
        }
    }
}
