//! The loop around a machine that is told what to do.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it wants to see")]

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex},
};

use switch::{Event, Listener, QueryId, Transmit};
use tokio::{net::UdpSocket, sync::oneshot, task::LocalSet, time::timeout};

use super::*;
use crate::net::Limits;

/// Ends a test that hangs; nothing is measured by it.
const FOREVER: Duration = Duration::from_secs(20);

type React = dyn FnMut(Instant, &Input) -> Vec<Output> + Send;

/// Puts out what `react` makes of each input, and notes the inputs.
struct Puppet {
    react: Box<React>,
    seen: Arc<Mutex<Vec<Input>>>,
    outputs: VecDeque<Output>,
    /// Panics at the next output.
    broken: bool,
    timeout: Instant,
}

impl Machine for Puppet {
    fn handle(&mut self, now: Instant, input: Input) {
        let outputs = (self.react)(now, &input);
        self.broken = matches!(&input, Input::Received { bytes, .. } if bytes == "break");
        self.seen.lock().unwrap().push(input);
        self.outputs.extend(outputs);
    }

    fn poll_output(&mut self) -> Output {
        if std::mem::take(&mut self.broken) {
            panic!("as asked");
        }
        match self.outputs.pop_front() {
            Some(Output::Timeout(at)) => {
                self.timeout = at;
                self.poll_output()
            }
            Some(output) => output,
            None => Output::Timeout(std::mem::replace(&mut self.timeout, NEVER)),
        }
    }
}

const NEVER: Instant = Instant::from_micros(u64::MAX);

/// Answers every query with a failure, at once.
struct Refusing;

impl Outside for Refusing {
    fn take(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Query(query, _) => Some(Input::Stored { query, ok: false }),
            _ => None,
        }
    }
}

struct Stage {
    mailbox: Mailbox,
    phone: UdpSocket,
    server: std::net::SocketAddr,
    seen: Arc<Mutex<Vec<Input>>>,
}

impl Stage {
    async fn send(&self, text: &str) {
        self.phone.send_to(text.as_bytes(), self.server).await.unwrap();
    }

    async fn hears(&self, text: &str) {
        let mut buffer = [0; 64];
        let length = self.phone.recv(&mut buffer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&buffer[..length]), text);
    }

    async fn shut_down(&self, drain: Duration) {
        self.mailbox.tell(Told::Shutdown { drain }).await.unwrap();
    }

    fn saw(&self, wanted: impl Fn(&Input) -> bool) -> bool {
        self.seen.lock().unwrap().iter().any(wanted)
    }
}

/// Runs the loop with a puppet until it ends, beside `act`.
fn run<F: Future<Output = ()>>(
    react: impl FnMut(Instant, &Input) -> Vec<Output> + Send + 'static,
    act: impl FnOnce(Arc<Stage>) -> F,
) -> Vec<Input> {
    run_recorded(react, None, act)
}

fn run_recorded<F: Future<Output = ()>>(
    react: impl FnMut(Instant, &Input) -> Vec<Output> + Send + 'static,
    recording: Option<Recording>,
    act: impl FnOnce(Arc<Stage>) -> F,
) -> Vec<Input> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let machine = Puppet {
        react: Box::new(react),
        seen: seen.clone(),
        outputs: VecDeque::new(),
        broken: false,
        timeout: NEVER,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let all = seen.clone();
    LocalSet::new().block_on(&runtime, async {
        let address = "127.0.0.1:0".parse().unwrap();
        let net = Net::bind(
            &[Listener {
                transport: sip::Transport::Udp,
                address,
            }],
            &Limits::default(),
            None,
        )
        .unwrap();
        let server = net.listeners()[0].address;
        let (mailbox, inbox) = Mailbox::new(16);
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let stage = Arc::new(Stage {
            mailbox,
            phone,
            server,
            seen,
        });
        // The loop would end with the last mailbox.
        let _kept = stage.clone();
        let the_loop = Run::new(machine, Refusing, net, Clock::start(), inbox, recording).run(vec![Input::Tick]);
        timeout(FOREVER, async { tokio::join!(the_loop, act(stage)) })
            .await
            .unwrap();
    });
    let mut seen = all.lock().unwrap();
    std::mem::take(&mut *seen)
}

