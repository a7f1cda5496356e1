//! A webhook, as an agency has one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// One request, as it came.
pub struct Posted {
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Posted {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// An HTTP server that fails the first request and takes what comes then.
pub fn webhook() -> (u16, Receiver<Posted>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, posted) = channel();
    thread::spawn(move || {
        let answers = ["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 204 Taken\r\n\r\n"];
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let request = read_request(&mut stream);
            stream.write_all(answers[number.min(1)].as_bytes()).unwrap();
            if send.send(request).is_err() {
                return;
            }
        }
    });
    (port, posted)
}

fn read_request(stream: &mut TcpStream) -> Posted {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }
    let mut posted = Posted { headers, body: Vec::new() };
    posted.body = vec![0; posted.header("content-length").parse().unwrap()];
    reader.read_exact(&mut posted.body).unwrap();
    posted
}
