//! Date (RFC 3261 section 20.17) and Timestamp (20.38).

use std::fmt;

use super::{Header, is_blank, name::HeaderName, number, trim};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A date, in seconds since 1970-01-01 00:00:00 UTC.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub i64);

/// Days since 1970-01-01 of a day of the Gregorian calendar; years are counted from March.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 719_469
}

impl Header<'_> for Date {
    const NAME: HeaderName = HeaderName::Date;

    /// Reads an RFC 1123 date: GMT is the only zone (RFC 3261 section 20.17).
    fn read(value: &str) -> Result<Self, &'static str> {
        const FAULT: &str = "not a date such as Sat, 13 Nov 2010 23:29:00 GMT";
        let mut words = value.split(is_blank).filter(|word| !word.is_empty());
        let mut word = || words.next().ok_or(FAULT);
        let (weekday, day, month, year, time, zone) = (word()?, word()?, word()?, word()?, word()?, word()?);
        if words.next().is_some() || zone != "GMT" {
            return Err(FAULT);
        }
        let digits = |text: &str, len: usize| number(text).filter(|_| text.len() == len).map(i64::from).ok_or(FAULT);
        let weekday = weekday.strip_suffix(',').ok_or(FAULT)?;
        let month = MONTHS
            .iter()
            .position(|name| name.eq_ignore_ascii_case(month))
            .ok_or(FAULT)?;
        let month = i64::try_from(month).map_err(|_| FAULT)? + 1;
        let (day, year) = (digits(day, 2)?, digits(year, 4)?);
        let mut clock = time.split(':');
        let mut part =
            |below: i64| digits(clock.next().ok_or(FAULT)?, 2).and_then(|n| if n < below { Ok(n) } else { Err(FAULT) });
        let (hour, minute, second) = (part(24)?, part(60)?, part(61)?);
        let days = days_of(year, month, day);
        let last = if month == 12 {
            days_of(year + 1, 1, 1)
        } else {
            days_of(year, month + 1, 1)
        };
        let named = usize::try_from(days.rem_euclid(7))
            .ok()
            .and_then(|index| DAYS.get(index));
        if clock.next().is_some()
            || day == 0
            || days >= last
            || !named.is_some_and(|name| name.eq_ignore_ascii_case(weekday))
        {
            return Err(FAULT);
        }
        Ok(Self(days * 86_400 + hour * 3_600 + minute * 60 + second))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Years 0 to 9999: the grammar has four digits.
        let time = self.0.clamp(-62_167_219_200, 253_402_300_799);
        let (days, second) = (time.div_euclid(86_400), time.rem_euclid(86_400));
        // The inverse of `days_of`, by looking at a few years and twelve months from a guess.
        let mut year = 1970 + days.div_euclid(366).min(days.div_euclid(365));
        while days_of(year + 1, 1, 1) <= days {
            year += 1;
        }
        let month = (1..=12)
            .rev()
            .find(|&month| days_of(year, month, 1) <= days)
            .unwrap_or(1);
        let day = days - days_of(year, month, 1) + 1;
        let name = |names: &[&'static str], index: i64| {
            usize::try_from(index)
                .ok()
                .and_then(|i| names.get(i).copied())
                .unwrap_or("")
        };
        let (weekday, month) = (name(&DAYS, days.rem_euclid(7)), name(&MONTHS, month - 1));
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(
            f,
            "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
        )
    }
}

/// When a request was sent, and how long the answer took, by the sender's clock.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Timestamp<'a> {
    /// The sender's time, returned as it came.
    pub time: &'a str,
    /// Seconds that the UAS took.
    pub delay: Option<&'a str>,
}

impl<'a> Header<'a> for Timestamp<'a> {
    const NAME: HeaderName = HeaderName::Timestamp;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let decimal = |text: &str| {
            let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
            !whole.is_empty() && whole.bytes().chain(rest.bytes()).all(|byte| byte.is_ascii_digit())
        };
        let (time, delay) = match value.split_once(is_blank) {
            Some((time, delay)) => (time, Some(trim(delay))),
            None => (value, None),
        };
        if !decimal(time) || !delay.is_none_or(decimal) {
            return Err("not a decimal number");
        }
        Ok(Self { time, delay })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
            ("Tue, 29 Feb 2000 12:00:01 GMT", 951_825_601),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Sun, 31 Dec 2034 23:59:59 GMT", 2_051_222_399),
        ] {
            assert_eq!(Date::read(text), Ok(Date(seconds)), "{text}");
            assert_eq!(Date(seconds).to_string(), text);
        }
        for bad in [
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Fri, 01 Jan 2010 16:00:00 UTC",
            "Sat, 01 Jan 2010 16:00:00 GMT",
            "Mon, 29 Feb 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "Fri, 01 Jan 2010 16:00 GMT",
            "Fri, 1 Jan 2010 16:00:00 GMT",
            "",
        ] {
            assert!(Date::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in (-50_000..100_000).step_by(17) {
            let date = Date(day * 86_400 + 4_711);
            assert_eq!(Date::read(&date.to_string()), Ok(date));
        }
        assert_eq!(Date(i64::MAX).to_string(), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(Date(i64::MIN).to_string(), "Sat, 01 Jan 0000 00:00:00 GMT");
    }

    #[test]
    fn a_timestamp_is_one_or_two_decimals() {
        assert_eq!(
            Timestamp::read("54.21  0.3"),
            Ok(Timestamp {
                time: "54.21",
                delay: Some("0.3")
            })
        );
        assert!(Timestamp::read("54").is_ok());
        for bad in ["", ".5", "a", "1 b", "1.2.3", "-1"] {
            assert!(Timestamp::read(bad).is_err(), "{bad}");
        }
    }
}
