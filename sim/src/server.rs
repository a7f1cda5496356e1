//! The bus as a child process: started, waited for, killed by its process id.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::violation::{Halt, Violation};

/// Longest that a start may take before it counts as failed.
const START_MAX: Duration = Duration::from_secs(120);

/// Longest that an orderly end may take.
const END_MAX: Duration = Duration::from_secs(60);

/// A bus that serves.
pub struct Server {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// `127.0.0.1:PORT` of the Kafka door.
    pub kafka: String,
    /// From the start of the process to its `ready` line.
    pub ready_after: Duration,
}

impl Server {
    /// Starts a bus on `data` and waits until it serves. A bus that does not come up breaks its promise.
    pub fn start(binary: &Path, data: &Path) -> Result<Self, Halt> {
        Self::start_at(binary, data, ["127.0.0.1:0"; 2])
    }

    /// The same with the HTTP door and the Kafka door at these addresses.
    pub fn start_at(binary: &Path, data: &Path, at: [&str; 2]) -> Result<Self, Halt> {
        let started = Instant::now();
        let (mut child, lines) = spawn(binary, data, at)?;
        let mut said = Vec::new();
        loop {
            match lines.recv_timeout(START_MAX.saturating_sub(started.elapsed())) {
                Ok(line) => {
                    let http = ready_address(&line, "http=").map(|address| format!("http://{address}"));
                    let kafka = ready_address(&line, "kafka=").unwrap_or_default().to_owned();
                    said.push(line);
                    if let Some(url) = http {
                        return Ok(Self { child, lines, said, url, kafka, ready_after: started.elapsed() });
                    }
                }
                Err(ended) => {
                    let _ = child.kill();
                    let status =
                        child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                    let why = match ended {
                        RecvTimeoutError::Timeout => format!("not ready after {} s", START_MAX.as_secs()),
                        RecvTimeoutError::Disconnected => status,
                    };
                    let text = format!("the bus did not come up ({why}); it said: {}", said.join(" | "));
                    return Err(Halt::broken(Violation::Ended(text)));
                }
            }
        }
    }

    /// Starts a bus and kills it after `alive`, ready or not.
    pub fn start_and_kill(binary: &Path, data: &Path, alive: Duration) -> Result<(), Halt> {
        let (mut child, _lines) = spawn(binary, data, ["127.0.0.1:0"; 2])?;
        thread::sleep(alive);
        child.kill().and_then(|()| child.wait()).map_err(|error| Halt::setup("killing the bus", error))?;
        Ok(())
    }

    /// Whether the process is still there.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`, and waits until the process is gone.
    pub fn kill(&mut self) -> Result<(), Halt> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map_err(|error| Halt::setup("killing the bus", error))?;
        Ok(())
    }

    /// SIGTERM, and waits for the orderly end that must follow.
    pub fn end(mut self) -> Result<Duration, Halt> {
        let asked = Instant::now();
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Halt::setup("ending the bus", "it has no process id"))?;
        kill_process(pid, Signal::TERM).map_err(|error| Halt::setup("ending the bus", error))?;
        while asked.elapsed() < END_MAX {
            match self.child.try_wait() {
                Ok(Some(status)) => return self.ended(status, asked.elapsed()),
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(Halt::setup("waiting for the bus", error)),
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        Err(Halt::broken(Violation::Ended(format!("SIGTERM did not end the bus in {} s", END_MAX.as_secs()))))
    }

    fn ended(mut self, status: ExitStatus, after: Duration) -> Result<Duration, Halt> {
        if status.success() {
            return Ok(after);
        }
        self.said.extend(self.lines.try_iter());
        let last: Vec<&str> = self.said.iter().rev().take(5).map(String::as_str).collect();
        Err(Halt::broken(Violation::Ended(format!("after SIGTERM: {status}; it said: {}", last.join(" | ")))))
    }

    /// The memory that it has resident (`VmRSS` of proc(5)).
    pub fn memory_bytes(&self) -> Result<u64, Halt> {
        let doing = "reading how much memory the bus has";
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .map_err(|error| Halt::setup(doing, error))?;
        resident_bytes(&status).ok_or_else(|| Halt::setup(doing, "it is not said"))
    }

    /// How many torn bytes the bus said that it cut while it came up.
    pub fn torn_bytes(&mut self) -> u64 {
        self.said.extend(self.lines.try_iter());
        self.said.iter().find_map(|line| torn_bytes(line)).unwrap_or(0)
    }

    /// The last lines that it said.
    pub fn last_words(&mut self) -> String {
        self.said.extend(self.lines.try_iter());
        let from = self.said.len().saturating_sub(8);
        self.said[from..].join(" | ")
    }
}

impl Drop for Server {
    /// A bus must not outlive the run that started it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(binary: &Path, data: &Path, [http, kafka]: [&str; 2]) -> Result<(Child, Receiver<String>), Halt> {
    let mut child = Command::new(binary)
        .arg("serve")
        .arg("--data")
        .arg(data)
        .args(["--http", http, "--kafka", kafka])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Halt::setup(&format!("starting {}", binary.display()), error))?;
    let (send, lines) = mpsc::channel();
    let out = child.stdout.take().map(|out| Box::new(out) as Box<dyn Read + Send>);
    let err = child.stderr.take().map(|err| Box::new(err) as Box<dyn Read + Send>);
    for pipe in out.into_iter().chain(err) {
        let send = send.clone();
        // Reads to the end even when nobody listens any more, so that the bus never waits for us.
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
    }
    Ok((child, lines))
}

/// A door's address in a `ready kafka=… http=… in … ms` line.
fn ready_address<'l>(line: &'l str, door: &str) -> Option<&'l str> {
    let mut words = line.split_whitespace();
    words.find(|word| *word == "ready")?;
    words.find_map(|word| word.strip_prefix(door))
}

/// The number in `… 120 torn bytes of unacknowledged groups cut …`.
fn torn_bytes(line: &str) -> Option<u64> {
    let (before, _) = line.split_once(" torn bytes")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// The number in a `VmRSS:     1234 kB` line.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_proc() {
        assert_eq!(resident_bytes("Name:\tbus\nVmRSS:\t    2048 kB\nThreads:\t9\n"), Some(2 << 20));
        assert_eq!(resident_bytes("Name:\tbus\n"), None);
    }

    #[test]
    fn torn_bytes_are_read_from_the_log() {
        assert_eq!(
            torn_bytes("INFO journal open: 3 streams; 120 torn bytes of unacknowledged groups cut"),
            Some(120)
        );
        assert_eq!(torn_bytes("INFO journal open: 3 streams; nothing torn"), None);
    }

    #[test]
    fn the_ready_line_names_the_address() {
        let line = "ready kafka=127.0.0.1:9092 http=127.0.0.1:41873 in 12 ms";
        assert_eq!(ready_address(line, "http="), Some("127.0.0.1:41873"));
        assert_eq!(ready_address(line, "kafka="), Some("127.0.0.1:9092"));
        for line in ["", "not yet ready", "http=127.0.0.1:1", "getting ready for http"] {
            assert_eq!(ready_address(line, "http="), None, "{line:?}");
        }
    }
}
