//! RFC 3261 section 10: the registrar.

use crate::conformance::row::{
    By::{Liar, Phone},
    Row, row,
};

pub const ROWS: &[Row] = &[
    row(
        "3261 10.2.3",
        "A REGISTER without Contact tells which there are",
        Phone,
        "REGISTER\n-Contact:",
        "200\nContact: sip:{a}@",
    ),
    row(
        "3261 10.2.1.1",
        "Each contact has the time that was asked for",
        Phone,
        "REGISTER\nContact: <sip:{a}@{me}>;expires=777",
        "200\nContact: expires=777",
    ),
    row(
        "3261 10.2.1.1",
        "Expires counts where a contact has no time of its own",
        Phone,
        "REGISTER\nExpires: 888",
        "200\nContact: expires=888",
    ),
    row(
        "3261 10.3 step 7",
        "A longer time is shortened",
        Phone,
        "REGISTER\nExpires: 100000",
        "200\nContact: expires=3600",
    ),
    row(
        "3261 10.3 step 7",
        "A time that is too brief draws 423 with the least allowed",
        Phone,
        "REGISTER\nExpires: 10",
        "423\nMin-Expires: 60",
    ),
    row(
        "3261 10.2.2",
        "A contact goes with a time of 0",
        Phone,
        "REGISTER\nContact: <sip:{a}@{me}>;expires=0",
        "200",
    ),
    row(
        "3261 10.3 step 6",
        "`*` needs an Expires of 0",
        Phone,
        "REGISTER\nContact: *\nExpires: 60",
        "400",
    ),
    row(
        "3261 10.3 step 6",
        "`*` stands alone",
        Phone,
        "REGISTER\nContact: *\n+Contact: <sip:{a}@{me}>\nExpires: 0",
        "400",
    ),
    row(
        "3261 10.3 step 1",
        "Another domain is not ours",
        Phone,
        "REGISTER sip:example.org",
        "404|403",
    ),
    row(
        "3261 10.3 step 4",
        "A phone registers no number but its own",
        Phone,
        "REGISTER\nTo: <sip:{b}@{server}>",
        "403",
    ),
    row(
        "3261 22.4",
        "A wrong password draws 401 or 403",
        Liar,
        "REGISTER\nExpires: 60",
        "401|403",
    ),
    row(
        "3327 5.3",
        "Path is kept and given back",
        Phone,
        "REGISTER\nSupported: path\nPath: <sip:proxy.example.org;lr>\nContact: <sip:{a}@{me}>;expires=60",
        "200\nPath: sip:proxy.example.org;lr",
    ),
    row(
        "3327 5.3",
        "The same contact goes again",
        Phone,
        "REGISTER\nContact: <sip:{a}@{me}>\nExpires: 0",
        "200",
    ),
];
