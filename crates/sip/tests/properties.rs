//! What holds of every message, also of those nobody thought of.

#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(clippy::expect_used, reason = "a test may")]

mod touch;

use std::{fs, path::PathBuf};

use proptest::{collection::vec, prelude::*, sample::Index};
use sip::{
    Builder, CSeq, Frame, Framer, HeaderName, Limits, Message, Method, NameAddr, Params, StatusCode, Uri, escape_user,
    headers::Values, quote,
};

fn torture() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/torture");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "dat"));
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One change that a bad line, a bad sender or an attacker may make.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = prop::sample::select(vec![
        "\r\n",
        "\r",
        "\n",
        "\r\n ",
        "\"",
        "\\",
        "<",
        ">",
        ",",
        ";",
        "=",
        "@",
        ":",
        "%",
        "%zz",
        "%00",
        "(",
        ")",
        "[",
        "]",
        "\0",
        "\u{e9}",
        " ",
        "\t",
        "*",
        "Via: SIP/2.0/UDP h\r\n",
        "Content-Length: 3\r\n",
        "99999999999999999999",
        ";tag=1",
        "?",
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), 1..40_usize).prop_map(|(at, len)| Change::Remove(at, len)),
        (any::<Index>(), 1..200_usize).prop_map(|(at, len)| Change::Repeat(at, len)),
        (any::<Index>(), pieces).prop_map(|(at, piece)| Change::Insert(at, piece.as_bytes().to_vec())),
        (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, piece)| Change::Insert(at, piece)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    match change {
        Change::Flip(at, bits) => bytes[at.index(len)] ^= bits,
        Change::Cut(at) => bytes.truncate(at.index(len)),
        Change::Remove(at, count) => {
            let at = at.index(len);
            bytes.drain(at..(at + count).min(len));
        }
        Change::Repeat(at, count) => {
            let at = at.index(len);
            let piece = bytes[at..(at + count).min(len)].to_vec();
            bytes.splice(at..at, piece);
        }
        Change::Insert(at, piece) => {
            let at = at.index(len);
            bytes.splice(at..at, piece.iter().copied());
        }
    }
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,20}"
}

