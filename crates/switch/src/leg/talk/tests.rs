use std::net::Ipv4Addr;

use super::*;
use ::media::{SdpDirection, SdpError};

use crate::api::Dtmf;

fn talk(codecs: &[&str]) -> Talk {
    let local = Local {
        address: Ipv4Addr::LOCALHOST.into(),
        port: 4_000,
        session_id: 1,
    };
    let audio = AudioRules {
        codecs: codecs.iter().map(ToString::to_string).collect(),
        ..AudioRules::default()
    };
    Talk::new(local, audio)
}

fn sdp(port: u16, formats: &str, direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {formats}\r\na={direction}\r\n"
    )
}

/// A session in which the phone offered PCMU and PCMA, and `spec` was the answer.
fn answered(direction: &str, spec: &Spec) -> Talk {
    let mut talk = talk(&[]);
    talk.hear_offer(sdp(5_000, "0 8", direction).as_bytes()).unwrap();
    talk.answer(spec).unwrap();
    talk
}

#[test]
fn an_offer_while_one_is_open_is_an_error_and_changes_nothing() {
    let spec = Spec::own(&["PCMU"]);
    let mut ours = talk(&[]);
    let first = ours.offer(&spec).unwrap();
    assert_eq!(ours.offer(&spec), Err(OfferError::OpenOffer));
    assert_eq!(ours.offer_in_success(&spec), Err(OfferError::OpenOffer));
    assert_eq!(ours.offer_again(), None);
    let met = ours.hear_offer(sdp(5_000, "0", "sendrecv").as_bytes());
    assert!(matches!(met, Err(Unusable::Description(SdpError::State(_)))), "{met:?}");
    assert!(ours.is_open());
    let open = ours.session.last_local();
    assert_eq!(open, Some(&first), "the first offer is still the open one");
    ours.hear_answer(sdp(5_000, "0", "sendrecv").as_bytes()).unwrap();
    assert!(!ours.is_open());
    ours.offer(&spec).unwrap();

    let mut theirs = talk(&[]);
    theirs.hear_offer(sdp(5_000, "0", "sendrecv").as_bytes()).unwrap();
    assert_eq!(theirs.offer(&spec), Err(OfferError::OpenOffer));
    theirs.answer(&spec).unwrap();
    theirs.offer(&spec).unwrap();
}

#[test]
fn an_open_offer_is_made_again_for_a_target_that_is_reached_from_another_address() {
    let spec = Spec::own(&["PCMU"]);
    let mut talk = talk(&[]);
    let address = "2001:db8::1".parse().unwrap();
    assert_eq!(talk.offer_at(address), None, "none is open");
    talk.offer(&spec).unwrap();
    let again = talk.offer_at(address).unwrap();
    let text = String::from_utf8(again.to_vec()).unwrap();
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"), "{text}");
    talk.hear_answer(sdp(5_000, "0", "sendrecv").as_bytes()).unwrap();
    assert!(talk.said().is_some_and(|said| said.shares(&spec)));
}

#[test]
fn an_answer_without_an_offer_is_an_error() {
    let spec = Spec::own(&["PCMU"]);
    let mut talk = talk(&[]);
    assert!(matches!(talk.answer(&spec), Err(SdpError::State(_))));
    assert!(matches!(talk.answer_early(&spec), Err(SdpError::State(_))));
    let heard = talk.hear_answer(sdp(5_000, "0", "sendrecv").as_bytes());
    assert!(matches!(heard, Err(SdpError::State(_))), "{heard:?}");
    talk.offer(&spec).unwrap();
    talk.withdraw();
    let late = talk.hear_answer(sdp(5_000, "0", "sendrecv").as_bytes());
    assert!(matches!(late, Err(SdpError::State(_))), "{late:?}");
}

#[test]
fn the_2xx_repeats_the_answer_of_the_1xx() {
    let mut talk = talk(&[]);
    talk.hear_offer(sdp(5_000, "0 8", "sendrecv").as_bytes()).unwrap();
    assert!(talk.owes_answer() && talk.said().is_none());
    let early = talk.answer_early(&Spec::own(&["PCMU"])).unwrap();
    assert!(talk.is_answered_early() && talk.owes_answer() && !talk.is_open());
    assert_eq!(talk.answer_early(&Spec::own(&["PCMA"])).as_ref(), Ok(&early));
    assert_eq!(talk.answer(&Spec::own(&["PCMA"])).as_ref(), Ok(&early));
    assert_eq!(talk.said(), Some(&Spec::own(&["PCMU"])));
    assert!(!talk.owes_answer());
}

