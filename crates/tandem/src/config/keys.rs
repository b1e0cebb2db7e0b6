//! The table of settings: one row makes the flag, the `TANDEM_*` variable, the TOML key and the help.

use super::{Config, dns, limits, messages, proxying, push, subscriptions, timers, tls, values};

/// Puts the texts given for a key into the configuration; the error names the accepted values.
pub(super) type Apply = fn(&mut Config, &[String]) -> Result<(), String>;

/// One setting.
pub struct Key {
    /// Its name as a flag, such as `log-level`; the variable is `TANDEM_LOG_LEVEL`, the TOML key `log_level`.
    pub name: &'static str,
    /// The placeholder of its value in the help.
    pub value: &'static str,
    /// Its default, in words for the help.
    pub default: &'static str,
    /// Its effect, in words for the help.
    pub help: &'static str,
    /// Where it stands in the help.
    pub group: &'static str,
    /// Whether it may be given several times.
    pub list: bool,
    /// Whether it may be given as a flag. A secret may not: flags are seen by every user of the machine.
    pub flag: bool,
    pub(super) apply: Apply,
}

impl Key {
    /// The environment variable.
    pub fn variable(&self) -> String {
        format!("TANDEM_{}", self.toml().to_uppercase())
    }

    /// The key in the TOML file.
    pub fn toml(&self) -> String {
        self.name.replace('-', "_")
    }
}

const PLACES: &str = "Places";
pub(super) const NETWORK: &str = "Network";
const RUNNING: &str = "Running";

pub(super) const fn key(
    group: &'static str,
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
    apply: Apply,
) -> Key {
    Key {
        name,
        value,
        default,
        help,
        group,
        list: false,
        flag: true,
        apply,
    }
}

pub(super) const fn list(key: Key) -> Key {
    Key { list: true, ..key }
}

pub(super) const fn secret(key: Key) -> Key {
    Key { flag: false, ..key }
}

/// The value of a key that is no list.
pub(super) fn one(values: &[String]) -> &str {
    values.first().map_or("", String::as_str)
}

/// Every setting, in the order of the help.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter()
        .chain(dns::KEYS)
        .chain(limits::KEYS)
        .chain(messages::KEYS)
        .chain(proxying::KEYS)
        .chain(push::KEYS)
        .chain(subscriptions::KEYS)
        .chain(timers::KEYS)
        .chain(tls::KEYS)
}

