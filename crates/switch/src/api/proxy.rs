//! What a script asks for by `caller.proxy(..)`.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The arguments of `proxy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyTo {
    /// The targets; never empty.
    pub targets: Vec<ProxyTarget>,
    /// How long the targets of the same `q` may take; timer C of RFC 3261 if `None`.
    pub timeout: Option<Duration>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyTarget {
    /// A SIP URI; the dialplan has checked it.
    pub uri: String,
    /// Its preference, in thousandths: 0 to 1000. The highest first, equal ones at once (RFC 3261 section 16.6).
    pub q: u16,
}

/// The targets as scripts write them.
impl fmt::Display for ProxyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<&str> = self.targets.iter().map(|target| target.uri.as_str()).collect();
        f.write_str(&targets.join(" "))
    }
}
