//! Tandem itself as the other party of a session.

use media::Spec;

/// What Tandem itself can speak.
pub(crate) const OWN_CODECS: &[&str] = &["PCMU", "PCMA", "TELEPHONE-EVENT"];

/// What Tandem itself answers to what a phone offers.
pub(crate) fn own_spec(offered: &Spec) -> Spec {
    offered
        .intersect(&Spec::own(OWN_CODECS))
        .with_direction(offered.direction().reversed())
}
