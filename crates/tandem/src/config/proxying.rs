//! The settings that bound what is passed on to other servers.

use super::{
    keys::{Key, one},
    limits::limit,
    values,
};

pub(super) const KEYS: &[Key] = &[
    limit(
        "proxied-requests",
        "N",
        "10000",
        "Requests that wait for an answer of another server at once; further ones get 503",
        |c, v| {
            c.switch.limits.services.proxy.requests = values::whole(one(v), 0, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "proxied-dialogs",
        "N",
        "20000",
        "Calls and subscriptions with other servers that pass through at once; further ones get 503",
        |c, v| {
            c.switch.limits.services.proxy.dialogs = values::whole(one(v), 0, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "proxied-dialog-idle",
        "SECONDS",
        "43200",
        "A call or subscription that passes through is forgotten if nothing is sent in it for so long",
        |c, v| {
            c.switch.limits.services.proxy.dialog_idle = values::seconds(one(v), 60.0, 604_800.0)?;
            Ok(())
        },
    ),
    limit(
        "proxy-branches",
        "N",
        "16",
        "Servers to which one request is passed on; further targets are left out",
        |c, v| {
            c.switch.limits.services.proxy.branches = values::whole(one(v), 1, 1_000)?;
            Ok(())
        },
    ),
    limit(
        "proxy-breadth",
        "N",
        "60",
        "To how many phones a request may fork in all, here and further on (Max-Breadth), unless it says so itself",
        |c, v| {
            c.switch.limits.services.proxy.breadth = values::whole(one(v), 1, 1_000)?;
            Ok(())
        },
    ),
    limit(
        "proxy-hops",
        "N",
        "70",
        "Servers that a request may have passed (Via), and Routes it may have, to be passed on",
        |c, v| {
            c.switch.limits.services.proxy.hops = values::whole(one(v), 1, 255)?;
            Ok(())
        },
    ),
    limit(
        "proxy-timer-c",
        "SECONDS",
        "185",
        "How long a call that was passed on may ring after the last sign of it (timer C)",
        |c, v| {
            c.switch.limits.services.proxy.timer_c = values::seconds(one(v), 180.0, 3_600.0)?;
            Ok(())
        },
    ),
];
