//! Any URI, address and Via: a value that was read stays the same when it is written and read again.
#![no_main]

use sip::{NameAddr, Uri, Via};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(uri) = Uri::parse(text) {
        let written = uri.to_string();
        assert!(Uri::parse(&written).is_ok_and(|again| again.same_as(&uri)));
    }
    if let Ok(address) = NameAddr::parse(text) {
        let written = address.to_string();
        let again = NameAddr::parse(&written).expect("what we write is readable");
        assert_eq!(again.uri, address.uri);
        // Controls become blanks where a name is quoted.
        if !text.contains(char::is_control) {
            assert_eq!(again.display_name(), address.display_name());
        }
    }
    if let Ok(via) = Via::parse(text) {
        let written = via.to_string();
        let again = Via::parse(&written).expect("what we write is readable");
        assert_eq!((again.host, again.port, again.params), (via.host, via.port, via.params));
    }
});
