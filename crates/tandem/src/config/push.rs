//! The settings of push notifications (RFC 8599).

use super::{
    Secret, Webhook,
    keys::{Key, key, list, one, secret},
    values,
};

const PUSH: &str = "Push notifications";

pub(super) const KEYS: &[Key] = &[
    secret(key(
        PUSH,
        "push-url",
        "URL",
        "none",
        "POST to this http: address where a phone that sleeps has to be woken; only as a variable or in the file",
        |c, v| {
            c.http.push = Some(webhook(one(v))?);
            c.switch.registrar.push.on = true;
            Ok(())
        },
    )),
    list(key(
        PUSH,
        "push-provider",
        "NAME",
        "all",
        "A push service (pn-provider) that --push-url serves, such as apns or fcm; phones with another one get 555",
        |c, v| {
            c.switch.registrar.push.providers = values::each(v, provider)?;
            Ok(())
        },
    )),
    key(
        PUSH,
        "push-wait",
        "SECONDS",
        "20",
        "How long a call waits for the REGISTER of a phone that is woken for it",
        |c, v| {
            c.switch.registrar.push.wait = values::seconds(one(v), 1.0, 300.0)?;
            Ok(())
        },
    ),
];

fn provider(value: &str) -> Result<String, String> {
    let good = sip::headers::is_token(value.as_bytes());
    good.then(|| value.to_owned())
        .ok_or_else(|| "expected a name such as apns".into())
}

/// `http://HOST[:PORT]/PATH`.
fn webhook(value: &str) -> Result<Webhook, String> {
    const EXPECTED: &str =
        "expected http://HOST:PORT/PATH; https is not there yet: put a proxy of this machine before it";
    let rest = value.strip_prefix("http://").ok_or(EXPECTED)?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || host.contains(['@', '?', '#']) || path.contains('#') || !plain {
        return Err(EXPECTED.into());
    }
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let host = if has_port {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    Ok(Webhook {
        host,
        path: Secret::new(path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_an_http_address() {
        for (value, read) in [
            (
                "http://127.0.0.1:9/wake?token=x",
                Some(("127.0.0.1:9", "/wake?token=x")),
            ),
            ("http://push.example", Some(("push.example:80", "/"))),
            ("http://[::1]/", Some(("[::1]:80", "/"))),
            ("https://push.example/", None),
            ("http://", None),
            ("http://a@b/", None),
            ("http://a b/", None),
            ("http://a/\r\nX: y", None),
        ] {
            let found = webhook(value).ok();
            let found = found.as_ref().map(|hook| (hook.host.as_str(), hook.path.reveal()));
            assert_eq!(found, read, "{value}");
        }
    }
}
