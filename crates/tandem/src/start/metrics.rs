//! The shell's figures in `/metrics`.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        counter::{ConstCounter, Counter},
        gauge::ConstGauge,
    },
    registry::Registry,
};
use store::Writer;

use crate::{recorder::Counts, run::Metrics};

/// The counters that the media engine reports of each closed leg, summed up.
#[derive(Clone, Debug, Default)]
pub(super) struct Audio {
    received: Counter,
    sent: Counter,
    injected: Counter,
    malformed: Counter,
    withheld: Counter,
}

impl Audio {
    /// Adds the totals of a leg that was closed.
    pub(super) fn closed(&self, counters: &media::Counters) {
        self.received.inc_by(counters.received);
        self.sent.inc_by(counters.sent);
        self.injected.inc_by(counters.injected);
        self.malformed.inc_by(counters.malformed);
        self.withheld.inc_by(counters.withheld);
    }
}

/// A registry with the loop's metrics, the media engine's, the store's, how calls ended, and what was recorded.
pub(super) fn registry(metrics: &Metrics, audio: &Audio, writer: Writer, counts: Counts) -> Registry {
    let mut registry = Registry::default();
    for (name, help, counter) in [
        (
            "tandem_rtp_received",
            "RTP packets taken, of legs that have ended",
            &audio.received,
        ),
        (
            "tandem_rtp_sent",
            "RTP packets sent, of legs that have ended",
            &audio.sent,
        ),
        (
            "tandem_rtp_injected",
            "RTP packets dropped because a stranger had sent them, of legs that have ended",
            &audio.injected,
        ),
        (
            "tandem_rtp_malformed",
            "Packets to media ports dropped because they were no RTP, of legs that have ended",
            &audio.malformed,
        ),
        (
            "tandem_rtp_withheld",
            "Packets not sent to an address that only a description names and from which nothing was heard \
             (--max-unheard-packets), of legs that have ended",
            &audio.withheld,
        ),
    ] {
        registry.register(name, help, counter.clone());
    }
    let connections = "TCP connections of signalling";
    registry.register("tandem_sip_connections", connections, metrics.connections.clone());
    let panics = "Messages whose handling failed and that were dropped";
    registry.register("tandem_panics", panics, metrics.panics.clone());
    registry.register("tandem_calls_ended", "Calls that have ended, by cause", counts.calls);
    let recordings = "Recordings that have ended";
    registry.register("tandem_recordings_ended", recordings, counts.recordings);
    let bytes = "Bytes of the files of recordings that have ended";
    registry.register("tandem_recording_bytes", bytes, counts.recording_bytes);
    registry.register_collector(Box::new(Writes(writer)));
    registry
}

/// The store's writer, asked each time.
struct Writes(Writer);

impl fmt::Debug for Writes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writes")
    }
}

impl Collector for Writes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.stats();
        let queued = ConstGauge::new(i64::try_from(stats.queued).unwrap_or(i64::MAX));
        let kind = queued.metric_type();
        queued.encode(encoder.encode_descriptor(
            "tandem_store_queued",
            "Rows that wait to be written",
            None,
            kind,
        )?)?;
        for (name, help, value) in [
            ("tandem_store_commits", "Transactions committed", stats.commits),
            ("tandem_store_written", "Rows written", stats.written),
            (
                "tandem_store_retries",
                "Transactions that failed and were kept for the next",
                stats.retries,
            ),
            (
                "tandem_store_refused",
                "Writes refused because too many were waiting",
                stats.refused,
            ),
            (
                "tandem_store_rejected",
                "Rows that the database will never take, or for which there was no room; the log has them",
                stats.rejected,
            ),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
