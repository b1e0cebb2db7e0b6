//! The tones of telephone networks by country: ITU-T E.180, Supplement 2, with the values that networks use today.
//!
//! A tone of one frequency that is modulated by another (India: 400 Hz by 25) is written as the two frequencies that this
//! gives. Where a country has no congestion tone of its own, the row has its busy tone in the quicker cadence of ITU-T
//! E.180.

/// A country whose tones are known. The default is `eu`, the tones that ITU-T E.180 recommends, as most of Europe has.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Country(usize);

/// Code, dial, ringback, busy, congestion, waiting.
type Row = [&'static str; 6];

const QUICK: &str = "425/200,0/200";
const BUSY: &str = "425/500,0/500";
const RINGS: &str = "425/1000,0/4000";

#[rustfmt::skip]
const ROWS: [Row; 38] = [
    ["eu", "425/1000", RINGS, BUSY, "425/250,0/250", "425/200,0/200,425/200,0/4000"],
    ["at", "420/1000", "420/1000,0/5000", "420/400,0/400", "420/200,0/200", "420/40,0/1960"],
    ["au", "413+438/1000", "413+438/400,0/200,413+438/400,0/2000", "425/375,0/375", "425/375,0/375,420/375,0/375", "425/200,0/200,425/200,0/4400"],
    ["be", "425/1000", "425/1000,0/3000", BUSY, "425/167,0/167", "1400/175,0/175,1400/175,0/3500"],
    ["bg", "425/1000", RINGS, BUSY, "425/250,0/250", "425/150,0/150,425/150,0/4000"],
    ["br", "425/1000", RINGS, "425/250,0/250", "425/250,0/250,425/750,0/250", "425/50,0/1000"],
    ["ca", "350+440/1000", "440+480/2000,0/4000", "480+620/500,0/500", "480+620/250,0/250", "440/300,0/10000"],
    ["ch", "425/1000", RINGS, BUSY, QUICK, "425/200,0/200,425/200,0/4000"],
    ["cl", "400/1000", "400/1000,0/3000", "400/500,0/500", "400/200,0/200", "400/250,0/8750"],
    ["cn", "450/1000", "450/1000,0/4000", "450/350,0/350", "450/700,0/700", "450/400,0/4000"],
    ["cz", "425/330,0/330,425/660,0/660", RINGS, "425/330,0/330", "425/165,0/165", "425/330,0/9000"],
    ["de", "425/1000", RINGS, "425/480,0/480", "425/240,0/240", "425/200,0/200,425/200,0/5000"],
    ["dk", "425/1000", RINGS, BUSY, QUICK, "425/200,0/600,425/200,0/3000"],
    ["ee", "425/1000", RINGS, "425/300,0/300", QUICK, "950/650,0/325,950/325,0/30,1400/1300,0/2600"],
    ["es", "425/1000", "425/1500,0/3000", "425/200,0/200", "425/200,0/200,425/200,0/200,425/200,0/600", "425/175,0/175,425/175,0/3500"],
    ["fi", "425/1000", RINGS, "425/300,0/300", QUICK, "425/150,0/150,425/150,0/8000"],
    ["fr", "440/1000", "440/1500,0/3500", "440/500,0/500", "440/250,0/250", "440/300,0/10000"],
    ["gr", "425/200,0/300,425/700,0/800", RINGS, "425/300,0/300", QUICK, "425/150,0/150,425/150,0/8000"],
    ["hu", "425/1000", "425/1250,0/3750", "425/300,0/300", "425/300,0/300", "425/40,0/1960"],
    ["il", "414/1000", "414/1000,0/3000", "414/500,0/500", "414/250,0/250", "414/100,0/100,414/100,0/100,414/600,0/3000"],
    ["in", "375+425/1000", "375+425/400,0/200,375+425/400,0/2000", "400/750,0/750", "400/250,0/250", "400/200,0/100,400/200,0/7500"],
    ["it", "425/200,0/200,425/600,0/1000", RINGS, BUSY, QUICK, "425/400,0/100,425/250,0/100,425/150,0/14000"],
    ["jp", "400/1000", "385+415/1000,0/2000", "400/500,0/500", "400/500,0/500", "384+416/500,0/8000"],
    ["lt", "425/1000", RINGS, "425/350,0/350", QUICK, "425/150,0/150,425/150,0/4000"],
    ["mx", "425/1000", RINGS, "425/250,0/250", "425/250,0/250", "425/200,0/600,425/200,0/10000"],
    ["my", "425/1000", "425/400,0/200,425/400,0/2000", BUSY, BUSY, "425/200,0/200,425/200,0/4000"],
    ["nl", "425/1000", RINGS, BUSY, "425/250,0/250", "425/500,0/9500"],
    ["no", "425/1000", RINGS, BUSY, QUICK, "425/200,0/600,425/200,0/10000"],
    ["nz", "400/1000", "400+450/400,0/200,400+450/400,0/2000", "400/500,0/500", "400/250,0/250", "400/200,0/3000"],
    ["pl", "425/1000", RINGS, BUSY, BUSY, "425/150,0/150,425/150,0/4000"],
    ["pt", "425/1000", "425/1000,0/5000", BUSY, QUICK, "425/200,0/200,425/200,0/5000"],
    ["ru", "425/1000", RINGS, "425/350,0/350", "425/175,0/175", "425/200,0/5000"],
    ["se", "425/1000", "425/1000,0/5000", "425/250,0/250", "425/250,0/750", "425/200,0/500,425/200,0/9100"],
    ["sg", "425/1000", "401+449/400,0/200,401+449/400,0/2000", "425/750,0/750", "425/250,0/250", "401+449/300,0/200,401+449/300,0/3200"],
    ["tw", "350+440/1000", "440+480/1000,0/2000", "480+620/500,0/500", "480+620/250,0/250", "350+440/250,0/250,350+440/250,0/3250"],
    ["uk", "350+440/1000", "400+450/400,0/200,400+450/400,0/2000", "400/375,0/375", "400/400,0/350,400/225,0/525", "400/100,0/4000"],
    ["us", "350+440/1000", "440+480/2000,0/4000", "480+620/500,0/500", "480+620/250,0/250", "440/300,0/10000"],
    ["za", "367+433/1000", "367+433/400,0/200,367+433/400,0/2000", "400/500,0/500", "400/250,0/250", "367+433/250,0/250,367+433/250,0/4000"],
];

impl Country {
    /// The country of a code in two letters, in upper or lower case: ISO 3166; `uk` and `gb` are one, and `eu` is the tones
    /// of ITU-T E.180.
    pub fn named(code: &str) -> Option<Country> {
        let code = if code.eq_ignore_ascii_case("gb") { "uk" } else { code };
        let at = ROWS.iter().position(|row| row[0].eq_ignore_ascii_case(code));
        at.map(Country)
    }

    /// All codes, in the order of the alphabet but for `eu`, which is the first.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        ROWS.iter().map(|row| row[0])
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        ROWS[self.0][0]
    }

    /// The plan of the tone `dial`, `ringback`, `busy`, `congestion` or `waiting`.
    pub fn plan(self, tone: &str) -> Option<&'static str> {
        let at = ["dial", "ringback", "busy", "congestion", "waiting"]
            .iter()
            .position(|name| *name == tone)?;
        Some(ROWS[self.0][at + 1])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::tone, *};

    #[test]
    fn every_tone_of_every_country_can_be_played() {
        for code in Country::codes() {
            let country = Country::named(code).unwrap();
            assert_eq!(country.code(), code);
            for name in tone::NAMES {
                let plan = tone::plan_in(name, country);
                assert!(plan.contains('/'), "{name}@{code}");
                assert_eq!(tone::check(&format!("{name}@{code}")), Ok(()));
                assert_eq!(tone::plan(&format!("{name}@{code}")), plan);
            }
        }
        let codes: BTreeSet<_> = Country::codes().collect();
        assert_eq!(codes.len(), ROWS.len());
        assert!(ROWS[1..].is_sorted_by_key(|row| row[0]));
    }

    #[test]
    fn a_name_alone_is_of_the_default_country_and_a_code_goes_before_that() {
        let us = Country::named("US").unwrap();
        assert_eq!(tone::plan("busy"), "425/500,0/500");
        assert_eq!(tone::plan_in("busy", us), "480+620/500,0/500");
        assert_eq!(tone::plan_in("busy@de", us), "425/480,0/480");
        assert_eq!(tone::plan_in("ringback@GB", us), "400+450/400,0/200,400+450/400,0/2000");
        assert_eq!(tone::plan_in("beep", us), tone::plan_in("beep@fr", Country::default()));
        assert_eq!(tone::plan_in("440/10", us), "440/10");
    }

    #[test]
    fn a_country_or_tone_that_is_not_known_is_told() {
        let told = |name: &str| tone::check(name).unwrap_err().to_string();
        assert!(told("busy@xx").starts_with("tone \"busy@xx\": the countries are eu, at, au, be"));
        assert!(told("busy@").contains("the countries are"));
        assert!(told("hello@us").contains("before @ stands one of ringback, busy"));
        assert!(told("425/500@us").contains("before @ stands one of"));
        assert_eq!(Country::named(""), None);
    }
}
