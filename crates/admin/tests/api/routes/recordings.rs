use std::fs;

use admin::Recordings;
use axum::http::{Method, header};
use records::{
    CallUid, CauseCode, Cdr, CdrOpen, Disposition, EndedBy, Recording, RecordingEnd, RecordingEnded, RecordingFormat,
    RecordingKind, RecordingUid, Segment,
};
use serde_json::{Value, json};

use crate::support::{DOMAIN, Setup, World};

const START: i64 = 1_767_602_400_000_000;

/// A recording of call `n` that has ended, its file being `n.wav`.
pub(super) fn recording(n: i64) -> Recording {
    Recording {
        id: RecordingUid(n.cast_unsigned()),
        call_id: CallUid(n.cast_unsigned().into()),
        kind: RecordingKind::Call,
        name: String::new(),
        file: format!("2026/{n}.wav"),
        format: RecordingFormat::Wav,
        channels: 2,
        started_at: START + n * 1_000_000,
        ended: Some(RecordingEnded {
            millis: 2_500,
            octets: 10,
            end: RecordingEnd::Stopped,
            fault: String::new(),
        }),
    }
}

fn cdr(n: i64, from: &str, to: &str) -> Cdr {
    let (started_at, ended_at) = (START + n * 1_000_000, START + n * 1_000_000 + 2_000_000);
    Cdr {
        open: CdrOpen {
            call_id: CallUid(n.cast_unsigned().into()),
            sip_call_id: format!("{n}@phone"),
            from: from.to_owned(),
            from_name: "Alice".to_owned(),
            dialed: "102".to_owned(),
            started_at,
        },
        to: to.to_owned(),
        answered_at: Some(started_at),
        ended_at,
        disposition: Disposition::Answered,
        sip_code: 200,
        ended_by: EndedBy::Caller,
        cause: CauseCode::CallerHungUp,
        detail: String::new(),
        segments: Segment::of_plain_call(started_at, from, None, ended_at),
        links: Vec::new(),
        hidden: false,
    }
}

