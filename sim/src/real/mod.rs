//! Real government data through the bus: converted without loss to CloudEvents, published and consumed with the
//! command line, and compared byte for byte.
//!
//! What is converted how, and why, is told in `examples/real/README.md`; the contracts stand beside it.

mod alerts;
mod cap;
mod compare;
mod court;
mod event;
mod life;
mod nlgov;
mod permits;
mod table;
mod trial;
mod xml;

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::violation::Halt;

pub use trial::run;

use event::Set;

/// Why a file could not be converted.
#[derive(Debug)]
pub struct Unreadable(String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Unreadable {
    fn new(what: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

/// Everything that the folder holds, converted.
fn sets(data: &Path) -> Result<Vec<Set>, Halt> {
    let read = |path: &str| {
        fs::read(data.join(path))
            .map_err(|error| Halt::setup(&format!("reading {path} of {}", data.display()), error))
    };
    let convert = |path: &str, set: Result<Set, Unreadable>| set.map_err(|error| Halt::setup(path, error));
    let permits = "permits/spearfish-building-permits.pseudonymised.csv";
    let courts = "courts/uk-decisions.csv";
    let feed = "cap/nws_atom_feed_2018-08-15.xml";
    let messages = (1..=4).map(|number| read(&format!("cap/oasis-example{number}.xml")));
    let messages = messages.collect::<Result<Vec<_>, _>>()?;
    let nlgov = "nlgov/example-events.json";
    let life = "life-events/cpsvap-LifeEvent.example.json";
    Ok(vec![
        convert(permits, permits::set(&read(permits)?))?,
        convert(courts, court::set(&read(courts)?))?,
        convert(feed, alerts::set(&read(feed)?))?,
        convert("cap/oasis-example1..4.xml", cap::set(&messages))?,
        convert(nlgov, nlgov::as_it_stands(&read(nlgov)?))?,
        convert(nlgov, nlgov::person_set(&read(nlgov)?))?,
        convert(nlgov, nlgov::wrapped_set(&read(nlgov)?))?,
        convert(life, life::set(&read(life)?))?,
    ])
}

/// Writes the converted events to a folder: one file for each set, as `chancery publish` takes it.
pub fn convert(data: &Path, folder: &Path, out: &mut dyn Write) -> Result<(), Halt> {
    fs::create_dir_all(folder).map_err(|error| Halt::setup("making the folder", error))?;
    for set in sets(data)? {
        let path = folder.join(set.file_name());
        fs::write(&path, set.file()).map_err(|error| Halt::setup("writing the events", error))?;
        writeln!(out, "{} events in {}", set.events.len(), path.display())
            .map_err(|error| Halt::setup("writing the report", error))?;
    }
    Ok(())
}

/// Whether there is data at all.
fn is_there(data: &Path) -> bool {
    data.join("permits").is_dir()
}
