//! A thousand calls, fifty a second, by SIPp on both sides: none fails, each leaves one record, and nothing is left.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    phones::{phone::Phone, sipp::Setup as Sipp},
    support::tandem::{Setup, Tandem},
};

const CALLS: u32 = 1_000;
const A_SECOND: u32 = 50;

/// The callee is where this phone has registered from: its port is taken over by SIPp.
fn callee(pbx: &Tandem) -> crate::phones::sipp::Sipp {
    let port = Phone::registered(pbx, "102").address().port();
    Sipp::new("callee.xml", CALLS).port(port).start()
}

fn each_call_left_one_record(pbx: &Tandem) {
    let cdrs = pbx.expect_cdrs(CALLS as usize);
    let ids: BTreeSet<&str> = cdrs.iter().map(|cdr| cdr["call_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), cdrs.len());
    for cdr in &cdrs {
        assert_eq!(
            (&cdr["disposition"], &cdr["to"]),
            (&"answered".into(), &"102".into()),
            "{cdr:#}"
        );
    }
    pbx.expect_nothing_left(Duration::from_secs(60));
}

#[test]
fn a_thousand_calls_with_credentials() {
    let pbx = Tandem::start();
    pbx.has("101").has("102");
    let callee = callee(&pbx);
    let caller = Sipp::new("caller.xml", CALLS).by(["101"]).to(pbx.sip, "102", A_SECOND);
    caller.start().succeeds();
    callee.succeeds();
    each_call_left_one_record(&pbx);
}

#[test]
fn a_thousand_calls_from_a_trusted_network() {
    let pbx = Setup::new().flag("--trust", "127.0.0.1/32=101").start();
    pbx.has("101").has("102");
    let callee = callee(&pbx);
    let caller = Sipp::new("trusted.xml", CALLS).by(["101"]).to(pbx.sip, "102", A_SECOND);
    caller.start().succeeds();
    callee.succeeds();
    each_call_left_one_record(&pbx);
}

#[test]
fn two_hundred_calls_over_one_tcp_connection() {
    let pbx = Setup::new().flag("--trust", "127.0.0.1/32=101").start();
    pbx.has("101").has("102");
    let port = Phone::registered(&pbx, "102").address().port();
    let callee = Sipp::new("callee.xml", 200).port(port).start();
    let caller = Sipp::new("trusted.xml", 200).by(["101"]).to(pbx.sip, "102", A_SECOND);
    caller.over_tcp().start().succeeds();
    callee.succeeds();
    assert_eq!(
        pbx.expect_cdrs(200)
            .iter()
            .filter(|cdr| cdr["disposition"] == "answered")
            .count(),
        200
    );
    pbx.expect_nothing_left(Duration::from_secs(60));
}

#[test]
fn two_hundred_phones_register() {
    let pbx = Tandem::start();
    let numbers: Vec<String> = (0..200).map(|number| format!("{}", 1_000 + number)).collect();
    pbx.has_all(&numbers);
    let users = numbers.iter().map(String::as_str);
    Sipp::new("register.xml", 200)
        .by(users)
        .to(pbx.sip, "", 100)
        .start()
        .succeeds();
    let registered: BTreeSet<String> = pbx
        .registrations()
        .iter()
        .map(|contact| contact["number"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(registered, numbers.into_iter().collect());
    assert_eq!(pbx.metric("tandem_registrations"), 200);
}
