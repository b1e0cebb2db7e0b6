//! Logging: text for people, JSON lines for machines, both to standard error.

use std::{
    fmt::{self, Write},
    io::IsTerminal,
    panic,
};

use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt,
    fmt::{
        FormatFields,
        format::{self, Writer},
        layer,
    },
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::Log;

/// Sets the process's log up. A second call changes nothing.
pub fn start(log: &Log) {
    let filter = filter(log);
    let lines = layer().with_writer(std::io::stderr).with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    // Fails only where there is a log already.
    let _ = if log.json {
        registry.with(lines.json().flatten_event(true)).try_init()
    } else {
        let colours = std::io::stderr().is_terminal();
        registry.with(lines.with_ansi(colours).fmt_fields(fields())).try_init()
    };
    // A panic is a line of the log like any other, also as JSON.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or_default();
        tracing::error!(place, thread = std::thread::current().name(), panic = words, "panicked");
    }));
}

/// The filter of the log. Whole SIP messages have a target of their own, which `trace` alone does not open.
fn filter(log: &Log) -> EnvFilter {
    let filter = EnvFilter::try_new(&log.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let level = if log.whole_messages { "trace" } else { "off" };
    match format!("{}={level}", switch::WHOLE_MESSAGES).parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// Fields as `name=value`. Many values were written by others: dialled numbers, reasons of refusals.
fn fields() -> impl for<'a> FormatFields<'a> + 'static {
    format::debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
        match (field.name(), writer.has_ansi_escapes()) {
            ("message", _) => {}
            ("sip", _) => return message(writer, &format!("{value:?}")),
            (name, true) => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
            (name, false) => write!(writer, "{name}=")?,
        }
        write!(OneLine(writer), "{value:?}")
    })
    .delimited(" ")
}

/// A whole message, line by line. The prefix of each line keeps it from looking like a line of the log.
fn message(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    for line in text.lines() {
        writer.write_str("\n    | ")?;
        OneLine(writer).write_str(line)?;
    }
    Ok(())
}

/// Passes on text so that it can neither begin a second line nor control the terminal.
struct OneLine<'a, 'w>(&'a mut Writer<'w>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_order) {
            let (plain, from) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut letters = from.chars();
            if let Some(order) = letters.next() {
                write!(self.0, "{}", order.escape_default())?;
            }
            rest = letters.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Control characters, and those that break lines or turn their direction.
fn is_order(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(filter: &str, whole_messages: bool) -> String {
        let log = Log {
            filter: filter.into(),
            json: false,
            whole_messages,
        };
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = layer()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .without_time();
        let lines = lines.with_target(false).fmt_fields(fields());
        let subscriber = tracing_subscriber::registry().with(super::filter(&log)).with(lines);
        tracing::subscriber::with_default(subscriber, || {
            let sip = "INVITE sip:a SIP/2.0\nSubject: \u{1b}x\r\n INFO forged";
            tracing::trace!(target: switch::WHOLE_MESSAGES, cseq = 1, sip = %sip, "sent INVITE");
            tracing::trace!("in a line");
        });
        let text = kept.0.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn whole_messages_are_shown_on_demand_and_forge_no_line() {
        let whole =
            "TRACE sent INVITE cseq=1 \n    | INVITE sip:a SIP/2.0\n    | Subject: \\u{1b}x\n    |  INFO forged\n";
        assert_eq!(said("info", true), whole);
        assert_eq!(said("trace", false), "TRACE in a line\n");
        assert_eq!(said("info", false), "");
    }

    #[test]
    fn a_value_cannot_write_a_line_of_its_own_into_the_log() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = layer()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .without_time();
        let subscriber = tracing_subscriber::registry().with(lines.with_target(false).fmt_fields(fields()));
        tracing::subscriber::with_default(subscriber, || {
            let dialed = "9\r\n2026-01-01T00:00:00Z ERROR false\u{1b}[31m";
            let _call = tracing::info_span!("call", dialed = %dialed).entered();
            tracing::info!(detail = %"No\tway\0\u{202e}", code = 4, plain = "ü", "ended {dialed}");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let dialed = r"9\r\n2026-01-01T00:00:00Z ERROR false\u{1b}[31m";
        assert_eq!(
            text,
            format!(
                " INFO call{{dialed={dialed}}}: ended {dialed} detail=No\\tway\\u{{0}}\\u{{202e}} code=4 plain=\"ü\"\n"
            )
        );
    }
}
