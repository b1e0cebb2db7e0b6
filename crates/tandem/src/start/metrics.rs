//! The shell's figures in `/metrics`.

use std::fmt;

use media::service::Quality;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::ConstGauge,
        histogram::Histogram,
    },
    registry::Registry,
};
use store::Writer;

use crate::{net::Lookups, recorder::Counts, run::Metrics};

/// Which way packets went, as a label.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Direction {
    direction: &'static str,
}

/// From phones to Tandem, and from Tandem to phones.
const WAYS: [Direction; 2] = [Direction { direction: "received" }, Direction { direction: "sent" }];

/// A histogram for each way.
type ByWay = Family<Direction, Histogram, fn() -> Histogram>;

/// How the legs of calls sounded.
#[derive(Clone, Debug)]
struct Sound {
    score: ByWay,
    jitter: ByWay,
    round_trip: Histogram,
    arrived: Family<Direction, Counter>,
    lost: Family<Direction, Counter>,
}

impl Default for Sound {
    fn default() -> Self {
        let sound = Self {
            score: Family::new_with_constructor(|| Histogram::new([1.5, 2.0, 2.6, 3.1, 3.6, 4.0, 4.2, 4.3, 4.4])),
            jitter: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            round_trip: Histogram::new(SECONDS),
            arrived: Family::default(),
            lost: Family::default(),
        };
        // All series are there from the start.
        for way in &WAYS {
            drop((sound.score.get_or_create(way), sound.jitter.get_or_create(way)));
            drop((sound.arrived.get_or_create(way), sound.lost.get_or_create(way)));
        }
        sound
    }
}

/// Limits of histograms of times.
const SECONDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8];

impl Sound {
    /// Adds a leg that was closed.
    fn closed(&self, quality: &Quality) {
        for (direction, way) in WAYS.iter().zip([quality.received, quality.sent]) {
            self.arrived.get_or_create(direction).inc_by(way.packets);
            self.lost.get_or_create(direction).inc_by(way.lost);
            if way.packets > 0 {
                let jitter = f64::from(way.jitter) / 1e6;
                self.jitter.get_or_create(direction).observe(jitter);
            }
            if let Some(score) = way.mos {
                self.score.get_or_create(direction).observe(f64::from(score) / 100.0);
            }
        }
        if let Some(millis) = quality.round_trip {
            self.round_trip.observe(f64::from(millis) / 1e3);
        }
    }

    fn register(&self, registry: &mut Registry) {
        let help = "Mean opinion scores (ITU-T G.107) of legs that have ended, 1 to 4.41, by direction";
        registry.register("tandem_call_mos", help, self.score.clone());
        let help = "Mean interarrival jitter of legs that have ended, seconds, by direction";
        registry.register("tandem_rtp_jitter_seconds", help, self.jitter.clone());
        let help = "Mean time to phones and back, of legs that have ended and whose phones report it, seconds";
        registry.register("tandem_rtp_round_trip_seconds", help, self.round_trip.clone());
        let help = "RTP packets that arrived, of legs that have ended, by direction; those sent as phones report them";
        registry.register("tandem_rtp_received_packets", help, self.arrived.clone());
        let help =
            "RTP packets that were lost, of legs that have ended, by direction; those sent as phones report them";
        registry.register("tandem_rtp_lost_packets", help, self.lost.clone());
    }
}

/// The counters that the media engine reports of each closed leg, summed up.
#[derive(Clone, Debug, Default)]
pub(super) struct Audio {
    received: Counter,
    sent: Counter,
    injected: Counter,
    malformed: Counter,
    withheld: Counter,
    sound: Sound,
}

impl Audio {
    /// Adds the totals of a leg that was closed.
    pub(super) fn closed(&self, counters: &media::Counters, quality: &Quality) {
        self.sound.closed(quality);
        self.received.inc_by(counters.received);
        self.sent.inc_by(counters.sent);
        self.injected.inc_by(counters.injected);
        self.malformed.inc_by(counters.malformed + counters.undecodable);
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
            "Packets to media ports dropped because they were no RTP or could not be decoded, of legs that have ended",
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
    audio.sound.register(&mut registry);
    let connections = "Connections of signalling: TCP, TLS and WebSocket";
    registry.register("tandem_sip_connections", connections, metrics.connections.clone());
    let Lookups {
        asked,
        cached,
        failed,
        seconds,
    } = metrics.lookups.clone();
    let help = "Look-ups of SIP hosts that asked name servers";
    registry.register("tandem_dns_lookups", help, asked);
    let help = "Look-ups of SIP hosts that were answered out of the cache";
    registry.register("tandem_dns_cached", help, cached);
    let help = "Look-ups of SIP hosts that found nothing";
    registry.register("tandem_dns_failed", help, failed);
    let help = "Seconds that look-ups of SIP hosts took, all together";
    registry.register("tandem_dns_lookup_seconds", help, seconds);
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

#[cfg(test)]
mod tests {
    use media::{Counters, service::Way};

    use super::*;

    #[test]
    fn how_calls_sounded_is_counted_by_direction() {
        let audio = Audio::default();
        let received = Way {
            packets: 980,
            lost: 20,
            jitter: 3_000,
            mos: Some(425),
            ..Way::default()
        };
        let quality = Quality {
            received,
            round_trip: Some(30),
            ..Quality::default()
        };
        audio.closed(&Counters::default(), &quality);
        audio.closed(&Counters::default(), &Quality::default());
        let mut registry = Registry::default();
        audio.sound.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "tandem_call_mos_sum{direction=\"received\"} 4.25",
            "tandem_call_mos_bucket{le=\"4.2\",direction=\"received\"} 0",
            "tandem_call_mos_bucket{le=\"4.3\",direction=\"received\"} 1",
            "tandem_call_mos_count{direction=\"sent\"} 0",
            "tandem_rtp_received_packets_total{direction=\"received\"} 980",
            "tandem_rtp_lost_packets_total{direction=\"received\"} 20",
            "tandem_rtp_lost_packets_total{direction=\"sent\"} 0",
            "tandem_rtp_jitter_seconds_sum{direction=\"received\"} 0.003",
            "tandem_rtp_jitter_seconds_count{direction=\"sent\"} 0",
            "tandem_rtp_round_trip_seconds_sum 0.03",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
