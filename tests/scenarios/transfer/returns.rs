//! The target is not reached: the transferee comes back to the transferor, if the transferor is still in the call.

use media::SdpDirection;
use tests::Phase;

use super::{records, talking};

#[test]
fn a_busy_target_sends_the_transferee_back() {
    for by_caller in [false, true] {
        for code in [486, 603, 404, 480, 500] {
            let (stage, alice, bob, carol) = talking();
            let transferor = if by_caller { &alice } else { &bob };
            carol.feels(|mood| mood.refuses = Some(code));
            transferor.transfers_to("103").is_notified_at_last(code);
            stage.hear_each_other(&alice, &bob);
            stage.ends(&alice, &bob);
            assert_eq!(records(&stage), 2, "one record a call");
        }
    }
}

#[test]
fn a_target_that_does_not_answer_sends_the_transferee_back() {
    let (stage, alice, bob, carol) = talking();
    bob.transfers_to("103");
    carol.rings().ends_with(487);
    bob.is_notified_at_last(480);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&bob, &alice);
    assert_eq!(records(&stage), 2);
}

#[test]
fn a_number_that_no_phone_has_sends_the_transferee_back() {
    let (stage, alice, bob, _carol) = talking();
    bob.transfers_to("999").is_notified_at_last(404);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn the_next_transfer_of_the_dialog_has_an_id() {
    let (stage, alice, bob, carol) = talking();
    carol.feels(|mood| mood.refuses = Some(486));
    bob.transfers_to("103").is_notified_at_last(486);
    stage.hear_each_other(&alice, &bob);
    carol.feels(|mood| mood.refuses = None);
    bob.transfers_to("103");
    carol.rings().answers().talks();
    bob.is_notified(200).ends_with(200);
    // RFC 3515 2.4.6: the sequence number of the REFER.
    let events: Vec<String> = bob.notices().into_iter().map(|notice| notice.event).collect();
    let (first, second) = events.split_at(2);
    assert_eq!(first, ["refer", "refer"], "{events:?}");
    for event in second {
        let id = event.strip_prefix("refer;id=").and_then(|id| id.parse::<u32>().ok());
        assert!(id.is_some_and(|id| id > 1), "{events:?}");
    }
    stage.hear_each_other(&alice, &carol);
    stage.ends(&alice, &carol);
    assert_eq!(records(&stage), 3);
}

#[test]
fn a_transferee_whose_transferor_is_gone_is_hung_up() {
    for by_caller in [false, true] {
        let (stage, alice, bob, carol) = talking();
        let (transferor, transferee) = if by_caller { (&alice, &bob) } else { (&bob, &alice) };
        transferor.transfers_to("103");
        carol.rings();
        transferor.hangs_up().ends_with(200);
        assert_eq!(transferee.phase(), Some(Phase::Up));
        carol.rejects(486);
        transferee.ends_with(200);
        stage.clears();
        assert_eq!(records(&stage), 2);
    }
}

#[test]
fn a_transferee_that_hangs_up_ends_the_transfer_and_the_transferor_s_call() {
    for by_caller in [false, true] {
        let (stage, alice, bob, carol) = talking();
        let (transferor, transferee) = if by_caller { (&alice, &bob) } else { (&bob, &alice) };
        transferor.transfers_to("103");
        carol.rings();
        transferee.hangs_up().ends_with(200);
        carol.ends_with(487);
        transferor.ends_with(200);
        stage.clears();
        assert_eq!(records(&stage), 2);
    }
}

#[test]
fn a_held_transferee_comes_back_held_and_can_be_resumed() {
    let (stage, alice, bob, carol) = talking();
    // A phone that holds also says so in its answer to an offer.
    bob.holds()
        .feels(|mood| mood.answers_with = Some(SdpDirection::SendOnly));
    alice.hears(SdpDirection::SendOnly);
    bob.transfers_to("103");
    carol.rings().rejects(486);
    bob.is_notified_at_last(486);
    stage.pass(2.0);
    assert!(!stage.reaches(&alice, &bob), "it is still held\n{}", stage.ladder());
    bob.feels(|mood| mood.answers_with = None);
    bob.resumes();
    alice.hears(SdpDirection::SendRecv);
    stage.hear_each_other(&alice, &bob);
    stage.ends(&alice, &bob);
}

#[test]
fn either_of_two_without_a_script_ends_the_call_and_holds_and_resumes() {
    for by_caller in [false, true] {
        let (stage, alice, bob, carol) = talking();
        carol.feels(|mood| mood.refuses = Some(486));
        bob.transfers_to("103").is_notified_at_last(486);
        stage.hear_each_other(&alice, &bob);
        for (one, other) in [(&alice, &bob), (&bob, &alice)] {
            one.holds();
            other.hears(SdpDirection::SendOnly);
            one.resumes();
            other.hears(SdpDirection::SendRecv);
        }
        stage.hear_each_other(&alice, &bob);
        if by_caller {
            stage.ends(&alice, &bob);
        } else {
            stage.ends(&bob, &alice);
        }
    }
}

#[test]
fn a_returned_transferee_is_transferred_by_the_other_side() {
    let (stage, alice, bob, carol) = talking();
    carol.feels(|mood| mood.refuses = Some(486));
    bob.transfers_to("103").is_notified_at_last(486);
    stage.hear_each_other(&alice, &bob);
    carol.feels(|mood| mood.refuses = None);
    alice.transfers_to("103");
    carol.rings().answers().talks();
    alice.is_notified_at_last(200).ends_with(200);
    stage.hear_each_other(&bob, &carol);
    stage.ends(&bob, &carol);
    assert_eq!(records(&stage), 3);
}
