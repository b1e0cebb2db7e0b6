//! Any history of messages, times, answers and failures: `cargo fuzz run transactions -- -dict=sip.dict`.
#![no_main]

#[path = "../../sip/tests/history/mod.rs"]
mod history;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| history::run(bytes));
