use std::{collections::HashMap, io::Write};

use super::*;

/// Settings from a file's text, variables and flags; the error as it is printed.
fn load(file: &str, variables: &[(&str, &str)], flags: &[(&str, &[&str])]) -> Result<Config, String> {
    let mut toml = tempfile::NamedTempFile::new().unwrap();
    toml.write_all(file.as_bytes()).unwrap();
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    let flags: HashMap<_, _> = flags.iter().copied().collect();
    let flag = |name: &str| {
        flags
            .get(name)
            .map(|v| v.iter().map(ToString::to_string).collect())
            .unwrap_or_default()
    };
    Config::load(
        Some(toml.path()),
        |name| variables.get(name).map(ToString::to_string),
        flag,
    )
    .map_err(|error| error.to_string().replace(&toml.path().display().to_string(), "FILE"))
}

#[test]
fn nothing_given_means_the_promised_defaults() {
    let config = load("", &[], &[]).unwrap();
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    assert_eq!(config.data, PathBuf::from("./data"));
    assert_eq!(config.dialplans, PathBuf::from("./dialplans"));
    assert_eq!(config.http.address.to_string(), "127.0.0.1:8080");
    let sip: Vec<String> = config
        .sip
        .listeners
        .iter()
        .map(|l| format!("{}:{}", l.transport, l.address))
        .collect();
    assert_eq!(sip, ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]);
    assert_eq!((config.rtp.first, config.rtp.last), (20_000, 20_999));
    assert_eq!((config.domain.as_str(), config.drain.as_secs()), ("tandem.local", 10));
    assert!(config.demo && config.trust.is_empty() && config.advertise.is_none());
}

#[test]
fn the_defaults_in_the_help_are_the_defaults() {
    for key in keys() {
        let given = match key.name {
            "sip" => key.default.split(" and ").map(str::to_owned).collect(),
            "trust" | "trusted-proxy" | "advertise" | "record" | "recordings" | "admin-token" | "push-url"
            | "push-provider" | "service-route" | "tls-cert" | "tls-key" | "tls-ca" | "tls-client-ca" => continue,
            _ => vec![key.default.to_owned()],
        };
        let mut config = Config::default();
        (key.apply)(&mut config, &given).unwrap();
        assert_eq!(
            format!("{config:?}"),
            format!("{:?}", Config::default()),
            "{}",
            key.name
        );
    }
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let file = "domain = \"file.example\"\ndrain = 1\nhttp = \"127.0.0.1:1\"";
    let variables = [("TANDEM_DOMAIN", "env.example"), ("TANDEM_DRAIN", "2.5")];
    let config = load(file, &variables, &[("domain", &["flag.example"])]).unwrap();
    assert_eq!(config.domain, "flag.example");
    assert_eq!(config.drain, Duration::from_millis(2_500));
    assert_eq!(config.http.address.port(), 1);
}

#[test]
fn a_list_replaces_the_list_below_it() {
    let file = "sip = [\"udp:127.0.0.1:1\", \"tcp:127.0.0.1:1\"]";
    let ports = |config: Config| {
        config
            .sip
            .listeners
            .iter()
            .map(|l| l.address.port())
            .collect::<Vec<_>>()
    };
    assert_eq!(ports(load(file, &[], &[]).unwrap()), [1, 1]);
    let variables = [("TANDEM_SIP", "udp:[::1]:2, tcp:[::1]:3")];
    assert_eq!(ports(load(file, &variables, &[]).unwrap()), [2, 3]);
    assert_eq!(
        ports(load(file, &variables, &[("sip", &["udp:127.0.0.1:4"])]).unwrap()),
        [4]
    );
}

#[test]
fn an_empty_variable_is_not_set() {
    assert_eq!(load("", &[("TANDEM_ADVERTISE", "")], &[]).unwrap().advertise, None);
}

