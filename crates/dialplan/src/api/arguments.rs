//! Reading arguments: what fits is taken, what does not is refused in words that say what would.

use std::time::Duration;

use rhai::{Array, Dynamic};
use switch::Target;

/// A value, or what is wrong with it.
pub(crate) type Checked<T> = Result<T, String>;

/// Names in a list of targets or prompts.
pub(crate) const LIST: usize = 32;
const URI: usize = 256;

/// A number as extensions have and people dial.
pub(crate) fn number(text: &str) -> Checked<String> {
    if switch::is_number(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is no number: 1 to 32 of A-Z, a-z, 0-9 and * # + . _ -",
        shown(text)
    ))
}

/// A name of a trunk, or a part of a prompt's.
pub(crate) fn name(what: &str, text: &str) -> Checked<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(fits) && !text.starts_with('.') {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is no name of a {what}: 1 to 64 of A-Z, a-z, 0-9 and . _ -, not beginning with a dot",
        shown(text)
    ))
}

/// A tone: a name, a name of a country such as `busy@us`, or a plan such as `425/1000,0/4000` (hertz, `+` between, over milliseconds).
pub(crate) fn tone(text: &str) -> Checked<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-+/,@".contains(c);
    let fits = (1..=256).contains(&text.len()) && text.chars().all(fits);
    let fault = match fits.then(|| switch::check_tone(text)) {
        Some(Ok(())) => return Ok(text.to_owned()),
        Some(Err(fault)) if text.contains(['/', '@']) => format!(" ({fault})"),
        Some(Err(_)) | None => String::new(),
    };
    let names = switch::TONES.join(", ");
    Err(format!(
        "{} is no tone: a name ({names}), a name with a country such as busy@us, or a plan such as \"425/500,0/500\"{fault}{}",
        shown(text),
        switch::did_you_mean(text, switch::TONES)
    ))
}

/// A prompt: names with `/` between, below the folder of sounds.
pub(crate) fn prompt(text: &str) -> Checked<String> {
    if text.len() <= 128 && text.split('/').all(|part| name("prompt", part).is_ok()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is no prompt: names of A-Z, a-z, 0-9 and . _ -, with / between",
        shown(text)
    ))
}

/// Music: a name as of a prompt, of a file or a folder.
pub(crate) fn music(text: &str) -> Checked<String> {
    prompt(text).map_err(|_| {
        format!(
            "{} is no music: names of A-Z, a-z, 0-9 and . _ -, with / between",
            shown(text)
        )
    })
}

/// Whom to dial.
pub(crate) fn target(text: &str) -> Checked<Target> {
    if text.contains(':') {
        return uri(text).map(Target::Uri);
    }
    match text.split_once('/') {
        Some((trunk, to)) => Ok(Target::Trunk {
            trunk: name("trunk", trunk)?,
            number: number(to)?,
        }),
        None => number(text)
            .map(Target::Extension)
            .map_err(|_| format!("{} is no target: a number, \"trunk/number\" or a SIP URI", shown(text))),
    }
}

/// A SIP URI that cannot break out of the header it is later written into.
pub(crate) fn uri(text: &str) -> Checked<String> {
    let rest = ["sip:", "sips:"].iter().find_map(|scheme| {
        text.get(..scheme.len())
            .filter(|head| head.eq_ignore_ascii_case(scheme))?;
        text.get(scheme.len()..)
    });
    // RFC 3261 25.1: of what is printable, a URI holds none of these as they are; `?` would add headers.
    let fits = |c: char| c.is_ascii_graphic() && !"<>\"{}|\\^`?,".contains(c);
    let host = rest.map(|rest| rest.rsplit_once('@').map_or(rest, |(_, host)| host));
    let has_host = host.is_some_and(|host| host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['));
    if has_host && text.len() <= URI && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{} is no SIP URI: sip:user@host, at most {URI} characters, without headers",
        shown(text)
    ))
}

/// Strings: one, or a list of them.
pub(crate) fn strings(what: &str, value: &Dynamic) -> Checked<Vec<String>> {
    if let Some(text) = string(value) {
        return Ok(vec![text]);
    }
    let refuse = || {
        format!(
            "{what}: a string or a list of 1 to {LIST} strings is needed, not {}",
            kind(value)
        )
    };
    let list = value.read_lock::<Array>().ok_or_else(refuse)?;
    let texts: Option<Vec<_>> = list.iter().map(string).collect();
    texts
        .filter(|texts| (1..=LIST).contains(&texts.len()))
        .ok_or_else(refuse)
}

/// A string, if it is one.
pub(crate) fn string(value: &Dynamic) -> Option<String> {
    value.clone().into_string().ok()
}

/// Seconds, whole or not, within limits.
pub(crate) fn seconds(what: &str, value: &Dynamic, least: f64, most: f64) -> Checked<Duration> {
    #[allow(clippy::cast_precision_loss)] // far from where it matters
    let number = value
        .as_int()
        .map(|whole| whole as f64)
        .or_else(|_| value.as_float())
        .ok();
    match number {
        Some(seconds) if (least..=most).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        Some(seconds) => Err(format!("{what} {seconds}: {least} to {most} seconds are possible")),
        None => Err(format!("{what}: a number of seconds is needed, not {}", kind(value))),
    }
}

/// A phrase of one line.
pub(crate) fn line(what: &str, text: &str, most: usize) -> Checked<String> {
    if text.len() <= most && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{what} {}: one line of at most {most} bytes is possible",
        shown(text)
    ))
}

/// `true` or `false`.
pub(crate) fn flag(what: &str, value: &Dynamic) -> Checked<bool> {
    value
        .as_bool()
        .map_err(|_| format!("{what}: true or false is needed, not {}", kind(value)))
}

/// What a value is, in a message.
pub(crate) fn kind(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        "()"
    } else if value.is_int() || value.is_float() {
        "a number"
    } else if value.is_string() {
        "a string"
    } else if value.is_array() {
        "a list"
    } else if value.is_map() {
        "a map"
    } else if value.is_bool() {
        "true or false"
    } else {
        "that"
    }
}

/// A value's text in a message: quoted, and short.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        format!("{short:?}...")
    } else {
        format!("{short:?}")
    }
}
