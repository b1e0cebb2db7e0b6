//! rtpengine in userspace, driven by its ng control protocol (bencoded dictionaries over UDP).

use std::{
    net::{SocketAddr, UdpSocket},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Fault, Relay};

const CONTROL: &str = "127.0.0.1:35222";

/// A daemon started for the measurement, and ended with it.
pub(crate) struct Daemon {
    process: Child,
    control: UdpSocket,
    cookie: u32,
}

impl Daemon {
    pub(crate) fn start(path: &str) -> Result<Daemon, Fault> {
        let process = Command::new(path)
            .args([
                "--foreground",
                "--table=-1",
                "--interface=127.0.0.1",
                "--num-threads=2",
                "--log-level=1",
                "--log-stderr",
            ])
            .args([
                &format!("--listen-ng={CONTROL}"),
                "--port-min=30000",
                "--port-max=32700",
                "--config-file=none",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let control = UdpSocket::bind("127.0.0.1:0")?;
        control.connect(CONTROL)?;
        control.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut daemon = Daemon {
            process,
            control,
            cookie: 0,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while daemon.ask(&dictionary(&[("command", text("ping"))])).is_err() {
            if Instant::now() > deadline {
                return Err("rtpengine does not answer".into());
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        daemon.control.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(daemon)
    }

    fn ask(&mut self, question: &str) -> Result<String, Fault> {
        self.cookie += 1;
        self.control.send(format!("{} {question}", self.cookie).as_bytes())?;
        let mut buffer = [0; 65_536];
        loop {
            let length = self.control.recv(&mut buffer)?;
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if let Some(answer) = answer.strip_prefix(&format!("{} ", self.cookie)) {
                return Ok(answer.to_owned());
            }
        }
    }

    /// Offers or answers a description; the port that rtpengine puts in it.
    fn describe(&mut self, fields: &[(&str, String)]) -> Result<u16, Fault> {
        let answer = self.ask(&dictionary(fields))?;
        let port = answer.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next());
        Ok(port.ok_or_else(|| format!("rtpengine: {answer}"))?.parse()?)
    }
}

impl Relay for Daemon {
    fn set_up(&mut self, phones: &[SocketAddr]) -> Result<Vec<SocketAddr>, Fault> {
        let mut ports = Vec::new();
        for (n, pair) in phones.chunks(2).enumerate() {
            let [caller, callee] = pair else { continue };
            let (id, common) = (
                text(&format!("call-{n}")),
                [("ICE", text("remove")), ("replace", list(&["origin"]))],
            );
            let mut offer = vec![
                ("call-id", id.clone()),
                ("command", text("offer")),
                ("from-tag", text("a")),
                ("sdp", sdp(*caller)),
            ];
            offer.extend(common.clone());
            let mut answer = offer.clone();
            answer[1].1 = text("answer");
            answer[3].1 = sdp(*callee);
            answer.push(("to-tag", text("b")));
            let for_callee = self.describe(&offer)?;
            let for_caller = self.describe(&answer)?;
            ports.extend([for_caller, for_callee]);
        }
        Ok(ports
            .into_iter()
            .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
            .collect())
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(value: &str) -> String {
    format!("{}:{value}", value.len())
}

fn list(values: &[&str]) -> String {
    format!("l{}e", values.iter().map(|v| text(v)).collect::<String>())
}

fn dictionary(fields: &[(&str, String)]) -> String {
    let mut fields = fields.to_vec();
    fields.sort();
    format!(
        "d{}e",
        fields
            .iter()
            .map(|(key, value)| text(key) + value.as_str())
            .collect::<String>()
    )
}

fn sdp(phone: SocketAddr) -> String {
    let (ip, port) = (phone.ip(), phone.port());
    text(&format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
    ))
}
