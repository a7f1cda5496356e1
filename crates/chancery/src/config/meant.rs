//! What the settings come to: parsed, defaulted, and guarded against accidents.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use governance::duration::parse_seconds;

use super::kms;
use super::notices::Notices;
use super::typed::Typed;
use crate::output::Failure;

/// Valid settings of `serve`.
#[derive(Debug, Clone)]
pub struct Meant {
    /// The data folder.
    pub data: PathBuf,
    /// Where the HTTP door listens.
    pub http: SocketAddr,
    /// Where the Kafka door listens; `None`: nowhere.
    pub kafka: Option<SocketAddr>,
    /// The host and port that Kafka clients are told to connect to.
    pub kafka_advertised: Option<(String, u16)>,
    /// Certificates for both doors; `None`: they speak without TLS.
    pub tls: Option<tls::Files>,
    /// How long an answer may take to leave.
    pub write_within: Duration,
    /// The bus's name.
    pub name: String,
    /// The state's prefix of types.
    pub state_prefix: Option<String>,
    /// Where agencies' secrets are kept.
    pub kms: kms::Meant,
    /// How keys are looked after.
    pub keys: bus::KeySettings,
    /// Whether the log is JSON lines.
    pub log_json: bool,
    /// What to log.
    pub log: String,
    /// How agencies are told beyond the bus.
    pub notices: Notices,
    /// Whether the memory may be dumped to a disk.
    pub core_dumps: bool,
}

impl TryFrom<Typed> for Meant {
    type Error = Failure;

    fn try_from(typed: Typed) -> Result<Self, Failure> {
        let data = typed.data.unwrap_or_else(|| PathBuf::from("chancery-data"));
        let tls = certificates(typed.tls_cert, typed.tls_key, typed.tls_client_ca)?;
        let http = address("http", typed.http.as_deref().unwrap_or("127.0.0.1:8080"), tls.is_some())?;
        let kafka = match typed.kafka.as_deref() {
            Some("off") => None,
            given => Some(address("kafka", given.unwrap_or("127.0.0.1:9092"), tls.is_some())?),
        };
        let kafka_advertised = typed.kafka_advertised.as_deref().map(host_and_port).transpose()?;
        match typed.engine.as_deref() {
            None | Some("embedded") => {}
            Some(other) => {
                return Err(Failure::usage(format!("engine: {other:?} is not in this version"))
                    .hint("the embedded engine is: leave the setting out"));
            }
        }
        let log_json = match typed.log_format.as_deref() {
            None | Some("text") => false,
            Some("json") => true,
            Some(other) => {
                return Err(Failure::usage(format!("log_format: {other:?} is neither text nor json")));
            }
        };
        let kms = kms::Meant::new(typed.kms, &data)?;
        Ok(Self {
            keys: typed.keys.meant(kms.lies_in(&data))?,
            kms,
            data,
            http,
            kafka,
            kafka_advertised,
            tls,
            write_within: write_within(typed.write_within.as_deref())?,
            name: typed.name.unwrap_or_else(|| "chancery".to_owned()),
            state_prefix: typed.state_prefix,
            log_json,
            log: typed.log.unwrap_or_else(|| "info".to_owned()),
            notices: typed.notices.try_into()?,
            core_dumps: typed.process.core_dumps.unwrap_or(false),
        })
    }
}

/// An address to listen on.
fn address(door: &str, text: &str, secured: bool) -> Result<SocketAddr, Failure> {
    let address: SocketAddr = text.parse().map_err(|_| {
        Failure::usage(format!("{door}: {text:?} is not an address")).hint("such as 127.0.0.1:8080")
    })?;
    if secured || address.ip().is_loopback() {
        return Ok(address);
    }
    Err(Failure::usage(format!("{door}: {address} is not loopback, and this door speaks without TLS")).hint(
        "--tls-cert and --tls-key give it TLS; or listen on 127.0.0.1 behind a TLS proxy on this machine",
    ))
}

