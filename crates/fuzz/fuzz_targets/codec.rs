//! Any payloads to one decoder, lost ones between them.
#![no_main]

use media::{
    Payload,
    codec::{Decoder, KNOWN},
    sound::Rate,
};

libfuzzer_sys::fuzz_target!(|input: (u8, u8, Option<String>, Vec<Option<Vec<u8>>>)| {
    let (codec, rate, fmtp, payloads) = input;
    let coded: Vec<_> = KNOWN.iter().filter(|info| info.coding.is_some()).collect();
    let info = coded[usize::from(codec) % coded.len()];
    let payload = Payload {
        number: 96,
        codec: info.name.into(),
        clock_rate: info.clock_rate,
        channels: info.channels,
        fmtp: fmtp.map(Into::into),
    };
    let made = match Rate::ALL.get(usize::from(rate)) {
        Some(rate) => Decoder::at(&payload, *rate),
        None => Decoder::new(&payload),
    };
    let mut decoder = made.expect("a codec that is coded has a decoder");
    let mut out = Vec::new();
    for (n, payload) in payloads.iter().enumerate() {
        out.clear();
        let Some(payload) = payload else {
            let next = payloads.get(n + 1).and_then(Option::as_deref);
            let gap = decoder.rate().samples(20) + n;
            decoder.conceal(gap, next, &mut out);
            assert_eq!(out.len(), gap);
            continue;
        };
        let samples = decoder.samples(payload);
        let decoded = decoder.decode(payload, &mut out);
        assert!(decoded.is_err() || samples == Some(out.len()));
        assert!(decoded.is_ok() || out.is_empty());
        assert!(out.len() <= decoder.rate().samples(200));
    }
});
