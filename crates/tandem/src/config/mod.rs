//! Settings: defaults, then the TOML file, then `TANDEM_*` variables, then flags. A later one wins.
//!
//! | file | what it does | fields it owns |
//! |---|---|---|
//! | `mod.rs` | [`Config`]: the settings, and the order in which they are read | all of [`Config`], [`Limits`], [`Sip`], [`Sounds`], [`Webhook`] |
//! | `dns.rs` | the rows of look-ups of host names in that table | none |
//! | `keys.rs` | the table of settings: flag, variable, TOML key, help | all of [`Key`] |
//! | `limits.rs` | the rows of limits in that table | none |
//! | `push.rs` | the rows of push notifications in that table | none |
//! | `tls.rs` | the rows of TLS in that table | none |
//! | `values.rs` | reads the text of one setting | none |

mod dns;
mod keys;
mod limits;
mod messages;
mod proxying;
mod push;
mod subscriptions;
mod timers;
mod tls;
mod values;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use media::audio::Country;
use sip::Transport;
use switch::{Listener, Trusted};

pub use keys::{Key, keys};

use crate::net;

/// A text that is not to be seen: neither `Debug` nor `Display` show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for where it is used.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// UDP ports for media.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Rtp {
    /// The address they are bound on; may be a wildcard.
    pub host: IpAddr,
    /// The first.
    pub first: u16,
    /// The last, included.
    pub last: u16,
}

/// The folders with files of sound, and tones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sounds {
    /// Files that scripts play.
    pub prompts: PathBuf,
    /// Where recordings are written; see [`Config::recordings`].
    pub recordings: Option<PathBuf>,
    /// The country of tones that a script names without one.
    pub tones: Country,
}

/// How much is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A filter in the form of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// JSON lines instead of text.
    pub json: bool,
    /// SIP messages are shown whole, their secrets masked, whatever the filter says.
    pub whole_messages: bool,
}

/// Limits of the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Dialplan scripts at once.
    pub scripts: usize,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_source: usize,
    /// Bytes that may wait on one connection.
    pub write_queue: usize,
    /// How long a message may be on its way in a stream.
    pub message_timeout: Duration,
    /// How long a connection may be silent.
    pub idle_timeout: Duration,
    /// Packets of media to an address that only a description names, before anything is heard from there.
    pub unheard_packets: u32,
    /// How often the quality of a call in progress is measured.
    pub quality: Duration,
    /// Call records that a search looks at for one page.
    pub search_records: u32,
    /// How long the answer to a request with `Idempotency-Key` is kept.
    pub idempotency_time: Duration,
    /// How often the disk is told that calls go on.
    pub call_mark: Duration,
    /// How long recordings are kept; `None`: for ever.
    pub keep_recordings: Option<Duration>,
    /// The longest recording.
    pub recording_max: Duration,
    /// Octets that recordings leave free on their disk.
    pub recording_free_space: u64,
    /// Look-ups of host names.
    pub dns: net::DnsLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            scripts: 16_000,
            connections: 20_000,
            connections_per_source: 1_000,
            write_queue: 1 << 20,
            message_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(7_200),
            unheard_packets: 50,
            quality: Duration::from_secs(10),
            search_records: 50_000,
            idempotency_time: Duration::from_secs(600),
            call_mark: Duration::from_secs(5),
            keep_recordings: None,
            recording_max: Duration::from_secs(4 * 3_600),
            recording_free_space: 100 << 20,
            dns: net::DnsLimits::default(),
        }
    }
}

/// How the page and the API are reached, and by whom.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where HTTP is listened for.
    pub address: SocketAddr,
    /// The admin API's token, where it is not the generated one.
    pub admin_token: Option<Secret>,
    /// Whether `/metrics` needs the token, too.
    pub metrics_need_token: bool,
    /// Proxies in front whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who is asked to wake phones.
    pub push: Option<Webhook>,
}

/// An address that is told of something by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The host and the port.
    pub host: String,
    /// The path with the query. It may hold a token.
    pub path: Secret,
}

/// Where SIP is listened for, and with which certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sip {
    /// The sockets.
    pub listeners: Vec<Listener>,
    /// Certificates and authorities of TLS.
    pub tls: net::Files,
    /// How many TLS handshakes there may be, and how long one may take.
    pub handshakes: net::HandshakeLimits,
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database, recordings, voicemail.
    pub data: PathBuf,
    /// The dialplan scripts.
    pub dialplans: PathBuf,
    /// Files of sound, and tones.
    pub sounds: Sounds,
    /// SIP's sockets.
    pub sip: Sip,
    /// The page and the API.
    pub http: Http,
    /// Ports for media.
    pub rtp: Rtp,
    /// Networks whose calls are an extension's without a challenge.
    pub trust: Vec<Trusted>,
    /// SIP domain and digest realm.
    pub domain: String,
    /// The address peers are told, where it is not our own.
    pub advertise: Option<IpAddr>,
    /// How long calls may go on after SIGTERM.
    pub drain: Duration,
    /// Whether the first start makes two extensions.
    pub demo: bool,
    /// Logging.
    pub log: Log,
    /// Where inputs are recorded.
    pub record: Option<PathBuf>,
    /// The shell's own limits.
    pub limits: Limits,
    /// Settings of the switch. The fields above have precedence: see [`Config::for_switch`].
    pub switch: switch::Config,
}