/// Keeps recordings, and their files with these bytes.
pub(super) async fn keep(world: &World, recordings: &[Recording], bytes: &[u8]) {
    let writer = world.store.writer(DOMAIN);
    for recording in recordings {
        let file = world.folder.path().join("recordings").join(&recording.file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
        writer.recording(recording.clone());
    }
    writer.flush().await.unwrap();
}

/// Three recordings: of two calls with records, and of a conference.
async fn world() -> World {
    let world = World::new().await;
    let writer = world.store.writer(DOMAIN);
    writer.close_cdr(cdr(0, "101", "102"));
    writer.close_cdr(cdr(1, "103", ""));
    let conference = Recording {
        kind: RecordingKind::Conference,
        name: "sales 100%".to_owned(),
        format: RecordingFormat::Opus,
        channels: 1,
        ..recording(2)
    };
    keep(&world, &[recording(0), recording(1), conference], b"0123456789").await;
    world
}

async fn ids(world: &World, query: &str) -> Vec<i64> {
    let page = world.get(&format!("/recordings?{query}")).await.is(200).json();
    let id = |item: &Value| i64::from_str_radix(item["id"].as_str().unwrap(), 16).unwrap();
    page["items"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test]
async fn a_recording_tells_what_it_is_and_of_whom() {
    let world = world().await;
    let mut expected = json!({
        "id": format!("{:016x}", 0), "call_id": format!("{:032x}", 0), "kind": "call", "name": "", "format": "wav",
        "channels": 2, "started_at": "2026-01-05T08:40:00Z", "state": "ended", "seconds": 2.5, "bytes": 10,
        "end": "stopped", "fault": "",
        "call": {"from": "101", "from_name": "Alice", "to": "102", "dialed": "102"}
    });
    let page = world.get("/recordings").await.is(200).json();
    assert_eq!((&page["items"][2], &page["next_cursor"]), (&expected, &Value::Null));
    let path = format!("/recordings/{:016x}", 0);
    assert_eq!(world.get(&path).await.is(200).json(), expected);
    // A conference has no call with two parties; here the call has no record.
    assert_eq!(page["items"][0]["call"], Value::Null);
    // The record of a call has its recordings.
    let cdr = world.get(&format!("/cdrs/{:032x}", 0)).await.is(200).json();
    assert_eq!((&cdr["recordings"], &cdr["from"]), (&json!([expected]), &json!("101")));
    // A file that is gone is told.
    fs::remove_file(world.folder.path().join("recordings/2026/0.wav")).unwrap();
    expected["state"] = "missing".into();
    assert_eq!(world.get(&path).await.is(200).json(), expected);
    let gone = world.get(&format!("{path}/audio")).await;
    gone.is_problem(404, "file_missing", None);
    // It can be removed all the same.
    world.delete(&path).await.is(204);
    world.get(&path).await.is_problem(404, "not_found", None);
}

#[tokio::test]
async fn a_list_is_filtered_and_comes_in_pages() {
    let world = world().await;
    for (query, expected) in [
        ("", &[2, 1, 0][..]),
        ("from=2026-01-05T08:40:01Z", &[2, 1]),
        ("to=2026-01-05T08:40:01Z", &[0]),
        ("from=2026-01-05T08:40:01Z&to=2026-01-05T08:40:02Z", &[1]),
        ("kind=conference", &[2]),
        ("kind=caller", &[]),
        ("call_id=00000000000000000000000000000001", &[1]),
        ("call_id=&number=&q=", &[2, 1, 0]),
        ("number=101", &[0]),
        ("number=102", &[1, 0]),
        ("number=1", &[]),
        ("q=ALIC", &[1, 0]),
        ("q=03", &[1]),
        ("q=00%25", &[2]),
        ("q=%25", &[2]),
        ("q=sales&kind=conference", &[2]),
        ("q=sales&kind=call", &[]),
    ] {
        assert_eq!(ids(&world, query).await, expected, "{query}");
    }
    for query in ["", "&q=ali", "&number=102", "&kind=call"] {
        let whole = ids(&world, query).await;
        let (mut cursor, mut paged) = (String::new(), Vec::new());
        loop {
            let query = format!("limit=1&cursor={cursor}{query}");
            paged.extend(ids(&world, &query).await);
            let page = world.get(&format!("/recordings?{query}")).await.json();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(paged, whole, "{query}");
    }
    for (query, field) in [
        ("kind=video", "kind"),
        ("call_id=7", "call_id"),
        ("from=monday", "from"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("cursor=zz", "cursor"),
        ("cursor=312d32", "cursor"),
        ("nubmer=1", "nubmer"),
        (&format!("number={}", "1".repeat(257)), "number"),
        (&format!("q={}", "1".repeat(101)), "q"),
    ] {
        let refused = world.get(&format!("/recordings?{query}")).await;
        refused.is_problem(422, "invalid", Some(field));
    }
}

#[tokio::test]
async fn thousands_of_recordings_come_page_by_page_and_a_search_has_a_bound() {
    let mut setup = Setup::default();
    setup.limits.search_records = 1_000;
    let world = World::with(setup).await;
    let writer = world.store.writer(DOMAIN);
    for n in 0..5_000 {
        // Many began at the same moment.
        let started_at = START + n / 100;
        writer.recording(Recording {
            started_at,
            name: if n == 1_000 { "needle".to_owned() } else { String::new() },
            ..recording(n)
        });
    }
    writer.flush().await.unwrap();
    let (mut cursor, mut seen, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let page = world
            .get(&format!("/recordings?limit=500&cursor={cursor}"))
            .await
            .is(200)
            .json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (10, 5_000));
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first, each once");
    let (mut cursor, mut found) = (String::new(), Vec::new());
    loop {
        let page = world
            .get(&format!("/recordings?q=needle&cursor={cursor}"))
            .await
            .is(200)
            .json();
        found.push(page["items"].as_array().unwrap().len());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found.iter().sum::<usize>(), 1);
    assert!((5..=6).contains(&found.len()), "a page looks at 1,000: {found:?}");
}

#[tokio::test]
async fn sound_is_sent_whole_or_in_part() {
    let world = world().await;
    let path = format!("/recordings/{:016x}/audio", 0);
    let whole = world.get(&path).await;
    assert_eq!(
        (whole.is(200).text.as_str(), &whole.headers[header::CONTENT_TYPE]),
        ("0123456789", &"audio/wav".parse().unwrap())
    );
    assert_eq!(whole.headers[header::ACCEPT_RANGES], "bytes");
    assert_eq!(whole.headers[header::CONTENT_LENGTH], "10");
    assert_eq!(whole.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(
        whole.headers[header::CONTENT_DISPOSITION],
        "inline; filename=\"2026-01-05T08_40_00Z-101-102.wav\""
    );
    let conference = world.get(&format!("/recordings/{:016x}/audio", 2)).await;
    assert_eq!(conference.is(200).headers[header::CONTENT_TYPE], "audio/ogg");
    assert_eq!(
        conference.headers[header::CONTENT_DISPOSITION],
        "inline; filename=\"2026-01-05T08_40_02Z-sales_100_.opus\""
    );

    let tag = whole.headers[header::ETAG].to_str().unwrap().to_owned();
    let ask = async |method: Method, fields: &[(&str, &str)]| world.with_headers(method, &path, fields, "").await;
    let part = ask(Method::GET, &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (part.is(206).text.as_str(), &part.headers[header::CONTENT_RANGE]),
        ("234", &"bytes 2-4/10".parse().unwrap())
    );
    assert_eq!(
        (
            part.headers[header::CONTENT_LENGTH].as_bytes(),
            part.headers[header::ETAG].to_str().unwrap()
        ),
        (&b"3"[..], tag.as_str())
    );
    for (fields, status, text) in [
        (&[("range", "bytes=-3")][..], 206, "789"),
        (&[("range", "bytes=9-999999999999999999999")], 206, "9"),
        (&[("range", "bytes=0-1,4-5")], 200, "0123456789"),
        (&[("range", "bytes=x")], 200, "0123456789"),
        (&[("range", "bytes=2-4"), ("if-range", &tag)], 206, "234"),
        (&[("range", "bytes=2-4"), ("if-range", "\"old\"")], 200, "0123456789"),
        (&[("if-none-match", &tag)], 304, ""),
        (&[("if-none-match", "\"old\"")], 200, "0123456789"),
        (&[("if-match", &tag), ("range", "bytes=0-0")], 206, "0"),
    ] {
        let answer = ask(Method::GET, fields).await;
        assert_eq!(answer.is(status).text, text, "{fields:?}");
        // Sound is never compressed, or its parts would not be those of the file.
        let zipped = [fields, &[("accept-encoding", "gzip")]].concat();
        let answer = ask(Method::GET, &zipped).await;
        assert_eq!(
            (
                answer.is(status).text.as_str(),
                answer.headers.get(header::CONTENT_ENCODING)
            ),
            (text, None)
        );
    }
    let outside = ask(Method::GET, &[("range", "bytes=10-")]).await;
    outside.is_problem(416, "range_not_satisfiable", Some("Range"));
    assert_eq!(outside.headers[header::CONTENT_RANGE], "bytes */10");
    let changed = ask(Method::GET, &[("if-match", "\"old\"")]).await;
    changed.is_problem(412, "changed", None);
    // HEAD has the fields of GET, and takes no notice of ranges (RFC 9110 14.2).
    let head = ask(Method::HEAD, &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (
            head.is(200).text.as_str(),
            head.headers[header::CONTENT_LENGTH].as_bytes()
        ),
        ("", &b"10"[..])
    );
    ask(Method::POST, &[]).await.is_problem(405, "method_not_allowed", None);
    world
        .plain(Method::GET, &format!("/api/v1{path}"), &[])
        .await
        .is_problem(401, "unauthorized", None);
}

#[tokio::test]
async fn a_recording_that_is_removed_while_it_is_heard_is_heard_to_its_end() {
    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    let world = World::new().await;
    let bytes: Vec<u8> = (0..2_000_000_u32).map(|n| n as u8).collect();
    keep(&world, &[recording(0)], &bytes).await;
    let request = Request::builder()
        .uri(format!("/api/v1/recordings/{:016x}/audio", 0))
        .header("authorization", format!("Bearer {}", crate::support::TOKEN));
    let response = world
        .router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.len() < 100_000, "it is not held whole: {}", first.len());
    world.delete(&format!("/recordings/{:016x}", 0)).await.is(204);
    assert!(!world.folder.path().join("recordings/2026/0.wav").exists());
    let rest = body.collect().await.unwrap().to_bytes();
    assert!([&first[..], &rest[..]].concat() == bytes);
}

#[tokio::test]
async fn a_recording_in_progress_is_neither_heard_nor_removed() {
    let world = World::new().await;
    let going_on = Recording {
        ended: None,
        ..recording(0)
    };
    keep(&world, &[going_on], b"RIFF").await;
    let path = format!("/recordings/{:016x}", 0);
    let shown = world.get(&path).await.is(200).json();
    assert_eq!(
        (&shown["state"], &shown["seconds"], &shown["bytes"], &shown["end"]),
        (&json!("in_progress"), &Value::Null, &Value::Null, &Value::Null)
    );
    world
        .get(&format!("{path}/audio"))
        .await
        .is_problem(409, "in_progress", None);
    world.delete(&path).await.is_problem(409, "in_progress", None);
    keep(&world, &[recording(0)], b"RIFF").await;
    world.get(&format!("{path}/audio")).await.is(200);
    world.delete(&path).await.is(204);
    world.delete(&path).await.is_problem(404, "not_found", None);
}

#[tokio::test]
async fn only_ids_lead_to_files_and_only_to_files_of_the_folder() {
    let world = World::new().await;
    fs::write(world.folder.path().join("secret.wav"), "secret").unwrap();
    let files = [
        "../secret.wav",
        "2026/../../secret.wav",
        "/etc/hostname",
        "",
        ".",
        "2026",
    ];
    let outside: Vec<Recording> = (0..)
        .zip(files)
        .map(|(n, file)| Recording {
            file: file.to_owned(),
            ..recording(n)
        })
        .collect();
    fs::create_dir_all(world.folder.path().join("recordings/2026")).unwrap();
    for recording in &outside {
        world.store.writer(DOMAIN).recording(recording.clone());
    }
    world.store.writer(DOMAIN).flush().await.unwrap();
    for recording in &outside {
        let path = format!("/recordings/{}", recording.id);
        assert_eq!(
            world.get(&path).await.is(200).json()["state"],
            "missing",
            "{}",
            recording.file
        );
        world
            .get(&format!("{path}/audio"))
            .await
            .is_problem(404, "file_missing", None);
    }
    world.delete(&format!("/recordings/{}", outside[0].id)).await.is(204);
    assert!(world.folder.path().join("secret.wav").exists());
    // A folder in the place of a file is no file, and is not removed.
    world
        .delete(&format!("/recordings/{}", outside[5].id))
        .await
        .is_problem(500, "internal", None);
    for id in [
        "1",
        "..%2F..%2Fsecret.wav",
        "2026%2F0.wav",
        "%00",
        "ffffffffffffffff",
        "000000000000000g",
    ] {
        for path in [format!("/recordings/{id}"), format!("/recordings/{id}/audio")] {
            world.get(&path).await.is_problem(404, "not_found", None);
        }
        world
            .delete(&format!("/recordings/{id}"))
            .await
            .is_problem(404, "not_found", None);
        world
            .post(&format!("/recordings/{id}/link"), "")
            .await
            .is_problem(404, "not_found", None);
    }
}

#[tokio::test]
async fn old_recordings_are_removed_with_their_files_and_cut_off_ones_get_an_end() {
    let world = World::new().await;
    let going_on = Recording {
        ended: None,
        ..recording(2)
    };
    keep(
        &world,
        &[recording(0), recording(1), going_on, recording(3)],
        b"0123456789",
    )
    .await;
    // The file of one cannot be removed: a folder is in its place.
    let files = world.folder.path().join("recordings/2026");
    fs::remove_file(files.join("1.wav")).unwrap();
    fs::create_dir(files.join("1.wav")).unwrap();
    let recordings = Recordings::new(
        world.store.clone(),
        DOMAIN.into(),
        world.folder.path().join("recordings"),
    );
    assert_eq!(recordings.tidy(START).await.unwrap(), 0);
    assert_eq!(recordings.tidy(START + 3_000_000).await.unwrap(), 1);
    assert_eq!(ids(&world, "").await, [3, 2, 1]);
    assert!(!files.join("0.wav").exists() && files.join("2.wav").exists());
    // At a start, a recording in progress is one that a crash cut off.
    let length = |path: &std::path::Path| path.ends_with("2026/2.wav").then_some(1_500);
    assert_eq!(recordings.close_interrupted(length).await.unwrap(), 1);
    assert_eq!(recordings.close_interrupted(length).await.unwrap(), 0);
    let shown = world.get(&format!("/recordings/{:016x}", 2)).await.is(200).json();
    assert_eq!(
        (&shown["end"], &shown["seconds"], &shown["bytes"]),
        (&json!("interrupted"), &json!(1.5), &json!(10))
    );
    fs::remove_dir(files.join("1.wav")).unwrap();
    assert_eq!(recordings.tidy(START + 3_000_000).await.unwrap(), 2);
    assert_eq!(ids(&world, "").await, [3]);
}
