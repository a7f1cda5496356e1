//! Kafka clients against the bus: each is a program in `compat/`, written as its client's own documentation writes it.
//!
//! Every program does the same: publishes, is refused once with a reason, consumes, shares its group with a second
//! member, commits, asks for a restart of the bus, and goes on where it was. It speaks to this runner by lines: `restart`
//! asks for kill -9 and a new start on the same address, `saw …` tells what it saw, and it ends with status 0.

mod programs;
mod world;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use programs::Program;
use world::World;

use crate::violation::{Halt, Violation};

/// Longest that one program may take.
const PROGRAM_MAX: Duration = Duration::from_secs(180);

/// Runs the programs, one after the other, against one bus.
pub fn run(binary: &Path, folder: &Path, only: &[String], out: &mut dyn Write) -> Result<(), Halt> {
    let wanted = |program: &&Program| only.is_empty() || only.iter().any(|name| name == program.name);
    let programs: Vec<&Program> = programs::ALL.iter().filter(wanted).collect();
    if programs.is_empty() {
        let known: Vec<&str> = programs::ALL.iter().map(|program| program.name).collect();
        return Err(Halt::setup("choosing clients", format!("there are {}", known.join(", "))));
    }
    let mut world = World::make(binary)?;
    for program in programs {
        let began = Instant::now();
        let saw = converse(&mut world, folder, program)?;
        let took = began.elapsed().as_secs_f32();
        let _ = writeln!(out, "{:<8} kept  {saw} ({took:.1} s)", program.name);
    }
    world.end()
}

/// Runs one program to its end; what it saw.
fn converse(world: &mut World, folder: &Path, program: &Program) -> Result<String, Halt> {
    let said = |what: &str| Halt::broken(Violation::Client(format!("{}: {what}", program.name)));
    let mut child = start(world, folder, program)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(Halt::setup("talking to a client", "it has no pipes"));
    };
    let began = Instant::now();
    let (mut saw, mut last) = (Vec::new(), Vec::new());
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if began.elapsed() > PROGRAM_MAX {
            let _ = child.kill();
            return Err(said("it did not end in time"));
        }
        match line.split_once(' ') {
            _ if line == "restart" => restart(world, &mut stdin)?,
            Some(("saw", what)) => saw.push(what.to_owned()),
            _ => last.push(line),
        }
    }
    let status = child.wait().map_err(|error| Halt::setup("waiting for a client", error))?;
    if status.success() {
        return Ok(saw.join("; "));
    }
    let from = last.len().saturating_sub(12);
    Err(said(&format!("{status}; saw {}; it said:\n{}", saw.join("; "), last[from..].join("\n"))))
}

fn restart(world: &mut World, stdin: &mut ChildStdin) -> Result<(), Halt> {
    world.restart()?;
    writeln!(stdin, "restarted").map_err(|error| Halt::setup("talking to a client", error))
}

fn start(world: &World, folder: &Path, program: &Program) -> Result<Child, Halt> {
    let home = folder.join(program.folder);
    let mut words = program.command.iter().map(|word| word.replace("{home}", &home.to_string_lossy()));
    let command = words.next().unwrap_or_default();
    Command::new(&command)
        .args(words)
        .current_dir(&home)
        .envs(world.environment(program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| Halt::setup(&format!("starting {command}; ./dev clients sets it up"), error))
}