#[test]
fn trusted_networks_are_read_with_and_without_a_prefix() {
    let config = load("", &[], &[("trust", &["10.0.0.0/8=101", "::1=gw"])]).unwrap();
    let trust: Vec<_> = config
        .trust
        .iter()
        .map(|t| (t.network.to_string(), t.prefix, t.extension.as_str()))
        .collect();
    assert_eq!(trust, [("10.0.0.0".into(), 8, "101"), ("::1".into(), 128, "gw")]);
    // Bits below the prefix are no part of the network.
    let config = load("", &[], &[("trust", &["10.1.2.3/8=101"])]).unwrap();
    assert_eq!(config.trust[0].network.to_string(), "10.0.0.0");
}

#[test]
fn a_value_that_is_not_accepted_names_key_value_and_what_is() {
    let sip = "expected TRANSPORT:HOST:PORT, with udp, tcp, tls, ws or wss, such as udp:0.0.0.0:5060 or tls:[::]:5061";
    for (name, value, expected) in [
        ("sip", "udp", sip),
        ("sip", "udp:0.0.0.0", sip),
        ("sip", "udp:0.0.0.0:65536", sip),
        ("sip", "udp:0.0.0.0:+5", sip),
        ("sip", "udp:::1:5060", sip),
        ("sip", "sctp:0.0.0.0:5060", sip),
        (
            "http",
            "8080",
            "expected HOST:PORT with an IP address (IPv6 in brackets) or localhost, and a port from 0 to 65535",
        ),
        (
            "rtp",
            "0.0.0.0:30000-20000",
            "expected HOST:FIRST-LAST with an IP address (IPv6 in brackets) and at least 4 ports from 1024 to 65535, such as 0.0.0.0:20000-20999",
        ),
        ("domain", "a b", "expected a domain name, such as pbx.example.org"),
        ("domain", "a\"b", "expected a domain name, such as pbx.example.org"),
        (
            "advertise",
            "0.0.0.0",
            "expected one IP address that peers can reach, such as 203.0.113.7",
        ),
        (
            "dns",
            "ns.example.org:53",
            "expected system, or the name server as HOST:PORT with an IP address (IPv6 in brackets) and a port from 1 to 65535, such as 192.0.2.53:53",
        ),
        (
            "trust",
            "10.0.0.0/33=101",
            "expected CIDR=EXTENSION, such as 192.0.2.0/24=101; an extension is 1 to 32 of A-Z a-z 0-9 * # + . _ -",
        ),
        (
            "trust",
            "10.0.0.0/8=",
            "expected CIDR=EXTENSION, such as 192.0.2.0/24=101; an extension is 1 to 32 of A-Z a-z 0-9 * # + . _ -",
        ),
        (
            "trusted-proxy",
            "10.0.0.0/33",
            "expected an IP network or address, such as 10.0.0.0/8 or ::1",
        ),
        ("metrics-need-token", "maybe", "expected one of 0, 1, false, true"),
        ("drain", "-1", "expected seconds from 0 to 86400"),
        ("drain", "NaN", "expected seconds from 0 to 86400"),
        ("drain", "ten", "expected seconds from 0 to 86400"),
        (
            "tones",
            "xx",
            "expected one of eu, at, au, be, bg, br, ca, ch, cl, cn, cz, de, dk, ee, es, fi, fr, gr, hu, il, in, it, jp, \
             lt, mx, my, nl, no, nz, pl, pt, ru, se, sg, tw, uk, us, za",
        ),
        ("demo", "maybe", "expected one of 0, 1, false, true"),
        ("log-format", "xml", "expected one of text, json"),
        (
            "log-level",
            "loud",
            "expected error, warn, info, debug, trace, off, or a filter such as info,tandem=debug",
        ),
        ("max-calls", "0", "expected a whole number from 1 to 1000000"),
        ("max-calls", "many", "expected a whole number from 1 to 1000000"),
        ("data", "", "expected a path"),
    ] {
        let key = name.replace('-', "_");
        let error = load("", &[], &[(name, &[value])]).unwrap_err();
        assert_eq!(error, format!("{key} = {value:?} (--{name}): {expected}"));
        assert_eq!(error.lines().count(), 1);
        if value.is_empty() || name == "sip" || name.starts_with("trust") {
            continue;
        }
        let variable = format!("TANDEM_{}", key.to_uppercase());
        let error = load("", &[(&variable, value)], &[]).unwrap_err();
        assert_eq!(error, format!("{key} = {value:?} ({variable}): {expected}"));
        let error = load(&format!("{key} = '{value}'"), &[], &[]).unwrap_err();
        assert_eq!(error, format!("{key} = {value:?} (FILE): {expected}"));
    }
}

