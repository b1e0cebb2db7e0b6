//! The procedure of RFC 3263 with name servers made up by the test.

use std::{cell::RefCell, collections::HashMap};

use super::*;

#[derive(Default)]
struct Zone {
    naptr: HashMap<&'static str, Answer<Naptr>>,
    srv: HashMap<&'static str, Answer<Srv>>,
    addresses: HashMap<&'static str, Answer<IpAddr>>,
    fixed: Vec<&'static str>,
    asked: RefCell<Vec<String>>,
}

const HOUR: Duration = Duration::from_secs(3_600);
const ALL: &[Transport] = &[Transport::Udp, Transport::Tcp, Transport::Tls];

fn missing<T>() -> Answer<T> {
    fails(Unresolved::NotFound)
}

fn fails<T>(why: Unresolved) -> Answer<T> {
    let ttl = Duration::from_secs(5);
    Err(Failure { why, ttl })
}

impl Zone {
    fn naptr(mut self, name: &'static str, records: &[(u16, u16, &str, &str)]) -> Self {
        let record = |(order, preference, service, replacement): &(u16, u16, &str, &str)| Naptr {
            order: *order,
            preference: *preference,
            service: (*service).into(),
            replacement: (*replacement).into(),
        };
        self.naptr
            .insert(name, Ok((records.iter().map(record).collect(), HOUR)));
        self
    }

    fn srv(mut self, name: &'static str, records: &[(u16, u16, u16, &str)]) -> Self {
        let record = |(priority, weight, port, target): &(u16, u16, u16, &str)| Srv {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: (*target).into(),
        };
        self.srv.insert(name, Ok((records.iter().map(record).collect(), HOUR)));
        self
    }

    fn at(mut self, name: &'static str, ip: &str) -> Self {
        self.addresses.insert(name, Ok((vec![ip.parse().unwrap()], HOUR)));
        self
    }

    fn finds(&self, host: Host<'_>) -> Result<Vec<String>, Unresolved> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(find(self, host)).map_err(|failure| failure.why)?;
        let sockets = found.sockets(|_| 0);
        let text = |socket: &super::super::routes::Socket| format!("{} {}", socket.transport, socket.remote);
        Ok(sockets.iter().map(text).collect())
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.borrow_mut())
    }
}

impl Ask for Zone {
    fn is_fixed(&self, host: &str) -> bool {
        self.fixed.contains(&host)
    }

    async fn naptr(&self, name: &str) -> Answer<Naptr> {
        self.asked.borrow_mut().push(format!("NAPTR {name}"));
        self.naptr.get(name).cloned().unwrap_or_else(missing)
    }

    async fn srv(&self, name: &str) -> Answer<Srv> {
        self.asked.borrow_mut().push(format!("SRV {name}"));
        self.srv.get(name).cloned().unwrap_or_else(missing)
    }

    async fn addresses(&self, name: &str) -> Answer<IpAddr> {
        self.asked.borrow_mut().push(format!("A {name}"));
        self.addresses.get(name).cloned().unwrap_or_else(missing)
    }
}

fn host(name: &str) -> Host<'_> {
    Host {
        name,
        port: None,
        transport: None,
        secure: false,
        ours: ALL,
    }
}

