//! Any datagram: `cargo fuzz run message -- -dict=sip.dict ../../tests/data/torture`.
#![no_main]

#[path = "../../sip/tests/touch/mod.rs"]
mod touch;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| touch::touch(bytes));
