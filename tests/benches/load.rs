//! What calls and registrations cost the whole of Tandem, driven by SIPp over real sockets, and beside each
//! figure what Kamailio pays for its part of the same work, measured in the same run.
//!
//! CPU is that of the server's threads alone, from `/proc/PID/task/*/schedstat`; each figure is the median of
//! three. `tests/bench.sh tests` builds what it needs and runs it. Kamailio is left out where it is not installed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark's figures are its output"
)]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const TANDEM: &str = "127.0.0.1:36070";
const HTTP: &str = "127.0.0.1:36080";
const KAMAILIO: &str = "127.0.0.1:36160";
const CALLEE_PORT: &str = "36190";
const TOKEN: &str = "only-for-this-benchmark-0123456789";
const PHONES: usize = 10_000;
const RUNS: usize = 3;
/// Timers J and H are 32 s over UDP: so long a transaction that has ended is kept.
const LINGER: Duration = Duration::from_secs(34);

fn main() {
    let bench = Bench::new();
    let Some(tandem) = bench.tandem(&[]) else {
        println!("target/release/tandem is missing: run this by tests/bench.sh");
        return;
    };
    say("resident memory, idle", tandem.resident(), "KiB");
    tandem.add_phones();
    // Once for the callee, whose phone is the SIPp that answers.
    bench.sipp(
        TANDEM,
        "register.xml",
        CALLEE_PORT,
        &["-inf", "callee.csv", "-m", "1", "-r", "1"],
    );
    let name = |phones: usize| format!("CPU of 1,000 calls at 200/s, challenged, {phones} phones registered");
    say(&name(1), bench.calls(&tandem, TANDEM, "caller-digest.xml"), "s");

    let before = tandem.resident();
    let registering = ["-inf", "phones.csv", "-m", "10000", "-r", "1000"];
    let first = tandem.cpu_of(|| bench.sipp(TANDEM, "register.xml", "36195", &registering));
    say(
        "CPU of 10,000 first REGISTERs at 1,000/s, challenged, durable",
        first,
        "s",
    );
    thread::sleep(LINGER);
    say(
        "resident memory of a contact, the peak of transactions included",
        (tandem.resident() - before) / PHONES as f64,
        "KiB",
    );
    let again = median(|| tandem.cpu_of(|| bench.sipp(TANDEM, "register.xml", "36195", &registering)));
    say("CPU of 10,000 REGISTERs at 1,000/s, challenged, durable", again, "s");
    say(&name(PHONES), bench.calls(&tandem, TANDEM, "caller-digest.xml"), "s");
    say("resident memory of a held call", bench.held(&tandem), "KiB");
    drop(tandem);

    if let Some(trusting) = bench.tandem(&["--trust", "127.0.0.1/32=caller"]) {
        bench.sipp(
            TANDEM,
            "register.xml",
            CALLEE_PORT,
            &["-inf", "callee.csv", "-m", "1", "-r", "1"],
        );
        say(
            "CPU of 1,000 calls at 200/s, trusted",
            bench.calls(&trusting, TANDEM, "caller.xml"),
            "s",
        );
    }
    let Some(kamailio) = bench.kamailio() else {
        println!("Kamailio is not installed: tests/install.sh bench");
        return;
    };
    let again = median(|| kamailio.cpu_of(|| bench.sipp(KAMAILIO, "register.xml", "36195", &registering)));
    say(
        "Kamailio: CPU of 10,000 REGISTERs at 1,000/s, challenged, in memory",
        again,
        "s",
    );
    say(
        "Kamailio: CPU of 1,000 calls at 200/s as a proxy",
        bench.calls(&kamailio, KAMAILIO, "caller.xml"),
        "s",
    );
}

fn say(name: &str, value: f64, unit: &str) {
    println!("{name:<64} {value:>9.3} {unit}");
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut values: Vec<f64> = (0..RUNS).map(|_| measure()).collect();
    values.sort_by(f64::total_cmp);
    values[RUNS / 2]
}

/// A server under load; it ends with this.
struct Server {
    child: Child,
}

impl Server {
    /// Itself and the processes it started.
    fn processes(&self) -> Vec<u32> {
        let own = self.child.id();
        let parent = |pid: &u32| -> Option<u32> {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
        };
        let all = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        all.filter(|pid| *pid == own || parent(pid) == Some(own)).collect()
    }

    /// Extensions of a Tandem for 10,000 phones.
    fn add_phones(&self) {
        add_extensions(&(0..PHONES).map(phone).collect::<Vec<_>>());
    }

    /// Seconds its threads have computed.
    fn cpu(&self) -> f64 {
        let threads = self
            .processes()
            .into_iter()
            .flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")));
        let spent = |task: fs::DirEntry| -> Option<f64> {
            let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse().ok()
        };
        threads.flatten().filter_map(|task| spent(task.ok()?)).sum::<f64>() / 1e9
    }

    fn cpu_of(&self, work: impl FnOnce()) -> f64 {
        let before = self.cpu();
        work();
        // What is written behind belongs to the work.
        thread::sleep(Duration::from_millis(500));
        self.cpu() - before
    }

    /// KiB of memory it holds.
    fn resident(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        let _ = self.child.wait();
    }
}