/// A value as it stands in a line: no line ends, no blanks at its ends.
fn value() -> impl Strategy<Value = String> {
    "[ -~\u{e4}\u{20ac}]{0,60}".prop_map(|text| text.trim().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..600)) {
        touch::touch(&bytes);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "(INVITE sip:a@b SIP/2\\.0|SIP/2\\.0 200 OK)\r\n(([A-Za-z-]{1,12}|v|f|t|m|CSeq|From|l) ?: ?[ -~]{0,40}\r\n( [ -~]{0,9}\r\n)?){0,12}\r\n.{0,20}") {
        touch::touch(text.as_bytes());
    }

    #[test]
    fn changed_torture_messages_are_read_without_a_panic(
        which in any::<Index>(),
        changes in vec(change(), 1..6),
    ) {
        let files = torture();
        let mut bytes = files[which.index(files.len())].clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        touch::touch(&bytes);
    }

    #[test]
    fn what_is_built_is_what_is_read(
        method in token(),
        user in ".{1,20}",
        display in ".{0,20}",
        known in vec((prop::sample::select(HeaderName::known()), value()), 0..20),
        unknown in vec((token(), value()), 0..6),
        body in vec(any::<u8>(), 0..200),
    ) {
        let method = Method::parse(&method).unwrap();
        let uri = format!("sip:{}@example.com", escape_user(&user));
        let mut builder = Builder::request(&method, &uri)
            .header(HeaderName::From, format_args!("{} <{uri}>;tag=1", quote(&display)))
            .header(HeaderName::CSeq, CSeq { number: 7, method: method.clone() });
        for (name, value) in &known {
            builder = builder.header(*name, value);
        }
        for (name, value) in &unknown {
            builder = builder.other(name, value);
        }
        let built = builder.body("application/octet-stream", &body).finish();
        let read = Message::parse(built.bytes().clone(), &Limits::default()).unwrap();
        prop_assert_eq!(read.fields().collect::<Vec<_>>(), built.fields().collect::<Vec<_>>());
        prop_assert_eq!((read.method(), read.uri(), read.body()), (&method, uri.as_str(), &body[..]));
        let from = NameAddr::parse(read.header(HeaderName::From).unwrap()).unwrap();
        let plain: String = display.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        prop_assert_eq!(from.display_name().unwrap_or_default(), plain);
        prop_assert_eq!(from.uri().unwrap().user_unescaped(), user);
        for (name, value) in known.iter().filter(|(name, _)| *name != HeaderName::ContentLength) {
            prop_assert!(read.headers(*name).any(|found| found == value));
        }
    }

    #[test]
    fn nothing_breaks_out_of_its_line(name in ".{0,12}", value in "(.|\r|\n){0,40}", reason in "(.|\r|\n){0,20}") {
        let built = Builder::response_with_reason(StatusCode::OK, &reason)
            .header(HeaderName::Subject, &value)
            .other(&name, &value)
            .finish();
        let read = Message::parse(built.bytes().clone(), &Limits::default()).unwrap();
        prop_assert!(read.fields().count() <= 3);
        prop_assert!(read.body().is_empty());
        prop_assert_eq!(read.fields().collect::<Vec<_>>(), built.fields().collect::<Vec<_>>());
    }

    #[test]
    fn a_stream_gives_the_same_frames_however_it_is_cut(
        pieces in vec(prop_oneof![
            Just("\r\n".to_owned()),
            Just("\r\n\r\n".to_owned()),
            (0..40_usize, prop::bool::weighted(0.95)).prop_map(|(len, good)| {
                let length = if good { format!("l: {len}") } else { "X: y".to_owned() };
                format!("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n{length}\r\n\r\n{}", "\r\n\r\n".repeat(10).get(..len).unwrap())
            }),
            Just("\rnoise\n".to_owned()),
        ], 0..8),
        cuts in vec(1..60_usize, 1..12),
    ) {
        let stream = pieces.concat().into_bytes();
        let collect = |framer: &mut Framer| -> Vec<_> { std::iter::from_fn(|| framer.next()).collect() };
        let mut whole = Framer::new(Limits::default());
        whole.push(&stream);
        let expected = collect(&mut whole);
        let (mut cut, mut single) = (Framer::new(Limits::default()), Framer::new(Limits::default()));
        let (mut by_cut, mut by_byte) = (Vec::new(), Vec::new());
        let mut rest = &stream[..];
        for len in cuts.iter().cycle() {
            let (now, later) = rest.split_at((*len).min(rest.len()));
            cut.push(now);
            by_cut.extend(collect(&mut cut));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        for byte in &stream {
            single.push(&[*byte]);
            by_byte.extend(collect(&mut single));
        }
        prop_assert_eq!(&by_cut, &expected);
        prop_assert_eq!(&by_byte, &expected);
        for frame in expected.iter().flatten() {
            if let Frame::Message(bytes) = frame {
                touch::touch(bytes);
            }
        }
    }

    #[test]
    fn a_uri_that_was_read_is_the_same_when_written(text in "(sips?|tel|SIP|urn|x-y):([a-z0-9%;?&=+$,./*#()-]{0,12}@)?[a-z0-9.:\\[\\]-]{0,16}(;[a-z]{1,4}(=[a-z0-9%]{0,4})?){0,3}(\\?[a-z]{1,3}=[a-z%0-9]{0,5})?") {
        if let Ok(uri) = Uri::parse(&text) {
            let written = uri.to_string();
            let again = Uri::parse(&written).unwrap();
            prop_assert!(uri.same_as(&uri) && uri.same_as(&again) && again.same_as(&uri), "{} {}", text, written);
        }
    }

    #[test]
    fn texts_are_split_without_a_loss(text in "[a-c ,;\"\\\\<>=]{0,30}") {
        let values: Vec<_> = Values::new(&text).collect();
        prop_assert!(values.iter().all(|value| !value.is_empty() && text.contains(value)));
        prop_assert_eq!(values.join("").matches('a').count(), text.matches('a').count());
        if let Ok(params) = Params::parse(&text) {
            for (name, value) in params.iter() {
                prop_assert!(!name.is_empty());
                prop_assert!(params.get(name).is_some_and(|got| value.contains(got)));
            }
        }
    }
}

#[test]
fn every_prefix_of_every_torture_message_is_read_without_a_panic() {
    for bytes in torture() {
        for len in 0..bytes.len() {
            if len < 700 || len % 7 == 0 {
                touch::touch(&bytes[..len]);
            }
        }
    }
}
