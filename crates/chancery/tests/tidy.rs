//! The house's order, which no compiler checks: who may know whom, how long a file gets, that links lead somewhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// ARCHITECTURE.md's map: which crates of the house each may name.
const ARROWS: [(&str, &[&str]); 11] = [
    ("journal", &[]),
    ("contract", &[]),
    ("seal", &[]),
    ("audit", &[]),
    ("end-to-end", &[]),
    ("governance", &["contract", "end-to-end"]),
    ("bus", &["audit", "contract", "end-to-end", "governance", "journal", "seal"]),
    ("tls", &["contract"]),
    ("door-http", &["bus", "contract", "governance", "tls"]),
    ("door-kafka", &["bus", "contract", "governance", "tls"]),
    (
        "chancery",
        &[
            "audit",
            "bus",
            "contract",
            "door-http",
            "door-kafka",
            "end-to-end",
            "governance",
            "journal",
            "seal",
            "tls",
        ],
    ),
];

/// What the pure rooms must compile without.
const IMPURE: [&str; 6] = ["tokio", "axum", "ureq", "rustix", "tracing", "crossbeam-channel"];

/// Lines of a source file, its unit tests aside. More usually hides two ideas.
const FILE_MAX_LINES: usize = 420;

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
}

fn all(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&house().join(folder), extension, &mut found);
    assert!(!found.is_empty(), "{folder} has no {extension} files");
    found
}

/// A file without its unit tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// A crate's `[dependencies]`, without those for tests.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(house().join("crates").join(name).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    manifest
        .get("dependencies")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(|it| it.keys().cloned())
        .collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_map() {
    let arrows: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let crates = fs::read_dir(house().join("crates")).unwrap();
    for name in crates.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let allowed = arrows.get(name.as_str()).unwrap_or_else(|| panic!("crates/{name} is not on the map"));
        let known: Vec<_> =
            dependencies(&name).into_iter().filter(|found| arrows.contains_key(found.as_str())).collect();
        for found in &known {
            assert!(allowed.contains(&found.as_str()), "crates/{name} must not know {found}");
        }
    }
}

#[test]
fn the_pure_rooms_compile_without_a_runtime() {
    for name in ["contract", "seal", "audit", "governance", "end-to-end"] {
        let found = dependencies(name);
        for impure in IMPURE {
            assert!(!found.contains(impure), "crates/{name} names {impure}");
        }
        for file in all(&format!("crates/{name}/src"), "rs") {
            let text = code(&file);
            for call in ["std::fs::", "std::net::", "thread::spawn", "SystemTime::now", "Instant::now"] {
                assert!(!text.contains(call), "{} calls {call}", file.display());
            }
        }
    }
}

/// What is sealed end to end the bus cannot open, as nothing of it so much as names what opens.
#[test]
fn the_bus_names_nothing_that_opens_what_is_sealed_end_to_end() {
    for room in ["bus", "contract", "door-http", "door-kafka", "governance"] {
        for file in all(&format!("crates/{room}/src"), "rs") {
            let text = code(&file);
            for name in ["PrivateKey", "read_keys", "end_to_end::open", "end_to_end::documents"] {
                assert!(!text.contains(name), "{} names {name}", file.display());
            }
        }
    }
}

#[test]
fn a_door_knows_only_the_bus_and_its_words() {
    for file in all("crates/door-http/src", "rs").into_iter().chain(all("crates/door-kafka/src", "rs")) {
        let text = fs::read_to_string(&file).unwrap();
        for call in [
            "governance::decide",
            "governance::rights",
            "rights::",
            "contract::compile",
            "contract::check",
            "seal::",
            "journal::",
        ] {
            assert!(!text.contains(call), "{} decides by itself with {call}", file.display());
        }
    }
}

#[test]
fn no_file_hides_two_ideas() {
    for folder in ["crates", "sim", "bench", "fuzz"] {
        for file in all(folder, "rs").into_iter().filter(|file| !file.to_string_lossy().contains("/tests/")) {
            let lines = code(&file).lines().count();
            assert!(lines <= FILE_MAX_LINES, "{} has {lines} lines", file.display());
        }
    }
}

/// Where a crate's tests are one binary, a file that it does not name would never run.
#[test]
fn every_file_of_tests_is_run() {
    let lists = all("crates", "rs").into_iter().filter(|path| path.ends_with("tests/all.rs"));
    for list in lists {
        let named = fs::read_to_string(&list).unwrap();
        for file in fs::read_dir(list.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            if file.extension().is_some_and(|it| it == "rs") && name != "all" {
                assert!(named.contains(&format!("\nmod {name};\n")), "{} leaves {name} out", list.display());
            }
        }
    }
}

#[test]
fn only_the_command_line_speaks_to_the_terminal() {
    let speaks = ["println!", "eprintln!", "print!(", "std::process::exit"];
    for file in all("crates", "rs") {
        let path = file.to_string_lossy().into_owned();
        if !path.contains("/src/") || path.contains("/crates/chancery/") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for call in speaks {
            assert!(!text.contains(call), "{path} calls {call}");
        }
    }
}

#[test]
fn every_format_on_disk_has_a_page_that_the_code_names() {
    let sources: String = all("crates", "rs").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for page in all("docs/formats", "md") {
        let name = format!("docs/formats/{}", page.file_name().unwrap().to_string_lossy());
        assert!(sources.replace("\n//! ", "").contains(&name), "no code names {name}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in all(".", "md") {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.contains(' ') || path.starts_with("mailto:") {
                continue;
            }
            assert!(page.parent().unwrap().join(path).exists(), "{} links to {target}", page.display());
        }
    }
}
