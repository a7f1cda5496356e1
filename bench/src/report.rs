//! Tables for people, JSON lines for programs.

use std::fs::OpenOptions;
use std::io::Write;

/// Appends one result to `target/bench/<name>.jsonl`.
pub fn record(name: &str, result: &serde_json::Value) {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench/{}.jsonl"), name);
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        let _ = writeln!(file, "{result}");
    }
}

/// CPU seconds of each of this process's threads, summed by name without trailing numbers.
pub fn cpu_by_thread() -> Vec<(String, f64)> {
    let mut sums: std::collections::BTreeMap<String, f64> = Default::default();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else { continue };
        let (Some(open), Some(close)) = (stat.find('('), stat.rfind(')')) else { continue };
        let name =
            stat[open + 1..close].trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
        let ticks: u64 =
            stat[close + 2..].split(' ').skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
        *sums.entry(name).or_default() += ticks as f64 / 100.0;
    }
    sums.into_iter().collect()
}

/// CPU seconds of this process, with the threads that ended.
pub fn cpu_s() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Resident memory in MiB.
pub fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// A quantile of sorted values.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted.get(((sorted.len() as f64 - 1.0) * q).round() as usize).copied().unwrap_or(f64::NAN)
}
