//! The embedded engine keeps the contract, on a real disk and in memory, with and without threads.

use std::path::PathBuf;
use std::sync::Arc;

use journal::conformance::{self, Subject};
use journal::embedded::Upkeep;
use journal::faults::FaultyDisk;
use journal::{Disk, Embedded, Journal, Options, RealDisk};

struct Opened {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    options: Options,
    journal: Option<Arc<Embedded>>,
    _kept: Option<tempfile::TempDir>,
}

impl Opened {
    fn new(folder: PathBuf, disk: Arc<dyn Disk>, options: Options, kept: Option<tempfile::TempDir>) -> Self {
        let mut opened = Self { folder, disk, options, journal: None, _kept: kept };
        opened.reopen();
        opened
    }

    fn embedded(&self) -> &Arc<Embedded> {
        self.journal.as_ref().expect("open")
    }
}

impl Subject for Opened {
    fn journal(&self) -> Arc<dyn Journal> {
        self.embedded().clone()
    }

    fn reopen(&mut self) {
        self.journal = None;
        let (journal, _) =
            Embedded::open(&self.folder, self.disk.clone(), self.options.clone()).expect("it opens again");
        self.journal = Some(Arc::new(journal));
    }

    fn reorganise(&self) {
        self.embedded().settle().expect("settles");
        assert_eq!(self.embedded().check(), [], "the doctor finds nothing");
    }
}

fn options(log_bytes: u64, upkeep: Upkeep) -> Options {
    Options { log_bytes, upkeep, settle_chunk_bytes: 8192, ..Options::default() }
}

fn on_real_disk(options: Options) {
    conformance::run(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        Opened::new(path, Arc::new(RealDisk::new()), options.clone(), Some(folder))
    });
}

fn in_memory(options: Options) {
    conformance::run(|| {
        let disk = FaultyDisk::new(1);
        disk.set_short_reads(true);
        Opened::new(PathBuf::from("/journal"), Arc::new(disk), options.clone(), None)
    });
}

#[test]
fn the_embedded_engine_keeps_the_contract_on_a_real_disk_with_threads() {
    on_real_disk(options(256 << 10, Upkeep::Threads));
}

#[test]
fn the_embedded_engine_keeps_the_contract_when_logs_are_full_all_the_time() {
    in_memory(options(128 << 10, Upkeep::Threads));
}

#[test]
fn the_embedded_engine_keeps_the_contract_without_threads() {
    in_memory(options(128 << 10, Upkeep::Inline));
}

#[test]
fn the_embedded_engine_keeps_the_contract_without_recycling() {
    in_memory(Options { recycle_logs: false, ..options(128 << 10, Upkeep::Threads) });
}
