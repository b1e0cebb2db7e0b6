//! A running PBX, and a place of its own for it.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::Mutex,
};

const PLAN: &str = "fn on_call(caller) { caller.dial(caller.dialed, #{ timeout: 30 }); }\nfn on_trunk(caller) { caller.reject(404); }\n";

/// A folder with a dialplan, and settings that collide with no other test's.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) rtp: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("plans")).unwrap();
        fs::write(folder.path().join("plans/main.rhai"), PLAN).unwrap();
        Self {
            folder,
            rtp: rtp_range(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// `tandem serve` on free ports. Flags in `more` come later, and win where the setting is no list.
    pub(crate) fn serve(&self, more: &[&str]) -> Command {
        let mut settings: HashMap<&str, String> = HashMap::from([
            ("--data", self.text("data")),
            ("--dialplans", self.text("plans")),
            ("--sip", "udp:127.0.0.1:0".into()),
            ("--http", "127.0.0.1:0".into()),
            ("--rtp", self.rtp.clone()),
        ]);
        let mut rest = Vec::new();
        for pair in more.chunks(2) {
            match pair {
                [key, value] => drop(settings.insert(key, (*value).into())),
                [flag] => rest.push(*flag),
                _ => {}
            }
        }
        let mut command = tandem(&["serve"]);
        for (key, value) in settings {
            command.args([key, &value]);
        }
        command.args(rest);
        command
    }
}

/// Eight ports that are free now, and that no other test here has.
pub(crate) fn rtp_range() -> String {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() & !7;
        if GIVEN.lock().unwrap().insert(port)
            && (port..port + 8).all(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok())
        {
            return format!("127.0.0.1:{port}-{}", port + 7);
        }
    }
}

pub(crate) fn tandem(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
    command.args(arguments).env_clear();
    command
}

/// A running PBX, its banner read.
pub(crate) struct Pbx {
    pub(crate) child: Child,
    out: BufReader<ChildStdout>,
    pub(crate) banner: String,
}

impl Pbx {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("Stop with") {
            let before = banner.len();
            out.read_line(&mut banner).unwrap();
            if banner.len() == before {
                let output = child.wait_with_output().unwrap();
                panic!("did not start: {}", String::from_utf8_lossy(&output.stderr));
            }
        }
        Self { child, out, banner }
    }

    /// The word after a label in the banner.
    pub(crate) fn after(&self, label: &str) -> Option<String> {
        let rest = self.banner.split_once(label)?.1;
        Some(rest.split_whitespace().next()?.to_owned())
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.after("http://").unwrap().trim_end_matches('/').parse().unwrap()
    }

    pub(crate) fn sip(&self) -> SocketAddr {
        self.after("Phones: server").unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("/bin/kill")
            .args([name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// The password of one of the extensions that a first start makes.
    pub(crate) fn password(&self, number: &str) -> String {
        self.after(&format!("{number}   password")).unwrap()
    }

    /// SIGTERM; how it ended, and all it logged.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.signal("-TERM");
        self.ends()
    }

    pub(crate) fn ends(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        self.out.read_to_string(&mut self.banner).unwrap();
        (self.child.wait().unwrap(), log)
    }

    /// A counter or gauge, as `/metrics` shows it.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics", None);
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_whitespace().next_back()?.parse().ok());
        value.unwrap_or_else(|| panic!("{name} is no metric:\n{text}"))
    }

    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> String {
        self.ask("GET", path, token, "")
    }

    /// A request with a JSON body; an empty body is none.
    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> String {
        let mut stream = TcpStream::connect(self.http()).unwrap();
        let token = token
            .map(|token| format!("Authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{token}\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
