//! The times from which all timers of SIP transactions follow (RFC 3261 table 4).

use super::{
    keys::{Key, one},
    limits::limit,
    values,
};

pub(super) const KEYS: &[Key] = &[
    limit(
        "sip-t1",
        "SECONDS",
        "0.5",
        "How long a message and its answer are expected to take: the first repetition over UDP; 64 times as long is waited",
        |c, v| {
            c.switch.transactions.t1 = values::seconds(one(v), 0.1, 2.0)?;
            Ok(())
        },
    ),
    limit(
        "sip-t2",
        "SECONDS",
        "4",
        "The longest time between two repetitions of a message, but for an INVITE",
        |c, v| {
            c.switch.transactions.t2 = values::seconds(one(v), 2.0, 32.0)?;
            Ok(())
        },
    ),
    limit(
        "sip-t4",
        "SECONDS",
        "5",
        "How long a message may be under way in the network",
        |c, v| {
            c.switch.transactions.t4 = values::seconds(one(v), 1.0, 32.0)?;
            Ok(())
        },
    ),
];