fn echo(_: Instant, input: &Input) -> Vec<Output> {
    match input {
        Input::Received { flow, bytes } if bytes == "panic" => panic!("on {flow}"),
        Input::Received { flow, bytes } => vec![Output::Transmit(Transmit {
            flow: *flow,
            bytes: bytes.clone(),
        })],
        Input::Command {
            id,
            command: Command::Stats,
        } => {
            vec![Output::Reply(*id, Ok(Reply::Stats(Box::default())))]
        }
        Input::Command { id, .. } => vec![Output::Reply(*id, Err(CommandError::NotFound))],
        _ => Vec::new(),
    }
}

fn with_calls(calls: u64) -> Vec<Output> {
    vec![Output::Reply(
        OWN,
        Ok(Reply::Stats(Box::new(Stats {
            calls,
            legs: calls,
            ..Stats::default()
        }))),
    )]
}

#[test]
fn the_clock_comes_first_then_accounts_then_the_listeners_then_messages() {
    let seen = run(echo, async |stage| {
        stage.send("hello").await;
        stage.hears("hello").await;
        stage.shut_down(Duration::ZERO).await;
    });
    assert!(matches!(seen[0], Input::Clock { unix_micros } if unix_micros > 1_600_000_000_000_000));
    assert!(matches!(seen[1], Input::Tick));
    assert!(matches!(&seen[2], Input::Listening(listeners) if listeners.len() == 1));
    assert!(matches!(&seen[3], Input::Received { bytes, .. } if bytes == "hello"));
}

#[test]
fn a_panic_ends_its_message_and_nothing_else() {
    let seen = run(echo, async |stage| {
        stage.send("panic").await;
        stage.send("next").await;
        stage.hears("next").await;
        // While its outputs are taken, too; they are not lost.
        stage.send("break").await;
        stage.hears("break").await;
        stage.shut_down(Duration::ZERO).await;
    });
    assert!(seen.iter().any(|input| matches!(input, Input::Drain)));
}

#[test]
fn a_timeout_is_kept_and_passes_as_a_tick() {
    let mut due = None;
    let react = move |now: Instant, input: &Input| {
        if due.is_none() {
            due = Some(now + Duration::from_millis(5));
        }
        let at = due.unwrap_or(now);
        match input {
            Input::Tick if now >= at => echo(now, &Input::Tick),
            _ => echo(now, input).into_iter().chain([Output::Timeout(at)]).collect(),
        }
    };
    run(react, async |stage| {
        while !stage.saw(|input| matches!(input, Input::Listening(_))) {
            tokio::task::yield_now().await;
        }
        let before = stage.seen.lock().unwrap().len();
        while stage.seen.lock().unwrap().len() == before {
            tokio::task::yield_now().await;
        }
        assert!(matches!(stage.seen.lock().unwrap()[before], Input::Tick));
        stage.shut_down(Duration::ZERO).await;
    });
}

#[test]
fn a_command_gets_its_own_answer() {
    run(echo, async |stage| {
        let (answer, answered) = oneshot::channel();
        stage
            .mailbox
            .tell(Told::Command(Command::ListCalls, answer))
            .await
            .unwrap();
        assert_eq!(answered.await.unwrap(), Err(CommandError::NotFound));
        let (answer, answered) = oneshot::channel();
        stage.mailbox.tell(Told::Command(Command::Stats, answer)).await.unwrap();
        assert!(matches!(answered.await.unwrap(), Ok(Reply::Stats(_))));
        stage.shut_down(Duration::ZERO).await;
    });
}

#[test]
fn a_failure_outside_comes_back_as_an_answer() {
    let react = |now: Instant, input: &Input| match input {
        Input::Listening(_) => vec![Output::Query(QueryId(7), Query::SaveBindings(Vec::new()))],
        Input::Stored { .. } => vec![Output::Event(Event::ScriptFailed {
            call: switch::CallUid(1),
            fault: switch::ScriptFault {
                position: switch::Position::default(),
                message: String::new(),
            },
        })],
        _ => echo(now, input),
    };
    let seen = run(react, async |stage| {
        while !stage.saw(|input| matches!(input, Input::Stored { .. })) {
            tokio::task::yield_now().await;
        }
        stage.shut_down(Duration::ZERO).await;
    });
    assert!(seen.iter().any(|input| matches!(
        input,
        Input::Stored {
            query: QueryId(7),
            ok: false
        }
    )));
}

