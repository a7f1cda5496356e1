//! A disk in memory that fails on purpose, for the tests of this crate and of those above it.
//!
//! It keeps apart what was written and what would survive the power going off: of writes that were not
//! flushed any 512-byte sectors survive, of changes to names that were not flushed any first part.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Access, Disk, DiskFile};

const SECTOR_BYTES: usize = 512;

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    machine: Arc<Mutex<Machine>>,
}

#[derive(Default)]
struct Machine {
    /// Counts restarts: handles of an earlier life are dead.
    life: u64,
    down: bool,
    steps: u64,
    crash_at: Option<u64>,
    fail_syncs: u32,
    free_bytes: Option<u64>,
    short_reads: bool,
    locked: bool,
    chance: u64,
    files: Vec<Content>,
    /// The names as programs see them, and as they would be after a crash.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names that were not flushed; each happens wholly or not at all.
    pending_names: Vec<Vec<(PathBuf, Option<usize>)>>,
}

#[derive(Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

impl FaultyDisk {
    /// An empty disk; `seed` decides what survives crashes.
    pub fn new(seed: u64) -> Self {
        let machine = Machine { chance: seed ^ 0x9e37_79b9_7f4a_7c15, ..Machine::default() };
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    /// The power goes off in the `steps`-th changing operation from now (the first is 1).
    pub fn crash_after(&self, steps: u64) {
        let mut machine = self.machine.lock();
        machine.crash_at = Some(machine.steps + steps);
    }

    /// The power goes off now.
    pub fn crash(&self) {
        self.machine.lock().down = true;
    }

    /// Whether the power is off.
    pub fn is_down(&self) -> bool {
        self.machine.lock().down
    }

    /// The machine starts again with what survived. Handles from before stay dead.
    pub fn restart(&self) {
        self.machine.lock().restart();
    }

    /// The process dies and another starts: all that was written is still there, flushed or not.
    pub fn restart_process(&self) {
        let mut machine = self.machine.lock();
        machine.life += 1;
        machine.down = false;
        machine.crash_at = None;
        machine.locked = false;
    }

    /// The next `count` flushes of files fail; what they should have flushed is lost in part.
    pub fn fail_syncs(&self, count: u32) {
        self.machine.lock().fail_syncs = count;
    }

    /// How many more bytes can be allocated or written beyond the ends of files; `None` for no limit.
    pub fn set_free_bytes(&self, bytes: Option<u64>) {
        self.machine.lock().free_bytes = bytes;
    }

    /// Whether reads give fewer bytes than asked for.
    pub fn set_short_reads(&self, short: bool) {
        self.machine.lock().short_reads = short;
    }

    /// Flips one bit of a file, for good. False if there is no such byte.
    pub fn flip_bit(&self, path: impl AsRef<Path>, position: u64, bit: u8) -> bool {
        let mut machine = self.machine.lock();
        let Some(&file) = machine.names.get(path.as_ref()) else { return false };
        let Content { live, durable, .. } = &mut machine.files[file];
        let Some(byte) = live.get_mut(position as usize) else { return false };
        *byte ^= 1 << (bit % 8);
        if let Some(byte) = durable.get_mut(position as usize) {
            *byte ^= 1 << (bit % 8);
        }
        true
    }

    /// All files and their lengths.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let machine = self.machine.lock();
        machine
            .names
            .iter()
            .map(|(path, file)| (path.clone(), machine.files[*file].live.len() as u64))
            .collect()
    }

    /// The bytes of a file.
    pub fn contents(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let machine = self.machine.lock();
        machine.names.get(path.as_ref()).map(|file| machine.files[*file].live.clone())
    }

    /// Changing operations so far.
    pub fn steps(&self) -> u64 {
        self.machine.lock().steps
    }
}

