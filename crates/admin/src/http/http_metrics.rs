//! `/metrics`: what the switch counts, what this room counts, what the shell registered.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};
use switch::{Stats, SubscriptionStats, WakeStats};

/// The two text formats that scrapers ask for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The format of Prometheus: the default.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format that an Accept header asks for.
    pub(crate) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

/// The counters of this crate.
#[derive(Clone, Debug)]
pub(crate) struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    duration: Histogram,
    pub(crate) event_streams: Gauge,
}

impl HttpMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            duration: Histogram::new([0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0]),
            event_streams: Gauge::default(),
        };
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("tandem_build", "Which Tandem this is", build);
        registry.register("tandem_http_requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "tandem_http_request_duration",
            "From a request's head to the answer's",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register(
            "tandem_http_event_streams",
            "Event streams open",
            metrics.event_streams.clone(),
        );
        metrics
    }

    /// The route is the pattern, never the path: the number of time series stays small.
    pub(crate) fn answered(&self, method: String, route: String, status: u16, took: Duration) {
        self.requests
            .get_or_create(&RequestLabels { method, route, status })
            .inc();
        self.duration.observe(took.as_secs_f64());
    }
}

/// Renders everything. Without the switch's numbers (it is stopping) the rest is still shown.
pub(crate) fn render(stats: Option<&Stats>, registry: &Registry, format: Format) -> Result<String, fmt::Error> {
    let mut text = String::with_capacity(8 * 1024);
    if let Some(stats) = stats {
        encode_registry(&mut text, &switch_registry(stats))?;
    }
    encode_registry(&mut text, registry)?;
    encode_eof(&mut text)?;
    Ok(match format {
        Format::OpenMetrics => text,
        Format::Prometheus => as_prometheus(&text),
    })
}

/// The older format has no UNIT and no EOF, and names a counter with its `_total`.
fn as_prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let total = if kind == "counter" { "_total" } else { "" };
            let words = help
                .take()
                .and_then(|help| help.split_once(name))
                .map_or("", |(_, words)| words);
            let kind = if kind == "info" { "gauge" } else { kind };
            let suffix = if rest.ends_with(" info") { "_info" } else { total };
            text += &format!("# HELP {name}{suffix}{words}\n# TYPE {name}{suffix} {kind}\n");
        } else if !line.starts_with("# ") {
            text += line;
            text.push('\n');
        }
    }
    text
}

fn switch_registry(stats: &Stats) -> Registry {
    let mut registry = Registry::with_prefix("tandem");
    // Destructured, so that a number added to the switch cannot be forgotten here.
    let Stats {
        calls,
        legs,
        transactions,
        media_ports,
        registrations,
        scripts,
        services,
        messages_received,
        messages_sent,
        messages_dropped,
        refused,
        auth_failures,
        calls_started,
        calls_answered,
        calls_failed,
    } = stats;
    for (name, help, value) in [
        ("calls", "Calls in progress", calls),
        ("legs", "Legs in progress", legs),
        ("transactions", "SIP transactions alive", transactions),
        ("media_ports", "Media ports in use", media_ports),
        ("registrations", "Contacts bound", registrations),
        ("scripts", "Dialplan scripts running", scripts),
        ("conferences", "Conferences in progress", &services.conferences),
        (
            "conference_members",
            "Members of all conferences",
            &services.conference_members,
        ),
        ("parked_calls", "Parked calls", &services.parked),
        ("recordings", "Recordings in progress", &services.recordings),
        (
            "proxied_requests",
            "Requests passed on to other servers that wait for their final response",
            &services.proxied.requests,
        ),
        (
            "proxied_dialogs",
            "Dialogs of others that pass through",
            &services.proxied.dialogs,
        ),
        (
            "kept_messages",
            "Messages kept for phones that are away",
            &services.kept_messages,
        ),
    ] {
        registry.register(name, help, ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX)));
    }
    for (name, help, value) in [
        ("sip_messages_received", "SIP messages taken", messages_received),
        ("sip_messages_sent", "SIP messages given out", messages_sent),
        (
            "sip_messages_dropped",
            "Messages that were no SIP or had to be dropped",
            messages_dropped,
        ),
        ("sip_requests_refused", "Requests refused because of load", refused),
        ("sip_auth_failures", "Requests with wrong credentials", auth_failures),
        ("calls_started", "Calls begun", calls_started),
        ("calls_answered", "Calls answered", calls_answered),
        ("calls_failed", "Calls that failed", calls_failed),
        (
            "sip_requests_proxied",
            "Requests passed on to other servers",
            &services.proxied.forwarded,
        ),
    ] {
        registry.register(name, help, ConstCounter::new(*value));
    }
    watched(&mut registry, &services.subscriptions);
    woken(&mut registry, services.wakes);
    registry
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPackage {
    package: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: String,
}

/// What phones watch, and what they were told.
fn watched(registry: &mut Registry, stats: &SubscriptionStats) {
    let open: Family<ByPackage, Gauge> = Family::default();
    for (package, number) in &stats.open {
        let package = ByPackage {
            package: package.clone(),
        };
        open.get_or_create(&package)
            .set(i64::try_from(*number).unwrap_or(i64::MAX));
    }
    registry.register("subscriptions", "What phones watch, by event package", open);
    let sent = ConstCounter::new(stats.notifies);
    registry.register("notifies_sent", "NOTIFYs of subscriptions given out", sent);
    let failed: Family<ByReason, Counter> = Family::default();
    for (reason, number) in &stats.failed {
        let reason = ByReason { reason: reason.clone() };
        failed.get_or_create(&reason).inc_by(*number);
    }
    let help = "NOTIFYs that phones refused or did not answer, by reason: gone, refused, timeout, unsent";
    registry.register("notifies_failed", help, failed);
    let published: Gauge = Gauge::default();
    published.set(i64::try_from(stats.publications).unwrap_or(i64::MAX));
    registry.register(
        "publications",
        "Documents that phones have published (PUBLISH)",
        published,
    );
}

/// How often phones were woken.
fn woken(registry: &mut Registry, stats: WakeStats) {
    let wakes: Family<ByReason, Counter> = Family::default();
    for (reason, number) in [
        ("call", stats.call),
        ("message", stats.message),
        ("register", stats.register),
    ] {
        let reason = ByReason { reason: reason.into() };
        wakes.get_or_create(&reason).inc_by(number);
    }
    let help = "Phones woken by their push services, by reason: call, message, register";
    registry.register("phone_wakes", help, wakes);
    let failed = ConstCounter::new(stats.failed);
    registry.register("phone_wakes_failed", "Wakes that the push service did not take", failed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_names_counters_with_their_total() {
        let mut registry = Registry::default();
        let metrics = HttpMetrics::register(&mut registry);
        metrics.answered("GET".to_owned(), "/x".to_owned(), 200, Duration::from_millis(2));
        let text = render(Some(&Stats::default()), &registry, Format::Prometheus).unwrap();
        for line in [
            "# HELP tandem_calls_started_total Calls begun.",
            "# TYPE tandem_calls_started_total counter",
            "tandem_calls_started_total 0",
            "# TYPE tandem_calls gauge",
            "# TYPE tandem_build_info gauge",
            "tandem_phone_wakes_total{reason=\"call\"} 0",
            "tandem_phone_wakes_failed_total 0",
            "# TYPE tandem_http_request_duration_seconds histogram",
            "tandem_http_requests_total{method=\"GET\",route=\"/x\",status=\"200\"} 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
    }
}