#[test]
fn draining_waits_for_the_last_call_and_no_longer() {
    let mut asked = 0;
    let react = move |now: Instant, input: &Input| match input {
        Input::Command { id: OWN, .. } => {
            asked += 1;
            with_calls(u64::from(asked < 3))
        }
        _ => echo(now, input),
    };
    let seen = run(react, async |stage| stage.shut_down(Duration::from_secs(3_600)).await);
    assert!(seen.iter().any(|input| matches!(input, Input::Drain)));
    assert!(!seen.iter().any(|input| matches!(input, Input::HangUpAll)));
}

#[test]
fn calls_that_outlast_the_drain_are_ended_and_their_byes_waited_for() {
    let mut hung_up = false;
    let mut asked_since = 0;
    let react = move |now: Instant, input: &Input| match input {
        Input::HangUpAll => {
            hung_up = true;
            Vec::new()
        }
        Input::Command { id: OWN, .. } => {
            asked_since += u32::from(hung_up);
            with_calls(u64::from(asked_since < 2))
        }
        _ => echo(now, input),
    };
    let seen = run(react, async |stage| stage.shut_down(Duration::from_millis(1)).await);
    let place = |wanted: fn(&Input) -> bool| seen.iter().position(wanted).unwrap();
    let hang_up = place(|input| matches!(input, Input::HangUpAll));
    assert!(place(|input| matches!(input, Input::Drain)) < hang_up);
    let after = seen[hang_up..]
        .iter()
        .filter(|input| matches!(input, Input::Command { .. }))
        .count();
    assert_eq!(after, 2);
}

#[test]
fn asking_twice_does_not_wait_for_the_calls() {
    let react = |now: Instant, input: &Input| match input {
        Input::Command { id: OWN, .. } => with_calls(1),
        _ => echo(now, input),
    };
    let seen = run(react, async |stage| {
        for _ in 0..3 {
            stage.shut_down(Duration::from_secs(3_600)).await;
        }
    });
    assert!(seen.iter().any(|input| matches!(input, Input::HangUpAll)));
}

#[test]
fn a_recording_replays_to_the_same_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let header = Header {
        tandem_recording: VERSION,
        seed: [42; 32],
        config: switch::Config::default(),
    };
    let recording = Recording::create(&path, &header).unwrap();
    let live = Arc::new(Mutex::new(Vec::new()));
    let noted = live.clone();
    let react = move |now: Instant, input: &Input| {
        let outputs = echo(now, input);
        noted.lock().unwrap().extend(outputs.clone());
        outputs
    };
    run_recorded(react, Some(recording), async |stage| {
        stage.send("one").await;
        stage.hears("one").await;
        stage.send("two").await;
        stage.hears("two").await;
        stage.shut_down(Duration::ZERO).await;
    });
    let mut replayed = Vec::new();
    let mut machine = Puppet {
        react: Box::new(echo),
        seen: Arc::default(),
        outputs: VecDeque::new(),
        broken: false,
        timeout: NEVER,
    };
    // Killed in the middle of a line.
    let text = std::fs::read_to_string(&path).unwrap() + "{\"at\":99,\"inp";
    let recorded = Recorded::read(text.as_bytes()).unwrap();
    assert_eq!(recorded.header.seed, header.seed);
    let note = |_, output: &Output| {
        if !matches!(output, Output::Timeout(_)) {
            replayed.push(output.clone());
        }
        Ok(())
    };
    recorded.replay(&mut machine, note).unwrap();
    assert_eq!(replayed, *live.lock().unwrap());
    assert!(
        replayed
            .iter()
            .any(|o| matches!(o, Output::Transmit(t) if t.bytes == "two"))
    );
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_recording_of_another_version_is_refused_by_its_number() {
    let error = Recorded::read("{\"tandem_recording\":1,\"anything\":[]}".as_bytes())
        .err()
        .unwrap();
    let said = error.to_string();
    assert!(
        said.contains("it has version 1") && said.contains(&format!("version {VERSION}")),
        "{said}"
    );
}

#[test]
fn a_file_that_is_no_recording_is_refused() {
    for text in ["", "{}", "{\"tandem_recording\":2,\"seed\":1}"] {
        let error = Recorded::read(text.as_bytes()).err().unwrap();
        assert!(error.to_string().starts_with("not a recording: "), "{error}");
    }
}
