//! The limits of admission control.

use serde::{Deserialize, Serialize};

use super::Rate;

/// The rates of each kind of message.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// INVITEs outside of dialogs. A call with a challenge counts as two INVITEs.
    pub calls: Rate,
    /// REGISTERs. A registration with a challenge counts as two REGISTERs.
    pub registrations: Rate,
    /// Other requests outside of dialogs.
    pub others: Rate,
    /// 503 answers to messages over the limits; beyond this rate such a message is dropped without an answer.
    pub refusals: Rate,
}

/// The limits of admission control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What one source may send. A source is an IPv4 address or an IPv6 /64 network.
    pub source: Rates,
    /// What all sources together may send.
    pub total: Rates,
    /// How many requests and responses an unknown source may send that claim to belong to a dialog or transaction and
    /// do not.
    pub strays: Rate,
    /// How many sources are remembered: this many that have signed in, and as many others. The sources that were silent
    /// longest are forgotten first, and start again with full buckets.
    pub sources: usize,
    /// The part of the total burst, in percent, kept for sources from which a device has signed in.
    pub reserve_percent: u8,
    /// No new calls while this many are in progress.
    pub max_calls: usize,
    /// No new requests of any kind while this many transactions are open.
    pub max_transactions: usize,
}

impl Default for Config {
    /// One source may make 4,000 challenged calls and 2,000 challenged registrations a second: more than a large office
    /// behind one address, a tenth of a flood that hurts. A call keeps transactions open for about a hundred seconds in
    /// sum (timers I, J, K, L and M), so 500,000 transactions are enough for more than 4,000 calls a second.
    fn default() -> Self {
        Self {
            source: Rates {
                calls: Rate::per_second(8_000),
                registrations: Rate::per_second(4_000),
                others: Rate::per_second(2_000),
                refusals: Rate::per_second(500),
            },
            total: Rates {
                calls: Rate::per_second(12_000),
                registrations: Rate::per_second(8_000),
                others: Rate::per_second(4_000),
                refusals: Rate::per_second(1_000),
            },
            strays: Rate {
                per_second: 50,
                burst: 500,
            },
            sources: 32_768,
            reserve_percent: 25,
            max_calls: 50_000,
            max_transactions: 500_000,
        }
    }
}
