//! SIPp as a crowd of callers, callees and phones that register.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tests::wait::until;

use crate::support::{
    place::{Process, ports, tail},
    tandem::password,
};

/// A scenario of `tests/data/sipp` that is running.
pub struct Sipp {
    process: Process,
    folder: TempDir,
    calls: u32,
}

/// How it runs.
pub struct Setup<'a> {
    scenario: &'a str,
    calls: u32,
    more: Vec<String>,
    port: u16,
    users: Option<String>,
}

impl<'a> Setup<'a> {
    /// So many calls (or registrations) of a scenario.
    pub fn new(scenario: &'a str, calls: u32) -> Self {
        Self {
            scenario,
            calls,
            more: Vec::new(),
            port: ports(2),
            users: None,
        }
    }

    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// To this server, dialing this number, so many a second.
    pub fn to(mut self, server: SocketAddr, number: &str, a_second: u32) -> Self {
        let rate = a_second.to_string();
        let arguments = [server.to_string().as_str(), "-s", number, "-r", &rate].map(str::to_owned);
        self.more.extend(arguments);
        self
    }

    /// All over one connection.
    pub fn over_tcp(mut self) -> Self {
        self.more.extend(["-t", "t1"].map(str::to_owned));
        self
    }

    /// What stands for `[name]` in the scenario.
    pub fn key(mut self, name: &str, value: &str) -> Self {
        self.more.extend(["-key", name, value].map(str::to_owned));
        self
    }

    /// It says what it hears.
    pub fn echoes(mut self) -> Self {
        self.more.push("-rtp_echo".to_owned());
        self
    }

    /// As these extensions, one after the other.
    pub fn by<'b>(mut self, numbers: impl IntoIterator<Item = &'b str>) -> Self {
        let mut users = "SEQUENTIAL\n".to_owned();
        for number in numbers {
            let password = password(number);
            users += &format!("{number};[authentication username={number} password={password}]\n");
        }
        self.users = Some(users);
        self
    }

    pub fn start(self) -> Sipp {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("data/sipp")
            .join(self.scenario);
        let (media, control) = (ports(4), ports(1));
        let mut command = Command::new("sipp");
        command.current_dir(folder.path()).env("TERM", "dumb").args(&self.more);
        command
            .arg("-sf")
            .arg(scenario)
            .args(["-i", &Ipv4Addr::LOCALHOST.to_string()]);
        for (flag, value) in [("-p", self.port), ("-mp", media), ("-cp", control)] {
            command.args([flag, &value.to_string()]);
        }
        command.args([
            "-m",
            &self.calls.to_string(),
            "-l",
            "10000",
            "-nostdin",
            "-timeout",
            "120",
        ]);
        command.args([
            "-trace_stat",
            "-stf",
            "stat.csv",
            "-fd",
            "1",
            "-trace_logs",
            "-log_file",
            "logs",
            "-trace_err",
            "-error_file",
            "errors",
        ]);
        if let Some(users) = &self.users {
            fs::write(folder.path().join("users.csv"), users).unwrap();
            command.args(["-inf", "users.csv"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Sipp {
            process: Process::start(command),
            folder,
            calls: self.calls,
        }
    }
}

impl Sipp {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until the scenario has logged these words.
    pub fn expect(&self, words: &str) {
        until(&format!("SIPp to log {words}"), Duration::from_secs(20), || {
            let logs = fs::read_to_string(self.path("logs")).unwrap_or_default();
            logs.lines().any(|line| line.contains(words)).then_some(())
        });
    }

    /// Waits for its end: every call succeeded, none failed.
    pub fn succeeds(mut self) {
        let what = format!("SIPp to end {} calls", self.calls);
        let status = until(&what, Duration::from_secs(150), || self.process.0.try_wait().unwrap());
        let counts = ["SuccessfulCall(C)", "FailedCall(C)"].map(|name| self.last(name));
        assert_eq!(
            (status.code(), counts),
            (Some(0), [Some(self.calls), Some(0)]),
            "{}",
            tail(&self.path("errors"), 40)
        );
    }

    /// A column of the last line of its statistics.
    fn last(&self, column: &str) -> Option<u32> {
        let text = fs::read_to_string(self.path("stat.csv")).ok()?;
        let names = text.lines().next()?.split(';');
        let values = text.lines().last()?.split(';');
        names.zip(values).find(|(name, _)| *name == column)?.1.parse().ok()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- SIPp\n{}", tail(&self.path("errors"), 40));
        }
    }
}
