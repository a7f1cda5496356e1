//! The `chancery` binary under test.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::violation::Halt;

/// The path of a binary that exists: the one named, or a release build of the project around this one.
pub fn find_or_build(named: &Path) -> Result<PathBuf, Halt> {
    if !named.exists() {
        build()?;
    }
    named.canonicalize().map_err(|error| Halt::setup(&format!("finding {}", named.display()), error))
}

fn build() -> Result<(), Halt> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--bin", "chancery"])
        .current_dir(&project)
        // Where the product goes must not follow from where this program was built.
        .env_remove("CARGO_TARGET_DIR")
        .status()
        .map_err(|error| Halt::setup("building chancery with cargo", error))?;
    if status.success() { Ok(()) } else { Err(Halt::setup("building chancery with cargo", status)) }
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
