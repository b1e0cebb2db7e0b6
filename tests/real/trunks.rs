//! Calls to and from a provider. The provider is a second Tandem, which challenges each request.

use std::time::Duration;

use serde_json::json;
use tests::wait::until;

use crate::{
    phones::baresip::Setup,
    support::tandem::{self, Tandem, password},
};

const SOON: Duration = Duration::from_secs(10);

/// Numbers behind a 9 go over the trunk; calls from the trunk ring at 101.
const OFFICE: &str = r#"
    fn on_call(caller) { caller.dial("provider/" + caller.dialed, #{ timeout: 20 }); }
    fn on_trunk(caller) { caller.dial("101", #{ timeout: 20 }); }"#;

#[test]
fn an_office_calls_out_and_is_called_over_a_trunk_that_registers() {
    let provider = Tandem::start();
    provider.has("201").has("202");
    let office = tandem::Setup::new().plan(OFFICE).start();
    office.has("101");
    let trunk = json!({
        "name": "provider", "uri": format!("sip:{}", provider.sip), "username": "201", "password": password("201"),
        "register": true, "numbers": {"strip": 1, "caller_in": "asserted_identity"},
    });
    assert_eq!(office.api("POST", "/trunks", &trunk).status, 201);
    until("the trunk to register", SOON, || {
        let trunk = office.get("/trunks/provider");
        (trunk["state"] == "registered").then_some(())
    });
    assert_eq!(provider.registrations().len(), 1);
    let (mut alice, mut bob) = (
        Setup::new("101", 440.0).registers(&office),
        Setup::new("202", 1000.0).registers(&provider),
    );
    // Out: the provider challenges the INVITE.
    alice.talks_to("9202");
    bob.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    bob.hears(440.0);
    assert_eq!(office.get("/trunks/provider")["calls"], 1);
    alice.hangs_up();
    bob.expect("CALL_CLOSED");
    office.expect_nothing_left(SOON);
    provider.expect_nothing_left(SOON);
    // In: by the contact that was registered.
    bob.talks_to("201");
    alice.expect("CALL_ESTABLISHED");
    alice.hears(1000.0);
    bob.hears(440.0);
    bob.hangs_up();
    alice.expect("CALL_CLOSED");
    let cdr = &office.expect_cdrs(2)[0];
    assert_eq!(
        (&cdr["dialed"], &cdr["disposition"]),
        (&json!("201"), &json!("answered")),
        "{cdr:#}"
    );
    office.expect_nothing_left(SOON);
    provider.expect_nothing_left(SOON);
    // Removed: the contact is gone at once.
    assert_eq!(
        office
            .api("DELETE", "/trunks/provider", &serde_json::Value::Null)
            .status,
        204
    );
    until("the trunk to leave", SOON, || {
        (provider.registrations().len() == 1).then_some(())
    });
    assert!(!office.log().contains(&password("201")), "the log has a password");
}

#[test]
fn a_trunk_comes_back_after_the_provider_and_after_the_office_were_killed() {
    let mut provider = Tandem::start();
    provider.has("201");
    let mut office = tandem::Setup::new().plan(OFFICE).start();
    let trunk = json!({
        "name": "provider", "uri": format!("sip:{};transport=tcp", provider.sip), "username": "201",
        "password": password("201"), "register": true,
    });
    assert_eq!(office.api("POST", "/trunks", &trunk).status, 201);
    let is_there = |office: &Tandem| {
        until("the trunk to register", SOON, || {
            let trunk = office.get("/trunks/provider");
            (trunk["state"] == "registered").then_some(())
        });
    };
    is_there(&office);
    office.dies_and_comes_back();
    is_there(&office);
    provider.dies_and_comes_back();
    // The connection has ended, which is noticed at once: nobody waits for the next refresh.
    until("the provider to have a way to the office", SOON, || {
        let contacts = provider.registrations();
        let reached = contacts.iter().any(|contact| contact["flow_lost"] == false);
        reached.then_some(())
    });
}
