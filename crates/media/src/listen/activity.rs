//! Whether a frame of sound is more than the noise of its line, and whether somebody speaks.

/// Mean square of a frame that is always noise: -65 dBov (0 dBov is a mean square of 2^30). The idle noise of G.711 is
/// at -72.
const SILENT: u32 = 340;
/// Mean square of a frame that is always sound: -50 dBov.
const LOUD: u32 = 10_737;
/// Milliseconds of speech before somebody is said to speak, and how long a gap in these may be.
const BEGINS: u32 = 60;

/// The noise floor of a line, and who speaks on it.
#[derive(Debug)]
pub(crate) struct Activity {
    /// Mean square of the noise, in 1/16. It rises slowly: what is above is mixed.
    noise: u64,
    /// The same, but it rises faster, and begins with the first frame: what is well above is speech.
    floor: Option<u64>,
    /// Milliseconds since the last frame of sound, up to the hangover.
    quiet: u32,
    /// Milliseconds of speech, and since.
    speech: u32,
    pause: u32,
    speaking: bool,
    change: Option<Change>,
}

impl Default for Activity {
    fn default() -> Self {
        Activity {
            noise: 16 * 64,
            floor: None,
            quiet: u32::MAX,
            speech: 0,
            pause: 0,
            speaking: false,
            change: None,
        }
    }
}

/// What a frame changed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Begins,
    Ends,
}

impl Activity {
    /// Takes in a frame of that mean square.
    pub(crate) fn frame(&mut self, power: u32, millis: u32, hangover: u32) {
        let scaled = u64::from(power) * 16;
        // 0.9 dB a second: a syllable does not move it, the hum of a fan does.
        follow(&mut self.noise, scaled, u64::from(millis), 5000);
        let sound = u64::from(power) >= (self.noise / 16 * 5 / 2).clamp(SILENT.into(), LOUD.into());
        self.quiet = if sound { 0 } else { self.quiet.saturating_add(millis) };
        let floor = self.floor.get_or_insert(scaled.min(u64::from(LOUD) * 16));
        // 2.9 dB a second, and speech is 8 dB above.
        follow(floor, scaled, u64::from(millis), 1500);
        let speech = u64::from(power) >= (*floor / 16 * 6).max(SILENT.into());
        self.speech(speech, millis, hangover);
    }

    /// No sound came.
    pub(crate) fn nothing(&mut self, millis: u32, hangover: u32) {
        self.quiet = u32::MAX;
        self.speech(false, millis, hangover);
    }

    /// A frame of sound came that is no voice.
    pub(crate) fn other(&mut self, millis: u32, hangover: u32) {
        self.speech(false, millis, hangover);
    }

    fn speech(&mut self, speech: bool, millis: u32, hangover: u32) {
        if speech {
            (self.speech, self.pause) = (self.speech.saturating_add(millis), 0);
        } else {
            self.pause = self.pause.saturating_add(millis);
            if !self.speaking && self.pause >= BEGINS {
                self.speech = 0;
            }
        }
        if !self.speaking && self.speech >= BEGINS {
            self.speaking = true;
            self.change = Some(Change::Begins);
        } else if self.speaking && self.pause >= hangover.max(1) {
            (self.speaking, self.speech) = (false, 0);
            self.change = Some(Change::Ends);
        }
    }

    /// What the last frame changed; once.
    pub(crate) fn take(&mut self) -> Option<Change> {
        self.change.take()
    }

    /// Whether the line is to be mixed.
    pub(crate) fn mixed(&self, hangover: u32) -> bool {
        self.quiet <= hangover
    }

    /// Whether somebody was said to speak.
    pub(crate) fn speaking(&self) -> bool {
        self.speaking
    }

    /// Whether a frame of that mean square is surely speech, and no noise: 9 dB above it.
    pub(crate) fn is_speech(&self, power: u32) -> bool {
        u64::from(power) >= (self.noise / 2).max(SILENT.into())
    }
}

/// Lets a noise floor fall fast to a lower frame, and rise slowly: by its `rise`th part a millisecond.
fn follow(noise: &mut u64, frame: u64, millis: u64, rise: u64) {
    if frame < *noise {
        *noise -= (*noise - frame) / 4;
    } else {
        *noise = (*noise + (*noise * millis / rise).max(1)).min(frame.max(16));
    }
}

/// The mean square of samples; 0 of none.
pub(crate) fn power(pcm: &[i16]) -> u32 {
    // Pairs of squares fit 32 bits; the sums of eight of them vectorise.
    let sum: u64 = pcm
        .chunks(64)
        .map(|part| {
            u64::from(
                part.iter()
                    .map(|s| (i32::from(*s) * i32::from(*s)) as u32 >> 5)
                    .sum::<u32>(),
            )
        })
        .sum();
    (sum * 32 / pcm.len().max(1) as u64) as u32
}
