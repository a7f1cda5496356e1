//! Whom a client's certificate names.
//!
//! Its first subject alternative name that is an e-mail address (`rfc822Name`, RFC 5280 section 4.2.1.6) or a URI
//! `urn:chancery:principal:NAME@AGENCY`; where it has neither, its common name. The first one decides: a certificate
//! that says two things is never taken for the more convenient one.

use std::fmt;

use contract::PrincipalName;
use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// What a URI that names a principal begins with.
const URN: &str = "urn:chancery:principal:";

/// Why a certificate names no principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unnamed {
    /// It is not X.509 as RFC 5280 has it.
    Unreadable,
    /// Neither an e-mail address nor a URI of ours nor one common name.
    Nothing,
    /// What names somebody is not of the form of a principal.
    NoPrincipal(String),
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unnamed::Unreadable => write!(f, "the client's certificate does not read"),
            Unnamed::Nothing => write!(f, "the client's certificate names no principal"),
            Unnamed::NoPrincipal(text) => {
                write!(f, "the client's certificate names {text:?}, which is not NAME@AGENCY")
            }
        }
    }
}

impl std::error::Error for Unnamed {}

/// The principal that a verified certificate names.
pub fn holder(certificate: &CertificateDer<'_>) -> Result<PrincipalName, Unnamed> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| Unnamed::Unreadable)?;
    let text = match alternative_name(&certificate)? {
        Some(text) => text,
        None => common_name(&certificate).ok_or(Unnamed::Nothing)?,
    };
    PrincipalName::parse(&text).map_err(|_| Unnamed::NoPrincipal(text))
}

/// The first alternative name that can name a principal.
fn alternative_name(certificate: &X509Certificate<'_>) -> Result<Option<String>, Unnamed> {
    let names = certificate.subject_alternative_name().map_err(|_| Unnamed::Unreadable)?;
    let Some(names) = names else { return Ok(None) };
    Ok(names.value.general_names.iter().find_map(|name| match name {
        GeneralName::RFC822Name(address) => Some((*address).to_owned()),
        GeneralName::URI(uri) => uri.strip_prefix(URN).map(str::to_owned),
        _ => None,
    }))
}

/// The subject's common name, where it has exactly one.
fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut names = certificate.subject().iter_common_name();
    match (names.next(), names.next()) {
        (Some(name), None) => name.as_str().ok().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

    use super::*;

    fn email(text: &str) -> SanType {
        SanType::Rfc822Name(text.try_into().unwrap())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    fn named(alternatives: Vec<SanType>, common: Option<&str>) -> Result<String, Unnamed> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = alternatives;
        params.distinguished_name = DistinguishedName::new();
        if let Some(common) = common {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        holder(certificate.der()).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn a_certificate_names_its_principal_in_one_of_three_ways() {
        let desk = Ok("desk@tax-office".to_owned());
        assert_eq!(named(vec![email("desk@tax-office")], None), desk);
        assert_eq!(named(vec![uri("urn:chancery:principal:desk@tax-office")], None), desk);
        assert_eq!(named(vec![], Some("desk@tax-office")), desk);
        assert_eq!(named(vec![dns("desk.tax.example")], Some("desk@tax-office")), desk);
        let others = vec![dns("a.example"), uri("spiffe://a/b"), email("desk@tax-office")];
        assert_eq!(named(others, Some("other@tax-office")), desk);
    }

    #[test]
    fn the_first_name_decides_even_where_a_later_one_would_do() {
        let both = vec![uri("urn:chancery:principal:a@b"), email("c@d")];
        assert_eq!(named(both, Some("e@f")), Ok("a@b".to_owned()));
        let post = named(vec![email("Jane@post.example"), email("desk@tax-office")], Some("desk@tax-office"));
        assert_eq!(post, Err(Unnamed::NoPrincipal("Jane@post.example".to_owned())));
        let empty = named(vec![uri("urn:chancery:principal:")], Some("desk@tax-office"));
        assert_eq!(empty, Err(Unnamed::NoPrincipal(String::new())));
    }

    #[test]
    fn a_certificate_that_names_nobody_says_so() {
        assert_eq!(named(vec![], None), Err(Unnamed::Nothing));
        assert_eq!(named(vec![dns("desk.tax.example")], None), Err(Unnamed::Nothing));
        assert_eq!(named(vec![], Some("a web server")), Err(Unnamed::NoPrincipal("a web server".to_owned())));
        for damaged in [&b""[..], b"\x30\x82", b"not a certificate"] {
            assert_eq!(holder(&CertificateDer::from(damaged)), Err(Unnamed::Unreadable));
        }
    }
}
