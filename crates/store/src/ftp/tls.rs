//! Which certificates FTP servers must show: the same as web servers.

use std::path::Path;
use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::http::read_roots;

/// TLS with the roots in `file`, or with Mozilla's where none is named.
///
/// # Errors
/// `source-denied` where the file can't be read or holds no certificate.
pub(super) fn config(file: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let named = read_roots(path)?;
            roots.add_parsable_certificates(
                named.iter().map(|root| CertificateDer::from(root.der().to_vec())),
            );
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(Code::Bug, "TLS can't be set up").caused_by(e))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
