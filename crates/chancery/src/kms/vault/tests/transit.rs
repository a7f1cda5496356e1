//! A server that answers as transit does, for tests that need no Vault: the calls, their answers and errors are those of its
//! documentation, and `process` sees that a real one gives the same.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::json;

use super::*;

/// A server, and what it keeps.
struct Server {
    address: String,
    transit: Arc<Mutex<Transit>>,
}

/// The keys of a transit engine, and whether it is sealed.
#[derive(Default)]
struct Transit {
    keys: BTreeMap<String, Key>,
    sealed: bool,
    asked: Vec<String>,
}

struct Key {
    bytes: [u8; 32],
    deletion_allowed: bool,
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

fn error(status: u16, text: &str) -> (u16, Value) {
    (status, json!({"errors": [text]}))
}

impl Key {
    fn new() -> Self {
        Self { bytes: random(), deletion_allowed: false }
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &self.bytes).unwrap())
    }

    fn encrypt(&self, body: &Value) -> (u16, Value) {
        let nonce = random::<12>();
        let mut sealed = STANDARD.decode(body["plaintext"].as_str().unwrap()).unwrap();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.cipher().seal_in_place_append_tag(unique, Aad::empty(), &mut sealed).unwrap();
        let text = STANDARD.encode([&nonce[..], &sealed].concat());
        (200, json!({"data": {"ciphertext": format!("vault:v1:{text}"), "key_version": 1}}))
    }

    fn decrypt(&self, body: &Value) -> (u16, Value) {
        let Some(text) = body["ciphertext"].as_str().unwrap().strip_prefix("vault:v") else {
            return error(400, "invalid ciphertext: no prefix");
        };
        let Some(("1", text)) = text.split_once(':') else {
            return error(400, "invalid ciphertext: version is too new");
        };
        let Ok(mut sealed) = STANDARD.decode(text) else {
            return error(400, "invalid ciphertext: could not decode base64");
        };
        let nonce = Nonce::try_assume_unique_for_key(&sealed[..12]).unwrap();
        match self.cipher().open_in_place(nonce, Aad::empty(), &mut sealed[12..]) {
            Ok(plain) => (200, json!({"data": {"plaintext": STANDARD.encode(plain)}})),
            Err(_) => error(400, "cipher: message authentication failed"),
        }
    }
}

impl Transit {
    /// As the engine does: a key is made by the first write, is deleted only where its configuration allows it, and each
    /// path has its own words for one that is not there.
    fn answer(&mut self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        self.asked.push(format!("{method} {path}"));
        if self.sealed {
            return error(503, "Vault is sealed");
        }
        if token != "s.right" {
            return error(403, "permission denied");
        }
        let Some(below) = path.strip_prefix("/v1/secrets/transit/") else {
            return error(404, &format!("no handler for route {path:?}. route entry not found."));
        };
        let parts: Vec<&str> = below.split('/').collect();
        let key = self.keys.get_mut(parts[1]);
        match (method, &parts[..], key) {
            ("POST", ["keys", name], key) => {
                assert_eq!(body["type"], "aes256-gcm96");
                if key.is_none() {
                    self.keys.insert(name.to_string(), Key::new());
                }
                (200, json!({"data": {"name": name}}))
            }
            ("POST", ["keys", _, "config"], Some(key)) => {
                key.deletion_allowed = body["deletion_allowed"].as_bool().unwrap();
                (200, json!({"data": {"deletion_allowed": key.deletion_allowed}}))
            }
            ("POST", ["keys", name, "config"], None) => {
                error(400, &format!("no existing key named {name} could be found"))
            }
            ("DELETE", ["keys", name], Some(key)) => match key.deletion_allowed {
                true => {
                    self.keys.remove(*name);
                    (204, Value::Null)
                }
                false => {
                    error(400, &format!("error deleting policy {name}: deletion is not allowed for this key"))
                }
            },
            ("DELETE", ["keys", name], None) => {
                error(400, &format!("error deleting policy {name}: could not delete key; not found"))
            }
            ("POST", ["encrypt" | "decrypt", _], None) => error(400, "encryption key not found"),
            ("POST", ["encrypt", _], Some(key)) => key.encrypt(body),
            ("POST", ["decrypt", _], Some(key)) => key.decrypt(body),
            _ => error(405, "unsupported operation"),
        }
    }
}

fn serve(transit: Arc<Mutex<Transit>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            one(stream, &transit);
        }
    });
    address
}

fn one(stream: TcpStream, transit: &Mutex<Transit>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length, mut token) = (String::new(), 0, String::new());
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-vault-token" => token = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (method, rest) = first.split_once(' ').unwrap();
    let path = rest.split(' ').next().unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = transit.lock().unwrap().answer(method, path, &token, &body);
    let answer = if answer.is_null() { String::new() } else { answer.to_string() };
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    (&stream).write_all([head, answer].concat().as_bytes()).unwrap();
}

impl Server {
    fn start() -> Self {
        let transit = Arc::new(Mutex::new(Transit::default()));
        Self { address: serve(transit.clone()), transit }
    }
}

impl Engine for Server {
    fn address(&self) -> &str {
        &self.address
    }

    fn token(&self) -> String {
        "s.right".to_owned()
    }

    fn seal(&self) {
        self.transit.lock().unwrap().sealed = true;
    }

    fn unseal(&self) {
        self.transit.lock().unwrap().sealed = false;
    }

    fn keys(&self) -> Vec<String> {
        self.transit.lock().unwrap().keys.keys().cloned().collect()
    }
}

#[test]
fn it_does_what_every_service_does() {
    let server = Server::start();
    does_what_every_service_does(&server);
    let transit = server.transit.lock().unwrap();
    let said = &transit.asked[..2];
    let name = said[0].strip_prefix("POST /v1/secrets/transit/keys/chancery-tax-office-").unwrap();
    assert!(name.len() == 16, "{name}");
    assert_eq!(said[1], format!("POST /v1/secrets/transit/encrypt/chancery-tax-office-{name}"));
}

#[test]
fn each_call_takes_the_token_of_the_moment() {
    takes_the_token_of_the_moment(&Server::start());
}

#[test]
fn what_is_sealed_or_away_is_worth_another_try_and_a_lost_token_or_mount_is_not() {
    tells_what_is_worth_another_try(&Server::start());
}

#[test]
fn a_key_that_is_called_otherwise_is_never_asked_for() {
    let server = Server::start();
    let (vault, _folder) = client(&server);
    for name in [
        "chancery-courts-0123456789abcdef",
        "chancery-tax-office-0123456789abcde",
        "chancery-tax-office-0123456789abcdef0",
        "chancery-tax-office-0123456789ABCDEF",
        "chancery-tax-office-../keys/0123456",
        "other-tax-office-0123456789abcdef",
    ] {
        let wrapped = Wrapped { key: name.as_bytes().to_vec(), sealed: b"vault:v1:AAAA".to_vec() };
        let wrapped = wrapped.encode(Service::Vault, "tax-office");
        assert_eq!(vault.unwrap("tax-office", &wrapped).unwrap_err(), KmsError::Tampered, "{name}");
        assert_eq!(vault.destroy("tax-office", &wrapped), Err(KmsError::Tampered), "{name}");
    }
    assert!(server.transit.lock().unwrap().asked.is_empty());
}
