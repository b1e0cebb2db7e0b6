use bytes::Bytes;

use super::*;
use crate::{Limits, StatusCode};

const VIA: &str = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours";

fn parse(text: &str) -> Message {
    let bytes = Bytes::from(text.replace('\n', "\r\n").into_bytes());
    Message::parse(bytes, &Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A request of Alice's to Bob; `from` and `to` are tag parameters.
fn request(method: &str, number: u32, from: &str, to: &str, extra: &str) -> Message {
    parse(&format!(
        "{method} sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP pc;branch=z9hG4bK1\nMax-Forwards: 70\n\
         From: \"Alice\" <sip:alice@example.com>{from}\nTo: Bob <sip:bob@example.com>{to}\nCall-ID: call\n\
         CSeq: {number} {method}\n{extra}\n"
    ))
}

fn invite(extra: &str) -> Message {
    request("INVITE", 7, ";tag=a", "", extra)
}

/// A response of Bob's to [`invite`].
fn response(code: u16, tag: &str, extra: &str) -> Message {
    parse(&format!(
        "SIP/2.0 {code} X\nVia: SIP/2.0/UDP pc;branch=z9hG4bK1\nFrom: \"Alice\" <sip:alice@example.com>;tag=a\n\
         To: Bob <sip:bob@example.com>{tag}\nCall-ID: call\nCSeq: 7 INVITE\n{extra}\n"
    ))
}

const ALICE: &str = "Contact: <sip:alice@192.0.2.2:5062>\n";
const BOB: &str = "Contact: <sip:bob@192.0.2.3>\n";
const RECORD: &str = "Record-Route: <sip:p1;lr>, <sip:p2;lr>\nRecord-Route: <sip:p3;lr>\n";

fn routes(message: &Message) -> Vec<&str> {
    message.values(HeaderName::Route).collect()
}

#[test]
fn the_callee_keeps_the_record_route_in_order() {
    let mut dialog = Dialog::uas(&invite(&format!("{ALICE}{RECORD}")), "b").unwrap();
    assert!(!dialog.is_secure());
    dialog.confirm(&response(200, ";tag=b", BOB));
    assert_eq!(
        dialog.remote_target(),
        "sip:alice@192.0.2.2:5062",
        "one's own 2xx changes no target"
    );
    assert_eq!((dialog.local_seq(), dialog.remote_seq()), (None, Some(7)));
    let bye = dialog.request(&Method::Bye, VIA).finish();
    assert_eq!((bye.method(), bye.uri()), (&Method::Bye, "sip:alice@192.0.2.2:5062"));
    assert_eq!(routes(&bye), ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]);
    assert_eq!(bye.header(HeaderName::From), Some("Bob <sip:bob@example.com>;tag=b"));
    assert_eq!(
        bye.header(HeaderName::To),
        Some("\"Alice\" <sip:alice@example.com>;tag=a")
    );
    assert_eq!((bye.call_id(), bye.header(HeaderName::CSeq)), ("call", Some("1 BYE")));
    assert_eq!(bye.max_forwards(), Ok(Some(70)));
    assert_eq!(bye.check(), Ok(()));
    assert_eq!(bye.fields().next().unwrap().2, VIA, "Via comes first");
    assert_eq!(dialog.next_hop(), "sip:p1;lr");
}

#[test]
fn the_caller_reverses_the_record_route() {
    let answer = response(200, ";tag=b", &format!("{BOB}{RECORD}"));
    let mut dialog = Dialog::uac(&invite(ALICE), &answer).unwrap();
    let ack = dialog.ack(7, VIA).finish();
    assert_eq!(
        (ack.uri(), ack.header(HeaderName::CSeq)),
        ("sip:bob@192.0.2.3", Some("7 ACK"))
    );
    let bye = dialog.request(&Method::Bye, VIA).finish();
    assert_eq!(routes(&bye), ["<sip:p3;lr>", "<sip:p2;lr>", "<sip:p1;lr>"]);
    assert_eq!(routes(&ack), routes(&bye));
    assert_eq!(
        bye.header(HeaderName::From),
        Some("\"Alice\" <sip:alice@example.com>;tag=a")
    );
    assert_eq!(bye.header(HeaderName::To), Some("Bob <sip:bob@example.com>;tag=b"));
    assert_eq!(bye.header(HeaderName::CSeq), Some("8 BYE"));
    assert_eq!(
        dialog.request(&Method::Bye, VIA).finish().header(HeaderName::CSeq),
        Some("9 BYE")
    );
    let first: Vec<_> = dialog.routes().collect();
    assert_eq!(first[0], "<sip:p3;lr>");
}

#[test]
fn a_strict_router_gets_itself_as_request_uri() {
    // The shape of RFC 3261 16.12.1.2, with what may not stand in a Request-URI.
    let record = "Record-Route: <sip:p2;lr>, <sip:p1.example.com;method=INVITE?x=y>\n";
    let answer = response(200, ";tag=b", &format!("{BOB}{record}"));
    let mut dialog = Dialog::uac(&invite(ALICE), &answer).unwrap();
    let bye = dialog.request(&Method::Bye, VIA).finish();
    assert_eq!(bye.uri(), "sip:p1.example.com");
    assert_eq!(routes(&bye), ["<sip:p2;lr>", "<sip:bob@192.0.2.3>"]);
    assert_eq!(dialog.next_hop(), "sip:p1.example.com;method=INVITE?x=y");
}

#[test]
fn a_contact_becomes_a_request_uri_without_method_and_headers() {
    for (contact, uri) in [
        ("sip:b@h;transport=tcp", "sip:b@h;transport=tcp"),
        ("sip:b@h;Method=BYE;transport=tcp?Subject=x", "sip:b@h;transport=tcp"),
        ("sip:b;x?y@h?Subject=x", "sip:b;x?y@h"),
        ("sip:h?a=b", "sip:h"),
    ] {
        let answer = response(200, ";tag=b", &format!("Contact: <{contact}>\n"));
        let mut dialog = Dialog::uac(&invite(ALICE), &answer).unwrap();
        assert_eq!(dialog.request(&Method::Bye, VIA).finish().uri(), uri);
        assert_eq!(dialog.next_hop(), contact);
    }
}

#[test]
fn each_early_dialog_of_a_fork_stands_alone_and_takes_the_2xx_as_it_is() {
    let early = |tag: &str| Dialog::uac(&invite(ALICE), &response(180, tag, &format!("{BOB}{RECORD}"))).unwrap();
    let (mut one, two) = (early(";tag=b1"), early(";tag=b2"));
    assert_ne!(one.id(), two.id());
    let moved = "Contact: <sip:bob@192.0.2.9>\nRecord-Route: <sip:p9;lr>\n";
    let answer = response(200, ";tag=b1", moved);
    one.confirm(&answer);
    // RFC 3261 13.2.2.4: the route set is computed anew, and so is the target.
    assert_eq!(one.routes().collect::<Vec<_>>(), ["<sip:p9;lr>"]);
    assert_eq!(one.remote_target(), "sip:bob@192.0.2.9");
    assert_eq!(one.local_seq(), Some(7));
    assert_eq!(two.routes().count(), 3);
}

#[test]
fn what_makes_no_dialog_is_told() {
    let make = |code, tag: &str, extra: &str| Dialog::uac(&invite(ALICE), &response(code, tag, extra)).map(|_| ());
    assert_eq!(make(100, ";tag=b", BOB), Err(DialogError::NoDialog));
    assert_eq!(make(180, "", BOB), Err(DialogError::NoDialog));
    assert_eq!(make(302, ";tag=b", BOB), Err(DialogError::NoDialog));
    let uas = |extra: &str| Dialog::uas(&invite(extra), "b").map(|_| ());
    assert_eq!(uas(""), Err(DialogError::Contact));
    assert_eq!(uas("Contact: *\n"), Err(DialogError::Contact));
    assert_eq!(uas("Contact: <sip:a@\"b>\n"), Err(DialogError::Contact));
    assert_eq!(uas("Contact: <tel:+15551234>\n"), Err(DialogError::Contact));
    assert_eq!(uas(&format!("{ALICE}Record-Route: <:>\n")), Err(DialogError::Route));
    // RFC 3261 25.1: what no request of ours could repeat.
    let unclean = std::str::from_utf8(invite(ALICE).bytes())
        .unwrap()
        .replace("\r\n", "\n");
    let unclean = parse(&unclean.replace("Call-ID: ", "Call-ID: \u{7f}"));
    assert_eq!(Dialog::uas(&unclean, "b").map(|_| ()), Err(DialogError::Malformed));
    assert_eq!(
        Dialog::uac(&unclean, &response(200, ";tag=b", BOB)).map(|_| ()),
        Err(DialogError::Malformed)
    );
}

#[test]
fn a_response_without_contact_leaves_the_request_uri() {
    for contact in ["", "Contact: <sip:bob@\"b>\n", "Contact: <tel:+15551234>\n"] {
        let dialog = Dialog::uac(&invite(ALICE), &response(200, ";tag=b", contact)).unwrap();
        assert_eq!(dialog.remote_target(), "sip:bob@example.com");
    }
}

#[test]
fn an_answer_whose_routes_cannot_be_used_makes_a_dialog_without() {
    let routes = |record: &str| {
        let dialog = Dialog::uac(&invite(ALICE), &response(200, ";tag=b", &format!("{BOB}{record}"))).unwrap();
        dialog.routes().count()
    };
    assert_eq!(routes("Record-Route: <sip:p>, <sip:\n"), 0);
    assert_eq!(routes(&"Record-Route: <sip:p;lr>\n".repeat(MAX_ROUTES + 1)), 0);
    assert_eq!(routes(&"Record-Route: <sip:p;lr>\n".repeat(MAX_ROUTES)), MAX_ROUTES);
}

#[test]
fn a_tag_that_is_there_twice_is_written_once() {
    let mut dialog = Dialog::uac(&invite(ALICE), &response(200, ";tag=b;tag=b", BOB)).unwrap();
    assert_eq!(dialog.remote_tag(), "b");
    let bye = dialog.request(&Method::Bye, "SIP/2.0/UDP h;branch=z9hG4bK9").finish();
    assert_eq!((bye.check(), bye.to_tag()), (Ok(()), Some("b")));
}

#[test]
fn peers_of_rfc_2543_have_an_empty_tag() {
    let dialog = Dialog::uac(&invite(ALICE), &response(200, "", BOB)).unwrap();
    assert_eq!(dialog.remote_tag(), "");
    let bye = request("BYE", 9, "", ";tag=b", "");
    let dialog = Dialog::uas(&request("INVITE", 7, "", "", ALICE), "b").unwrap();
    assert_eq!(
        (dialog.local_tag(), dialog.remote_tag(), dialog.call_id()),
        ("b", "", "call")
    );
    assert_eq!(DialogId::of_request(&bye).as_ref(), Some(dialog.id()));
    assert_eq!(dialog.remote(), "\"Alice\" <sip:alice@example.com>");
    assert_eq!(dialog.local(), "Bob <sip:bob@example.com>;tag=b");
}

#[test]
fn ids_are_seen_from_this_side() {
    let id = DialogId::of_request(&request("BYE", 9, ";tag=a", ";tag=b", "")).unwrap();
    assert_eq!((&*id.local_tag, &*id.remote_tag, &*id.call_id), ("b", "a", "call"));
    let dialog = Dialog::uac(&invite(ALICE), &response(200, ";tag=b", BOB)).unwrap();
    assert_eq!((dialog.local_tag(), dialog.remote_tag()), ("a", "b"));
    assert_eq!(DialogId::of_request(&invite("")), None, "outside any dialog");
}

#[test]
fn a_replaces_names_the_dialog_from_the_view_of_its_receiver() {
    use crate::headers::Header as _;
    let ids = |text: &str| -> Vec<DialogId> { DialogId::of_replaces(&Replaces::read(text).unwrap()).collect() };
    let id = |local, remote| DialogId::new("call", local, Some(remote));
    assert_eq!(ids("call;to-tag=b;from-tag=a"), [id("b", "a")]);
    let ours = DialogId::of_request(&request("BYE", 9, ";tag=a", ";tag=b", "")).unwrap();
    assert_eq!(ids("call;to-tag=b;from-tag=a"), [ours]);
    assert_eq!(ids("call;to-tag=b;from-tag=0"), [id("b", "0"), id("b", "")]);
}

#[test]
fn a_dialog_goes_on_from_its_image() {
    let answer = response(200, ";tag=b", &format!("{BOB}{RECORD}"));
    let mut dialog = Dialog::uac(&invite(ALICE), &answer).unwrap();
    dialog
        .accept_order(&request("INFO", 41, ";tag=b", ";tag=a", ""))
        .unwrap();
    let image = serde_json::to_string(&dialog).unwrap();
    let mut again: Dialog = serde_json::from_str(&image).unwrap();
    assert_eq!(again, dialog);
    let bye = dialog.request(&Method::Bye, VIA).finish();
    assert_eq!(again.request(&Method::Bye, VIA).finish(), bye);
    assert_eq!(bye.header(HeaderName::CSeq), Some("8 BYE"));
    let late = request("INFO", 41, ";tag=b", ";tag=a", "");
    assert_eq!(again.accept_order(&late), Err(OutOfOrder { given: 41, last: 41 }));
}

#[test]
fn requests_come_in_order_or_not_at_all() {
    let mut dialog = Dialog::uas(&invite(ALICE), "b").unwrap();
    let ask = |method, number| request(method, number, ";tag=a", ";tag=b", "");
    assert_eq!(
        dialog.accept_order(&ask("INFO", 7)),
        Err(OutOfOrder { given: 7, last: 7 })
    );
    assert_eq!(
        dialog.accept_order(&ask("INFO", 6)),
        Err(OutOfOrder { given: 6, last: 7 })
    );
    assert_eq!(dialog.accept_order(&ask("INFO", 8)), Ok(()));
    assert_eq!(
        dialog.accept_order(&ask("INFO", 100)),
        Ok(()),
        "a gap is no fault (12.2.2)"
    );
    assert_eq!(dialog.accept_order(&ask("ACK", 7)), Ok(()));
    assert_eq!(dialog.accept_order(&ask("CANCEL", 7)), Ok(()));
    assert_eq!(dialog.remote_seq(), Some(100));
    // The caller's side knows no number before the first request.
    let mut dialog = Dialog::uac(&invite(ALICE), &response(200, ";tag=b", BOB)).unwrap();
    assert_eq!(dialog.accept_order(&ask("BYE", 0)), Ok(()));
    assert_eq!(
        dialog.accept_order(&ask("BYE", 0)),
        Err(OutOfOrder { given: 0, last: 0 })
    );
}

#[test]
fn a_request_moves_the_target_only_once_it_is_accepted() {
    let moved = "Contact: <sip:alice@198.51.100.1>\nRecord-Route: <sip:other;lr>\n";
    let mut dialog = Dialog::uas(&invite(&format!("{ALICE}{RECORD}")), "b").unwrap();
    let late = request("INVITE", 6, ";tag=a", ";tag=b", moved);
    dialog.accept_order(&late).unwrap_err();
    let refused = request("INVITE", 8, ";tag=a", ";tag=b", moved);
    dialog.accept_order(&refused).unwrap();
    assert_eq!(dialog.remote_target(), "sip:alice@192.0.2.2:5062");
    let without = request("INVITE", 9, ";tag=a", ";tag=b", "");
    dialog.accept_order(&without).unwrap();
    dialog.refresh_target(&without);
    assert_eq!(dialog.remote_target(), "sip:alice@192.0.2.2:5062");
    dialog.refresh_target(&refused);
    assert_eq!(dialog.remote_target(), "sip:alice@198.51.100.1");
    assert_eq!(dialog.routes().count(), 3, "the route set never changes (12.2)");
}

#[test]
fn sequence_numbers_end_below_two_to_the_31() {
    let last = request("INVITE", MAX_SEQUENCE - 1, ";tag=a", "", ALICE);
    let answer = response(200, ";tag=b", BOB);
    let mut dialog = Dialog::uac(&last, &answer).unwrap();
    let bye = dialog.request(&Method::Bye, VIA).finish();
    assert_eq!(bye.header(HeaderName::CSeq), Some("2147483647 BYE"));
    let bye = dialog.request(&Method::Bye, VIA).finish();
    assert_eq!(bye.header(HeaderName::CSeq), Some("2147483647 BYE"));
}

#[test]
fn a_dialog_made_by_sips_is_secure() {
    let text = String::from_utf8(invite(ALICE).bytes().to_vec()).unwrap();
    let secure = parse(&text.replace("\r\n", "\n").replace("INVITE sip:", "INVITE SIPS:"));
    let ok = response(200, ";tag=b", BOB);
    let uas = |request: &Message| Dialog::uas(request, "b").unwrap().is_secure();
    let uac = |request: &Message| Dialog::uac(request, &ok).unwrap().is_secure();
    assert!(uas(&secure) && uac(&secure));
    assert!(!uas(&invite(ALICE)) && !uac(&invite(ALICE)));
    assert!(uas(&invite("Contact: <sips:alice@h>\n")));
    assert!(
        !uas(&invite("Contact: <sips:alice@h>\nRecord-Route: <sip:p;lr>\n")),
        "the next hop tells"
    );
    assert!(uas(&invite(&format!("{ALICE}Record-Route: <sips:p;lr>, <sip:q;lr>\n"))));
    assert!(uac(&invite(&format!("{ALICE}Route: <sips:p;lr>, <sip:q;lr>\n"))));
    assert!(!uac(&invite("Contact: <sips:alice@h>\n")));
}

#[test]
fn a_request_in_the_dialog_of_a_request_in_the_dialog() {
    // A re-INVITE makes no second dialog: its To tag is ours already.
    let again = request("INVITE", 8, ";tag=a", ";tag=b", ALICE);
    let dialog = Dialog::uas(&again, "other").unwrap();
    assert_eq!(dialog.local_tag(), "b");
    assert_eq!(dialog.local(), "Bob <sip:bob@example.com>;tag=b");
}

#[test]
fn failures_end_what_rfc_5057_says() {
    let effect = |code| Effect::of(StatusCode::new(code).unwrap());
    for code in [404, 410, 416, 482, 483, 484, 485, 502, 604] {
        assert_eq!(effect(code), Effect::Dialog, "{code}");
    }
    for code in [405, 408, 480, 481, 489, 501] {
        assert_eq!(effect(code), Effect::Usage, "{code}");
    }
    for code in [
        200, 302, 400, 401, 407, 422, 486, 487, 488, 491, 500, 503, 600, 603, 606,
    ] {
        assert_eq!(effect(code), Effect::Transaction, "{code}");
    }
}

#[test]
fn a_saved_dialog_goes_on_where_it_stood() {
    let subscribe = Builder::request(&Method::Subscribe, "sip:102@t")
        .header(HeaderName::From, "<sip:101@t>;tag=theirs")
        .header(HeaderName::To, "<sip:102@t>")
        .header(HeaderName::CallId, "lamp")
        .header(HeaderName::CSeq, "7 SUBSCRIBE")
        .header(HeaderName::RecordRoute, "<sip:p1;lr>")
        .header(HeaderName::RecordRoute, "<sip:p2;lr>")
        .header(HeaderName::Contact, "<sip:101@192.0.2.9>")
        .finish();
    let mut dialog = Dialog::uas(&subscribe, "ours").unwrap();
    assert_eq!(Dialog::resume(dialog.save()), dialog);
    let _ = dialog.request(&Method::Notify, "v").finish();
    let mut again = Dialog::resume(dialog.save());
    assert_eq!((again == dialog, again.next_number()), (true, 2));
}
