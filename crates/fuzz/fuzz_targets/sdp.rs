//! Any session description.
#![no_main]

use media::sdp::Sdp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(sdp) = Sdp::parse(bytes) {
        let written = sdp.to_string();
        let again = Sdp::parse(written.as_bytes()).expect("what we write is readable");
        assert_eq!(again.to_string(), written);
    }
});
