//! The rules of a world. [`VERDICTS`] is the whole list: the moment of each verdict, and its weather.
//!
//! | file | what it judges |
//! |---|---|
//! | `left.rs` | what the switch still holds after the last call |
//! | `sessions.rs` | what the two phones of a call, and the switch between them, think of the media |
//! | `phones.rs` | what phones saw and heard |
//! | `lamps.rs` | what phones are subscribed to |
//! | `texts.rs` | texts outside of calls |
//! | `records.rs` | records and events of calls |
//! | `replies.rs` | answers to commands, when they come: they are judged at once and in every weather |

mod lamps;
mod left;
mod phones;
mod records;
pub mod replies;
mod sessions;
mod texts;

use std::time::Duration;

use crate::{
    life::Life,
    weather::{
        Incidents,
        Weather::{self, Calm, Hostile, Orderly, Rough},
    },
};

/// How long it takes until all open changes of sessions are settled: a change that a phone refuses with 491 is offered
/// thirty times, each 4 s after the last.
pub const ALL_SETTLED: Duration = Duration::from_secs(130);

/// When a verdict is given.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After each event of the day.
    Event,
    /// Some times a day, while calls go on.
    NowAndThen,
    /// After a pause without actions and without loss: all transactions have ended.
    Pause,
    /// After that, still without loss; a verdict may let time pass.
    Silence,
    /// The switch was started again, ten seconds ago.
    Started,
    /// At the end of the day, after [`ALL_SETTLED`]; some calls still go on.
    Settled,
    /// All calls were ended.
    CallsOver,
    /// The phones that still believed to be in a call have hung up, too.
    PhonesOver,
    /// Then all phones have registered.
    Registered,
    /// Then all subscriptions have ended.
    SubscriptionsOver,
}

/// One line of the list.
pub struct Verdict {
    /// The rule.
    pub says: &'static str,
    /// When it must be so.
    at: &'static [Moment],
    /// The worst weather in which it must be so.
    up_to: Weather,
    /// Not after these incidents.
    unless: fn(&Incidents) -> bool,
    /// Panics where it is not so.
    check: fn(&mut Life),
}

/// No incident excuses.
const NEVER: fn(&Incidents) -> bool = |_| false;
/// A switch that was killed does not know the calls that its phones are in.
const KILLED: fn(&Incidents) -> bool = |incidents| incidents.killed;
/// Bindings run by the wall clock.
const CLOCK_SET: fn(&Incidents) -> bool = |incidents| incidents.clock_set;

/// The records of a killed switch are the store's, and a clock that was set gives records other times.
const ODD_TIMES: fn(&Incidents) -> bool = |incidents| incidents.killed || incidents.clock_set;

const fn verdict(
    says: &'static str,
    at: &'static [Moment],
    up_to: Weather,
    unless: fn(&Incidents) -> bool,
    check: fn(&mut Life),
) -> Verdict {
    Verdict {
        says,
        at,
        up_to,
        unless,
        check,
    }
}

/// Every verdict, in the order in which they are given at one moment.
#[rustfmt::skip]
const VERDICTS: &[Verdict] = {
    use Moment::{CallsOver, Event, NowAndThen, Pause, PhonesOver, Registered, Settled, Silence, Started, SubscriptionsOver};
    &[
        //      what must be so                                     when                   up to    but after   how it is checked
        verdict("a silent phone loses its call in time",            &[Event, CallsOver],   Hostile, NEVER,     left::silent_calls_are_closed),
        verdict("no session outlives its timer",                    &[NowAndThen, Settled], Orderly, NEVER,    sessions::are_fresh),
        verdict("a call with a closed record is gone",              &[Pause],              Orderly, NEVER,     left::closed_calls_are_gone),
        verdict("lamps show what the switch says",                  &[Silence, Started],   Rough,   NEVER,     lamps::are_right),
        verdict("media agree on both sides, except open changes",   &[Pause],              Rough,   KILLED,    sessions::agree_but_for_open_changes),
        verdict("media agree on both sides",                        &[Settled],            Rough,   KILLED,    sessions::agree),
        verdict("a party on hold hears music",                      &[Pause, Settled],     Rough,   KILLED,    sessions::held_parties_hear_music),
        verdict("nothing is left in the switch, one record a call", &[CallsOver],          Hostile, NEVER,     left::nothing_is_left),
        verdict("bindings in memory are those on disk",             &[CallsOver],          Hostile, NEVER,     left::bindings_are_on_disk),
        verdict("bindings end in time",                             &[CallsOver],          Hostile, CLOCK_SET, left::bindings_end_in_time),
        verdict("phones know that their calls are over",            &[CallsOver],          Orderly, NEVER,     phones::know_of_no_call),
        verdict("phones wait for nothing",                          &[PhonesOver],         Hostile, NEVER,     phones::are_idle),
        verdict("calls begin and end once for observers",           &[PhonesOver],         Hostile, NEVER,     records::events_are_paired),
        verdict("records are sound",                                &[PhonesOver],         Hostile, NEVER,     records::are_sound),
        verdict("segments tile the time of a call",                 &[PhonesOver],         Hostile, NEVER,     records::are_tiled),
        verdict("records are linked both ways",                     &[PhonesOver],         Hostile, KILLED,    records::are_linked_both_ways),
        verdict("who heard each other talked, by the records",      &[PhonesOver],         Rough,   ODD_TIMES, records::tell_who_talked),
        verdict("an answered caller has an answered record",        &[PhonesOver],         Hostile, KILLED,    records::know_of_answers),
        verdict("the record has the code that the caller got",      &[PhonesOver],         Rough,   KILLED,    records::have_the_code_of_the_caller),
        verdict("one caller's leg, one record, same answer",        &[PhonesOver],         Orderly, KILLED,    records::are_those_of_the_callers),
        verdict("no phone waits in vain",                           &[PhonesOver],         Orderly, NEVER,     phones::do_not_complain),
        verdict("of two 200s to one INVITE the second is hung up",  &[PhonesOver],         Calm,    NEVER,     phones::second_answers_are_hung_up),
        verdict("no storm of messages",                             &[PhonesOver],         Hostile, NEVER,     phones::do_not_storm),
        verdict("no phone learns the address of another",           &[PhonesOver],         Rough,   NEVER,     phones::learn_no_address),
        verdict("strangers are refused and get no media",           &[PhonesOver],         Hostile, NEVER,     phones::strangers_are_refused),
        verdict("no text is delivered twice",                       &[PhonesOver, Registered], Orderly, NEVER,     phones::get_no_text_twice),
        verdict("an accepted text is delivered or kept",            &[PhonesOver],         Rough,   CLOCK_SET, texts::are_not_lost),
        verdict("kept texts come in order",                         &[Registered],         Orderly, NEVER,     texts::come_in_order),
        verdict("no text waits for a phone that is there",          &[Registered],         Rough,   NEVER,     texts::wait_for_no_phone_that_is_there),
        verdict("nothing is left of subscriptions",                 &[SubscriptionsOver],  Hostile, NEVER,     lamps::are_over),
    ]
};

/// Gives all verdicts of a moment that the weather of the world and its incidents allow.
pub fn judge(life: &mut Life, moment: Moment) {
    for verdict in VERDICTS {
        let applies =
            verdict.at.contains(&moment) && life.weather <= verdict.up_to && !(verdict.unless)(&life.incidents);
        if applies {
            life.judging = verdict.says;
            (verdict.check)(life);
            life.judging = "";
        }
    }
}
