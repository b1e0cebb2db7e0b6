//! baresip as a phone: it says a tone, and what it hears is a file.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::wait::{throughout, until};

use crate::support::{
    place::{Process, ports, tail},
    tandem::{Tandem, password},
    tone,
};

/// For anything a phone does at once.
const SOON: Duration = Duration::from_secs(15);

/// Octets before the samples in what it records.
const HEADER: usize = 44;

/// How a phone is set up.
#[derive(Clone)]
pub struct Setup {
    pub number: &'static str,
    pub transport: &'static str,
    /// What it says, in hertz.
    pub tone: f64,
    pub codecs: &'static str,
    pub answers_by_itself: bool,
    /// One more module: `contact` or `mwi`.
    pub app: &'static str,
    /// With `contact`, whom `message` writes to.
    pub friend: &'static str,
}

impl Setup {
    pub fn new(number: &'static str, tone: f64) -> Self {
        Self {
            number,
            transport: "udp",
            tone,
            codecs: "pcmu",
            answers_by_itself: true,
            app: "",
            friend: "",
        }
    }

    /// Starts it and waits until it is registered.
    pub fn registers(&self, pbx: &Tandem) -> Baresip {
        let mut phone = self.starts(pbx);
        phone.is_registered();
        phone
    }

    fn starts(&self, pbx: &Tandem) -> Baresip {
        let server = if self.transport == "tls" { pbx.tls } else { pbx.sip };
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let said = at.join("said.wav");
        tone::write(&said, self.tone);
        // It also listens one port above; SIP and RTP want a gap between them.
        let sip = ports(40);
        let (control, rtp) = (sip + 10, sip + 20);
        let host = if server.is_ipv6() {
            "::1".parse().unwrap()
        } else {
            std::net::IpAddr::from(Ipv4Addr::LOCALHOST)
        };
        // It does not start with the name of a file that is not there.
        let trust = match self.transport {
            "tls" => format!(
                "sip_cafile {}\nsip_verify_server yes\n",
                pbx.data("tls-cert.pem").display()
            ),
            _ => String::new(),
        };
        let config = format!(
            "sip_listen {}\nnet_interface {host}\nrtp_ports {rtp}-{}\n\
             audio_source aufile,{said}\naudio_player aufile,{folder}/player.wav\naudio_alert aufile,/dev/null\n\
             ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nsnd_path {folder}\n\
             module_path /usr/lib/baresip/modules\n\
             module g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule sndfile.so\nmodule ctrl_tcp.so\nmodule uuid.so\n\
             module_app account.so\nmodule_app menu.so\n{}\
             {trust}ctrl_tcp_listen 127.0.0.1:{control}\n",
            SocketAddr::new(host, sip),
            rtp + 18,
            if self.app.is_empty() {
                String::new()
            } else {
                format!("module_app {}.so\n", self.app)
            },
            said = said.display(),
            folder = at.display(),
        );
        let account = format!(
            "<sip:{number}@{server};transport={}>;auth_user={number};auth_pass={};regint=120;audio_codecs={};answermode={}{}\n",
            self.transport,
            password(self.number),
            self.codecs,
            if self.answers_by_itself { "auto" } else { "manual" },
            if self.app == "mwi" { ";mwi=yes" } else { "" },
            number = self.number,
        );
        let contact = format!("\"friend\" <sip:{}@{server}>\n", self.friend);
        for (name, text) in [
            ("config", config.as_str()),
            ("accounts", &account),
            ("contacts", &contact),
        ] {
            fs::write(at.join(name), text).unwrap();
        }
        let log = File::create(at.join("log")).unwrap();
        let mut command = Command::new("baresip");
        command
            .arg("-f")
            .arg(at)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let process = Process::start(command);
        let control = until("baresip's control port", SOON, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, control)).ok()
        });
        control.set_nonblocking(true).unwrap();
        Baresip {
            _process: process,
            folder,
            number: self.number,
            control,
            buffer: Vec::new(),
            events: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }
}

/// A running baresip.
pub struct Baresip {
    _process: Process,
    folder: TempDir,
    number: &'static str,
    control: TcpStream,
    buffer: Vec<u8>,
    events: VecDeque<Value>,
    answers: VecDeque<Value>,
}

/// How much of what a phone hears had been written at some moment.
pub struct Mark {
    file: PathBuf,
    length: usize,
}

