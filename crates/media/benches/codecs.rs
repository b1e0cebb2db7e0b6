//! Codecs, one stream: CPU milliseconds for a second of sound, and the same work by FFmpeg where it is installed.
//!
//! Prints `name value unit` lines. Run with `cargo bench -p media`.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
#![allow(
    clippy::disallowed_methods,
    reason = "a bench measures time, reads files and runs FFmpeg"
)]

mod sample;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use media::{
    Payload,
    codec::{Decoder, Encoder, MAX_OCTETS},
    sound::{Rate, Resampler},
};

use sample::{cpu, speech};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds of sound in each figure: so long that the start of FFmpeg does not count.
const SECONDS: u32 = 600;
const PTIME: u32 = 20;

/// Milliseconds of CPU for a second of sound.
fn measured(work: impl FnOnce()) -> f64 {
    let begin = cpu();
    work();
    (cpu() - begin) * 1000.0 / f64::from(SECONDS)
}

fn payload(codec: &str, fmtp: Option<&str>) -> Payload {
    let info = media::codec::named(codec).unwrap();
    Payload {
        number: 96,
        codec: codec.into(),
        clock_rate: info.clock_rate,
        channels: info.channels,
        fmtp: fmtp.map(Into::into),
    }
}

/// From one codec to another as the engine does: packet by packet.
fn transcode(packets: &[Vec<u8>], from: &Payload, to: &Payload) -> Vec<Vec<u8>> {
    let rate = Encoder::at(to, PTIME, Rate::Full).unwrap().rate();
    let rate = rate.min(Decoder::at(from, rate).unwrap().rate());
    let (mut decoder, mut encoder) = (Decoder::at(from, rate).unwrap(), Encoder::at(to, PTIME, rate).unwrap());
    let mut pcm = Vec::new();
    let mut octets = [0; MAX_OCTETS];
    let mut out = Vec::with_capacity(packets.len());
    for packet in packets {
        pcm.clear();
        decoder.decode(packet, &mut pcm).unwrap();
        let length = encoder.encode(&pcm, &mut octets);
        out.push(octets[..length].to_vec());
    }
    out
}

fn encode(pcm: &[i16], payload: &Payload, rate: Rate) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::at(payload, PTIME, rate).unwrap();
    let mut octets = [0; MAX_OCTETS];
    let mut packet = |pcm: &[i16]| {
        let length = encoder.encode(pcm, &mut octets);
        octets[..length].to_vec()
    };
    pcm.chunks_exact(rate.samples(PTIME)).map(&mut packet).collect()
}

fn decode(packets: &[Vec<u8>], payload: &Payload, rate: Rate) {
    let mut decoder = Decoder::at(payload, rate).unwrap();
    let mut pcm = Vec::new();
    for packet in packets {
        pcm.clear();
        decoder.decode(packet, &mut pcm).unwrap();
    }
    std::hint::black_box(&pcm);
}

/// A folder in memory.
fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    base.join(format!("tandem-codecs-{}", std::process::id()))
}

/// FFmpeg's CPU milliseconds for a second of sound, as it says them itself; its start is taken off.
fn ffmpeg(folder: &Path, arguments: &str) -> Option<f64> {
    let run = |length: &str| {
        let arguments = arguments.replace("LENGTH", length);
        let output = Command::new("ffmpeg")
            .current_dir(folder)
            .args(["-y", "-nostdin", "-benchmark", "-threads", "1"])
            .args(arguments.split_ascii_whitespace())
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let times = said.lines().rev().find(|line| line.starts_with("bench: utime="))?;
        let seconds = |name: &str| times.split(name).nth(1)?.split('s').next()?.parse::<f64>().ok();
        Some(seconds("utime=")? + seconds("stime=")?)
    };
    let start = run("-t 1")?;
    Some((run("")? - start) * 1000.0 / f64::from(SECONDS - 1))
}

fn compared(name: &str, ours: f64, theirs: Option<f64>) {
    println!("{name} {ours:.3} ms/s");
    if let Some(theirs) = theirs {
        println!("{name}, by FFmpeg {theirs:.3} ms/s");
        println!("{name}, beside FFmpeg {:.2} x", ours / theirs);
    }
}