#[test]
fn of_a_list_the_item_at_fault_is_named() {
    let error = load("", &[("TANDEM_SIP", "udp:127.0.0.1:1,udp:x:2")], &[]).unwrap_err();
    assert!(error.starts_with("sip = \"udp:x:2\" (TANDEM_SIP): expected"), "{error}");
}

#[test]
fn a_file_with_an_unknown_key_or_a_fault_is_refused() {
    let error = load("dommain = \"x\"", &[], &[]).unwrap_err();
    assert!(
        error.starts_with("dommain (FILE): no such key; known are data, dialplans,"),
        "{error}"
    );
    let error = load("drain = 1\ndomain = ", &[], &[]).unwrap_err();
    assert!(error.starts_with("config = \"FILE\": line 2, column"), "{error}");
    assert_eq!(error.lines().count(), 1);
    let error = load("[domain]\nname = 1", &[], &[]).unwrap_err();
    assert!(
        error.ends_with("(FILE): expected one text, number or boolean"),
        "{error}"
    );
    let missing = Config::load(Some(Path::new("/nowhere/tandem.toml")), |_| None, |_| Vec::new()).unwrap_err();
    assert!(
        missing.to_string().starts_with("config = \"/nowhere/tandem.toml\": "),
        "{missing}"
    );
}

#[test]
fn the_token_is_never_shown() {
    let short = "hunter2";
    for error in [
        load("", &[("TANDEM_ADMIN_TOKEN", short)], &[]).unwrap_err(),
        load("admin_token = \"hunter2\"", &[], &[]).unwrap_err(),
        load("admin_token = [\"hunter2\"]", &[], &[]).unwrap_err(),
        load("admin_token = hunter2", &[], &[]).unwrap_err(),
    ] {
        assert!(!error.contains(short), "{error}");
    }
    let config = load("", &[("TANDEM_ADMIN_TOKEN", "hunter2hunter2hunter2")], &[]).unwrap();
    assert_eq!(
        config.http.admin_token.as_ref().unwrap().reveal(),
        "hunter2hunter2hunter2"
    );
    assert!(!format!("{config:?}").contains(short));
}

