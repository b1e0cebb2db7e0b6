//! Start, check, reload, replay and end.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Output},
};

use sip::{StatusCode, Transport};

use crate::{
    phone::Phone,
    support::{Pbx, Place, rtp_range, tandem},
};

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// It does not start, and this is all it says.
fn fails(mut command: Command, code: i32, line: &str) {
    let output = command.output().unwrap();
    assert_eq!(
        (output.status.code(), lines(&output)),
        (Some(code), vec![format!("tandem: {line}")])
    );
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn metrics_can_want_the_token_and_a_proxy_before_the_page_can_be_trusted() {
    let place = Place::new();
    let settings = ["--metrics-need-token", "1", "--trusted-proxy", "127.0.0.0/8"];
    let pbx = Pbx::start(place.serve(&settings));
    let token = pbx.after("Admin token:").unwrap();
    assert!(pbx.get("/metrics", None).starts_with("HTTP/1.1 401"));
    assert!(pbx.get("/metrics", Some(&token)).starts_with("HTTP/1.1 200"));
    let passed_on = "no-token-of-ours\r\nX-Forwarded-For: 192.0.2.9, 198.51.100.7";
    assert!(pbx.get("/metrics", Some(passed_on)).starts_with("HTTP/1.1 401"));
    let (_, log) = pbx.stop();
    assert!(log.contains("wrong token source=198.51.100.7"), "{log}");
}

#[test]
fn a_first_start_prints_secrets_once_and_keeps_them_out_of_the_log() {
    let place = Place::new();
    let pbx = Pbx::start(place.serve(&["--log-level", "trace"]));
    let token = pbx.after("Admin token:").unwrap();
    let password = pbx.after("password").unwrap();
    assert!(pbx.get("/healthz", None).starts_with("HTTP/1.1 200"));
    assert!(pbx.get("/api/v1/extensions", None).starts_with("HTTP/1.1 401"));
    let extensions = pbx.get("/api/v1/extensions", Some(&token));
    assert!(
        extensions.contains("\"101\"") && extensions.contains("\"102\""),
        "{extensions}"
    );
    let (status, log) = pbx.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains(&token) && !log.contains(&password));

    let pbx = Pbx::start(place.serve(&[]));
    assert_eq!((pbx.after("Admin token:"), pbx.after("password")), (None, None));
    assert!(pbx.get("/api/v1/extensions", Some(&token)).contains("\"102\""));
    assert_eq!(pbx.stop().0.code(), Some(0));
    // Only its owner looks into the data.
    for name in ["data", "data/tandem.db"] {
        assert_eq!(
            fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o077,
            0,
            "{name}"
        );
    }
}

#[test]
fn a_given_token_counts_and_the_demo_can_be_left_out() {
    let place = Place::new();
    let token = "0123456789abcdef";
    let mut command = place.serve(&[]);
    command.env("TANDEM_ADMIN_TOKEN", token).env("TANDEM_DEMO", "0");
    let pbx = Pbx::start(command);
    assert!(!pbx.banner.contains(token) && !pbx.banner.contains("password"));
    let extensions = pbx.get("/api/v1/extensions", Some(token));
    assert!(
        extensions.starts_with("HTTP/1.1 200") && extensions.contains("\"items\":[]"),
        "{extensions}"
    );
    let (status, log) = pbx.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!log.contains(token));
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let place = Place::new();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let used = "the port is in use by another program";
    let (udp, tcp) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    for (key, value) in [
        ("sip", format!("udp:{udp}")),
        ("sip", format!("tcp:{tcp}")),
        ("http", tcp.to_string()),
    ] {
        fails(
            place.serve(&[&format!("--{key}"), &value]),
            1,
            &format!("{key} = \"{value}\": {used}"),
        );
    }
    let taken = UdpSocket::bind(place.rtp.split_once('-').unwrap().0).unwrap();
    let line = format!("rtp = \"{}\": {used}", taken.local_addr().unwrap());
    fails(place.serve(&[]), 1, &line);
    // The failed start has made no secret that was never shown.
    drop(taken);
    let pbx = Pbx::start(place.serve(&[]));
    assert!(pbx.after("Admin token:").is_some() && pbx.after("password").is_some());
    pbx.stop();
}

