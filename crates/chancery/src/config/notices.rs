//! `[notices]`: how agencies are told beyond the bus, as written and as meant.

use std::path::PathBuf;

use clap::Args;
use lettre::message::Mailbox;
use serde::Deserialize;

use crate::output::Failure;

/// The settings of notices, as written.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypedNotices {
    /// Whether notices may leave by agencies' webhooks: true or false [default: false]
    #[arg(long = "notices-webhooks", env = "CHANCERY_NOTICES_WEBHOOKS")]
    pub webhooks: Option<bool>,
    /// The mail server that takes notices: smtps://HOST or smtp://HOST (with STARTTLS), :PORT behind it [default: no e-mail]
    #[arg(long = "notices-smtp", env = "CHANCERY_NOTICES_SMTP")]
    pub smtp: Option<String>,
    /// Whom the mail server knows the bus as [default: nobody]
    #[arg(long = "notices-smtp-user", env = "CHANCERY_NOTICES_SMTP_USER")]
    pub smtp_user: Option<String>,
    /// The file with that user's password
    #[arg(long = "notices-smtp-password-file", env = "CHANCERY_NOTICES_SMTP_PASSWORD_FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// Whom e-mail comes from, such as Bus <bus@central.example>
    #[arg(long = "notices-from", env = "CHANCERY_NOTICES_FROM")]
    pub from: Option<String>,
    /// Who may sign the certificates of the mail server and of webhooks, PEM [default: the public authorities]
    #[arg(long = "notices-ca", id = "notices_ca", env = "CHANCERY_NOTICES_CA")]
    pub ca: Option<PathBuf>,
}

impl TypedNotices {
    /// These settings where they are set, else those of `other`.
    pub fn over(self, other: Self) -> Self {
        Self {
            webhooks: self.webhooks.or(other.webhooks),
            smtp: self.smtp.or(other.smtp),
            smtp_user: self.smtp_user.or(other.smtp_user),
            smtp_password_file: self.smtp_password_file.or(other.smtp_password_file),
            from: self.from.or(other.from),
            ca: self.ca.or(other.ca),
        }
    }
}

/// The ways that notices may leave by.
#[derive(Debug, Clone)]
pub struct Notices {
    /// Whether by webhook.
    pub webhooks: bool,
    /// The mail server; `None`: not by e-mail.
    pub mail: Option<Mail>,
    /// The authorities that both trust; `None`: the public ones.
    pub ca: Option<PathBuf>,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub security: Security,
    /// Whom it knows the bus as, and the file with the password.
    pub user: Option<(String, PathBuf)>,
    /// Whom e-mail comes from.
    pub from: Mailbox,
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// By TLS from the first byte.
    Tls,
    /// By TLS after STARTTLS, or not at all.
    StartTls,
    /// In the clear; on this machine only.
    Plain,
}

impl TryFrom<TypedNotices> for Notices {
    type Error = Failure;

    fn try_from(typed: TypedNotices) -> Result<Self, Failure> {
        let TypedNotices { webhooks, smtp, smtp_user, smtp_password_file, from, ca } = typed;
        let user = match (smtp_user, smtp_password_file) {
            (Some(user), Some(file)) => Some((user, file)),
            (None, None) => None,
            _ => return Err(Failure::usage("notices: smtp_user and smtp_password_file go together")),
        };
        let mail = match (smtp, from) {
            (Some(smtp), Some(from)) => Some(mail(&smtp, &from, user)?),
            (None, None) if user.is_none() => None,
            _ => {
                return Err(Failure::usage("notices: smtp and from go together, and smtp_user needs both")
                    .hint("smtp = \"smtps://mail.example\", from = \"Bus <bus@central.example>\""));
            }
        };
        Ok(Self { webhooks: webhooks.unwrap_or(false), mail, ca })
    }
}

fn mail(smtp: &str, from: &str, user: Option<(String, PathBuf)>) -> Result<Mail, Failure> {
    let (secured, address) = match (smtp.strip_prefix("smtps://"), smtp.strip_prefix("smtp://")) {
        (Some(address), _) => (true, address),
        (None, Some(address)) => (false, address),
        (None, None) => return Err(no_server(smtp)),
    };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| no_server(smtp))?)),
        None => (address, None),
    };
    if host.is_empty() || host.contains(['/', '@', ':']) {
        return Err(no_server(smtp));
    }
    let security = match secured {
        true => Security::Tls,
        false if matches!(host, "127.0.0.1" | "localhost") => Security::Plain,
        false => Security::StartTls,
    };
    let usual = if secured { 465 } else { 587 };
    let from = from
        .parse::<Mailbox>()
        .map_err(|error| Failure::usage(format!("notices.from: {from:?} is not an address: {error}")))?;
    Ok(Mail { host: host.to_owned(), port: port.unwrap_or(usual), security, user, from })
}

fn no_server(smtp: &str) -> Failure {
    Failure::usage(format!("notices.smtp: {smtp:?} is not a mail server"))
        .hint("smtps://HOST, or smtp://HOST with STARTTLS, :PORT behind it; the user stands in smtp_user")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_spoken_in_the_clear_on_this_machine_only() {
        let meant = |smtp: &str| {
            let from = Some("Bus <bus@central.example>".to_owned());
            let typed = TypedNotices { smtp: Some(smtp.to_owned()), from, ..TypedNotices::default() };
            Notices::try_from(typed).map(|notices| {
                let mail = notices.mail.expect("a server was given");
                (mail.host, mail.port, mail.security)
            })
        };
        let told = |smtp: &str| meant(smtp).map_err(|failure| failure.to_string());
        assert_eq!(told("smtps://mail.example"), Ok(("mail.example".to_owned(), 465, Security::Tls)));
        assert_eq!(told("smtp://mail.example:25"), Ok(("mail.example".to_owned(), 25, Security::StartTls)));
        assert_eq!(told("smtp://127.0.0.1:2525"), Ok(("127.0.0.1".to_owned(), 2525, Security::Plain)));
        for bad in ["mail.example", "smtp://", "smtp://me:secret@mail.example", "smtp://mail.example:x"] {
            assert!(told(bad).is_err_and(|said| said.contains("notices.smtp")), "{bad}");
        }
    }

    #[test]
    fn half_of_what_goes_together_is_refused() {
        let only = TypedNotices { from: Some("bus@central.example".to_owned()), ..TypedNotices::default() };
        assert!(Notices::try_from(only).is_err());
        let user = TypedNotices { smtp_user: Some("bus".to_owned()), ..TypedNotices::default() };
        assert!(Notices::try_from(user).is_err());
        assert!(
            Notices::try_from(TypedNotices::default())
                .is_ok_and(|none| none.mail.is_none() && !none.webhooks)
        );
    }
}
