//! Listeners, host names and local addresses.

use switch::Unresolved;

use super::*;

pub(super) fn asks(host: &str, port: Option<u16>, transport: Option<Transport>) -> Question<'_> {
    Question {
        host,
        port,
        transport,
        secure: false,
    }
}

#[test]
fn a_listener_that_cannot_be_bound_says_why() {
    run(async {
        let bench = Bench::new(&["udp:127.0.0.1:0"], Limits::default());
        let taken = listener(&format!("udp:{}", bench.address()));
        let Err(error) = Net::bind(&[taken], &Limits::default(), None) else {
            panic!("bound twice")
        };
        let expected = format!(
            "sip = \"udp:{}\": the port is in use by another program",
            bench.address()
        );
        assert_eq!(error.to_string(), expected);
        let Err(error) = Net::bind(&[listener("tcp:192.0.2.1:0")], &Limits::default(), None) else {
            panic!("bound")
        };
        assert_eq!(
            error.to_string(),
            "sip = \"tcp:192.0.2.1:0\": this machine has no such address"
        );
    });
}

#[test]
fn hosts_become_flows_with_a_concrete_local_address() {
    run(async {
        let mut bench = Bench::new(&["udp:0.0.0.0:0", "tcp:127.0.0.1:0"], Limits::default());
        let (udp, tcp) = (
            bench.net.listeners()[0].address.port(),
            bench.net.listeners()[1].address,
        );
        let mut ask = async |host: &str, port, transport| {
            bench.net.resolve(QueryId(7), asks(host, port, transport));
            match bench.next().await {
                Input::Resolved {
                    query: QueryId(7),
                    ways,
                } => ways,
                other => panic!("{other:?}"),
            }
        };
        let flows = ask("127.0.0.9", None, None).await;
        let local = SocketAddr::new("127.0.0.1".parse().unwrap(), udp);
        let remote = "127.0.0.9:5060".parse().unwrap();
        assert_eq!(
            flows.unwrap(),
            [Flow {
                transport: Transport::Udp,
                local,
                remote,
                connection: None
            }]
        );
        let flows = ask("localhost", Some(5070), Some(Transport::Tcp)).await;
        let remote = "127.0.0.1:5070".parse().unwrap();
        assert_eq!(
            flows.unwrap(),
            [Flow {
                transport: Transport::Tcp,
                local: tcp,
                remote,
                connection: None
            }]
        );
        // No listener speaks it.
        assert_eq!(ask("[::1]", None, None).await, Err(Unresolved::NoWay));
        assert_eq!(
            ask("127.0.0.9", None, Some(Transport::Tls)).await,
            Err(Unresolved::NoWay)
        );
        assert_eq!(ask("nobody.invalid", None, None).await, Err(Unresolved::NotFound));
    });
}

#[test]
fn without_udp_hosts_are_reached_over_tcp() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        bench.net.resolve(QueryId(1), asks("127.0.0.9", None, None));
        let Input::Resolved { ways: Ok(flows), .. } = bench.next().await else {
            panic!("not resolved")
        };
        assert_eq!(flows[0].transport, Transport::Tcp);
    });
}

#[test]
fn too_many_lookups_find_nothing() {
    run(async {
        let mut bench = Bench::new(
            &["udp:127.0.0.1:0"],
            Limits {
                dns: DnsLimits {
                    lookups: 0,
                    ..DnsLimits::default()
                },
                ..Limits::default()
            },
        );
        bench.net.resolve(QueryId(1), asks("localhost", None, None));
        let full = Err(Unresolved::TooMany);
        assert!(matches!(bench.next().await, Input::Resolved { ways, .. } if ways == full));
    });
}