struct Bench {
    folder: TempDir,
    scenarios: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/sipp");
        let line = |number: &str| format!("{number};[authentication username={number} password=bench-secret]\n");
        let phones: String = (0..PHONES).map(|n| line(&phone(n))).collect();
        fs::write(folder.path().join("phones.csv"), format!("SEQUENTIAL\n{phones}")).unwrap();
        fs::write(
            folder.path().join("callee.csv"),
            format!("SEQUENTIAL\n{}", line("callee")),
        )
        .unwrap();
        Self { folder, scenarios }
    }

    /// A Tandem on an empty data folder, with the extensions `caller` and `callee`.
    fn tandem(&self, more: &[&str]) -> Option<Server> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let data = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let log = fs::File::create(data.join("log")).unwrap();
        let child = Command::new(root.join("target/release/tandem"))
            .arg("serve")
            .args([
                "--sip",
                &format!("udp:{TANDEM}"),
                "--http",
                HTTP,
                "--rtp",
                "127.0.0.1:22000-31999",
            ])
            .args(["--demo", "0", "--log-level", "warn", "--data"])
            .arg(&data)
            .args(more)
            .env("TANDEM_ADMIN_TOKEN", TOKEN)
            .current_dir(root)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .ok()?;
        let server = Server { child };
        wait_for(HTTP);
        add_extensions(&["caller".into(), "callee".into()]);
        Some(server)
    }

    fn kamailio(&self) -> Option<Server> {
        let modules = [
            "/usr/lib/x86_64-linux-gnu/kamailio/modules/",
            "/usr/lib/aarch64-linux-gnu/kamailio/modules/",
        ];
        let modules = modules.into_iter().find(|path| Path::new(path).exists())?;
        let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/kamailio.cfg");
        let plan = fs::read_to_string(plan).unwrap().replace("@MODULES@", modules);
        let path = self.folder.path().join("kamailio.cfg");
        fs::write(&path, plan).unwrap();
        let mut command = Command::new("kamailio");
        command.args(["-DD", "-E", "-m", "512", "-M", "16", "-f"]).arg(path);
        command
            .arg("-Y")
            .arg(self.folder.path())
            .arg("-P")
            .arg(self.folder.path().join("kamailio.pid"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        thread::sleep(Duration::from_secs(2));
        Some(Server { child })
    }

    /// SIPp from one port, until it has done what it was told; every call must succeed.
    fn sipp(&self, target: &str, scenario: &str, port: &str, arguments: &[&str]) {
        let output = self
            .sipp_command(scenario, port)
            .args(arguments)
            .arg(target)
            .output()
            .unwrap();
        must_succeed(scenario, &output);
    }

    fn sipp_command(&self, scenario: &str, port: &str) -> Command {
        // Its media and control ports clash with those of another SIPp unless they are told apart.
        let near = |offset: u16| (port.parse::<u16>().unwrap() + offset).to_string();
        let mut command = Command::new("sipp");
        command
            .arg("-sf")
            .arg(self.scenarios.join(scenario))
            .args(["-i", "127.0.0.1", "-p", port]);
        command.args([
            "-mp",
            &near(1000),
            "-cp",
            &near(3000),
            "-nostdin",
            "-l",
            "30000",
            "-timeout",
            "120",
        ]);
        command
            .args(["-timeout_error", "-buff_size", "4000000"])
            .env("TERM", "dumb");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn callee(&self) -> Server {
        let mut command = self.sipp_command("callee.xml", CALLEE_PORT);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_secs(1));
        Server { child }
    }

    /// CPU seconds of 1,000 calls, each 100 ms long, at 200 a second.
    fn calls(&self, server: &Server, target: &str, scenario: &str) -> f64 {
        let _callee = self.callee();
        let arguments = ["-s", "callee", "-m", "1000", "-r", "200", "-d", "100"];
        median(|| server.cpu_of(|| self.sipp(target, scenario, "36200", &arguments)))
    }

    /// KiB of each of 500 calls that are held for twenty seconds.
    fn held(&self, server: &Server) -> f64 {
        let _callee = self.callee();
        let before = server.resident();
        let mut command = self.sipp_command("caller-digest.xml", "36200");
        command
            .args(["-s", "callee", "-m", "500", "-r", "100", "-d", "20000"])
            .arg(TANDEM);
        let caller = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        thread::sleep(Duration::from_secs(15));
        let held = server.resident() - before;
        must_succeed("held calls", &caller.wait_with_output().unwrap());
        held / 500.0
    }
}

fn must_succeed(what: &str, output: &Output) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said[said.len().saturating_sub(3000)..]).into_owned();
    assert!(output.status.success(), "{what}: {said}");
}

fn phone(n: usize) -> String {
    format!("p{n:05}")
}

/// Extensions that all have the same password.
fn add_extensions(numbers: &[String]) {
    let lines: String = numbers
        .iter()
        .map(|number| format!("{number},{number},bench-secret\n"))
        .collect();
    post_csv("/api/v1/extensions/import", &format!("number,name,password\n{lines}"));
    thread::sleep(Duration::from_secs(1));
}

fn wait_for(address: &str) {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "nothing listens on {address}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

fn post_csv(path: &str, body: &str) {
    let mut stream = TcpStream::connect(HTTP).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {HTTP}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: text/csv\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.1 201"),
        "{answer:.300}"
    );
}