/// KiB that grow with each of many pairs of decoder and encoder at work.
fn memory(payload: &Payload, packet: &[u8]) -> f64 {
    const PAIRS: usize = 1000;
    let resident = || {
        let status = fs::read_to_string("/proc/self/statm").unwrap();
        status.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4.0
    };
    let mut pcm = Vec::new();
    let mut octets = [0; MAX_OCTETS];
    let mut pair = || {
        let mut decoder = Decoder::new(payload).unwrap();
        let mut encoder = Encoder::new(payload, PTIME).unwrap();
        for _ in 0..3 {
            pcm.clear();
            decoder.decode(packet, &mut pcm).unwrap();
            pcm.resize(encoder.samples(), 0);
            encoder.encode(&pcm, &mut octets);
        }
        (decoder, encoder)
    };
    drop(pair());
    let before = resident();
    let pairs: Vec<_> = (0..PAIRS).map(|_| pair()).collect();
    let grown = resident() - before;
    drop(pairs);
    grown / PAIRS as f64
}

fn main() {
    let (pcmu, g722, opus) = (payload("PCMU", None), payload("G722", None), payload("OPUS", None));
    // First, while nothing else was given back that could be used again.
    let quiet = encode(&vec![100; 960], &opus, Rate::Full);
    println!(
        "memory of an Opus decoder and encoder {:.1} KiB",
        memory(&opus, &quiet[0])
    );
    let (narrow, wide, full) = (
        speech(Rate::Narrow, SECONDS),
        speech(Rate::Wide, SECONDS),
        speech(Rate::Full, SECONDS),
    );

    let law = encode(&narrow, &pcmu, Rate::Narrow);
    let two_bands = encode(&wide, &g722, Rate::Wide);
    let folder = folder();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("in.ul"), law.concat()).unwrap();
    fs::write(folder.join("in.g722"), two_bands.concat()).unwrap();

    // The same settings as ours.
    let theirs = ffmpeg(
        &folder,
        "LENGTH -f mulaw -ar 8000 -ac 1 -i in.ul -c:a libopus -b:a 16k -application voip -compression_level 5 \
         -frame_duration 20 -vbr constrained -f ogg out.opus",
    );
    let back = ffmpeg(&folder, "LENGTH -c:a libopus -i out.opus -ar 8000 -f mulaw out.ul");
    let mut coded = Vec::new();
    let there = measured(|| coded = transcode(&law, &pcmu, &opus));
    let home = measured(|| drop(transcode(&coded, &opus, &pcmu)));
    compared("G.711 to Opus", there, theirs);
    compared("Opus to G.711", home, back);
    compared(
        "G.711 to Opus and back",
        there + home,
        theirs.zip(back).map(|(a, b)| a + b),
    );

    let theirs = ffmpeg(&folder, "LENGTH -f g722 -i in.g722 -ar 8000 -f mulaw out.ul");
    let ours = measured(|| drop(transcode(&two_bands, &g722, &pcmu)));
    compared("G.722 to G.711", ours, theirs);
    fs::remove_dir_all(&folder).unwrap();

    for (name, payload, pcm, rate) in [
        ("PCMU", &pcmu, &narrow, Rate::Narrow),
        ("G722", &g722, &wide, Rate::Wide),
        ("G722 of 8 kHz", &g722, &narrow, Rate::Narrow),
        ("Opus of 8 kHz", &opus, &narrow, Rate::Narrow),
        ("Opus of 16 kHz", &opus, &wide, Rate::Wide),
        ("Opus of 48 kHz", &opus, &full, Rate::Full),
    ] {
        let mut packets = Vec::new();
        println!(
            "encode {name} {:.3} ms/s",
            measured(|| packets = encode(pcm, payload, rate))
        );
        println!("decode {name} {:.3} ms/s", measured(|| decode(&packets, payload, rate)));
    }
    for (from, to, pcm) in [
        (Rate::Narrow, Rate::Wide, &narrow),
        (Rate::Narrow, Rate::Full, &narrow),
        (Rate::Full, Rate::Narrow, &full),
    ] {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        let cost = measured(|| {
            for piece in pcm.chunks(from.samples(PTIME)) {
                out.clear();
                resampler.process(piece, &mut out);
            }
        });
        println!("resample {} to {} Hz {cost:.3} ms/s", from.hertz(), to.hertz());
    }
}
