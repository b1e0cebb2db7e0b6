//! RFC 3264, RFC 3312, RFC 3323, RFC 3329, RFC 3428, RFC 4028, RFC 4412, RFC 5393: requests that ask for more.

use crate::conformance::row::{By::Phone, Row, row};

pub const ROWS: &[Row] = &[
    row(
        "3264 6, 3261 20.43",
        "An offer without audio draws 488 with Warning 304",
        Phone,
        "INVITE\n\nv=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 9 RTP/AVP 31\r\n",
        "488\nWarning: 304 ",
    ),
    row(
        "3264 6, 3261 20.43",
        "An offer without a known codec draws 488 with Warning 305",
        Phone,
        "INVITE\n\nv=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 99\r\n",
        "488\nWarning: 305 ",
    ),
    row(
        "8866 5, 3261 20.43",
        "An offer that cannot be read draws 488 with Warning 307",
        Phone,
        "INVITE\nContent-Type: application/sdp\n\nhello",
        "488\nWarning: 307 ",
    ),
    row(
        "4028 9",
        "A session interval that is too short draws 422 with the least allowed",
        Phone,
        "INVITE\nSupported: timer\nSession-Expires: 30\n\n{sdp}",
        "422\nMin-SE: 90",
    ),
    row(
        "3323 5",
        "A critical wish for privacy that is not known draws 500",
        Phone,
        "INVITE\nPrivacy: sorcery;critical\n\n{sdp}",
        "500",
    ),
    row(
        "3329 2.3.1",
        "A required security agreement draws 494 with the list",
        Phone,
        "INVITE\nRequire: sec-agree\nProxy-Require: sec-agree\nSecurity-Client: digest\n\n{sdp}",
        "494\nSecurity-Server: digest",
    ),
    row(
        "4412 4.6.2",
        "A required priority of no known namespace draws 417",
        Phone,
        "INVITE\nRequire: resource-priority\nResource-Priority: sorcery.1\n\n{sdp}",
        "417\nAccept-Resource-Priority: ets",
    ),
    row(
        "3312 8",
        "Mandatory preconditions that are not met draw 580",
        Phone,
        "INVITE\nRequire: precondition, 100rel\nContent-Type: application/sdp\n\n{sdp}a=curr:qos local none\r\na=des:qos mandatory local sendrecv\r\n",
        "580",
    ),
    row(
        "5393 5.3.3",
        "An INVITE that may ring no phone draws 440",
        Phone,
        "INVITE\nMax-Breadth: 0\n\n{sdp}",
        "440",
    ),
    row(
        "3428 7",
        "A MESSAGE is delivered: 200",
        Phone,
        "MESSAGE\nContent-Type: text/plain\n\nhello",
        "200",
    ),
    row(
        "3428 7",
        "A MESSAGE for an extension without a phone is kept: 202",
        Phone,
        "MESSAGE sip:{c}@{server}\nContent-Type: text/plain\n\nhello",
        "202",
    ),
    row(
        "3428 7",
        "A MESSAGE for a number that no phone has draws 404",
        Phone,
        "MESSAGE sip:{none}@{server}\nContent-Type: text/plain\n\nhello",
        "404",
    ),
    row(
        "3325 9.1, 3261 22.1",
        "A phone calls with no number but its own",
        Phone,
        "INVITE\nFrom: <sip:{b}@{server}>;tag=1\n\n{sdp}",
        "403",
    ),
];
