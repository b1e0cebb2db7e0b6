//! Any stream: how it is cut changes nothing, and a limit is a limit.
#![no_main]

use sip::{Framer, Limits};

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (cut, stream) = input;
    let limits = Limits { max_head: 512, max_body: 256, max_message: 700, ..Limits::default() };
    let (mut whole, mut cuts) = (Framer::new(limits), Framer::new(limits));
    whole.push(stream);
    let expected: Vec<_> = std::iter::from_fn(|| whole.next()).collect();
    let mut found = Vec::new();
    for piece in stream.chunks(usize::from(cut).max(1)) {
        cuts.push(piece);
        found.extend(std::iter::from_fn(|| cuts.next()));
        assert!(cuts.pending() <= limits.max_message);
    }
    assert_eq!(found, expected);
});
