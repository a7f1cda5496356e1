//! The `chancery` binary under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::violation::Halt;

/// The absolute path of the binary.
pub fn find(named: &Path) -> Result<PathBuf, Halt> {
    named
        .canonicalize()
        .map_err(|error| Halt::setup(&format!("finding {} (./dev build makes it)", named.display()), error))
}

/// Runs a verb of the command line; gives its output where it exits 0, else everything it said.
pub fn run(binary: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<String, String> {
    let output = Command::new(binary)
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .map_err(|error| format!("chancery {} could not be run: {error}", arguments.join(" ")))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("chancery {}: {}: {}{}", arguments.join(" "), output.status, complaint.trim(), said.trim()))
}
