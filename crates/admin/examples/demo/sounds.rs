//! Recordings of tones, of some of the calls.

use std::{error::Error, f64::consts::TAU, fs, path::Path};

use jiff::Timestamp;
use store::Store;
use switch::{CallUid, Recording, RecordingEnd, RecordingEnded, RecordingFormat, RecordingKind, RecordingUid};

use crate::DOMAIN;

const RATE: u32 = 8_000;

pub(crate) async fn fill(store: &Store, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let now = Timestamp::now().as_microsecond();
    for n in 0..12_u32 {
        let seconds = 5 + n * 7;
        let kind = RecordingKind::ALL[n as usize % 3];
        let wav = wav(300.0 + 40.0 * f64::from(n), seconds);
        let file = format!("{n}.wav");
        // One file is gone.
        if n != 4 {
            fs::write(folder.join(&file), &wav)?;
        }
        let ended = RecordingEnded {
            millis: u64::from(seconds) * 1_000,
            octets: wav.len() as u64,
            end: RecordingEnd::Stopped,
            fault: String::new(),
        };
        store.writer(DOMAIN).recording(Recording {
            id: RecordingUid(u64::from(n) + 1),
            call_id: CallUid(u128::from(60 - n * 5)),
            kind,
            name: match kind {
                RecordingKind::Call => String::new(),
                RecordingKind::Caller => format!("note-{n}"),
                RecordingKind::Conference => "sales".to_owned(),
            },
            file,
            format: RecordingFormat::Wav,
            channels: 1,
            started_at: now - i64::from(n * 5) * 23 * 60_000_000,
            ended: (n > 0).then_some(ended),
        });
    }
    Ok(store.writer(DOMAIN).flush().await?)
}

/// A tone as a WAV file.
fn wav(hertz: f64, seconds: u32) -> Vec<u8> {
    let length = seconds * RATE * 2;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    wav.extend([RATE, RATE * 2].map(u32::to_le_bytes).concat());
    wav.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend(b"data");
    wav.extend(length.to_le_bytes());
    for i in 0..seconds * RATE {
        let sample = (f64::from(i) / f64::from(RATE) * hertz * TAU).sin() * 8_000.0;
        wav.extend((sample as i16).to_le_bytes());
    }
    wav
}