#[test]
fn a_database_in_use_is_one_clear_line() {
    let place = Place::new();
    let pbx = Pbx::start(place.serve(&[]));
    let rtp = rtp_range();
    let line = format!(
        "database {} is in use by another process; stop that one, or use another folder (--data)",
        place.text("data/tandem.db")
    );
    fails(place.serve(&["--rtp", &rtp]), 1, &line);
    assert_eq!(pbx.stop().0.code(), Some(0));
}

#[test]
fn a_database_that_is_none_is_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    let text = "somebody's letters, and quite a lot of them ".repeat(100);
    fs::write(place.path("data/tandem.db"), &text).unwrap();
    fails(
        place.serve(&[]),
        1,
        &format!(
            "{} is not a Tandem database; move it away, or use another folder (--data)",
            place.text("data/tandem.db")
        ),
    );
    assert_eq!(fs::read_to_string(place.path("data/tandem.db")).unwrap(), text);
}

/// Runs the command as the user `nobody`, who has few permissions, also where the tests run as root.
fn as_nobody(place: &Place, command: &Command) -> Command {
    let binary = place.path("tandem");
    // A process of its own makes the copy: a process that this one forks in another test would hold the copy open for
    // writing.
    let copied = Command::new("/bin/cp")
        .arg(command.get_program())
        .arg(&binary)
        .status()
        .unwrap();
    assert!(copied.success());
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut again = Command::new(binary);
    again.args(command.get_args()).env_clear();
    if nix::unistd::geteuid().is_root() {
        again.uid(65_534).gid(65_534);
    }
    again
}

#[test]
fn data_that_cannot_be_written_is_one_clear_line() {
    let place = Place::new();
    fs::create_dir(place.path("data")).unwrap();
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o555)).unwrap();
    let database = place.text("data/tandem.db");
    let line = format!("database {database} cannot be written: read-only file or folder");
    fails(as_nobody(&place, &place.serve(&[])), 1, &line);
    let below = place.text("data/below");
    let line = format!("data = {below:?}: Permission denied (os error 13)");
    fails(as_nobody(&place, &place.serve(&["--data", &below])), 1, &line);
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_wrong_setting_is_one_clear_line_and_status_2() {
    let place = Place::new();
    let value = |key: &str, value: &str, place: &str, expected: &str| {
        format!("{key} = {value:?} ({place}): expected {expected}")
    };
    let sip = "TRANSPORT:HOST:PORT, with udp, tcp, tls, ws or wss, such as udp:0.0.0.0:5060 or tls:[::]:5061";
    fails(
        place.serve(&["--sip", "udp:5060"]),
        2,
        &value("sip", "udp:5060", "--sip", sip),
    );
    fails(
        place.serve(&["--drain", "soon"]),
        2,
        &value("drain", "soon", "--drain", "seconds from 0 to 86400"),
    );
    let mut command = place.serve(&[]);
    command.env("TANDEM_MAX_CALLS", "-1");
    fails(
        command,
        2,
        &value(
            "max_calls",
            "-1",
            "TANDEM_MAX_CALLS",
            "a whole number from 1 to 1000000",
        ),
    );
    let file = place.text("tandem.toml");
    fs::write(&file, "log_format = \"xml\"\n").unwrap();
    fails(
        place.serve(&["--config", &file]),
        2,
        &value("log_format", "xml", &file, "one of text, json"),
    );
    fs::write(&file, "").unwrap();
    fails(
        place.serve(&["--nonsense"]),
        2,
        "unexpected argument '--nonsense' found; try --help",
    );
    fails(
        tandem(&["serve", "--config", "/nowhere"]),
        2,
        "config = \"/nowhere\": No such file or directory (os error 2)",
    );
    assert!(!place.path("data").exists());
}

/// The answers to a phone's registration, and to its call.
fn calls(pbx: &Pbx, password: &str) -> [Option<StatusCode>; 2] {
    let mut phone = Phone::new(Transport::Udp, pbx.sip(), "101", password.to_owned());
    let registered = phone.register().status();
    [registered, phone.dial("*44").status()]
}