/// A time that a client can keep to, also where the network loses something and sends it again; where it is long, what ends reaches
/// slow readers late.
fn write_within(text: Option<&str>) -> Result<Duration, Failure> {
    let Some(text) = text else { return Ok(tls::WRITE_WITHIN) };
    let wrong =
        |what: String| Failure::usage(format!("write_within: {what}")).hint("such as 60s; 10s to 600s");
    match parse_seconds(text).map_err(|error| wrong(error.to_string()))? {
        seconds @ 10..=600 => Ok(Duration::from_secs(seconds)),
        _ => Err(wrong(format!("{text} is not between 10s and 600s"))),
    }
}

/// A certificate and its key go together, and only they make clients' certificates of use.
fn certificates(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_authorities: Option<PathBuf>,
) -> Result<Option<tls::Files>, Failure> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(tls::Files { certificate, key, client_authorities })),
        (None, None) if client_authorities.is_none() => Ok(None),
        _ => Err(Failure::usage("tls_cert and tls_key go together, and tls_client_ca needs both")
            .hint("--tls-cert FILE --tls-key FILE")),
    }
}

fn host_and_port(text: &str) -> Result<(String, u16), Failure> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    parts.filter(|(host, _)| !host.is_empty()).ok_or_else(|| {
        Failure::usage(format!("kafka_advertised: {text:?} is not HOST:PORT"))
            .hint("such as bus.example:9092")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_refuses_to_listen_without_tls_on_anything_but_loopback() {
        let said = |http: &str| {
            let typed = Typed { http: Some(http.to_owned()), ..Typed::default() };
            Meant::try_from(typed).map(|_| ()).map_err(|failure| (failure.code, failure.to_string()))
        };
        assert!(said("127.0.0.1:0").is_ok() && said("[::1]:8080").is_ok());
        let (code, text) = said("0.0.0.0:8080").unwrap_err();
        assert!(code == 64 && text.contains("TLS"), "{text}");
        assert!(said("localhost").is_err());
    }

    #[test]
    fn with_a_certificate_and_its_key_it_listens_everywhere_and_half_of_them_is_refused() {
        let said = |cert: bool, key: bool, authority: bool| {
            let file = |given: bool| given.then(|| PathBuf::from("x.pem"));
            let typed = Typed {
                http: Some("0.0.0.0:8080".to_owned()),
                kafka: Some("0.0.0.0:9092".to_owned()),
                tls_cert: file(cert),
                tls_key: file(key),
                tls_client_ca: file(authority),
                ..Typed::default()
            };
            Meant::try_from(typed).map(|meant| meant.tls.is_some()).map_err(|failure| failure.to_string())
        };
        assert!(said(true, true, false) == Ok(true) && said(true, true, true) == Ok(true));
        for (cert, key, authority) in [(true, false, false), (false, true, true), (false, false, true)] {
            assert!(said(cert, key, authority).unwrap_err().contains("tls_key"));
        }
    }

    #[test]
    fn an_answer_has_time_to_leave_but_not_without_end() {
        let said = |text: &str| {
            let typed = Typed { write_within: Some(text.to_owned()), ..Typed::default() };
            Meant::try_from(typed)
                .map(|meant| meant.write_within.as_secs())
                .map_err(|failure| failure.to_string())
        };
        assert_eq!((said("10s"), said("600s")), (Ok(10), Ok(600)));
        for bad in ["0s", "9s", "601s", "soon"] {
            assert!(said(bad).unwrap_err().contains("write_within"), "{bad}");
        }
        assert_eq!(
            Meant::try_from(Typed::default()).map(|meant| meant.write_within).ok(),
            Some(tls::WRITE_WITHIN)
        );
    }

    #[test]
    fn an_engine_that_is_not_there_is_refused_plainly() {
        let typed = Typed { engine: Some("kafka://127.0.0.1:9092".to_owned()), ..Typed::default() };
        assert!(Meant::try_from(typed).unwrap_err().to_string().contains("not in this version"));
    }
}
