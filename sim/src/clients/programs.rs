//! The clients and how their programs are started. `./dev clients` builds what they need.

/// A client's program.
pub struct Program {
    /// Its name; also that of its subscription, `tax-office.NAME`.
    pub name: &'static str,
    /// Its folder in `compat/`.
    pub folder: &'static str,
    /// Program and arguments; `{home}` is its folder.
    pub command: &'static [&'static str],
    /// Which of the group protocols it is to speak.
    pub protocol: Protocol,
}

/// Kafka's group protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The members' leader deals out.
    Classic,
    /// The group deals out (KIP-848).
    Consumer,
}

impl Protocol {
    /// Its name in clients' settings.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Classic => "classic",
            Protocol::Consumer => "consumer",
        }
    }
}

/// All of them.
pub const ALL: &[Program] = &[
    Program {
        name: "python",
        folder: "python",
        command: &["{home}/../../target/compat/python/bin/python", "{home}/client.py"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "python-848",
        folder: "python",
        command: &["{home}/../../target/compat/python/bin/python", "{home}/client.py"],
        protocol: Protocol::Consumer,
    },
    Program {
        name: "serializers",
        folder: "python",
        command: &["{home}/../../target/compat/python/bin/python", "{home}/serializers.py"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "kcat",
        folder: "kcat",
        command: &["bash", "{home}/client.sh"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "java-4",
        folder: "java",
        command: &["java", "-cp", "{home}/../../target/compat/java-4/*", "Client"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "java-4-848",
        folder: "java",
        command: &["java", "-cp", "{home}/../../target/compat/java-4/*", "Client"],
        protocol: Protocol::Consumer,
    },
    Program {
        name: "java-3",
        folder: "java",
        command: &["java", "-cp", "{home}/../../target/compat/java-3/*", "Client"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "java-4-transactions",
        folder: "java",
        command: &["java", "-cp", "{home}/../../target/compat/java-4/*", "Transactions"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "java-3-transactions",
        folder: "java",
        command: &["java", "-cp", "{home}/../../target/compat/java-3/*", "Transactions"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "streams",
        folder: "streams",
        command: &["java", "-cp", "{home}/../../target/compat/streams/*", "Topology"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "flink",
        folder: "flink",
        command: &["java", "-cp", "{home}/../../target/compat/flink/*", "Source"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "kafkajs",
        folder: "node",
        command: &["node", "{home}/client.mjs"],
        protocol: Protocol::Classic,
    },
    Program {
        name: "franz-go",
        folder: "go",
        command: &["{home}/../../target/compat/go/client"],
        protocol: Protocol::Classic,
    },
];
