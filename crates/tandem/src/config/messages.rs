//! The settings that bound messages for phones that are away, and lists of forwards.

use std::time::Duration;

use super::{
    keys::{Key, one},
    limits::limit,
    values,
};

pub(super) const KEYS: &[Key] = &[
    limit(
        "kept-messages",
        "N",
        "5000",
        "Messages kept at once for phones that are away, of all extensions",
        |c, v| {
            c.switch.limits.services.kept.all = values::whole(one(v), 0, 100_000)?;
            Ok(())
        },
    ),
    limit(
        "kept-messages-per-extension",
        "N",
        "50",
        "Messages kept at once for the phones of one extension; 0: no message is kept",
        |c, v| {
            c.switch.limits.services.kept.per_extension = values::whole(one(v), 0, 10_000)?;
            Ok(())
        },
    ),
    limit(
        "kept-message-bytes",
        "N",
        "8192",
        "The longest body of a message that is kept; the sender of a longer one gets 413",
        |c, v| {
            c.switch.limits.services.kept.body = values::whole(one(v), 1, 65_536)?;
            Ok(())
        },
    ),
    limit(
        "kept-message-days",
        "N",
        "7",
        "How many days a message is kept; its Expires may shorten that",
        |c, v| {
            let days: u64 = values::whole(one(v), 1, 365)?;
            c.switch.limits.services.kept.age = Duration::from_secs(days * 24 * 3_600);
            Ok(())
        },
    ),
    limit(
        "diversions",
        "N",
        "5",
        "Forwards that a caller or a 3xx tells of and that are passed on (Diversion, History-Info)",
        |c, v| {
            c.switch.limits.services.diversions = values::whole(one(v), 0, 100)?;
            Ok(())
        },
    ),
];
