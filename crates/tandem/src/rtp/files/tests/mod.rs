//! The file threads by subject; here is what both use.

mod reading;
mod writing;

use std::{
    path::Path,
    sync::{Condvar, Mutex},
    time::Duration,
};

const WAIT: Duration = Duration::from_secs(20);

/// Writes a WAV file of so many equal samples.
fn wav(path: &Path, rate: u32, samples: usize, sample: i16) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..samples).for_each(|_| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
}

/// Lets nobody through until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn pass(&self) {
        let open = self.0.lock().unwrap();
        drop(self.1.wait_while(open, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}
