//! Names looked up at a name server of the test, which answers over UDP: as it should, not at all, or with lies.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, CNAME, NAPTR, SRV},
    },
};
use switch::Unresolved;

use super::{hosts::asks, *};

/// The answer of the name server.
enum Says {
    Nothing,
    Code(ResponseCode),
    /// Records: owner, TTL, data.
    Records(Vec<(&'static str, u32, RData)>),
    /// The same under the number of another question.
    ToAnother(Vec<(&'static str, u32, RData)>),
    /// Octets that are no DNS message.
    Noise,
}

struct Server {
    address: SocketAddr,
    asked: Rc<RefCell<Vec<String>>>,
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

fn address(last: u8) -> RData {
    RData::A(A::new(127, 0, 0, last))
}

fn srv(priority: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(priority, 0, port, name(target)))
}

impl Server {
    async fn new(says: impl Fn(&str, RecordType) -> Says + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&asked);
        tokio::task::spawn_local(async move {
            let mut buffer = [0; 2_048];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let query = question.queries[0].clone();
                let text = query.name().to_lowercase().to_ascii();
                let text = text.trim_end_matches('.');
                noted.borrow_mut().push(format!("{} {text}", query.query_type()));
                let mut answer = Message::response(question.metadata.id, OpCode::Query);
                answer.add_query(query.clone());
                let records = match says(text, query.query_type()) {
                    Says::Nothing => continue,
                    Says::Noise => {
                        let _ = socket.send_to(b"not a message at all", peer).await;
                        continue;
                    }
                    Says::Code(code) => {
                        answer.metadata.response_code = code;
                        Vec::new()
                    }
                    Says::Records(records) => records,
                    Says::ToAnother(records) => {
                        answer.metadata.id = answer.metadata.id.wrapping_add(1);
                        records
                    }
                };
                let record = |(owner, ttl, data): (&str, u32, RData)| Record::from_rdata(name(owner), ttl, data);
                answer.add_answers(records.into_iter().map(record));
                let _ = socket.send_to(&answer.to_vec().unwrap(), peer).await;
            }
        });
        Self { address, asked }
    }

    fn bench(&self) -> Bench {
        let limits = Limits {
            dns: DnsLimits {
                server: Some(self.address),
                timeout: Duration::from_millis(600),
                ..DnsLimits::default()
            },
            ..Limits::default()
        };
        Bench::new(&["udp:127.0.0.1:0", "tcp:127.0.0.1:0"], limits)
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = std::mem::take(&mut *self.asked.borrow_mut());
        asked.sort();
        asked
    }
}

async fn look_up(bench: &mut Bench, host: &str) -> Result<Vec<String>, Unresolved> {
    bench.net.resolve(QueryId(1), asks(host, None, None));
    let Input::Resolved { ways, .. } = bench.next().await else {
        panic!("not an answer to a look-up")
    };
    Ok(ways?.iter().map(Flow::to_string).collect())
}

#[test]
fn naptr_and_srv_records_lead_to_servers_which_are_then_known() {
    run(async {
        let server = Server::new(|name_asked, kind| match (name_asked, kind) {
            ("example.test", RecordType::NAPTR) => {
                let text = |text: &str| text.as_bytes().into();
                let tcp = NAPTR::new(
                    10,
                    1,
                    text("s"),
                    text("SIP+D2T"),
                    text(""),
                    name("_sip._tcp.hosted.test"),
                );
                let other = NAPTR::new(5, 1, text("u"), text("SIP+D2U"), text("!x!"), name("example.test"));
                Says::Records(vec![
                    ("example.test", 60, RData::NAPTR(tcp)),
                    ("example.test", 60, RData::NAPTR(other)),
                ])
            }
            ("_sip._tcp.hosted.test", RecordType::SRV) => Says::Records(vec![
                ("_sip._tcp.hosted.test", 60, srv(20, 5070, "b.hosted.test")),
                ("_sip._tcp.hosted.test", 60, srv(10, 5060, "a.hosted.test")),
            ]),
            ("a.hosted.test", RecordType::A) => Says::Records(vec![("a.hosted.test", 60, address(2))]),
            ("b.hosted.test", RecordType::A) => Says::Records(vec![
                ("b.hosted.test", 60, RData::CNAME(CNAME(name("c.hosted.test")))),
                ("c.hosted.test", 60, address(3)),
            ]),
            _ => Says::Code(ResponseCode::NoError),
        })
        .await;
        let mut bench = server.bench();
        let found = ["tcp:127.0.0.2:5060", "tcp:127.0.0.3:5070"];
        assert_eq!(look_up(&mut bench, "Example.Test.").await.unwrap(), found);
        assert_eq!(
            server.asked(),
            [
                "A a.hosted.test",
                "A b.hosted.test",
                "AAAA a.hosted.test",
                "AAAA b.hosted.test",
                "NAPTR example.test",
                "SRV _sip._tcp.hosted.test",
            ]
        );
        assert_eq!(look_up(&mut bench, "example.test").await.unwrap(), found);
        assert!(server.asked().is_empty(), "known from the first time");
        let lookups = bench.net.lookups();
        assert_eq!(
            (lookups.asked.get(), lookups.cached.get(), lookups.failed.get()),
            (1, 1, 0)
        );
    });
}

#[test]
fn a_host_that_is_not_found_says_why_and_is_not_asked_for_again_at_once() {
    run(async {
        let server = Server::new(|name, _| match name {
            _ if name.ends_with("missing.test") => Says::Code(ResponseCode::NXDomain),
            _ if name.ends_with("broken.test") => Says::Code(ResponseCode::ServFail),
            _ if name.ends_with("refused.test") => Says::Code(ResponseCode::Refused),
            _ => Says::Nothing,
        })
        .await;
        let mut bench = server.bench();
        for (host, why) in [
            ("missing.test", Unresolved::NotFound),
            ("broken.test", Unresolved::Failed),
            ("refused.test", Unresolved::Failed),
            ("silent.test", Unresolved::Timeout),
        ] {
            assert_eq!(look_up(&mut bench, host).await, Err(why), "{host}");
            assert!(!server.asked().is_empty());
            assert_eq!(look_up(&mut bench, host).await, Err(why), "{host}");
            assert!(server.asked().is_empty(), "{host}");
        }
        assert_eq!(bench.net.lookups().failed.get(), 4);
    });
}

#[test]
fn answers_for_other_names_or_questions_and_circles_are_not_taken() {
    run(async {
        let server = Server::new(|name_asked, kind| match (name_asked, kind) {
            ("other.test", RecordType::A) => Says::Records(vec![("victim.test", 60, address(66))]),
            ("forged.test", RecordType::A) => Says::ToAnother(vec![("forged.test", 60, address(66))]),
            ("noise.test", RecordType::A) => Says::Noise,
            ("one.test", RecordType::A) => Says::Records(vec![("one.test", 60, RData::CNAME(CNAME(name("two.test"))))]),
            ("two.test", RecordType::A) => Says::Records(vec![("two.test", 60, RData::CNAME(CNAME(name("one.test"))))]),
            // Servers of another service than was asked for.
            ("_sip._udp.srv.test", RecordType::SRV) => {
                Says::Records(vec![("_sip._udp.bank.test", 60, srv(0, 5060, "evil.test"))])
            }
            ("evil.test", RecordType::A) => Says::Records(vec![("evil.test", 60, address(66))]),
            _ => Says::Code(ResponseCode::NoError),
        })
        .await;
        let mut bench = server.bench();
        for host in ["other.test", "forged.test", "noise.test", "one.test", "srv.test"] {
            let found = look_up(&mut bench, host).await;
            assert!(found.is_err(), "{host}: {found:?}");
        }
        assert!(server.asked().len() < 100, "a circle ends");
    });
}

#[test]
fn who_asks_the_same_at_once_shares_one_look_up_and_a_ttl_of_nothing_is_not_kept() {
    run(async {
        let count = Rc::new(Cell::new(0));
        let counted = Rc::clone(&count);
        let server = Server::new(move |name, kind| match (name, kind) {
            ("shared.test", RecordType::A) => {
                counted.set(counted.get() + 1);
                Says::Records(vec![("shared.test", 0, address(9))])
            }
            _ => Says::Code(ResponseCode::NoError),
        })
        .await;
        let mut bench = server.bench();
        for query in 0..50 {
            bench.net.resolve(QueryId(query), asks("shared.test", None, None));
        }
        for wanted in 0..50 {
            let Input::Resolved { query, ways } = bench.next().await else {
                panic!("not an answer to a look-up")
            };
            assert_eq!((query, ways.unwrap().len()), (QueryId(wanted), 1));
        }
        assert_eq!(count.get(), 1);
        assert_eq!(
            look_up(&mut bench, "shared.test").await.unwrap(),
            ["udp:127.0.0.9:5060"]
        );
        assert_eq!(count.get(), 2);
    });
}
