//! The parameters of Opus in `a=fmtp` (RFC 7587 section 6.1).

use ropus::Bandwidth;

use crate::{codec::fmtp::parameters, sound::Rate};

/// What a side says of the Opus that it receives and sends. Values that no side can mean are taken for the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `maxplaybackrate`: the highest rate in hertz that the side can play, 8000 to 48000.
    pub max_playback: u32,
    /// `sprop-maxcapturerate`: the highest rate in hertz that the side is likely to send.
    pub max_capture: u32,
    /// `maxaveragebitrate`: the most bits a second that the side wants to receive, 6000 to 510000.
    pub max_average: Option<u32>,
    /// `stereo`: it prefers to receive stereo.
    pub stereo: bool,
    /// `sprop-stereo`: it is likely to send stereo.
    pub sends_stereo: bool,
    /// `cbr`: it wants constant bit rate.
    pub constant: bool,
    /// `useinbandfec`: it can make use of forward error correction.
    pub fec: bool,
    /// `usedtx`: it prefers that nothing is sent in silence.
    pub dtx: bool,
    /// `maxptime`: the longest packet in milliseconds, 3 to 120. Peers state it as `a=maxptime`, some here.
    pub max_ptime: u32,
}

impl Default for Parameters {
    fn default() -> Parameters {
        Parameters {
            max_playback: 48_000,
            max_capture: 48_000,
            max_average: None,
            stereo: false,
            sends_stereo: false,
            constant: false,
            fec: false,
            dtx: false,
            max_ptime: 120,
        }
    }
}

impl Parameters {
    /// Reads an `a=fmtp` value.
    pub fn read(fmtp: Option<&str>) -> Parameters {
        let mut read = Parameters::default();
        for (name, value) in parameters(fmtp) {
            let number = |from: u32, to: u32| value.parse().ok().filter(|n| (from..=to).contains(n));
            let flag = |flag: &mut bool| *flag = number(0, 1).map_or(*flag, |n| n == 1);
            match name.to_ascii_lowercase().as_str() {
                "maxplaybackrate" => read.max_playback = number(8000, 48_000).unwrap_or(read.max_playback),
                "sprop-maxcapturerate" => read.max_capture = number(8000, 48_000).unwrap_or(read.max_capture),
                "maxaveragebitrate" => read.max_average = number(6000, 510_000).or(read.max_average),
                "stereo" => flag(&mut read.stereo),
                "sprop-stereo" => flag(&mut read.sends_stereo),
                "cbr" => flag(&mut read.constant),
                "useinbandfec" => flag(&mut read.fec),
                "usedtx" => flag(&mut read.dtx),
                "maxptime" => read.max_ptime = number(3, 120).unwrap_or(read.max_ptime),
                _ => {}
            }
        }
        read
    }

    /// The rate of linear sound that holds all that the side can play.
    pub fn playback_rate(&self) -> Rate {
        rate_for(self.max_playback)
    }

    /// The rate of linear sound that holds all that the side is likely to send.
    pub fn capture_rate(&self) -> Rate {
        rate_for(self.max_capture)
    }

    /// The widest band that the side can play (RFC 7587 section 3.1.1: a rate is twice its band).
    pub(super) fn bandwidth(&self) -> Bandwidth {
        match self.max_playback {
            ..12_000 => Bandwidth::Narrowband,
            12_000..16_000 => Bandwidth::Mediumband,
            16_000..24_000 => Bandwidth::Wideband,
            24_000..48_000 => Bandwidth::Superwideband,
            _ => Bandwidth::Fullband,
        }
    }
}

fn rate_for(hertz: u32) -> Rate {
    match hertz {
        ..=8000 => Rate::Narrow,
        8001..=16_000 => Rate::Wide,
        _ => Rate::Full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_absurd_ones_are_not() {
        assert_eq!(Parameters::read(None), Parameters::default());
        let read = Parameters::read(Some(
            "maxplaybackrate=16000; sprop-maxcapturerate=8000;maxaveragebitrate=20000; stereo=1;sprop-stereo=1 ;\
             cbr=1; useinbandfec=1; usedtx=1;maxptime=40;minptime=10",
        ));
        let expected = Parameters {
            max_playback: 16_000,
            max_capture: 8000,
            max_average: Some(20_000),
            stereo: true,
            sends_stereo: true,
            constant: true,
            fec: true,
            dtx: true,
            max_ptime: 40,
        };
        assert_eq!(read, expected);
        assert_eq!((read.playback_rate(), read.capture_rate()), (Rate::Wide, Rate::Narrow));
        let absurd = "maxplaybackrate=1;maxplaybackrate=x;sprop-maxcapturerate=-5;maxaveragebitrate=99999999999;\
                      stereo=2;cbr;useinbandfec=yes;usedtx=;maxptime=0;;=;x=y;\u{e9}=1";
        assert_eq!(Parameters::read(Some(absurd)), Parameters::default());
    }

    #[test]
    fn a_rate_is_twice_its_band() {
        for (hertz, rate, band) in [
            (8000, Rate::Narrow, Bandwidth::Narrowband),
            (12_000, Rate::Wide, Bandwidth::Mediumband),
            (16_000, Rate::Wide, Bandwidth::Wideband),
            (24_000, Rate::Full, Bandwidth::Superwideband),
            (44_100, Rate::Full, Bandwidth::Superwideband),
            (48_000, Rate::Full, Bandwidth::Fullband),
        ] {
            let read = Parameters::read(Some(&format!("maxplaybackrate={hertz}")));
            assert_eq!((read.playback_rate(), read.bandwidth()), (rate, band), "{hertz}");
        }
    }
}
