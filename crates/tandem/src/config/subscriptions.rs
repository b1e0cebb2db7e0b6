//! The settings of subscriptions (lamps, presence, waiting messages) and of what phones publish.

use switch::{Unsolicited, admission::Rate};

use super::{
    keys::{Apply, Key, key, one},
    values,
};

const fn setting(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
    apply: Apply,
) -> Key {
    key("Subscriptions", name, value, default, help, apply)
}

pub(super) const KEYS: &[Key] = &[
    setting(
        "max-subscriptions",
        "N",
        "100000",
        "Subscriptions (lamps and the like) at once; further ones get 503",
        |c, v| {
            c.switch.limits.services.subscriptions.most = values::whole(one(v), 1, 10_000_000)?;
            Ok(())
        },
    ),
    setting(
        "max-subscriptions-per-extension",
        "N",
        "500",
        "Subscriptions of one extension's phones at once; further ones get 403",
        |c, v| {
            c.switch.limits.services.subscriptions.per_extension = values::whole(one(v), 1, 100_000)?;
            Ok(())
        },
    ),
    setting(
        "min-subscription",
        "SECONDS",
        "60",
        "The shortest subscription; shorter ones get 423",
        |c, v| {
            c.switch.limits.services.subscriptions.min_expires = values::whole(one(v), 1, 3_600)?;
            Ok(())
        },
    ),
    setting(
        "max-subscription",
        "SECONDS",
        "3600",
        "The longest subscription, and that of a phone which names none; longer ones are shortened",
        |c, v| {
            let value = values::whole(one(v), 60, 604_800)?;
            c.switch.limits.services.subscriptions.max_expires = value;
            c.switch.limits.services.subscriptions.default_expires = value;
            Ok(())
        },
    ),
    setting(
        "notifies",
        "PER-SECOND",
        "500",
        "NOTIFYs of all subscriptions a second; changes that have to wait share one",
        |c, v| {
            let per_second: u32 = values::whole(one(v), 1, 100_000)?;
            c.switch.limits.services.subscriptions.notifies = Rate {
                per_second,
                burst: per_second.div_ceil(10),
            };
            Ok(())
        },
    ),
    setting(
        "notify-spacing",
        "SECONDS",
        "1",
        "The shortest time between two NOTIFYs of one subscription",
        |c, v| {
            c.switch.limits.services.subscriptions.spacing = values::seconds(one(v), 0.0, 60.0)?;
            Ok(())
        },
    ),
    setting(
        "notify-failures",
        "N",
        "3",
        "A subscription is deleted after so many NOTIFYs in a row without an answer",
        |c, v| {
            c.switch.limits.services.subscriptions.failures = values::whole(one(v), 1, 100)?;
            Ok(())
        },
    ),
    setting(
        "notify-retry",
        "SECONDS",
        "5",
        "How long to wait before a NOTIFY that has failed is tried again; doubled with each failure",
        |c, v| {
            c.switch.limits.services.subscriptions.retry = values::seconds(one(v), 1.0, 3_600.0)?;
            Ok(())
        },
    ),
    setting(
        "restart-spread",
        "SECONDS",
        "4",
        "After a start every phone is told what it watches at a random moment within this time",
        |c, v| {
            c.switch.limits.services.subscriptions.restart_spread = values::seconds(one(v), 0.0, 600.0)?;
            Ok(())
        },
    ),
    setting(
        "unsolicited-mwi",
        "off|asked|all",
        "asked",
        "Which phones are told of messages when they register and have not subscribed: none, those whose REGISTER \
         names message-summary in Allow-Events, or all that take NOTIFY",
        |c, v| {
            c.switch.limits.services.subscriptions.unsolicited = match one(v) {
                "off" => Unsolicited::Off,
                "asked" => Unsolicited::Asked,
                "all" => Unsolicited::All,
                _ => return Err("expected off, asked or all".into()),
            };
            Ok(())
        },
    ),
    setting(
        "max-publications",
        "N",
        "20000",
        "What phones publish about themselves (PUBLISH), at once; further ones get 503",
        |c, v| {
            c.switch.limits.services.subscriptions.publications.most = values::whole(one(v), 0, 10_000_000)?;
            Ok(())
        },
    ),
    setting(
        "max-publications-per-extension",
        "N",
        "10",
        "Publications of one extension's phones at once; a further one takes the place of the phone's oldest",
        |c, v| {
            c.switch.limits.services.subscriptions.publications.per_extension = values::whole(one(v), 1, 1_000)?;
            Ok(())
        },
    ),
    setting(
        "max-publication-bytes",
        "BYTES",
        "16384",
        "The longest document that a phone may publish; longer ones get 413",
        |c, v| {
            c.switch.limits.services.subscriptions.publications.document = values::whole(one(v), 256, 65_535)?;
            Ok(())
        },
    ),
    setting(
        "min-publication",
        "SECONDS",
        "60",
        "The shortest publication; shorter ones get 423",
        |c, v| {
            c.switch.limits.services.subscriptions.publications.min_expires = values::whole(one(v), 1, 3_600)?;
            Ok(())
        },
    ),
    setting(
        "max-publication",
        "SECONDS",
        "3600",
        "The longest publication, and that of a phone which names no time; longer ones are shortened",
        |c, v| {
            c.switch.limits.services.subscriptions.publications.max_expires = values::whole(one(v), 60, 604_800)?;
            Ok(())
        },
    ),
    setting(
        "max-list-members",
        "N",
        "100",
        "Numbers of a list that one subscription watches; longer lists get 413",
        |c, v| {
            c.switch.limits.services.subscriptions.list_members = values::whole(one(v), 1, 1_000)?;
            Ok(())
        },
    ),
    setting(
        "profile-url",
        "URL|none",
        "none",
        "Where phones that ask for their profile (Event: ua-profile) find their settings",
        |c, v| {
            c.switch.limits.services.subscriptions.profile = values::url(one(v))?;
            Ok(())
        },
    ),
];
