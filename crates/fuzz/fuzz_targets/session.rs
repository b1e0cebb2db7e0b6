//! Any description as an offer, its answer, and our offer after it.
#![no_main]

use media::{Local, Session};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let local = |port| Local { address: [198, 51, 100, 1].into(), port, session_id: 1 };
    let (mut a, mut b) = (Session::new(local(20_000)), Session::new(local(20_002)));
    if let Ok(spec) = a.receive_offer(bytes) {
        let offer = b.make_offer(&spec).expect("no offer is open");
        media::Sdp::parse(&offer).expect("our offer is readable");
        let answer = a.make_answer(&spec).expect("what was offered can be accepted");
        b.receive_answer(&answer).expect("our answer is readable");
        let _ = b.receive_answer(bytes);
        let _ = (a.remote([192, 0, 2, 1].into()), b.remote([192, 0, 2, 2].into()));
    }
});
