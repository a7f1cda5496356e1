use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use governance::notices::{Way, Wishes};

use super::*;

/// Each of its bytes comes in time, and the greeting never ends.
fn talker() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(b"220-welcome\r\n").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    port
}

fn mailer(port: u16, patience: Duration) -> Mailer {
    let from: Mailbox = "bus@central.example".parse().unwrap();
    let mail = Mail { host: "127.0.0.1".to_owned(), port, security: Security::Plain, user: None, from };
    Mailer { patience, ..Mailer::new("bus", &mail, None).unwrap() }
}

fn letter(to: &[&str]) -> Letter {
    let email = to.iter().map(|name| format!("{name}@tax.example")).collect();
    Letter {
        id: "tax-office-email-1-1".to_owned(),
        agency: "tax-office".parse().unwrap(),
        way: Way::Email,
        wishes: Wishes { email, ..Wishes::default() },
        secret: [0; 32],
        notices: Vec::new(),
        at_ms: 0,
    }
}

async fn send(mailer: &Arc<Mailer>, letter: &Arc<Letter>) -> Result<(), String> {
    let (mailer, letter) = (mailer.clone(), letter.clone());
    tokio::task::spawn_blocking(move || mailer.send(&letter)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_to_no_end_is_left_when_its_time_is_over() {
    let mailer = Arc::new(mailer(talker(), Duration::from_millis(500)));
    let begun = Instant::now();
    let sent = send(&mailer, &Arc::new(letter(&["desk"]))).await;
    assert!(sent.unwrap_err().contains("took longer than 500ms"));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// A mail server: `later@` is put off until it is let in, `never@` is unknown, whoever else gets their letter.
#[derive(Clone, Default)]
struct Server {
    lets_in: Arc<Mutex<bool>>,
    delivered: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn listen(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, server) = (listener.local_addr().unwrap().port(), self.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || server.serve(&stream));
            }
        });
        port
    }

    fn serve(&self, mut stream: &TcpStream) {
        let (mut to, mut in_data) = (String::new(), false);
        let _ = stream.write_all(b"220 ready\r\n");
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let answer = match line.as_str() {
                "." if in_data => {
                    in_data = false;
                    self.delivered.lock().push(to.clone());
                    "250 taken"
                }
                _ if in_data => continue,
                line if line.starts_with("EHLO") => "250 tax.example",
                line if line.starts_with("RCPT") && line.contains("<never@") => "550 nobody of that name",
                line if line.contains("<later@") && !*self.lets_in.lock() => "451 come again",
                line if line.starts_with("RCPT") => {
                    to = line[line.find('<').unwrap() + 1..line.find('@').unwrap()].to_owned();
                    "250 fine"
                }
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                _ => "250 fine",
            };
            let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
        }
    }

    fn delivered(&self) -> Vec<String> {
        let mut delivered = self.delivered.lock().clone();
        delivered.sort();
        delivered
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_put_off_keeps_the_letter_from_nobody_and_brings_it_to_nobody_twice() {
    let server = Server::default();
    let mailer = Arc::new(mailer(server.listen(), Duration::from_secs(20)));
    let letter = Arc::new(letter(&["later", "never", "desk", "chief"]));
    assert!(send(&mailer, &letter).await.unwrap_err().contains("come again"));
    assert_eq!(server.delivered(), ["chief", "desk"]);
    assert!(send(&mailer, &letter).await.is_err());
    *server.lets_in.lock() = true;
    assert_eq!(send(&mailer, &letter).await, Ok(()));
    assert_eq!(server.delivered(), ["chief", "desk", "later"]);
}
