//! Against a server that answers as transit does: the calls, their answers and errors are those of its documentation.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::*;

/// The keys of a transit engine, and whether it is sealed.
#[derive(Default)]
struct Transit {
    keys: HashMap<String, [u8; 32]>,
    sealed: bool,
    asked: Vec<String>,
}

fn key(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).unwrap())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}

impl Transit {
    fn answer(&mut self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        self.asked.push(path.to_owned());
        let error = |status, text: &str| (status, json!({"errors": [text]}));
        if self.sealed {
            return error(503, "Vault is sealed");
        }
        if token != "s.right" {
            return error(403, "permission denied");
        }
        let (what, name) = path.trim_start_matches("/v1/secrets/transit/").rsplit_once('/').unwrap();
        if what == "keys" {
            self.keys.entry(name.to_owned()).or_insert_with(random);
            return (200, json!({"data": {"name": name}}));
        }
        let Some(bytes) = self.keys.get(name) else { return error(400, "encryption key not found") };
        match what {
            "encrypt" => {
                let nonce = random::<12>();
                let mut sealed = STANDARD.decode(body["plaintext"].as_str().unwrap()).unwrap();
                let unique = Nonce::assume_unique_for_key(nonce);
                key(bytes).seal_in_place_append_tag(unique, Aad::empty(), &mut sealed).unwrap();
                let text = STANDARD.encode([&nonce[..], &sealed].concat());
                (200, json!({"data": {"ciphertext": format!("vault:v1:{text}")}}))
            }
            _ => {
                let text = body["ciphertext"].as_str().unwrap().trim_start_matches("vault:v1:");
                let Ok(mut sealed) = STANDARD.decode(text) else {
                    return error(400, "invalid ciphertext: could not decode base64");
                };
                let nonce = Nonce::try_assume_unique_for_key(&sealed[..12]).unwrap();
                match key(bytes).open_in_place(nonce, Aad::empty(), &mut sealed[12..]) {
                    Ok(plain) => (200, json!({"data": {"plaintext": STANDARD.encode(plain)}})),
                    Err(_) => error(400, "cipher: message authentication failed"),
                }
            }
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
    let path = first.split(' ').nth(1).unwrap();
    let (status, answer) =
        transit.lock().unwrap().answer(path, &token, &serde_json::from_slice(&body).unwrap());
    let answer = answer.to_string();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
    (&stream).write_all([head, answer].concat().as_bytes()).unwrap();
}

fn vault(address: &str, folder: &Path) -> Vault {
    Vault::new(&VaultSettings {
        address: address.to_owned(),
        token_file: folder.join("token"),
        mount: "secrets/transit".to_owned(),
        prefix: "chancery".to_owned(),
        namespace: None,
        ca: None,
    })
    .unwrap()
}

#[test]
fn a_secret_opens_for_its_agency_only_and_with_the_token_of_the_moment() {
    let folder = tempfile::tempdir().unwrap();
    let transit = Arc::new(Mutex::new(Transit::default()));
    let vault = vault(&serve(transit.clone()), folder.path());
    fs::write(folder.path().join("token"), "s.right\n").unwrap();
    let (secret, another) = (Secret::generate().unwrap(), Secret::generate().unwrap());
    let mut wrapped = vault.wrap("tax-office", &secret).unwrap();
    let other = vault.wrap("tax-office", &another).unwrap();
    vault.wrap("courts", &another).unwrap();
    assert_eq!(vault.unwrap("tax-office", &wrapped).unwrap().expose(), secret.expose());
    assert_ne!(vault.unwrap("tax-office", &other).unwrap().expose(), secret.expose());
    assert_eq!(vault.unwrap("courts", &wrapped).unwrap_err(), KmsError::Tampered);
    assert_eq!(vault.unwrap("tax-office", b"p11:1:").unwrap_err(), KmsError::Tampered);
    assert!(matches!(vault.unwrap("nobody", &wrapped), Err(KmsError::Denied(_))));
    let said = transit.lock().unwrap().asked[1].clone();
    assert_eq!(said, "/v1/secrets/transit/encrypt/chancery-tax-office");

    fs::write(folder.path().join("token"), "s.other").unwrap();
    assert!(matches!(vault.unwrap("tax-office", &wrapped), Err(KmsError::Denied(_))));
    fs::write(folder.path().join("token"), "s.right").unwrap();
    vault.unwrap("tax-office", &wrapped).unwrap();
    let last = wrapped.len() - 3;
    wrapped[last] = if wrapped[last] == b'A' { b'B' } else { b'A' };
    assert_eq!(vault.unwrap("tax-office", &wrapped).unwrap_err(), KmsError::Tampered);
}

#[test]
fn what_is_sealed_or_away_is_worth_another_try_and_a_lost_token_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let transit = Arc::new(Mutex::new(Transit { sealed: true, ..Transit::default() }));
    let reached = vault(&serve(transit), folder.path());
    let secret = Secret::generate().unwrap();
    assert!(matches!(reached.wrap("tax-office", &secret), Err(KmsError::Denied(_))), "there is no token");
    fs::write(folder.path().join("token"), "s.right").unwrap();
    let said = reached.wrap("tax-office", &secret).unwrap_err();
    assert!(matches!(&said, KmsError::Unavailable(why) if why.contains("sealed")), "{said}");
    let away = vault("http://127.0.0.1:1", folder.path());
    assert!(matches!(away.wrap("tax-office", &secret), Err(KmsError::Unavailable(_))));
}
