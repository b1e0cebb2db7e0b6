//! How a call sounded.

use serde::{Deserialize, Serialize};

/// How one leg of a call sounded, from its beginning to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LegQuality {
    /// The extension or URI at the other end of the leg.
    pub party: String,
    /// True for a leg that a phone began, false for one that Tandem began.
    pub inbound: bool,
    /// The codec, if one was agreed.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub codec: Option<String>,
    /// What was measured.
    pub quality: Quality,
}

/// What was measured of a leg, since it began.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quality {
    /// From the phone to Tandem.
    pub received: WayQuality,
    /// From Tandem to the phone, as the phone reports it (RTCP, RFC 3550); null if it reports nothing.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub sent: Option<WayQuality>,
    /// The mean time from Tandem to the phone and back, in milliseconds; null if the phone reports nothing.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub round_trip_ms: Option<u32>,
}

/// One direction of a leg.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayQuality {
    /// Packets that arrived.
    pub packets: u64,
    /// Packets that did not.
    pub lost: u64,
    /// Packets that came too late to be heard, as far as it is known.
    pub late: u64,
    /// Packets that came twice, as far as it is known.
    pub doubled: u64,
    /// How unevenly the packets came: the mean interarrival jitter (RFC 3550 section 6.4.1). Microseconds here,
    /// milliseconds in JSON.
    #[serde(rename = "jitter_ms", with = "thousandths")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64, example = 1.25))]
    pub jitter_micros: u32,
    /// The mean opinion score by the E-model (ITU-T G.107), 1.0 (bad) to 4.41 (as good as a telephone gets); null if no
    /// sound was heard, and for codecs of which no score is known. Hundredths here, a decimal in JSON.
    #[serde(with = "hundredths")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>, required = true, example = 4.41))]
    pub mos: Option<u16>,
}

mod thousandths {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(micros: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        (f64::from(*micros) / 1_000.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        Ok((f64::deserialize(deserializer)? * 1_000.0).round() as u32)
    }
}

mod hundredths {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(score: &Option<u16>, serializer: S) -> Result<S::Ok, S::Error> {
        score.map(|score| f64::from(score) / 100.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
        let score = Option::<f64>::deserialize(deserializer)?;
        Ok(score.map(|score| (score * 100.0).round() as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimals_in_json_and_come_back() {
        for (jitter_micros, mos) in [(0, None), (1_250, Some(441)), (u32::MAX, Some(100)), (7, Some(399))] {
            let way = WayQuality {
                packets: 3,
                jitter_micros,
                mos,
                ..WayQuality::default()
            };
            let json = serde_json::to_value(way).unwrap();
            assert_eq!(json["jitter_ms"], f64::from(jitter_micros) / 1000.0);
            assert_eq!(json["mos"].as_f64(), mos.map(|mos| f64::from(mos) / 100.0));
            assert_eq!(serde_json::from_value::<WayQuality>(json).unwrap(), way);
        }
    }
}