/// The records of RFC 3263 section 4.1 and 4.2.
fn example() -> Zone {
    Zone::default()
        .naptr(
            "example.com",
            &[
                (100, 50, "SIP+D2U", "_sip._udp.example.com"),
                (50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
                (90, 50, "SIP+D2T", "_sip._tcp.example.com"),
            ],
        )
        .srv("_sips._tcp.example.com", &[(0, 1, 5061, "tls.example.com")])
        .srv(
            "_sip._tcp.example.com",
            &[(0, 1, 5060, "server1.example.com"), (0, 2, 5060, "server2.example.com")],
        )
        .at("tls.example.com", "192.0.2.9")
        .at("server1.example.com", "192.0.2.1")
        .at("server2.example.com", "192.0.2.2")
        .at("example.com", "192.0.2.80")
}

#[test]
fn naptr_records_choose_the_transport_that_both_have() {
    let zone = example();
    assert_eq!(zone.finds(host("example.com")).unwrap(), ["tls 192.0.2.9:5061"]);
    let ours = &[Transport::Udp, Transport::Tcp];
    let plain = Host {
        ours,
        ..host("example.com")
    };
    // RFC 3263 4.1: "the client supports TCP and UDP", so TCP is chosen, and UDP is not looked at.
    assert_eq!(zone.finds(plain).unwrap(), ["tcp 192.0.2.1:5060", "tcp 192.0.2.2:5060"]);
    let secure = Host {
        secure: true,
        ..host("example.com")
    };
    assert_eq!(zone.finds(secure).unwrap(), ["tls 192.0.2.9:5061"]);
}

#[test]
fn a_port_or_a_transport_leaves_fewer_questions() {
    let zone = example();
    let port = Host {
        port: Some(5070),
        ..host("example.com")
    };
    assert_eq!(zone.finds(port).unwrap(), ["udp 192.0.2.80:5070"]);
    assert_eq!(zone.asked(), ["A example.com"]);
    let transport = Host {
        transport: Some(Transport::Tcp),
        ..host("example.com")
    };
    assert_eq!(
        zone.finds(transport).unwrap(),
        ["tcp 192.0.2.1:5060", "tcp 192.0.2.2:5060"]
    );
    assert_eq!(
        zone.asked(),
        [
            "SRV _sip._tcp.example.com",
            "A server1.example.com",
            "A server2.example.com"
        ]
    );
    let none = Host {
        transport: Some(Transport::Udp),
        ..host("example.com")
    };
    assert_eq!(
        zone.finds(none).unwrap(),
        ["udp 192.0.2.80:5060"],
        "no SRV records: the host itself"
    );
}

#[test]
fn without_naptr_records_each_of_our_transports_is_asked_for() {
    let zone = Zone::default()
        .srv("_sip._udp.example.org", &[(0, 0, 5060, "u.example.org")])
        .srv("_sips._tcp.example.org", &[(0, 0, 5061, "t.example.org")])
        .at("u.example.org", "192.0.2.1")
        .at("t.example.org", "192.0.2.2");
    let both = ["udp 192.0.2.1:5060", "tls 192.0.2.2:5061"];
    assert_eq!(zone.finds(host("example.org")).unwrap(), both);
    let secure = Host {
        secure: true,
        ..host("example.org")
    };
    assert_eq!(zone.finds(secure).unwrap(), both[1..], "sips: TLS only");
    let bare = Zone::default().at("example.net", "192.0.2.3");
    assert_eq!(bare.finds(host("example.net")).unwrap(), ["udp 192.0.2.3:5060"]);
    let secure = Host {
        secure: true,
        ..host("example.net")
    };
    assert_eq!(bare.finds(secure).unwrap(), ["tls 192.0.2.3:5061"]);
}

#[test]
fn a_domain_that_denies_the_service_is_not_called_at_its_web_server() {
    let zone = Zone::default()
        .srv("_sip._udp.example.org", &[(0, 0, 0, "")])
        .at("example.org", "192.0.2.80");
    assert_eq!(zone.finds(host("example.org")), Err(Unresolved::NotFound));
}

#[test]
fn a_silent_name_server_is_a_timeout_and_no_reason_to_call_the_web_server() {
    let mut zone = Zone::default().at("example.org", "192.0.2.80");
    zone.srv.insert("_sip._udp.example.org", fails(Unresolved::Timeout));
    assert_eq!(zone.finds(host("example.org")), Err(Unresolved::Timeout));
    // One that does not know NAPTR or SRV is no obstacle.
    zone.naptr.insert("example.org", fails(Unresolved::Failed));
    zone.srv.insert("_sip._udp.example.org", fails(Unresolved::Failed));
    assert_eq!(zone.finds(host("example.org")).unwrap(), ["udp 192.0.2.80:5060"]);
}

#[test]
fn a_server_without_an_address_is_left_out() {
    let zone = Zone::default()
        .srv(
            "_sip._udp.example.org",
            &[(0, 0, 5060, "gone.example.org"), (1, 0, 5060, "b.example.org")],
        )
        .at("b.example.org", "192.0.2.2");
    assert_eq!(zone.finds(host("example.org")).unwrap(), ["udp 192.0.2.2:5060"]);
    let none = Zone::default().srv("_sip._udp.example.org", &[(0, 0, 5060, "gone.example.org")]);
    assert_eq!(none.finds(host("example.org")), Err(Unresolved::NotFound));
}

#[test]
fn a_name_of_this_machine_or_of_one_label_is_only_looked_up_for_addresses() {
    let mut zone = example().at("pbx", "192.0.2.7");
    zone.fixed.push("example.com");
    assert_eq!(zone.finds(host("example.com")).unwrap(), ["udp 192.0.2.80:5060"]);
    assert_eq!(zone.finds(host("pbx")).unwrap(), ["udp 192.0.2.7:5060"]);
    assert_eq!(zone.asked(), ["A example.com", "A pbx"]);
}

#[test]
fn a_flood_of_records_is_cut() {
    let records: Vec<(u16, u16, u16, &str)> = (0..4_000).map(|n| (n, 0, 5060, "a.example.org")).collect();
    let zone = Zone::default()
        .srv("_sip._udp.example.org", &records)
        .at("a.example.org", "192.0.2.1");
    assert_eq!(zone.finds(host("example.org")).unwrap().len(), RECORDS);
    assert!(
        zone.asked().len() <= 4 + RECORDS,
        "a name server is not asked thousands of times"
    );
}
