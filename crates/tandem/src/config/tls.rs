//! The settings of TLS.

use super::{
    keys::{Key, key, one},
    limits::limit,
    values,
};

const TLS: &str = "TLS";

pub(super) const KEYS: &[Key] = &[
    key(
        TLS,
        "tls-cert",
        "FILE",
        "self-signed, in --data",
        "Our certificate and those between it and its root (PEM), for listeners of tls and wss; taken anew when it \
         changes and at SIGHUP, without ending a connection",
        |c, v| {
            c.sip.tls.certificate = Some(values::directory(one(v))?);
            Ok(())
        },
    ),
    key(
        TLS,
        "tls-key",
        "FILE",
        "in the file of --tls-cert",
        "The private key of --tls-cert (PEM)",
        |c, v| {
            c.sip.tls.key = Some(values::directory(one(v))?);
            Ok(())
        },
    ),
    key(
        TLS,
        "tls-ca",
        "FILE",
        "none",
        "Authorities (PEM) that are believed beside those of the system, where Tandem connects to others",
        |c, v| {
            c.sip.tls.authorities = Some(values::directory(one(v))?);
            Ok(())
        },
    ),
    key(
        TLS,
        "tls-client-ca",
        "FILE",
        "none",
        "Phones and others that connect by TLS have to show a certificate of these authorities (PEM)",
        |c, v| {
            c.sip.tls.clients = Some(values::directory(one(v))?);
            Ok(())
        },
    ),
    limit(
        "max-handshakes",
        "N",
        "1000",
        "TLS handshakes in progress at once; further connections are closed",
        |c, v| {
            c.sip.handshakes.at_once = values::whole(one(v), 1, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "max-handshakes-per-source",
        "N",
        "200",
        "The same with one address",
        |c, v| {
            c.sip.handshakes.per_source = values::whole(one(v), 1, 1_000_000)?;
            Ok(())
        },
    ),
    limit(
        "handshake-timeout",
        "SECONDS",
        "10",
        "How long a TLS handshake may take",
        |c, v| {
            c.sip.handshakes.timeout = values::seconds(one(v), 0.1, 3600.0)?;
            Ok(())
        },
    ),
];
