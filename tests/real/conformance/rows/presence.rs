//! RFC 3903, RFC 3863: publications of presence.

use crate::conformance::row::{
    By::{Phone, Stranger},
    Row, row,
};

pub const ROWS: &[Row] = &[
    row(
        "3903 6, 3261 22.1",
        "A PUBLISH is challenged",
        Stranger,
        "PUBLISH\nEvent: presence\n\nx",
        "401",
    ),
    row(
        "3903 6 step 1",
        "Nobody publishes for another extension",
        Phone,
        "PUBLISH\nEvent: presence\nContent-Type: application/pidf+xml\n\n{pidf}",
        "403",
    ),
    row(
        "3903 6 step 2",
        "A PUBLISH without Event draws 489 with Allow-Events",
        Phone,
        "PUBLISH sip:{a}@{server}\nContent-Type: application/pidf+xml\n\n{pidf}",
        "489\nAllow-Events: presence",
    ),
    row(
        "3903 6 step 2",
        "Another package draws 489 with Allow-Events",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: dialog\nContent-Type: application/pidf+xml\n\n{pidf}",
        "489\nAllow-Events: presence",
    ),
    row(
        "3903 6 step 3",
        "An entity-tag that is not known draws 412",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: presence\nSIP-If-Match: never-given",
        "412",
    ),
    row(
        "3903 6 step 3",
        "Two entity-tags draw 400",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: presence\nSIP-If-Match: one, two",
        "400",
    ),
    row(
        "3903 6 step 4",
        "An interval that is too brief draws 423 with the least allowed",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: presence\nExpires: 59\nContent-Type: application/pidf+xml\n\n{pidf}",
        "423\nMin-Expires: 60",
    ),
    row(
        "3903 6 step 5",
        "Another media type draws 415 with Accept",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: presence\nContent-Type: text/plain\n\naway",
        "415\nAccept: application/pidf+xml",
    ),
    row(
        "3903 6 step 5",
        "A first PUBLISH without a document draws 400",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: presence",
        "400",
    ),
    row(
        "3863 4",
        "What is no presence document draws 400",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: presence\nContent-Type: application/pidf+xml\n\n<presence/>",
        "400",
    ),
    row(
        "3903 14.2",
        "A document that declares entities draws 400",
        Phone,
        "PUBLISH sip:{a}@{server}\nEvent: presence\nContent-Type: application/pidf+xml\n\n<!DOCTYPE p [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><presence xmlns=\"urn:ietf:params:xml:ns:pidf\"><note>&b;&b;</note></presence>",
        "400",
    ),
];
