//! RFC 3515, RFC 3891, RFC 3911, RFC 4538: requests that mean a call from outside of its dialog.

use crate::conformance::row::{
    By::{Phone, Stranger},
    Row, row,
};

pub const ROWS: &[Row] = &[
    row(
        "3515 2.4.2, 3261 22.1",
        "A REFER of a stranger is challenged",
        Stranger,
        "REFER\nRefer-To: <sip:{c}@{server}>",
        "401",
    ),
    row(
        "3515 2.4.2",
        "A REFER about no call of the sender's draws 403",
        Phone,
        "REFER\nRefer-To: <sip:{c}@{server}>",
        "403",
    ),
    row(
        "4538 4",
        "A Target-Dialog of no call draws 403 or 481",
        Phone,
        "REFER\nRefer-To: <sip:{c}@{server}>\nTarget-Dialog: none;local-tag=x;remote-tag=y",
        "403|481",
    ),
    row(
        "3891 3",
        "Replaces of no dialog draws 481",
        Phone,
        "INVITE\nReplaces: none;to-tag=x;from-tag=y\n\n{sdp}",
        "481",
    ),
    row(
        "3891 3",
        "Replaces without tags draws 400",
        Phone,
        "INVITE\nReplaces: none\n\n{sdp}",
        "400",
    ),
    row(
        "3891 3",
        "Replaces twice draws 400",
        Phone,
        "INVITE\nReplaces: {call}\n+Replaces: {call}\n\n{sdp}",
        "400",
    ),
    row(
        "3891 3",
        "Replaces with Join draws 400",
        Phone,
        "INVITE\nReplaces: {call}\nJoin: {call}\n\n{sdp}",
        "400",
    ),
    row(
        "3891 3",
        "`early-only` leaves an answered call alone: 486",
        Phone,
        "INVITE\nRequire: replaces\nReplaces: {call};early-only\n\n{sdp}",
        "486",
    ),
    row(
        "3891 8",
        "Replaces of a stranger is challenged",
        Stranger,
        "INVITE\nReplaces: {call}\n\n{sdp}",
        "401",
    ),
    row(
        "3911 4",
        "Join of no dialog draws 481",
        Phone,
        "INVITE\nJoin: none;to-tag=x;from-tag=y\n\n{sdp}",
        "481",
    ),
    row(
        "3911 4",
        "Join without tags draws 400",
        Phone,
        "INVITE\nJoin: none\n\n{sdp}",
        "400",
    ),
];
