//! A mail server that knows as much of SMTP as one message takes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Pair;

/// What it takes before it takes a letter.
#[derive(Clone, Default)]
pub struct Office {
    /// What it shows, where it speaks TLS.
    pub shown: Option<Arc<ServerConfig>>,
    /// Whether that is after STARTTLS only, not from the first byte.
    pub starts_late: bool,
    /// How clients must say who they are, if they must: `PLAIN` or `LOGIN`, and in TLS only.
    pub login: Option<&'static str>,
}

/// One message, as it came.
pub struct Mail {
    /// From whom and to whom.
    pub envelope: Vec<String>,
    pub text: String,
    /// Who said so, with their password: `user:password`.
    pub login: Option<String>,
}

/// What came of a conversation.
enum Said {
    Mail(Mail),
    StartTls,
}

/// Opens one at an address of this machine: its port, and what it is brought.
pub fn open(host: &str, office: Office) -> (u16, Receiver<Mail>) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, letters) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A conversation that broke off brought nothing.
            if let Ok(Some(mail)) = serve(stream.unwrap(), &office)
                && send.send(mail).is_err()
            {
                return;
            }
        }
    });
    (port, letters)
}

fn serve(stream: TcpStream, office: &Office) -> io::Result<Option<Mail>> {
    let secured = |stream| office.shown.as_ref().map(|shown| secured(shown, stream));
    if office.shown.is_none() || office.starts_late {
        let mut plain = BufReader::new(stream);
        plain.get_mut().write_all(b"220 post.example ESMTP\r\n")?;
        match converse(&mut plain, office, false)? {
            Said::Mail(mail) => return Ok(Some(mail)),
            Said::StartTls => {
                let Some(secured) = secured(plain.into_inner()) else { return Ok(None) };
                return finish(&mut BufReader::new(secured), office);
            }
        }
    }
    let Some(mut secured) = secured(stream) else { return Ok(None) };
    secured.write_all(b"220 post.example ESMTP\r\n")?;
    finish(&mut BufReader::new(secured), office)
}

fn finish(
    stream: &mut BufReader<StreamOwned<ServerConnection, TcpStream>>,
    office: &Office,
) -> io::Result<Option<Mail>> {
    match converse(stream, office, true)? {
        Said::Mail(mail) => Ok(Some(mail)),
        Said::StartTls => Ok(None),
    }
}

pub fn secured(config: &Arc<ServerConfig>, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

fn converse<S: Read + Write>(stream: &mut BufReader<S>, office: &Office, in_tls: bool) -> io::Result<Said> {
    let mut mail = Mail { envelope: Vec::new(), text: String::new(), login: None };
    loop {
        let line = line(stream)?;
        let mut words = line.split([' ', ':']);
        let answer = match words.next().unwrap_or_default().to_uppercase().as_str() {
            "EHLO" => greeting(office, in_tls),
            "STARTTLS" => {
                stream.get_mut().write_all(b"220 go on in TLS\r\n")?;
                return Ok(Said::StartTls);
            }
            "AUTH" if in_tls => {
                mail.login = Some(login(stream, words.next(), words.next())?);
                "235 welcome\r\n".to_owned()
            }
            "MAIL" if office.login.is_some() && mail.login.is_none() => "530 who are you\r\n".to_owned(),
            "RCPT" if line.contains("<gone@") => "550 nobody of that name\r\n".to_owned(),
            "MAIL" | "RCPT" => {
                mail.envelope.push(line);
                "250 OK\r\n".to_owned()
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n")?;
                mail.text = message(stream)?;
                "250 taken\r\n".to_owned()
            }
            "QUIT" => return Ok(Said::Mail(mail)),
            _ => "250 OK\r\n".to_owned(),
        };
        stream.get_mut().write_all(answer.as_bytes())?;
    }
}

fn greeting(office: &Office, in_tls: bool) -> String {
    let mut lines = "250-post.example\r\n".to_owned();
    if office.starts_late && office.shown.is_some() && !in_tls {
        lines += "250-STARTTLS\r\n";
    }
    if let Some(how) = office.login.filter(|_| in_tls) {
        lines += &format!("250-AUTH {how}\r\n");
    }
    lines + "250 8BITMIME\r\n"
}

/// Who it is, by PLAIN at once or by LOGIN in two answers.
fn login(
    stream: &mut BufReader<impl Read + Write>,
    how: Option<&str>,
    said: Option<&str>,
) -> io::Result<String> {
    let decoded = |text: &str| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
    if how == Some("PLAIN") {
        let said = decoded(said.unwrap_or_default());
        return Ok(said.trim_start_matches('\0').replace('\0', ":"));
    }
    let mut answers = Vec::new();
    for asked in ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"] {
        stream.get_mut().write_all(asked.as_bytes())?;
        answers.push(decoded(&line(stream)?));
    }
    Ok(answers.join(":"))
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn message(stream: &mut impl BufRead) -> io::Result<String> {
    let mut lines = Vec::new();
    loop {
        match line(stream)? {
            end if end == "." => return Ok(lines.join("\n")),
            more => lines.push(more),
        }
    }
}

/// A server that shows this.
pub fn shows((certificate, key): Pair) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Arc::new(config.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}
