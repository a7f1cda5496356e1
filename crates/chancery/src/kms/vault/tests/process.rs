//! A real Vault (`compat/vault`), as a process of its own: initialised, unsealed, with the transit engine, and with a token by
//! AppRole that has the policy of `docs/operators.md` and no more. `./dev vault` builds it and runs these.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

/// The program's path.
const PROGRAM: &str = "CHANCERY_TEST_VAULT";

struct Process {
    child: Child,
    address: String,
    agent: Agent,
    root: String,
    unseal_key: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// The policy that operators are told to give the bus's token, for this mount.
fn policy() -> String {
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operators.md")).unwrap();
    let (_, block) = manual.split_once("```hcl\n").unwrap();
    let (policy, _) = block.split_once("```").unwrap();
    policy.replace("transit/", "secrets/transit/")
}

impl Process {
    fn start() -> Self {
        let program = std::env::var_os(PROGRAM).expect("./dev vault builds a Vault and names it");
        let mut child = Command::new(program).stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let (address, agent) = (address.trim().to_owned(), calling(None, PATIENCE));
        let mut process = Self { child, address, agent, root: String::new(), unseal_key: String::new() };
        let made = process.right("POST", "sys/init", &json!({"secret_shares": 1, "secret_threshold": 1}));
        process.root = made["root_token"].as_str().unwrap().to_owned();
        process.unseal_key = made["keys_base64"][0].as_str().unwrap().to_owned();
        process.unseal();
        process.right("POST", "sys/mounts/secrets/transit", &json!({"type": "transit"}));
        process.right("POST", "sys/auth/approle", &json!({"type": "approle"}));
        process.right("POST", "sys/policies/acl/chancery", &json!({"policy": policy()}));
        let role =
            json!({"token_policies": ["chancery"], "token_no_default_policy": true, "token_ttl": "1h"});
        process.right("POST", "auth/approle/role/chancery", &role);
        process
    }