#[test]
fn every_key_is_read_from_the_file_as_well() {
    let file = r#"
        data = "d"
        dialplans = "p"
        prompts = "s"
        recordings = "w"
        tones = "us"
        sip = "udp:[::1]:0"
        http = "[::1]:0"
        rtp = "[::]:30000-30099"
        domain = "PBX.example"
        advertise = "203.0.113.7"
        dns = "192.0.2.53:5353"
        dns_lookups = 7
        dns_timeout = 7
        trust = ["192.0.2.0/24=101"]
        trusted_proxy = ["192.0.2.0/24", "::1"]
        metrics_need_token = true
        require_path_support = true
        service_route = "sip:edge.example.com;lr"
        drain = 0.5
        demo = false
        admin_token = "0123456789abcdef"
        log_level = "info,tandem=debug"
        log_format = "json"
        log_messages = "whole"
        record = "r"
        max_calls = 7000
        max_transactions = 7000
        max_contacts = 7000
        max_contacts_per_extension = 7
        max_contact = 7000
        max_scripts = 7000
        source_calls = 7000
        source_registrations = 7000
        source_requests = 7000
        total_calls = 7000
        total_registrations = 7000
        total_requests = 7000
        wrong_passwords = 77
        wrong_passwords_per_source = 77
        min_expires = 77
        max_expires = 77
        session_expires = 7000
        reliable_provisional = "always"
        media_timeout = 7000
        max_unheard_packets = 7000
        quality_interval = 7000
        max_connections = 7000
        max_connections_per_source = 7000
        max_message = 7000
        write_queue = 65536
        message_timeout = 7
        idle_timeout = 7000
        search_records = 7000
        keep_recordings = 7
        idempotency_time = 7
        call_mark = 7
        record_parts = 7
        conferences = 7
        conference_members = 7
        park_slots = "77-78"
        park_timeout = 7
        park_ring = 7
        page_phones = 7
        max_recordings = 7
        media_lines = 7
        progress_interval = 7
        target_silence = 7
        request_tries = 7
        recording_max = 7
        recording_free_space = 7
        hold = "pass"
        kept_messages = 7
        kept_messages_per_extension = 7
        kept_message_bytes = 777
        kept_message_days = 77
        diversions = 7
        proxied_requests = 7
        proxied_dialogs = 7
        proxied_dialog_idle = 77
        proxy_branches = 7
        proxy_breadth = 7
        proxy_hops = 7
        proxy_timer_c = 777
        push_url = "http://127.0.0.1:9/wake"
        push_provider = "apns"
        push_wait = 7
        max_subscriptions = 777
        max_subscriptions_per_extension = 7
        min_subscription = 77
        max_subscription = 7777
        notifies = 77
        notify_spacing = 7
        notify_failures = 7
        notify_retry = 77
        restart_spread = 7
        unsolicited_mwi = "all"
        max_publications = 77
        max_publications_per_extension = 7
        max_publication_bytes = 777
        min_publication = 77
        max_publication = 777
        max_list_members = 7
        tls_cert = "c"
        tls_key = "k"
        tls_ca = "a"
        tls_client_ca = "x"
        max_handshakes = 77
        max_handshakes_per_source = 7
        handshake_timeout = 7
        profile_url = "https://pbx.example/settings"
        sip_t1 = 1
        sip_t2 = 7
        sip_t4 = 7
    "#;
    let named = file.matches(" = ").count();
    assert_eq!(named, keys().count());
    let config = load(file, &[], &[]).unwrap();
    // Each has a value of its own, and none is the default.
    let given: toml::Table = file.parse().unwrap();
    for key in keys() {
        assert_ne!(
            given[&key.toml()].to_string().trim_matches('"'),
            key.default,
            "{}",
            key.name
        );
    }
    assert_eq!(
        (config.domain.as_str(), config.sounds.tones.code()),
        ("pbx.example", "us")
    );
    assert_eq!(config.recordings(), Path::new("w"));
    assert_eq!(
        load("data = \"d\"", &[], &[]).unwrap().recordings(),
        Path::new("d/recordings")
    );
    assert_eq!(
        (config.limits.recording_max, config.limits.recording_free_space),
        (Duration::from_secs(7), 7 << 20)
    );
    assert_eq!(config.switch.limits.calls, 7_000);
    let registrar = &config.switch.registrar;
    assert_eq!(
        (registrar.contacts_per_extension, registrar.contacts_per_device),
        (7, 4)
    );
    assert_eq!((registrar.text, registrar.require_path_support), (7_000, true));
    let switch = config.for_switch();
    assert_eq!(
        (switch.domain.as_str(), switch.media_ports),
        ("pbx.example", (30_000, 30_099))
    );
    assert_eq!((switch.trusted.len(), switch.media_host), (1, None));
    assert_eq!(switch.admission.total.calls.per_second, 7_000);
    assert!(!config.demo && config.log.json && config.log.whole_messages && config.http.metrics_need_token);
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.limits.keep_recordings, Some(Duration::from_secs(7 * 86_400)));
}