impl Default for Config {
    fn default() -> Self {
        let any = |port| SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
        Self {
            data: "./data".into(),
            dialplans: "./dialplans".into(),
            sounds: Sounds {
                prompts: "./prompts".into(),
                recordings: None,
                tones: Country::default(),
            },
            sip: Sip {
                listeners: [Transport::Udp, Transport::Tcp]
                    .map(|transport| Listener {
                        transport,
                        address: any(5060),
                    })
                    .into(),
                tls: net::Files::default(),
                handshakes: net::HandshakeLimits::default(),
            },
            http: Http {
                address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8080),
                admin_token: None,
                metrics_need_token: false,
                trusted_proxies: Vec::new(),
                push: None,
            },
            rtp: Rtp {
                host: Ipv4Addr::UNSPECIFIED.into(),
                first: 20_000,
                last: 20_999,
            },
            trust: Vec::new(),
            domain: "tandem.local".into(),
            advertise: None,
            drain: Duration::from_secs(10),
            demo: true,
            log: Log {
                filter: "info".into(),
                json: false,
                whole_messages: false,
            },
            record: None,
            limits: Limits::default(),
            switch: switch_defaults(),
        }
    }
}

/// Why there is no configuration; one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that is not accepted.
    #[error("{key} = {value:?} ({place}): {expected}")]
    Value {
        /// The TOML key.
        key: String,
        /// The given value; `...` for a secret.
        value: String,
        /// Where: the flag, the variable or the file.
        place: String,
        /// The accepted values.
        expected: String,
    },
    /// An unknown key.
    #[error("{key} ({place}): no such key; known are {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The file.
        place: String,
        /// All keys.
        known: String,
    },
    /// The file cannot be read.
    #[error("config = {path:?}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
}

/// The values given for one key in one place.
struct Given<'a> {
    key: &'a Key,
    values: Vec<String>,
    place: String,
}

impl Config {
    /// Puts the settings together. `flag` gives the values of a flag by its name (empty if it was not
    /// given), `variable` an environment variable's.
    pub fn load(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
        flag: impl Fn(&str) -> Vec<String>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
            config.read_toml(&text, &path.display().to_string())?;
        }
        for key in keys() {
            let name = key.variable();
            // Empty is how container tools say that a variable is not set.
            if let Some(text) = variable(&name).filter(|text| !text.is_empty()) {
                let values = if key.list { split_list(&text) } else { vec![text] };
                config.set(Given {
                    key,
                    values,
                    place: name,
                })?;
            }
        }
        for key in keys().filter(|key| key.flag) {
            let values = flag(key.name);
            if !values.is_empty() {
                config.set(Given {
                    key,
                    values,
                    place: format!("--{}", key.name),
                })?;
            }
        }
        Ok(config)
    }

    /// The folder of recordings.
    pub fn recordings(&self) -> PathBuf {
        let given = self.sounds.recordings.clone();
        given.unwrap_or_else(|| self.data.join("recordings"))
    }

    /// The settings of the switch.
    pub fn for_switch(&self) -> switch::Config {
        switch::Config {
            domain: self.domain.clone(),
            advertise: self.advertise,
            media_host: Some(self.rtp.host).filter(|host| !host.is_unspecified()),
            media_ports: (self.rtp.first, self.rtp.last),
            trusted: self.trust.clone(),
            ..self.switch.clone()
        }
    }

    fn read_toml(&mut self, text: &str, path: &str) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::File {
            path: path.into(),
            reason: toml_reason(text, &error),
        })?;
        for (name, value) in &table {
            let Some(key) = keys().find(|key| key.toml() == *name) else {
                let known: Vec<String> = keys().map(Key::toml).collect();
                let near = switch::did_you_mean(name, known.iter().map(String::as_str));
                return Err(ConfigError::UnknownKey {
                    key: name.clone(),
                    place: path.into(),
                    known: format!("{}{near}", known.join(", ")),
                });
            };
            let values = toml_values(key, value).map_err(|expected| ConfigError::Value {
                key: name.clone(),
                value: shown(key, &value.to_string()),
                place: path.into(),
                expected,
            })?;
            self.set(Given {
                key,
                values,
                place: path.into(),
            })?;
        }
        Ok(())
    }

    fn set(&mut self, given: Given<'_>) -> Result<(), ConfigError> {
        (given.key.apply)(self, &given.values).map_err(|expected| {
            // In a list, the first value that is not accepted alone is at fault.
            let alone = |value: &&String| (given.key.apply)(&mut Self::default(), &[(*value).clone()]).is_err();
            let value = given.values.iter().find(alone).or(given.values.first());
            ConfigError::Value {
                key: given.key.toml(),
                value: shown(given.key, value.map_or("", String::as_str)),
                place: given.place,
                expected,
            }
        })
    }
}

/// The switch's own defaults, with both of its transaction limits at what the help says.
fn switch_defaults() -> switch::Config {
    let mut config = switch::Config::default();
    config.admission.max_calls = config.limits.calls;
    config.transactions.clients = config.admission.max_transactions;
    config.transactions.servers = config.admission.max_transactions;
    config
}

/// A value as it may stand in an error; a secret never does.
fn shown(key: &Key, value: &str) -> String {
    if key.flag {
        value.trim_matches('"').to_owned()
    } else {
        "...".into()
    }
}

/// Commas or spaces part the items of a list in a variable.
fn split_list(text: &str) -> Vec<String> {
    text.split([',', ' '])
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A TOML value as the texts a flag would have had.
fn toml_values(key: &Key, value: &toml::Value) -> Result<Vec<String>, String> {
    if let (true, toml::Value::Array(items)) = (key.list, value) {
        return items.iter().map(toml_text).collect();
    }
    Ok(vec![toml_text(value)?])
}

fn toml_text(value: &toml::Value) -> Result<String, String> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(yes) => Ok(yes.to_string()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
            Err("expected one text, number or boolean".into())
        }
    }
}

/// A TOML fault on one line, with its place. The text around it is not shown: it may hold the token.
fn toml_reason(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().lines().next().unwrap_or_default();
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            format!("line {line}, column {column}: {message}")
        }
        None => message.to_owned(),
    }
}
