//! Whether a certificate is that of the host that a URI names.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use webpki::EndEntityCert;

/// Believes a certificate that an authority has given to the host of the URI: by a SIP URI in it (RFC 5922 section 7.1),
/// else by a DNS name or an address.
#[derive(Debug)]
pub(super) struct ByName {
    /// `None`: there are no authorities, and nobody is believed.
    by_roots: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ByName {
    pub(super) fn new(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Result<Self, VerifierBuilderError> {
        let by_roots = if roots.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            Some(builder.build()?)
        };
        Ok(Self { by_roots, provider })
    }
}

/// RFC 5922 7.1: a `sip` URI that names a host only; it stands for that host, compared as DNS names are (7.2).
fn is_of(uri: &str, host: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.eq_ignore_ascii_case("sip") && rest.trim_end_matches('.').eq_ignore_ascii_case(host)
    })
}

impl ServerCertVerifier for ByName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(by_roots) = &self.by_roots else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let checked = by_roots.verify_server_cert(certificate, others, name, stapled, now);
        // The name is looked at last, so all else is in order where only the name is not.
        let Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) = &checked
        else {
            return checked;
        };
        let host = name.to_str();
        let named = EndEntityCert::try_from(certificate)
            .is_ok_and(|certificate| certificate.valid_uri_names().any(|uri| is_of(uri, &host)));
        if named {
            Ok(ServerCertVerified::assertion())
        } else {
            checked
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
