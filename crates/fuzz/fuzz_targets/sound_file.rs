//! Any file of sound: read in pieces, and repaired.
#![no_main]

use std::io::Cursor;

use media::file::{Reader, repair};

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (piece, file) = input;
    let piece = usize::from(piece) + 1;
    if let Ok(mut reader) = Reader::open(Cursor::new(file)) {
        let mut pcm = Vec::new();
        while let Ok(1..) = reader.read(piece, &mut pcm) {
            assert!(pcm.len() <= piece);
            pcm.clear();
        }
    }
    let _ = repair(&mut Cursor::new(file.to_vec()));
});
