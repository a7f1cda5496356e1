//! The bus as a child process: started, killed without warning, started again on the same folder and address.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::output::Failure;

/// A running bus. Ended when dropped.
pub struct Server {
    child: Child,
    /// Its HTTP address.
    pub address: String,
    /// What it said when it served.
    pub ready: String,
    /// Its log.
    log: PathBuf,
}

impl Server {
    /// Starts a bus on `data`; `address` may have port 0.
    pub fn start(data: &Path, address: &str) -> Result<Self, Failure> {
        let log = data.with_extension("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", "--kafka", "127.0.0.1:0", "--http", address, "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Failure::new("the bus has no output"))?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        let found = ready.split_whitespace().find_map(|word| word.strip_prefix("http=")).map(str::to_owned);
        let mut server = Self { child, address: String::new(), ready: ready.trim().to_owned(), log };
        match found {
            Some(address) => server.address = address,
            None => return Err(Failure::new(format!("the bus did not start: {}", server.log_text()))),
        }
        Ok(server)
    }

    /// The bus's log so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// kill -9: no warning, no chance to write anything down.
    pub fn kill(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits until it has drained.
    pub fn stop(&mut self) -> Result<(), Failure> {
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            // It may have ended by itself, which is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
        }
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill()
    }

    /// Lets it live on without the demo.
    pub fn leave_running(mut self) -> u32 {
        let id = self.child.id();
        self.address.clear();
        std::mem::forget(self);
        id
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever ended the demo, no process is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
