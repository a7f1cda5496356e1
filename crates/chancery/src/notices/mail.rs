//! Notices by e-mail: plain text, one message for what there is to tell at once.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use bus::Letter;
use governance::notices::Notice;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

use crate::config::notices::{Mail, Security};
use crate::output::Failure;

/// How long the mail server has for each answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longest subject; what is longer stands in the text.
const SUBJECT_MAX_CHARS: usize = 160;

/// The way by e-mail.
pub struct Mailer {
    server: SmtpTransport,
    from: Mailbox,
    bus: String,
}

impl Mailer {
    /// For the bus of this name, with who may sign the mail server's certificate, PEM; `None`: the public authorities.
    pub fn new(bus: &str, mail: &Mail, authorities: Option<&[u8]>) -> Result<Self, Failure> {
        let tls = match mail.security {
            Security::Tls => Tls::Wrapper(parameters(&mail.host, authorities)?),
            Security::StartTls => Tls::Required(parameters(&mail.host, authorities)?),
            Security::Plain => Tls::None,
        };
        let mut server =
            SmtpTransport::builder_dangerous(&mail.host).port(mail.port).tls(tls).timeout(Some(PATIENCE));
        if let Some((user, file)) = &mail.user {
            let failed =
                |error| Failure::new(format!("notices.smtp_password_file: {}: {error}", file.display()));
            let password = fs::read_to_string(file).map_err(failed)?;
            server = server.credentials(Credentials::new(user.clone(), password.trim_end().to_owned()));
        }
        Ok(Self { server: server.build(), from: mail.from.clone(), bus: bus.to_owned() })
    }

    /// Sends a letter to each of its addresses. One that is refused for good keeps the others from nothing.
    pub fn send(&self, letter: &Letter) -> Result<(), String> {
        let (mut has_arrived, mut refused) = (false, None);
        for address in &letter.wishes.email {
            let sent = self.message(letter, address).map(|message| self.server.send(&message));
            match sent {
                Ok(Ok(_)) => has_arrived = true,
                Ok(Err(error)) if !error.is_permanent() => return Err(error.to_string()),
                Ok(Err(error)) => refused = Some(error.to_string()),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if !has_arrived => Err(error),
            Some(error) => {
                tracing::warn!(agency = %letter.agency, %error, "one of its addresses takes no notices");
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn message(&self, letter: &Letter, address: &str) -> Result<Message, String> {
        let message = Message::builder()
            .from(self.from.clone())
            .subject(self.subject(letter))
            // The same again, if the letter has to be sent again: readers' programs show it once.
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN);
        let message = message.to(address.parse::<Mailbox>().map_err(|error| error.to_string())?);
        let mut message = message.body(self.text(letter)).map_err(|error| error.to_string())?;
        // RFC 3834: nobody's absence is answered to a machine.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok(message)
    }

    fn subject(&self, letter: &Letter) -> String {
        let agency = &letter.agency;
        let what = match letter.notices.as_slice() {
            [(notice, _)] => notice.line_for(agency),
            many => {
                let asks = many.iter().filter(|(notice, _)| notice.asks_of(agency).next().is_some()).count();
                let wanted =
                    if asks > 0 { format!("; {asks} want something of {agency}") } else { String::new() };
                format!("{} notices{wanted}", many.len())
            }
        };
        let subject = format!("[{}] {what}", self.bus);
        match subject.char_indices().nth(SUBJECT_MAX_CHARS) {
            Some((at, _)) => format!("{}…", &subject[..at]),
            None => subject,
        }
    }

    fn text(&self, letter: &Letter) -> String {
        let mut text = format!("What was decided on {} and concerns {}.\n", self.bus, letter.agency);
        for (notice, _) in &letter.notices {
            text += &paragraph(notice, letter);
        }
        let agency = &letter.agency;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n--\nYou get this because agencies/{agency}.yaml names this address under notices.\n\
             chancery notices lists the latest, chancery contract status TOPIC says what a version waits for.\n"
        );
        text
    }
}

fn paragraph(notice: &Notice, letter: &Letter) -> String {
    let mut text = format!("\n* {}\n  {} by {}\n", notice.text, notice.at, notice.by);
    for ask in notice.asks_of(&letter.agency) {
        let by = ask.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        text += &format!("  Your {} is wanted{by}:\n    {}\n", ask.wanted, ask.how);
    }
    text
}

fn parameters(host: &str, authorities: Option<&[u8]>) -> Result<TlsParameters, Failure> {
    let failed = |error: lettre::transport::smtp::Error| Failure::new(format!("notices.smtp: {error}"));
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(pem) = authorities {
        // Only these: a public authority has no say in a state's own.
        parameters = parameters.certificate_store(CertificateStore::None);
        parameters = parameters.add_root_certificate(Certificate::from_pem(pem).map_err(failed)?);
    }
    parameters.build_rustls().map_err(failed)
}
