//! linphonec as a phone: another SIP stack, driven by its own prompt.

use std::{
    fs::{self, File},
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tests::wait::until;

use crate::support::{
    place::{Process, ports, tail},
    tandem::{Tandem, password},
    tone,
};

/// Octets of a WAV file's header.
const HEADER: usize = 44;
const SOON: Duration = Duration::from_secs(20);

/// A running linphonec. Without a sound card: it says a file, and what it hears becomes one.
pub struct Linphone {
    process: Process,
    folder: TempDir,
    /// Samples a second of its recording, which says so itself only when it ends.
    rate: usize,
}

impl Linphone {
    /// Starts it and waits until it is registered.
    pub fn registers(pbx: &Tandem, number: &str, hertz: f64) -> Self {
        Self::registers_with(pbx, number, hertz, "")
    }

    /// The same with more lines in the section `sip` of its settings.
    pub fn registers_with(pbx: &Tandem, number: &str, hertz: f64, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (said, heard) = (at.join("said.wav"), at.join("heard.wav"));
        tone::write(&said, hertz);
        let sip = ports(20);
        // It wants them to be there.
        for name in [".local/share/linphone", ".config/linphone"] {
            fs::create_dir_all(at.join(name)).unwrap();
        }
        let settings = format!(
            "[sip]\nsip_port={sip}\nsip_tcp_port=0\n{more}\n[rtp]\naudio_rtp_port={}\nvideo_rtp_port={}\n",
            sip + 4,
            sip + 8,
        );
        fs::write(at.join("linphonerc"), settings).unwrap();
        let output = File::create(at.join("output")).unwrap();
        let mut command = Command::new("linphonec");
        command
            .arg("-c")
            .arg(at.join("linphonerc"))
            .args(["-d", "0"])
            .env("HOME", at)
            .current_dir(at);
        command
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let mut phone = Self {
            process: Process::start(command),
            folder,
            rate: tone::RATE,
        };
        phone.says("soundcard use files");
        phone.says(&format!("play {}", said.display()));
        phone.says(&format!("record {}", heard.display()));
        let server: SocketAddr = pbx.sip;
        phone.says(&format!(
            "register sip:{number}@{server} sip:{server} {}",
            password(number)
        ));
        until("linphonec to be registered", SOON, || {
            pbx.registrations()
                .iter()
                .any(|contact| contact["number"] == number)
                .then_some(())
        });
        phone
    }

    /// Types a line.
    pub fn says(&mut self, line: &str) {
        writeln!(self.process.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("output")).unwrap()).into_owned()
    }

    /// How often it has printed this.
    pub fn has_said(&self, words: &str) -> usize {
        self.output().matches(words).count()
    }

    /// Waits until it has printed this so many times.
    pub fn expect(&self, words: &str, times: usize) {
        until(&format!("linphonec to say {words}"), SOON, || {
            (self.has_said(words) >= times).then_some(())
        });
    }

    fn heard(&self) -> PathBuf {
        self.folder.path().join("heard.wav")
    }

    /// From now on it knows this codec alone, by the name and the clock that its list shows, and records at this rate.
    pub fn has_only(&mut self, codec: &str, rate: usize) {
        self.rate = rate;
        self.says("codec disable all");
        let disabled = format!(": {codec} disabled");
        self.expect(&disabled, 1);
        let output = self.output();
        let line = output.lines().find(|line| line.ends_with(&disabled));
        let number = line.and_then(|line| line.split(':').next()).unwrap().trim();
        self.says(&format!("codec enable {number}"));
        self.expect(&format!(": {codec} enabled"), 1);
    }

    /// Waits for a second of new sound, and until the last half second is this tone. Its jitter buffer adapts: on a busy
    /// machine a moment of it may be missing at first.
    pub fn hears(&self, hertz: f64) {
        let read = || fs::read(self.heard()).unwrap_or_default();
        let before = read().len().max(HEADER);
        until(&format!("linphonec to hear {hertz} Hz"), SOON, || {
            let heard = tone::samples(read().get(before..)?).into_iter();
            let heard: Vec<f64> = heard.step_by(self.rate / tone::RATE).collect();
            let last = &heard[heard.len().checked_sub(tone::RATE)? + tone::RATE / 2..];
            (tone::share(last, hertz) > 0.9 && tone::level(last) > 1000.0).then_some(())
        });
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- linphonec\n{}", tail(&self.folder.path().join("output"), 40));
        }
    }
}