const KEYS: &[Key] = &[
    key(
        PLACES,
        "data",
        "DIR",
        "./data",
        "Where the database, recordings and voicemail are kept",
        |c, v| {
            c.data = values::directory(one(v))?;
            Ok(())
        },
    ),
    key(
        PLACES,
        "dialplans",
        "DIR",
        "./dialplans",
        "Where the dialplan scripts are; changes are taken within a second",
        |c, v| {
            c.dialplans = values::directory(one(v))?;
            Ok(())
        },
    ),
    key(
        PLACES,
        "prompts",
        "DIR",
        "./prompts",
        "Where sound files for `play` and `music` are (WAV or Ogg Opus; music may be a folder of them)",
        |c, v| {
            c.sounds.prompts = values::directory(one(v))?;
            Ok(())
        },
    ),
    key(
        PLACES,
        "recordings",
        "DIR",
        "recordings in the folder of --data",
        "Where recordings are written; the folder is made for the user of Tandem alone",
        |c, v| {
            c.sounds.recordings = Some(values::directory(one(v))?);
            Ok(())
        },
    ),
    key(
        PLACES,
        "tones",
        "COUNTRY",
        "eu",
        "The country whose tones `tone` plays: a code in two letters such as us, de or uk; eu is what most of Europe has",
        |c, v| {
            c.sounds.tones = values::country(one(v))?;
            Ok(())
        },
    ),
    key(
        PLACES,
        "hold",
        "music|pass",
        "music",
        "What a party on hold hears: music (the file or folder `default` of --prompts), or what its phone does itself",
        |c, v| {
            c.switch.limits.services.hold = values::hold(one(v))?;
            Ok(())
        },
    ),
    list(key(
        NETWORK,
        "sip",
        "TRANSPORT:HOST:PORT",
        "udp:0.0.0.0:5060 and tcp:0.0.0.0:5060",
        "Listen for SIP here; udp, tcp, tls, ws or wss, IPv6 in brackets; give it several times for several listeners",
        |c, v| {
            c.sip.listeners = values::each(v, values::listen)?;
            Ok(())
        },
    )),
    key(
        NETWORK,
        "http",
        "HOST:PORT",
        "127.0.0.1:8080",
        "Serve the web page and the REST API here",
        |c, v| {
            c.http.address = values::address(one(v))?;
            Ok(())
        },
    ),
    key(
        NETWORK,
        "rtp",
        "HOST:FIRST-LAST",
        "0.0.0.0:20000-20999",
        "UDP ports for audio; open them in the firewall",
        |c, v| {
            c.rtp = values::rtp(one(v))?;
            Ok(())
        },
    ),
    key(
        NETWORK,
        "domain",
        "NAME",
        "tandem.local",
        "SIP domain and digest realm; changing it makes every stored password useless",
        |c, v| {
            c.domain = values::domain(one(v))?;
            Ok(())
        },
    ),
    key(
        NETWORK,
        "advertise",
        "IP",
        "the local address that routes to the peer",
        "Address put into Contact, Via and SDP, where Tandem is behind a NAT",
        |c, v| {
            c.advertise = Some(values::advertise(one(v))?);
            Ok(())
        },
    ),
    list(key(
        NETWORK,
        "trusted-proxy",
        "CIDR",
        "none",
        "Believe the X-Forwarded-For of an HTTP proxy in this network; for a proxy before the page",
        |c, v| {
            c.http.trusted_proxies = values::each(v, values::proxy)?;
            Ok(())
        },
    )),
    key(
        NETWORK,
        "metrics-need-token",
        "0|1",
        "0",
        "Whether /metrics wants the token of the REST API",
        |c, v| {
            c.http.metrics_need_token = values::switch(one(v))?;
            Ok(())
        },
    ),
    list(key(
        NETWORK,
        "trust",
        "CIDR=EXTENSION",
        "none",
        "Take calls from this network as that extension's, without a password; for gateways on a closed network",
        |c, v| {
            c.trust = values::each(v, values::trust)?;
            Ok(())
        },
    )),
    key(
        NETWORK,
        "require-path-support",
        "0|1",
        "0",
        "Refuse (420) a registration whose Path a proxy added for a phone that does not say that it knows Path",
        |c, v| {
            c.switch.registrar.require_path_support = values::switch(one(v))?;
            Ok(())
        },
    ),
    list(key(
        NETWORK,
        "service-route",
        "URI",
        "none",
        "Tell phones to send their requests by this proxy (RFC 3608), such as sip:edge.example.com;lr; the nearest first",
        |c, v| {
            c.switch.registrar.service_route = values::each(v, values::route)?;
            Ok(())
        },
    )),
    key(
        RUNNING,
        "drain",
        "SECONDS",
        "10",
        "How long calls in progress may go on after SIGTERM",
        |c, v| {
            c.drain = values::seconds(one(v), 0.0, 86_400.0)?;
            Ok(())
        },
    ),
    key(
        RUNNING,
        "demo",
        "0|1",
        "1",
        "Whether a first start creates extensions 101 and 102",
        |c, v| {
            c.demo = values::switch(one(v))?;
            Ok(())
        },
    ),
    secret(key(
        RUNNING,
        "admin-token",
        "TOKEN",
        "generated at the first start",
        "Token of the REST API, at least 16 characters; only as a variable or in the file",
        |c, v| {
            c.http.admin_token = Some(values::token(one(v))?);
            Ok(())
        },
    )),
    key(
        RUNNING,
        "log-level",
        "LEVEL",
        "info",
        "error, warn, info, debug or trace, or a filter such as info,tandem=debug",
        |c, v| {
            c.log.filter = values::filter(one(v))?;
            Ok(())
        },
    ),
    key(
        RUNNING,
        "log-format",
        "FORMAT",
        "text",
        "text for people, json for machines",
        |c, v| {
            c.log.json = values::choice(one(v), &[("text", false), ("json", true)])?;
            Ok(())
        },
    ),
    key(
        RUNNING,
        "log-messages",
        "FORM",
        "line",
        "line: a SIP message is one line at the level trace; whole: it is shown in full at every level, secrets masked",
        |c, v| {
            c.log.whole_messages = values::choice(one(v), &[("line", false), ("whole", true)])?;
            Ok(())
        },
    ),
    key(
        RUNNING,
        "record",
        "FILE",
        "none",
        "Write everything that happens to the switch into FILE, to be replayed; holds password hashes",
        |c, v| {
            c.record = Some(values::directory(one(v))?);
            Ok(())
        },
    ),
];
