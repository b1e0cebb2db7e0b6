//! Any packets in an Ogg Opus file whose pages are whole: check sums keep a fuzzer out of there otherwise.
#![no_main]

use std::io::Cursor;

use media::file::Reader;
use ogg::{PacketWriteEndInfo, PacketWriter};

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, Vec<(Vec<u8>, u64, u8)>)| {
    let (head, packets) = input;
    let mut writer = PacketWriter::new(Vec::new());
    let head = [b"OpusHead\x01".as_slice(), &head].concat();
    let start = [(head, 0, 1), (b"OpusTags".to_vec(), 0, 1)];
    for (packet, granule, end) in start.into_iter().chain(packets) {
        let end = match end % 3 {
            0 => PacketWriteEndInfo::NormalPacket,
            1 => PacketWriteEndInfo::EndPage,
            _ => PacketWriteEndInfo::EndStream,
        };
        writer.write_packet(packet, 1, end, granule).expect("memory");
    }
    if let Ok(mut reader) = Reader::open(Cursor::new(writer.into_inner())) {
        let mut pcm = Vec::new();
        while let Ok(1..) = reader.read(4_800, &mut pcm) {
            pcm.clear();
        }
    }
});
