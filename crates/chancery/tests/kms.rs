//! Where keys are kept, as operators meet it: the folder, its passphrase, and what no disk gets a copy of.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use support::{Server, chancery, stderr, stdout};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The soft and the hard limit for core files of a process.
fn core_limit(process: &str) -> String {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_bus_leaves_no_core_dump_unless_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    assert_eq!(core_limit(&server.id().to_string()), "0 0");
    let debugged = Server::start_with(&folder.path().join("debugged"), &["--process-core-dumps", "true"]);
    assert_eq!(core_limit(&debugged.id().to_string()), core_limit("self"), "as it was");
    // A process that cannot be dumped is the system's, whoever runs it.
    #[cfg(target_os = "linux")]
    if rustix::process::geteuid().is_root() {
        return;
    }
    assert!(fs::read_to_string(format!("/proc/{}/environ", server.id())).is_err());
}

#[test]
fn keys_outside_the_data_folder_go_with_no_copy_of_it_and_a_passphrase_seals_them() {
    let folder = tempfile::tempdir().unwrap();
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    let mut server = Server::start_with(&data, &["--kms-folder", text(&keys)]);
    let agencies = stdout(&server.cli(&server.operator, &["agency", "list"]));
    server.end();
    assert!(keys.join("root.key").exists() && !data.join("kms").exists());

    // Without them, or with others, nothing opens and nothing falls back.
    let refused = |arguments: &[&str]| {
        let serve = ["serve", "--kafka", "off", "--http", "127.0.0.1:0", "--data", text(&data)];
        let ended = chancery(&[&serve, arguments].concat());
        assert_eq!(ended.status.code(), Some(1), "{}", stdout(&ended));
        stderr(&ended)
    };
    let said = refused(&[]);
    assert!(said.contains("the keys of agency") && said.contains("is kms.folder an old copy"), "{said}");

    let passphrase = folder.path().join("passphrase");
    fs::write(&passphrase, "open sesame\n").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let with = ["--kms-folder", text(&keys), "--kms-passphrase-file", text(&passphrase)];
    for _ in 0..2 {
        let mut server = Server::start_with(&data, &with);
        assert_eq!(stdout(&server.cli(&server.operator, &["agency", "list"])), agencies);
        server.end();
    }
    let said = refused(&["--kms-folder", text(&keys)]);
    assert!(said.contains("is sealed with a passphrase, and none is given"), "{said}");
    assert!(said.contains("--kms-passphrase-file"), "{said}");
    let other = folder.path().join("other");
    fs::write(&other, "open barley\n").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    let change = |old: &Path, new: &Path| {
        let place = ["keys", "passphrase", "--kms-folder", text(&keys)];
        let files = ["--kms-passphrase-file", text(old), "--new-passphrase-file", text(new)];
        chancery(&[&place[..], &files].concat())
    };
    let wrong = change(&other, &passphrase);
    assert_eq!(wrong.status.code(), Some(1), "{}", stdout(&wrong));
    assert!(stderr(&wrong).contains("the passphrase does not open the root key"), "{}", stderr(&wrong));
    let changed = change(&passphrase, &other);
    assert!(changed.status.success(), "{}", stderr(&changed));
    let said = refused(&with);
    assert!(said.contains("the passphrase does not open the root key"), "{said}");
    let with = ["--kms-folder", text(&keys), "--kms-passphrase-file", text(&other)];
    let mut server = Server::start_with(&data, &with);
    assert_eq!(stdout(&server.cli(&server.operator, &["agency", "list"])), agencies);
    server.end();
}

#[test]
fn the_doctor_says_when_keys_lie_beside_what_they_wrap_and_calls_it_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let (within, outside) = (folder.path().join("within"), folder.path().join("outside"));
    Server::start(&within).end();
    let keys = folder.path().join("keys");
    Server::start_with(&outside, &["--kms-folder", text(&keys)]).end();
    let said = chancery(&["doctor", "--data", text(&within)]);
    assert!(said.status.success(), "{}", stderr(&said));
    let note = stdout(&said).lines().find(|line| line.starts_with("note   kms:")).unwrap().to_owned();
    assert!(note.contains("within the data folder") && note.contains("kms.folder"), "{note}");
    let said = chancery(&["--json", "doctor", "--data", text(&outside)]);
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["notes"], serde_json::json!([]));
}