    /// The status and the answer, `null` where there is none.
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("{}/v1/{path}", self.address));
        let request = request.header("X-Vault-Token", token).body(body.to_string()).unwrap();
        let mut answer = self.agent.run(request).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
    }

    /// What an administrator does.
    fn right(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(&self.root, method, path, body);
        assert!(matches!(status, 200..=299), "{status} for {method} {path}: {answer}");
        answer
    }

    fn right_of_key(&self, key: &str, what: &str, body: &Value) {
        self.right("POST", &format!("secrets/transit/keys/{key}/{what}"), body);
    }

    /// A token that ends by itself.
    fn token_for(&self, time: &str) -> String {
        let wish = json!({"policies": ["chancery"], "no_default_policy": true, "ttl": time});
        self.right("POST", "auth/token/create", &wish)["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Engine for Process {
    fn address(&self) -> &str {
        &self.address
    }

    fn token(&self) -> String {
        let role = self.right("GET", "auth/approle/role/chancery/role-id", &Value::Null);
        let secret = self.right("POST", "auth/approle/role/chancery/secret-id", &json!({}));
        let (role, secret) = (&role["data"]["role_id"], &secret["data"]["secret_id"]);
        let login = json!({"role_id": role, "secret_id": secret});
        let (status, answer) = self.ask("", "POST", "auth/approle/login", &login);
        assert_eq!(status, 200, "{answer}");
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    fn seal(&self) {
        self.right("POST", "sys/seal", &Value::Null);
    }

    fn unseal(&self) {
        self.right("POST", "sys/unseal", &json!({"key": self.unseal_key}));
        let begun = Instant::now();
        while self.ask("", "GET", "sys/health", &Value::Null).0 != 200 {
            assert!(begun.elapsed() < Duration::from_secs(30), "it is not ready after it was unsealed");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn keys(&self) -> Vec<String> {
        let (_, listed) = self.ask(&self.root, "GET", "secrets/transit/keys?list=true", &Value::Null);
        let names = listed["data"]["keys"].as_array().into_iter().flatten();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    }
}

#[test]
#[ignore = "needs a Vault: ./dev vault"]
fn it_does_what_every_service_does() {
    does_what_every_service_does(&Process::start());
}

#[test]
#[ignore = "needs a Vault: ./dev vault"]
fn each_call_takes_the_token_of_the_moment_and_an_expired_one_is_replaced() {
    let process = Process::start();
    takes_the_token_of_the_moment(&process);
    let (vault, folder) = client(&process);
    let wrapped = vault.wrap("courts", &Secret::generate().unwrap()).unwrap();
    fs::write(folder.path().join("token"), process.token_for("1s")).unwrap();
    vault.unwrap("courts", &wrapped).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let said = vault.unwrap("courts", &wrapped).unwrap_err();
    assert!(matches!(&said, KmsError::Denied(why) if why.contains("403")), "{said}");
    assert!(matches!(vault.destroy("courts", &wrapped), Err(KmsError::Denied(_))));
    fs::write(folder.path().join("token"), process.token_for("1h")).unwrap();
    vault.unwrap("courts", &wrapped).unwrap();
}

#[test]
#[ignore = "needs a Vault: ./dev vault"]
fn what_is_sealed_or_away_is_worth_another_try_and_a_lost_token_or_mount_is_not() {
    let mut process = Process::start();
    tells_what_is_worth_another_try(&process);
    let (vault, _folder) = client(&process);
    let wrapped = vault.wrap("courts", &Secret::generate().unwrap()).unwrap();
    process.end();
    assert!(matches!(vault.unwrap("courts", &wrapped), Err(KmsError::Unavailable(_))));
    assert!(matches!(vault.destroy("courts", &wrapped), Err(KmsError::Unavailable(_))));
}

#[test]
#[ignore = "needs a Vault: ./dev vault"]
fn keys_that_are_rotated_disallowed_or_deleted_are_told_apart() {
    let process = Process::start();
    let (vault, _folder) = client(&process);
    let secret = Secret::generate().unwrap();
    let wrapped = vault.wrap("courts", &secret).unwrap();
    let [key] = <[String; 1]>::try_from(process.keys()).unwrap();

    process.right_of_key(&key, "rotate", &json!({}));
    assert_eq!(vault.unwrap("courts", &wrapped).unwrap().expose(), secret.expose());
    // Somebody forbids the version that wrapped it. That can be taken back, so it is no destruction.
    process.right_of_key(&key, "config", &json!({"min_decryption_version": 2}));
    let said = vault.unwrap("courts", &wrapped).unwrap_err();
    assert!(matches!(&said, KmsError::Denied(why) if why.contains("too old")), "{said}");
    process.right_of_key(&key, "config", &json!({"min_decryption_version": 1}));
    assert_eq!(vault.unwrap("courts", &wrapped).unwrap().expose(), secret.expose());

    process.right_of_key(&key, "config", &json!({"deletion_allowed": true}));
    process.right("DELETE", &format!("secrets/transit/keys/{key}"), &Value::Null);
    assert_eq!(vault.unwrap("courts", &wrapped).unwrap_err(), KmsError::Destroyed);
    vault.destroy("courts", &wrapped).unwrap();
}

#[test]
#[ignore = "needs a Vault: ./dev vault"]
fn a_key_whose_version_is_disallowed_is_destroyed_all_the_same() {
    let process = Process::start();
    let (vault, _folder) = client(&process);
    let wrapped = vault.wrap("courts", &Secret::generate().unwrap()).unwrap();
    let [key] = <[String; 1]>::try_from(process.keys()).unwrap();
    process.right_of_key(&key, "rotate", &json!({}));
    process.right_of_key(&key, "config", &json!({"min_decryption_version": 2}));
    vault.destroy("courts", &wrapped).unwrap();
    assert_eq!(vault.unwrap("courts", &wrapped).unwrap_err(), KmsError::Destroyed);
    assert!(process.keys().is_empty());
}

#[test]
#[ignore = "needs a Vault: ./dev vault"]
fn the_manuals_policy_gives_a_token_nothing_else() {
    let process = Process::start();
    let (vault, _folder) = client(&process);
    vault.wrap("courts", &Secret::generate().unwrap()).unwrap();
    let [key] = <[String; 1]>::try_from(process.keys()).unwrap();
    let token = process.token();
    for (method, path) in [
        ("GET", "secrets/transit/keys?list=true".to_owned()),
        ("GET", format!("secrets/transit/keys/{key}")),
        ("GET", format!("secrets/transit/export/encryption-key/{key}")),
        ("GET", format!("secrets/transit/backup/{key}")),
        ("POST", "secrets/transit/keys/other-courts-0123456789abcdef".to_owned()),
        ("POST", "secrets/transit/decrypt/other-courts-0123456789abcdef".to_owned()),
        ("GET", "sys/policies/acl/chancery".to_owned()),
        ("POST", "sys/seal".to_owned()),
    ] {
        let (status, answer) = process.ask(&token, method, &path, &json!({}));
        assert_eq!(status, 403, "{method} {path}: {answer}");
    }
}