/// A broken dialplan keeps no phone from registering: the dialplan that ran before the last stop runs on, and log and
/// terminal say so.
#[test]
fn a_start_with_a_broken_dialplan_runs_the_last_good_one() {
    let place = Place::new();
    let main = place.path("plans/main.rhai");
    fs::write(&main, "fn on_call(caller) { caller.reject(486); }").unwrap();
    let pbx = Pbx::start(place.serve(&[]));
    let (password, token) = (pbx.password("101"), pbx.after("Admin token:").unwrap());
    let busy = [Some(StatusCode::OK), Some(StatusCode::BUSY_HERE)];
    assert_eq!(calls(&pbx, &password), busy);
    assert!(!pbx.get("/healthz", None).contains("detail"));
    pbx.stop();

    fs::write(&main, "fn on_call(caller) {\n  caller.reject(;\n}").unwrap();
    let output = place.serve(&["--check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{:?}", lines(&output));
    let pbx = Pbx::start(place.serve(&[]));
    assert_eq!(calls(&pbx, &password), busy);
    let fault = format!("{}:2:17: Unexpected ';'", main.display());
    assert!(pbx.banner.contains(&fault), "{}", pbx.banner);
    let health = pbx.get("/healthz", None);
    assert!(
        health.contains("200 OK") && health.contains("the last good ones run"),
        "{health}"
    );
    let list = pbx.get("/api/v1/dialplans", Some(&token));
    assert!(list.contains("\"fault\":{\"file\":\"main.rhai\",\"line\":2"), "{list}");
    let (_, log) = pbx.stop();
    assert!(
        log.contains(&fault) && log.contains("the last good dialplan, kept from before"),
        "{log}"
    );
}

#[test]
fn a_first_start_with_a_broken_dialplan_registers_phones_and_refuses_calls() {
    let place = Place::new();
    let broken = "fn on_call(caller) {\n  caller.reject(;\n}";
    fs::write(place.path("plans/main.rhai"), broken).unwrap();
    let pbx = Pbx::start(place.serve(&[]));
    let password = pbx.password("101");
    let failed = [Some(StatusCode::OK), Some(StatusCode::SERVER_INTERNAL_ERROR)];
    assert_eq!(calls(&pbx, &password), failed);
    assert!(pbx.get("/healthz", None).contains("every call is refused with 500"));
    let (_, log) = pbx.stop();
    for part in [
        "no earlier one is kept, so every call is refused with 500",
        "main.rhai:2:17: Unexpected ';'",
    ] {
        assert!(log.contains(part), "{part} is not in\n{log}");
    }
}

#[test]
fn checking_says_everything_that_would_fail_and_starts_nothing() {
    let place = Place::new();
    let output = place.serve(&["--check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output));
    assert!(!place.path("data").exists());
    // A variable that is no setting keeps nothing from starting; it is named.
    let mut command = place.serve(&["--check"]);
    let output = command.env("TANDEM_DRIAN", "1").output().unwrap();
    assert_eq!(
        (output.status.code(), lines(&output)),
        (
            Some(0),
            vec!["tandem: TANDEM_DRIAN is set, and is no setting; did you mean TANDEM_DRAIN?".to_owned()]
        )
    );

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let media = UdpSocket::bind(place.rtp.split_once('-').unwrap().0).unwrap();
    fs::write(place.path("plans/main.rhai"), "}").unwrap();
    fs::write(place.path("data"), "a file").unwrap();
    let (sip, http) = (
        format!("udp:{}", udp.local_addr().unwrap()),
        tcp.local_addr().unwrap().to_string(),
    );
    let output = place
        .serve(&["--sip", &sip, "--http", &http, "--check"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = lines(&output);
    let rtp = media.local_addr().unwrap().to_string();
    for part in [sip.as_str(), &http, &rtp, "data = ", "recordings = ", "main.rhai:1:"] {
        assert_eq!(
            said.iter().filter(|line| line.contains(part)).count(),
            1,
            "{part}: {said:?}"
        );
    }
    assert_eq!(said.len(), 6, "{said:?}");
}

#[test]
fn dialplans_are_checked_by_line_and_column() {
    let place = Place::new();
    let plans = place.text("plans");
    let output = tandem(&["check", &plans]).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    fs::write(
        place.path("plans/main.rhai"),
        "fn on_call(caller) {\n  caller.reject(;\n}",
    )
    .unwrap();
    let output = tandem(&["check", &plans]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with(&format!("{plans}/main.rhai:2:")), "{said}");
    // All at once, with paths that lead there from the current folder.
    fs::write(
        place.path("plans/main.rhai"),
        "fn on_call(caller) {\n  caller.play(\"nofile\");\n  caller.tone(\"nottone\");\n  if extension(\"1\").registred { }\n}",
    )
    .unwrap();
    let mut check = tandem(&["check", "./plans"]);
    let output = check.current_dir(place.folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let starts = [
        "plans/main.rhai:2:15: prompt ./prompts/nofile.wav: No such file",
        "plans/main.rhai:3:15: \"nottone\" is no tone",
        "plans/main.rhai:4:21: what extension returns has no registred;",
    ];
    assert_eq!(said.lines().count(), starts.len(), "{said}");
    for (line, start) in said.lines().zip(starts) {
        assert!(line.starts_with(start), "{start}: {said}");
    }
}

#[test]
fn sighup_reloads_and_a_broken_dialplan_changes_nothing() {
    let place = Place::new();
    let mut pbx = Pbx::start(place.serve(&["--log-format", "json"]));
    let mut log = BufReader::new(pbx.child.stderr.take().unwrap());
    let mut wait_for = |words: &str| {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ended before {words:?}");
            assert!(line.starts_with('{'), "{line}");
        }
        line
    };
    wait_for("loaded");
    pbx.signal("-HUP");
    wait_for("dialplans reloaded");
    fs::write(place.path("plans/main.rhai"), "}").unwrap();
    pbx.signal("-HUP");
    assert!(wait_for("dialplans not reloaded").contains("main.rhai:1:"));
    pbx.signal("-TERM");
    wait_for("ended");
    assert_eq!(pbx.child.wait().unwrap().code(), Some(0));
}

fn options(from: SocketAddr, to: SocketAddr) -> String {
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKoptions;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{from}>;tag=f\r\nTo: <sip:{to}>\r\nCall-ID: options\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

fn answer_to(text: &str, phone: &UdpSocket, server: SocketAddr) -> Vec<u8> {
    phone.send_to(text.as_bytes(), server).unwrap();
    let mut buffer = vec![0; 65_536];
    let length = phone.recv(&mut buffer).unwrap();
    buffer.truncate(length);
    buffer
}

#[test]
fn a_recorded_run_replays_to_the_same_bytes() {
    let place = Place::new();
    let recording = place.text("run.jsonl");
    let pbx = Pbx::start(place.serve(&["--record", &recording]));
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    let answer = answer_to(&options(phone.local_addr().unwrap(), pbx.sip()), &phone, pbx.sip());
    assert!(
        answer.starts_with(b"SIP/2.0 200 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(pbx.stop().0.code(), Some(0));
    assert_eq!(
        fs::metadata(Path::new(&recording)).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let output = tandem(&["replay", &recording]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{:?}", lines(&output));
    let sent = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find_map(|line| line.pointer("/output/Transmit/bytes").cloned())
        .unwrap();
    assert_eq!(serde_json::from_value::<Vec<u8>>(sent).unwrap(), answer);
    fails(
        tandem(&["replay", "/nowhere"]),
        1,
        "/nowhere: No such file or directory (os error 2)",
    );
}

#[test]
fn noise_on_the_wire_is_survived() {
    let place = Place::new();
    let pbx = Pbx::start(place.serve(&[]));
    let (phone, server) = (UdpSocket::bind("127.0.0.1:0").unwrap(), pbx.sip());
    let noise: Vec<u8> = (0..65_507_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for length in [0, 1, 4, 512, 65_507] {
        phone.send_to(&noise[..length], server).unwrap();
    }
    let whole = options(phone.local_addr().unwrap(), server);
    for cut in (0..whole.len()).step_by(17) {
        phone.send_to(&whole.as_bytes()[..cut], server).unwrap();
    }
    // Truncated messages may have drawn a 400; the whole one draws its 200 after them.
    let mut answer = answer_to(&whole, &phone, server);
    while !answer.starts_with(b"SIP/2.0 200 ") {
        answer.resize(65_536, 0);
        let length = phone.recv(&mut answer).unwrap();
        answer.truncate(length);
    }
    assert!(pbx.get("/healthz", None).starts_with("HTTP/1.1 200"));
    let (status, log) = pbx.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!log.contains("panic"), "{log}");
}

#[test]
fn help_is_no_failure() {
    let output = tandem(&["serve", "--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("TANDEM_DATA"));
}