impl Baresip {
    /// Gives a command and waits for what it says.
    pub fn command(&mut self, command: &str, parameters: &str) -> String {
        let text = json!({ "command": command, "params": parameters, "token": "1" }).to_string();
        write!(self.control, "{}:{text},", text.len()).unwrap();
        let what = format!("{} to take {command}", self.number);
        let answer = until(&what, SOON, || {
            self.read();
            self.answers.pop_front()
        });
        answer["data"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for the next event of a kind, such as `CALL_ESTABLISHED`; those before it are forgotten.
    pub fn expect(&mut self, kind: &str) -> Value {
        self.expect_all(kind).pop().unwrap_or_default()
    }

    /// The same, with all events before it.
    pub fn expect_all(&mut self, kind: &str) -> Vec<Value> {
        let what = format!("{kind} of {}", self.number);
        until(&what, SOON, || {
            self.read();
            let at = self.events.iter().position(|event| event["type"] == kind)?;
            Some(self.events.drain(..=at).collect())
        })
    }

    /// The parameters of all events of a kind that have not been looked at.
    pub fn told(&mut self, kind: &str) -> Vec<String> {
        self.read();
        let events = self.events.iter().filter(|event| event["type"] == kind);
        events
            .map(|event| event["param"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Takes netstrings of JSON off the control connection.
    fn read(&mut self) {
        let mut chunk = [0; 4096];
        loop {
            match self.control.read(&mut chunk) {
                Ok(0) => panic!(
                    "baresip {} has ended: {}",
                    self.number,
                    tail(&self.folder.path().join("log"), 20)
                ),
                Ok(length) => self.buffer.extend(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        while let Some(colon) = self.buffer.iter().position(|&byte| byte == b':') {
            let length: usize = String::from_utf8_lossy(&self.buffer[..colon]).parse().unwrap();
            let end = colon + 1 + length;
            if self.buffer.len() <= end {
                return;
            }
            let text = String::from_utf8_lossy(&self.buffer[colon + 1..end]).into_owned();
            self.buffer.drain(..=end);
            // Its menu sometimes puts raw control characters into strings.
            let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let message: Value = serde_json::from_str(&clean).unwrap_or(Value::Null);
            if message["response"] == true {
                self.answers.push_back(message);
            } else {
                self.events.push_back(message);
            }
        }
    }

    /// Waits until it has printed these words.
    pub fn expect_printed(&self, words: &str) {
        until(&format!("{} to print {words}", self.number), SOON, || {
            let text = fs::read(self.folder.path().join("log")).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(words).then_some(())
        });
    }

    fn is_registered(&mut self) {
        let what = format!("{} to be registered", self.number);
        until(&what, SOON, || {
            let state = self.command("reginfo", "");
            assert!(
                !state.contains("ERR"),
                "{state}\n{}",
                tail(&self.folder.path().join("log"), 20)
            );
            state.contains("OK").then_some(())
        });
    }

    /// Calls, and waits until both are connected.
    pub fn talks_to(&mut self, number: &str) {
        self.command("dial", number);
        self.expect("CALL_ESTABLISHED");
    }

    pub fn hangs_up(&mut self) {
        self.command("hangup", "");
    }

    /// What it writes while it hears: the newest recording.
    fn hearing(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().path());
        let heard = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("dump-") && name.ends_with("-dec.wav")
        };
        names
            .filter(heard)
            .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
    }

    /// From here on is what is judged.
    pub fn mark(&self) -> Mark {
        let file = until("baresip to hear", SOON, || self.hearing());
        let length = fs::metadata(&file).unwrap().len() as usize;
        Mark { file, length }
    }

    /// The samples heard since. The recording's header is finished only at its end: read it raw.
    fn since(&self, mark: &Mark) -> Vec<f64> {
        let bytes = fs::read(&mark.file).unwrap();
        let Some((header, heard)) = bytes.split_at_checked(HEADER) else {
            return Vec::new();
        };
        // It is recorded as its codec has it: up to 48 kHz and stereo.
        let channels = usize::from(u16::from_le_bytes([header[22], header[23]]));
        let rate = u32::from_le_bytes([header[24], header[25], header[26], header[27]]) as usize;
        let frame = 2 * channels;
        let skipped = mark.length.saturating_sub(HEADER).div_ceil(frame) * frame;
        let left = tone::samples(heard.get(skipped..).unwrap_or_default());
        left.into_iter().step_by(channels * rate / tone::RATE).collect()
    }

    /// The samples heard since, or all of a recording that began since: the phone begins one with each change of its session.
    fn since_or_anew(&self, mark: &Mark) -> Vec<f64> {
        match self.hearing().filter(|file| *file != mark.file) {
            Some(file) => self.since(&Mark { file, length: 0 }),
            None => self.since(mark),
        }
    }

    /// Waits for a second of new sound, and until the last half second is this tone: on a busy machine one of the two
    /// programs may be late for a moment.
    pub fn hears(&self, hertz: f64) {
        let mark = self.mark();
        until(&format!("{} to hear {hertz} Hz", self.number), SOON, || {
            let heard = self.since_or_anew(&mark);
            let last = &heard[heard.len().checked_sub(tone::RATE)? + tone::RATE / 2..];
            (tone::share(last, hertz) > 0.9 && tone::level(last) > 1000.0).then_some(())
        });
    }

    /// Waits for a second of sound since then, of which the last half must be this tone.
    pub fn hears_since(&self, mark: &Mark, hertz: f64) {
        let last = self.heard_since(mark);
        let (share, level) = (tone::share(&last, hertz), tone::level(&last));
        assert!(
            share > 0.9 && level > 1000.0,
            "{} hears {hertz} Hz with {share:.3} of the power, level {level:.0}",
            self.number
        );
    }

    /// Waits for a second of sound since then; the last half of it.
    pub fn heard_since(&self, mark: &Mark) -> Vec<f64> {
        let heard = until(&format!("{} to hear a second of sound", self.number), SOON, || {
            let heard = self.since_or_anew(mark);
            (heard.len() > tone::RATE).then_some(heard)
        });
        heard[heard.len() - tone::RATE / 2..].to_vec()
    }

    /// Whether for a tenth of a second it has heard nothing.
    pub fn is_silent(&self) -> bool {
        let mark = self.mark();
        throughout(Duration::from_millis(100), || {});
        tone::level(&self.since(&mark)) < 100.0
    }

    /// For a second and a half it hears nothing: no new sound, or silence.
    pub fn hears_nothing(&self) {
        let mark = self.mark();
        throughout(Duration::from_millis(1_500), || {});
        let level = tone::level(&self.since(&mark));
        assert!(level < 100.0, "{} hears something, level {level:.0}", self.number);
    }
}