#[test]
fn a_refused_change_leaves_the_session_as_before() {
    let spec = Spec::own(&["PCMU"]);
    let mut talk = answered("sendrecv", &spec);
    let (heard, said) = (talk.heard().cloned(), talk.said().cloned());
    talk.hear_offer(sdp(6_000, "0", "sendonly").as_bytes()).unwrap();
    assert_eq!(talk.heard(), heard.as_ref(), "an offer counts when it is answered");
    talk.withdraw();
    talk.offer(&spec.clone().with_direction(SdpDirection::SendOnly))
        .unwrap();
    assert_eq!(talk.said(), said.as_ref(), "so does ours");
    talk.withdraw();
    assert_eq!((talk.heard(), talk.said()), (heard.as_ref(), said.as_ref()));
    talk.offer(&spec.clone().with_direction(SdpDirection::SendOnly))
        .unwrap();
    talk.hear_answer(sdp(6_000, "0", "recvonly").as_bytes()).unwrap();
    assert_eq!(talk.said().map(Spec::direction), Some(SdpDirection::SendOnly));
    assert_eq!(talk.heard().map(Spec::direction), Some(SdpDirection::RecvOnly));
}

#[test]
fn a_device_is_offered_and_heard_only_with_its_own_codecs() {
    let mut talk = talk(&["pcma"]);
    assert_eq!(talk.offer(&Spec::own(&["GSM"])), Err(OfferError::NothingAllowed));
    let bytes = talk.offer(&Spec::own(&["PCMU", "PCMA"])).unwrap();
    // With events for keys, which Tandem turns into what the other side takes.
    assert!(
        std::str::from_utf8(&bytes).unwrap().contains("RTP/AVP 8 101\r\n"),
        "{bytes:?}"
    );
    talk.withdraw();
    talk.audio.dtmf = Dtmf::Inband;
    let bytes = talk.offer(&Spec::own(&["PCMU", "PCMA"])).unwrap();
    assert!(
        std::str::from_utf8(&bytes).unwrap().contains("RTP/AVP 8\r\n"),
        "{bytes:?}"
    );
    talk.withdraw();
    let offered = talk.hear_offer(sdp(5_000, "0 8", "sendrecv").as_bytes()).unwrap();
    assert_eq!(offered.audio_codecs().collect::<Vec<_>>(), ["PCMA"]);
    let mut other = super::tests::talk(&["G722"]);
    let refused = other.hear_offer(sdp(5_000, "0 8", "sendrecv").as_bytes());
    assert_eq!(refused, Err(SdpError::NoCommonCodec.into()));
    assert!(!other.is_open(), "what is refused at once is not open");
}

#[test]
fn an_offer_without_audio_in_a_session_with_audio_is_refused() {
    let mut talk = answered("sendrecv", &Spec::own(&["PCMU"]));
    let chat = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                m=audio 0 RTP/AVP 0\r\nm=message 5002 TCP/MSRP *\r\n";
    assert_eq!(talk.hear_offer(chat.as_bytes()), Err(Unusable::NoAudio));
    assert!(!talk.is_open());
    let fax = chat.replace("message 5002 TCP/MSRP *", "image 5002 udptl t38");
    let heard = talk.hear_offer(fax.as_bytes()).unwrap();
    assert!(heard.has_lines() && !heard.has_audio(), "a fax is relayed");
    talk.withdraw();
    let ended = talk.hear_offer(sdp(0, "0", "sendrecv").as_bytes()).unwrap();
    assert!(!ended.has_audio(), "a stream may end (RFC 3264 section 8.2)");
}

#[test]
fn fit_says_whether_the_phone_needs_an_offer() {
    use SdpDirection::{Inactive, RecvOnly, SendOnly, SendRecv};
    let both = Spec::own(&["PCMU", "PCMA"]);
    let told = |direction| both.clone().with_direction(direction);
    // The direction that the phone offered, the one that it was told, and the one of the other side now.
    for (phone, said, other, fit) in [
        ("sendrecv", SendRecv, SendRecv, Fit::Same),
        ("sendrecv", SendRecv, SendOnly, Fit::NeedsOffer),
        ("sendrecv", Inactive, Inactive, Fit::Same),
        // A phone that put us on hold hears nothing, so it makes no difference what the other side sends.
        ("sendonly", RecvOnly, SendRecv, Fit::Relays),
        ("sendonly", RecvOnly, Inactive, Fit::NeedsOffer),
        ("inactive", Inactive, SendRecv, Fit::Relays),
    ] {
        let talk = answered(phone, &told(said));
        assert_eq!(talk.fit(&told(other)), fit, "{phone} {said:?} {other:?}");
    }
    let talk = answered("sendrecv", &both);
    assert_eq!(talk.fit(&Spec::own(&["GSM"])), Fit::NeedsOffer);
    assert_eq!(talk.fit(&Spec::own(&[])), Fit::NeedsOffer);
    assert_eq!(
        super::tests::talk(&[]).fit(&both),
        Fit::NeedsOffer,
        "nothing was said yet"
    );
}

#[test]
fn an_offer_in_a_2xx_counts_as_told_to_the_phone() {
    let spec = Spec::own(&["PCMU", "PCMA"]);
    let mut talk = talk(&["PCMU"]);
    talk.offer_in_success(&spec).unwrap();
    assert!(talk.awaits_ack());
    assert_eq!(talk.fit(&spec), Fit::Same);
    assert_eq!(talk.fit(&Spec::own(&["GSM"])), Fit::NeedsOffer);
    talk.hear_answer(sdp(5_000, "0", "sendrecv").as_bytes()).unwrap();
    assert!(!talk.awaits_ack());
}
