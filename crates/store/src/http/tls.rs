//! Which certificates a server must show: the roots that browsers trust, or those that the machine names.

use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// The environment variable that names a file of root certificates (PEM), as OpenSSL, curl and Python take it.
pub const ROOTS_VARIABLE: &str = "SSL_CERT_FILE";

/// TLS with the roots in `file`, or with Mozilla's where none is named.
///
/// # Errors
/// `source-denied` where the file can't be read or holds no certificate.
pub(super) fn config(file: Option<&Path>) -> Result<TlsConfig> {
    let roots = match file {
        None => RootCerts::WebPki,
        Some(path) => RootCerts::from(read_roots(path)?),
    };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

pub(crate) fn read_roots(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let wrong = |why: &str| {
        Error::new(Code::SourceDenied, format!("the root certificates that `{ROOTS_VARIABLE}` names {why}"))
            .at(path.display().to_string())
            .help(format!(
                "give a file in PEM form, or unset `{ROOTS_VARIABLE}` for the roots that browsers trust"
            ))
    };
    let text = std::fs::read(path).map_err(|e| wrong("can't be read").caused_by(e))?;
    let mut roots = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(root) = item.map_err(|e| wrong("can't be parsed").caused_by(e))? {
            roots.push(root);
        }
    }
    if roots.is_empty() { Err(wrong("are none")) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("roots.pem");
        for content in [None, Some(""), Some("no certificate")] {
            if let Some(content) = content {
                std::fs::write(&path, content).expect("written");
            }
            let error = config(Some(&path)).expect_err("refused");
            assert_eq!(error.code, Code::SourceDenied);
            assert!(error.place.url.is_some_and(|url| url.ends_with("roots.pem")));
        }
        assert!(config(None).is_ok());
    }
}
