//! The clients and how their programs are started. `./dev clients` builds what they need.

/// A client's program.
pub struct Program {
    /// Its name; also that of its subscription, `tax-office.NAME`.
    pub name: &'static str,
    /// Its folder in `compat/`.
    pub folder: &'static str,
    /// Program and arguments; `{home}` is its folder.
    pub command: &'static [&'static str],
}

/// All of them.
pub const ALL: &[Program] = &[
    Program {
        name: "python",
        folder: "python",
        command: &["{home}/../../target/compat/python/bin/python", "{home}/client.py"],
    },
    Program { name: "kcat", folder: "kcat", command: &["bash", "{home}/client.sh"] },
    Program {
        name: "java-4",
        folder: "java",
        command: &["java", "-cp", "{home}/../../target/compat/java-4/*", "Client"],
    },
    Program {
        name: "java-3",
        folder: "java",
        command: &["java", "-cp", "{home}/../../target/compat/java-3/*", "Client"],
    },
    Program { name: "kafkajs", folder: "node", command: &["node", "{home}/client.mjs"] },
    Program { name: "franz-go", folder: "go", command: &["{home}/../../target/compat/go/client"] },
];
