//! How long nonces live, and how many wrong passwords are checked.

use serde::{Deserialize, Serialize};

use super::Rate;

/// The settings of digest authentication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// For how many seconds a nonce is good.
    pub nonce_lifetime: u32,
    /// How many nonces have their counts remembered. If more are in use, the oldest must be renewed early.
    pub nonces: usize,
    /// Wrong passwords for one user name from one source (an IPv4 address or an IPv6 /64).
    pub failures_per_user: Rate,
    /// Wrong passwords from one source, with any user name.
    pub failures_per_source: Rate,
    /// How many sources, and pairs of source and user name, are remembered.
    pub sources: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            nonce_lifetime: 300,
            nonces: 65_536,
            failures_per_user: Rate {
                per_second: 1,
                burst: 10,
            },
            failures_per_source: Rate {
                per_second: 20,
                burst: 200,
            },
            sources: 32_768,
        }
    }
}
