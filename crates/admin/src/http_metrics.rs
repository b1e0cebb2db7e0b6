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
    },
    registry::{Registry, Unit},
};
use switch::Stats;

/// The content type of the text format.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

/// What this room counts.
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
pub(crate) fn render(stats: Option<&Stats>, registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::with_capacity(8 * 1024);
    if let Some(stats) = stats {
        encode_registry(&mut text, &switch_registry(stats))?;
    }
    encode_registry(&mut text, registry)?;
    encode_eof(&mut text)?;
    Ok(text)
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
    ] {
        registry.register(name, help, ConstCounter::new(*value));
    }
    registry
}
