//! The few of Kafka's requests that the crowd makes, in versions without tagged fields, and their answers' heads.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::violation::{Halt, Violation};

const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// Longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request with its length and head: key, version, correlation, no client id.
fn request(key: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
    let mut out = (10 + body.len() as i32).to_be_bytes().to_vec();
    out.extend(key.to_be_bytes());
    out.extend(version.to_be_bytes());
    out.extend(correlation.to_be_bytes());
    out.extend((-1i16).to_be_bytes());
    out.extend(body);
    out
}

/// Who somebody is, by SASL PLAIN.
pub fn greeting(principal: &str, token: &str) -> Vec<u8> {
    let proof = format!("\0{principal}\0{token}");
    let mut body = (proof.len() as i32).to_be_bytes().to_vec();
    body.extend(proof.as_bytes());
    let mechanism = [&5i16.to_be_bytes()[..], b"PLAIN"].concat();
    [request(SASL_HANDSHAKE, 1, 1, &mechanism), request(SASL_AUTHENTICATE, 0, 2, &body)].concat()
}

/// The next answer, without its length.
pub fn answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length).min(1 << 20) as usize];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// The error code behind an answer's correlation.
pub fn error_of(answer: &[u8]) -> Option<i16> {
    Some(i16::from_be_bytes(answer.get(4..6)?.try_into().ok()?))
}

/// A client that said who it is.
pub struct Known {
    stream: TcpStream,
    greeting: Vec<u8>,
    asked: i32,
}

impl Known {
    /// Connects and says who it is.
    pub fn connect(address: &str, principal: &str, token: &str) -> Result<Self, Halt> {
        Self::greet(address, greeting(principal, token))
    }

    /// Goes, and comes again.
    pub fn again(&self, address: &str) -> Result<Self, Halt> {
        Self::greet(address, self.greeting.clone())
    }

    fn greet(address: &str, greeting: Vec<u8>) -> Result<Self, Halt> {
        let greeted = || -> io::Result<(TcpStream, Option<i16>)> {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&greeting)?;
            answer(&mut stream)?;
            let proven = answer(&mut stream)?;
            Ok((stream, error_of(&proven)))
        };
        match greeted() {
            Ok((stream, Some(0))) => Ok(Self { stream, greeting, asked: 2 }),
            Ok((_, error)) => Err(broken(format!("a known client was not let in: {error:?}"))),
            Err(error) => Err(broken(format!("a known client could not come in: {error}"))),
        }
    }

    /// Asks for the cluster without topics; the answer must be this question's.
    pub fn ask(&mut self) -> Result<(), Halt> {
        self.asked += 1;
        let question = request(METADATA, 1, self.asked, &0i32.to_be_bytes());
        let answer = self.stream.write_all(&question).and_then(|()| answer(&mut self.stream));
        match answer {
            Ok(answer) if answer.get(..4) == Some(&self.asked.to_be_bytes()[..]) => Ok(()),
            Ok(_) => Err(broken("an answer was to another question".to_owned())),
            Err(error) => Err(broken(format!("a known client was not answered: {error}"))),
        }
    }
}

fn broken(what: String) -> Halt {
    Halt::broken(Violation::Client(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_its_length_and_has_a_head() {
        let request = request(METADATA, 1, 7, &0i32.to_be_bytes());
        assert_eq!(request, [0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 255, 255, 0, 0, 0, 0]);
    }
}
