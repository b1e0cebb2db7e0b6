//! The 200 to a REGISTER (RFC 3261 10.3 step 8).

use std::{fmt::Write as _, time::Duration};

use sip::{HeaderName, StatusCode};

use super::{
    Config,
    gruu::Gruus,
    plan::Clock,
    request::{Request, Wants},
    table::Bound,
};
use crate::{
    Answer,
    stack::capabilities::{Place, supported},
};

/// `bindings` are all bindings of the address-of-record, best first.
pub(super) fn ok(request: &Request, bindings: &[&Bound], config: &Config, clock: Clock, gruus: &mut Gruus) -> Answer {
    let mut answer = Answer::new(StatusCode::OK);
    for bound in bindings {
        let mut text = contact(bound, clock);
        // RFC 5627 section 5.2.
        let home = request.gruu.as_ref();
        if let Some([public, temporary]) = home.and_then(|home| gruus.of(bound.binding(), home)) {
            let _ = write!(text, ";pub-gruu=\"{public}\";temp-gruu=\"{temporary}\"");
        }
        answer = answer.with(HeaderName::Contact, text);
    }
    // RFC 3327 section 5.3: the path goes back to the phone.
    for value in &request.path {
        answer = answer.with(HeaderName::Path, value.as_str());
    }
    answer = answer.with(HeaderName::Supported, supported(Place::Register));
    if request.outbound {
        // RFC 5626 section 6.
        answer = answer.with(HeaderName::Require, "outbound");
        if config.flow_timer > 0 {
            answer = answer.with(HeaderName::FlowTimer, config.flow_timer.to_string());
        }
    }
    // RFC 3608 section 6.4.
    for value in &config.service_route {
        answer = answer.with(HeaderName::ServiceRoute, value.as_str());
    }
    let told = match &request.wants {
        Wants::Update(contacts) => &contacts[..],
        Wants::Fetch | Wants::RemoveAll => &[],
    };
    for value in told.iter().flat_map(|contact| &contact.told) {
        answer = answer.with(HeaderName::FeatureCaps, value.as_str());
    }
    answer.with(HeaderName::Date, date(clock.unix_micros))
}

fn contact(bound: &Bound, clock: Clock) -> String {
    let binding = bound.binding();
    let left = bound.expires.since(clock.now) + Duration::from_micros(999_999);
    let mut text = format!("<{}>;expires={}", binding.contact, left.as_secs());
    if binding.q < 1_000 {
        let fraction = format!("{:03}", binding.q);
        let digits = fraction.trim_end_matches('0');
        let _ = write!(text, ";q=0.{}", if digits.is_empty() { "0" } else { digits });
    }
    if let Some(instance) = &binding.instance {
        let _ = write!(text, ";+sip.instance=\"{instance}\"");
    }
    if let Some(reg_id) = binding.reg_id {
        let _ = write!(text, ";reg-id={reg_id}");
    }
    text
}

/// `Sat, 13 Nov 2010 23:29:00 GMT` (RFC 3261 20.17, RFC 1123).
pub(crate) fn date(unix_micros: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let seconds = unix_micros.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // The calendar in eras of 400 years that begin on the first of March, so that the day a leap
    // year adds is the last one.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    let name =
        |names: &[&'static str], index: i64| usize::try_from(index).ok().and_then(|index| names.get(index).copied());
    let (weekday, month) = (name(&DAYS, days.rem_euclid(7)), name(&MONTHS, month));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let (weekday, month) = (weekday.unwrap_or_default(), month.unwrap_or_default());
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_written_as_rfc_1123_wants() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (1_709_164_799, "Wed, 28 Feb 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(date(seconds * 1_000_000), text);
        }
    }
}
