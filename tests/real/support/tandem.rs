//! The PBX under test: the built binary on free ports, with a folder of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::wait::until;

use crate::support::{
    http::{self, Answer},
    place::{Process, ports, tail},
};

const TOKEN: &str = "a-token-for-the-tests-only";
/// How many ports for audio, unless a test says otherwise.
const RTP: u16 = 200;

/// The binary: named by `TANDEM_BIN`, or two folders above this program.
fn binary() -> PathBuf {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("tandem"));
    let path = std::env::var_os("TANDEM_BIN").map(PathBuf::from).or_else(beside);
    let path = path.unwrap_or_default();
    assert!(
        path.is_file(),
        "{} is missing: `cargo build -p tandem` makes it, `make test` does so by itself",
        path.display()
    );
    path
}

/// How it is to be started.
pub struct Setup {
    host: IpAddr,
    plan: Option<&'static str>,
    rtp: u16,
    secure: bool,
    flags: Vec<String>,
}

impl Setup {
    /// On 127.0.0.1 with the dialplan that is shipped.
    pub fn new() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            plan: None,
            rtp: RTP,
            secure: false,
            flags: Vec::new(),
        }
    }

    pub fn on(self, host: IpAddr) -> Self {
        Self { host, ..self }
    }

    /// With this `main.rhai`.
    pub fn plan(self, plan: &'static str) -> Self {
        let plan = Some(plan);
        Self { plan, ..self }
    }

    /// With so many ports for audio, of which a leg takes two.
    pub fn rtp_ports(self, rtp: u16) -> Self {
        Self { rtp, ..self }
    }

    /// Listening for TLS and WSS, too, with a certificate that it makes.
    pub fn secure(self) -> Self {
        let secure = true;
        Self { secure, ..self }
    }

    pub fn flag(mut self, name: &str, value: impl ToString) -> Self {
        self.flags.extend([name.to_owned(), value.to_string()]);
        self
    }

    pub fn start(self) -> Tandem {
        let folder = tempfile::tempdir().unwrap();
        let mut plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dialplans");
        if let Some(plan) = self.plan {
            plans = folder.path().join("plans");
            fs::create_dir(&plans).unwrap();
            let both = match plan.contains("fn on_trunk") {
                true => plan.to_owned(),
                false => format!("{plan}\nfn on_trunk(caller) {{ caller.reject(404); }}\n"),
            };
            fs::write(plans.join("main.rhai"), both).unwrap();
        }
        let (sip, rtp, secure) = (ports(2), ports(self.rtp), ports(2));
        let place = |port| SocketAddr::new(self.host, port).to_string();
        let mut arguments = ["serve", "--drain", "2"].map(str::to_owned).to_vec();
        for (flag, value) in [
            ("--data", folder.path().join("data").display().to_string()),
            ("--dialplans", plans.display().to_string()),
            ("--sip", format!("udp:{}", place(sip))),
            ("--sip", format!("tcp:{}", place(sip))),
            ("--rtp", format!("{}-{}", place(rtp), rtp + self.rtp - 1)),
            ("--http", format!("127.0.0.1:{}", sip + 1)),
        ] {
            arguments.extend([flag.to_owned(), value]);
        }
        if self.secure {
            for (transport, port) in [("tls", secure), ("wss", secure + 1)] {
                arguments.extend(["--sip".to_owned(), format!("{transport}:{}", place(port))]);
            }
        }
        // A value given twice counts once: what a test asks for.
        for pair in self.flags.chunks(2) {
            if let Some(at) = arguments.iter().position(|flag| *flag == pair[0]) {
                arguments.drain(at..at + 2);
            }
        }
        arguments.extend(self.flags);
        let log = folder.path().join("log");
        let process = launch(&arguments, &log);
        Tandem {
            process,
            arguments,
            sip: SocketAddr::new(self.host, sip),
            tls: SocketAddr::new(self.host, secure),
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, sip + 1)),
            folder,
            log,
        }
    }
}

fn launch(arguments: &[String], log: &Path) -> Process {
    let mut command = Command::new(binary());
    let errors = File::options().create(true).append(true).open(log).unwrap();
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors);
    command.env("TANDEM_ADMIN_TOKEN", TOKEN).env("TANDEM_DEMO", "0");
    let mut process = Process::start(command);
    let mut banner = BufReader::new(process.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Stop with") {
        line.clear();
        let read = banner.read_line(&mut line).unwrap();
        assert_ne!(read, 0, "Tandem did not start: {}", tail(log, 20));
    }
    process
}

