//! Tandem itself as the other party of a session.

use media::Spec;

/// The codecs that Tandem itself has.
pub(crate) const OWN_CODECS: &[&str] = &["PCMU", "PCMA", "TELEPHONE-EVENT"];

/// Tandem's own answer to the offer of a phone.
pub(crate) fn own_spec(offered: &Spec) -> Spec {
    offered
        .intersect(&Spec::own(OWN_CODECS))
        .with_direction(offered.direction().reversed())
}