impl Machine {
    /// A number below `bound`, by xorshift64*.
    fn chance(&mut self, bound: u64) -> u64 {
        self.chance ^= self.chance >> 12;
        self.chance ^= self.chance << 25;
        self.chance ^= self.chance >> 27;
        (self.chance.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound.max(1)
    }

    fn look(&self) -> io::Result<()> {
        if self.down { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Counts a changing operation; false if the power goes off in it.
    fn step(&mut self) -> io::Result<bool> {
        self.look()?;
        self.steps += 1;
        self.down = self.crash_at == Some(self.steps);
        Ok(!self.down)
    }

    fn take_space(&mut self, bytes: u64) -> io::Result<()> {
        match &mut self.free_bytes {
            Some(free) if *free < bytes => Err(io::ErrorKind::StorageFull.into()),
            Some(free) => {
                *free -= bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn rename(&mut self, path: &Path, file: Option<usize>) {
        match file {
            Some(file) => _ = self.names.insert(path.to_owned(), file),
            None => _ = self.names.remove(path),
        }
        self.pending_names.push(vec![(path.to_owned(), file)]);
    }

    fn settle_names(&mut self, count: usize) {
        for (path, file) in self.pending_names.drain(..count).flatten() {
            match file {
                Some(file) => _ = self.durable_names.insert(path, file),
                None => _ = self.durable_names.remove(&path),
            }
        }
    }

    /// Lets some sectors of the unflushed writes reach the medium.
    fn settle_some(&mut self, file: usize) {
        let pending = std::mem::take(&mut self.files[file].pending);
        let mode = self.chance(4);
        for (position, bytes) in pending {
            let keep = self.chance(bytes.len() as u64 / SECTOR_BYTES as u64 + 2) as usize;
            for (sector, part) in bytes.chunks(SECTOR_BYTES).enumerate() {
                let survives = match mode {
                    0 => false,
                    1 => true,
                    2 => sector < keep,
                    _ => self.chance(2) == 0,
                };
                if survives {
                    self.files[file].settle(position + sector * SECTOR_BYTES, part);
                }
            }
        }
    }

    fn restart(&mut self) {
        let survived = self.chance(self.pending_names.len() as u64 + 1) as usize;
        self.settle_names(survived);
        self.pending_names.clear();
        for file in 0..self.files.len() {
            self.settle_some(file);
            let content = &mut self.files[file];
            content.live.clone_from(&content.durable);
        }
        self.names.clone_from(&self.durable_names);
        self.life += 1;
        self.down = false;
        self.crash_at = None;
        self.fail_syncs = 0;
        self.locked = false;
    }
}

impl Content {
    fn settle(&mut self, position: usize, bytes: &[u8]) {
        let end = position + bytes.len();
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[position..end].copy_from_slice(bytes);
    }

    fn sync(&mut self) {
        for (position, bytes) in std::mem::take(&mut self.pending) {
            self.settle(position, &bytes);
        }
        if self.durable.len() < self.live.len() {
            self.durable.resize(self.live.len(), 0);
        }
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        let mut machine = self.machine.lock();
        machine.look()?;
        let file = if matches!(access, Access::Create | Access::CreateCold) {
            machine.step()?;
            machine.files.push(Content::default());
            let file = machine.files.len() - 1;
            machine.rename(path, Some(file));
            machine.look()?;
            file
        } else {
            *machine.names.get(path).ok_or(io::ErrorKind::NotFound)?
        };
        let (disk, life) = (self.clone(), machine.life);
        Ok(Arc::new(FaultyFile { disk, file, life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut machine = self.machine.lock();
        machine.step()?;
        let file = *machine.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        machine.names.remove(from);
        machine.names.insert(to.to_owned(), file);
        machine.pending_names.push(vec![(to.to_owned(), Some(file)), (from.to_owned(), None)]);
        machine.look()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut machine = self.machine.lock();
        machine.step()?;
        if !machine.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        machine.rename(path, None);
        machine.look()
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let machine = self.machine.lock();
        machine.look()?;
        let inside = machine.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn make_folder(&self, _: &Path) -> io::Result<()> {
        self.machine.lock().look()
    }

    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        let mut machine = self.machine.lock();
        if machine.step()? {
            let all = machine.pending_names.len();
            machine.settle_names(all);
        }
        machine.look()
    }

    fn lock(&self, _: &Path, exclusive: bool) -> io::Result<Box<dyn Send + Sync>> {
        let mut machine = self.machine.lock();
        machine.look()?;
        if machine.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        machine.locked = exclusive;
        Ok(Box::new(Guard { disk: self.clone(), life: machine.life }))
    }

    fn random(&self) -> u64 {
        let mut machine = self.machine.lock();
        machine.chance(u64::MAX) << 32 | machine.chance(u64::MAX)
    }
}

struct Guard {
    disk: FaultyDisk,
    life: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut machine = self.disk.machine.lock();
        if machine.life == self.life {
            machine.locked = false;
        }
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: usize,
    life: u64,
}

impl FaultyFile {
    fn machine(&self) -> io::Result<parking_lot::MutexGuard<'_, Machine>> {
        let machine = self.disk.machine.lock();
        machine.look()?;
        if machine.life != self.life {
            return Err(io::Error::other("the machine was restarted"));
        }
        Ok(machine)
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut machine = self.machine()?;
        let live = machine.files[self.file].live.len();
        let mut count = live.saturating_sub(position as usize).min(buffer.len());
        if machine.short_reads && count > 1 {
            count = 1 + machine.chance(count as u64) as usize;
        }
        if count > 0 {
            let from = position as usize;
            buffer[..count].copy_from_slice(&machine.files[self.file].live[from..from + count]);
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut machine = self.machine()?;
        let end = position as usize + bytes.len();
        let grows = end.saturating_sub(machine.files[self.file].live.len());
        machine.take_space(grows as u64)?;
        machine.step()?;
        let content = &mut machine.files[self.file];
        if content.live.len() < end {
            content.live.resize(end, 0);
        }
        content.live[position as usize..end].copy_from_slice(bytes);
        content.pending.push((position as usize, bytes.to_vec()));
        machine.look()
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut machine = self.machine()?;
        if machine.step()? {
            if machine.fail_syncs > 0 {
                // As Linux does it: the pages count as clean afterwards, whatever reached the disk.
                machine.fail_syncs -= 1;
                machine.settle_some(self.file);
                return Err(io::Error::other("a flush that was made to fail"));
            }
            machine.files[self.file].sync();
        }
        machine.look()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.machine()?.files[self.file].live.len() as u64)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut machine = self.machine()?;
        let grows = bytes.saturating_sub(machine.files[self.file].live.len() as u64);
        machine.take_space(grows)?;
        machine.step()?;
        let content = &mut machine.files[self.file];
        if content.live.len() < bytes as usize {
            content.live.resize(bytes as usize, 0);
        }
        machine.look()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_with(bytes: &[u8]) -> (FaultyDisk, Arc<dyn DiskFile>) {
        let disk = FaultyDisk::new(1);
        let file = disk.open(Path::new("/a"), Access::Create).expect("opens");
        disk.sync_folder(Path::new("/")).expect("flushes");
        file.write_at(bytes, 0).expect("writes");
        (disk, file)
    }

    #[test]
    fn what_was_flushed_survives_a_crash_and_handles_do_not() {
        let (disk, file) = disk_with(b"kept");
        file.sync_data().expect("flushes");
        disk.crash();
        assert!(file.write_at(b"x", 0).is_err());
        disk.restart();
        assert_eq!(disk.contents("/a").as_deref(), Some(&b"kept"[..]));
        assert!(file.len().is_err());
    }

    #[test]
    fn after_a_failed_flush_the_next_one_does_not_make_up_for_it() {
        let lost = (0..64).any(|seed| {
            let disk = FaultyDisk::new(seed);
            let file = disk.open(Path::new("/a"), Access::Create).expect("opens");
            disk.sync_folder(Path::new("/")).expect("flushes");
            file.write_at(&[7; 2048], 0).expect("writes");
            disk.fail_syncs(1);
            assert!(file.sync_data().is_err());
            file.sync_data().expect("the second one claims success");
            disk.crash();
            disk.restart();
            disk.contents("/a") != Some(vec![7; 2048])
        });
        assert!(lost);
    }

    #[test]
    fn a_full_disk_says_so_and_lets_overwriting_go_on() {
        let (disk, file) = disk_with(b"1234");
        disk.set_free_bytes(Some(0));
        assert_eq!(file.write_at(b"12345", 0).map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        assert!(file.write_at(b"4321", 0).is_ok());
    }
}