/// A running Tandem. When a test fails, the end of its log is shown.
pub struct Tandem {
    pub process: Process,
    pub sip: SocketAddr,
    /// Where it listens for TLS, if it does; one port above for WSS.
    pub tls: SocketAddr,
    folder: TempDir,
    arguments: Vec<String>,
    http: SocketAddr,
    log: PathBuf,
}

impl Tandem {
    pub fn start() -> Self {
        Setup::new().start()
    }

    /// Kills it without notice, and starts it again on the same data.
    pub fn dies_and_comes_back(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
        self.process = launch(&self.arguments, &self.log);
    }

    /// Waits for it to end by itself.
    pub fn ends(&mut self, within: Duration) -> ExitStatus {
        until("Tandem to end", within, || self.process.0.try_wait().unwrap())
    }

    pub fn comes_back(&mut self) {
        self.process = launch(&self.arguments, &self.log);
    }

    /// A file in its folder of data, such as its certificate.
    pub fn data(&self, name: &str) -> PathBuf {
        self.folder.path().join("data").join(name)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn api(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let path = format!("/api/v1{path}");
        http::request(self.http, TOKEN, method, &path, &body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The status and the octets of a file, or of a range of it such as `bytes=0-99`.
    pub fn fetch(&self, path: &str, range: Option<&str>) -> (u16, Vec<u8>) {
        http::fetch(self.http, TOKEN, &format!("/api/v1{path}"), range).unwrap()
    }

    pub fn get(&self, path: &str) -> Value {
        let answer = self.api("GET", path, &Value::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    /// Makes an extension.
    pub fn has(&self, number: &str) -> &Self {
        let body = json!({ "number": number, "name": format!("Phone {number}"), "password": password(number) });
        let answer = self.api("POST", "/extensions", &body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        self
    }

    /// Makes many at once.
    pub fn has_all(&self, numbers: &[String]) {
        let all = numbers
            .iter()
            .map(|number| json!({ "number": number, "password": password(number) }));
        let answer = self.api("POST", "/extensions/import", &all.collect());
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub fn registrations(&self) -> Vec<Value> {
        items(self.get("/registrations"))
    }

    pub fn calls(&self) -> Vec<Value> {
        items(self.get("/calls"))
    }

    /// All call records, page by page, the newest first.
    pub fn cdrs(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = "/cdrs?limit=200".to_owned();
        loop {
            let page = self.get(&path);
            let next = page["next_cursor"].as_str().map(str::to_owned);
            all.extend(items(page));
            match next {
                Some(cursor) => path = format!("/cdrs?limit=200&cursor={cursor}"),
                None => return all,
            }
        }
    }

    /// Waits until there are this many call records; there must never be more.
    pub fn expect_cdrs(&self, count: usize) -> Vec<Value> {
        let all = until(&format!("{count} call records"), Duration::from_secs(20), || {
            let all = self.cdrs();
            (all.len() >= count).then_some(all)
        });
        assert_eq!(all.len(), count, "{all:#?}");
        all
    }

    /// A number of `/metrics`.
    pub fn metric(&self, name: &str) -> u64 {
        let answer = http::request(self.http, TOKEN, "GET", "/metrics", "").unwrap();
        let value = answer
            .body
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {}", answer.body))
    }

    /// Waits until no call, script and media port is left.
    pub fn expect_nothing_left(&self, within: Duration) {
        for name in ["tandem_calls", "tandem_legs", "tandem_scripts", "tandem_media_ports"] {
            until(&format!("{name} 0"), within, || (self.metric(name) == 0).then_some(()));
        }
    }

    /// What `/healthz` says: `ok`, `draining`, or nothing where it is no success.
    pub fn health(&self) -> String {
        let answer = http::request(self.http, TOKEN, "GET", "/healthz", "").unwrap();
        let status = answer.json()["status"].as_str().map(str::to_owned);
        status.filter(|_| answer.status == 200).unwrap_or_default()
    }
}

impl Drop for Tandem {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of Tandem's log\n{}", tail(&self.log, 60));
        }
    }
}

fn items(page: Value) -> Vec<Value> {
    match page {
        Value::Array(items) => items,
        Value::Object(mut page) => page.remove("items").map(items).unwrap_or_default(),
        other => panic!("no list: {other}"),
    }
}

/// The password of an extension made by [`Tandem::has`].
pub fn password(number: &str) -> String {
    format!("the-long-secret-of-{number}")
}
