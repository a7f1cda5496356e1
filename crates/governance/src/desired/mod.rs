//! Governance as files: what a folder says should be, and what is, as a folder that says so.
//!
//! A folder is read whole or not at all, and every fault is told at once with its file, its line where there is one, and
//! its field. Unknown fields and unknown files are faults: a rule that is misspelt must not silently not hold.

mod file;
mod forms;
mod is;
mod standards;
mod topic;

use std::collections::BTreeMap;
use std::fmt;

use contract::{AgencyName, SubscriptionName, TopicName};

use crate::Standards;
use crate::commands::{AgencyProfile, NewTopic, SubscriptionRequest};
use crate::policy::{LOCAL, Policies};
use file::File;

/// What should be. Whatever the folder does not mention stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// The central rules, where the folder has them.
    pub standards: Option<Standards>,
    /// Agencies.
    pub agencies: BTreeMap<AgencyName, AgencyProfile>,
    /// Topics, each with the contract version that the folder holds.
    pub topics: BTreeMap<TopicName, NewTopic>,
    /// Subscriptions.
    pub subscriptions: BTreeMap<SubscriptionName, SubscriptionRequest>,
    /// Whether it is a part of a folder only: what it does not mention is then not told as unmanaged.
    pub is_part: bool,
}

/// Something wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileFault {
    /// The file, relative to the folder.
    pub path: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The field, `contract.schema`.
    pub field: Option<String>,
    /// What is wrong and what would be right.
    pub text: String,
}

impl FileFault {
    fn of(path: &str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, field: None, text: text.into() }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        self.line.iter().try_for_each(|line| write!(f, ":{line}"))?;
        self.field.iter().try_for_each(|field| write!(f, ": {field}"))?;
        write!(f, ": {}", self.text)
    }
}

impl std::error::Error for FileFault {}

impl Desired {
    /// Reads a folder: the content of each file by its path relative to the folder, with `/` between names.
    pub fn from_files(files: &BTreeMap<String, String>) -> Result<Self, Vec<FileFault>> {
        let mut desired = Self::default();
        let mut faults = Vec::new();
        for (path, content) in files {
            let mut file = File::new(path, content);
            desired.read(&mut file, files);
            faults.extend(file.into_faults());
        }
        faults.extend(desired.add_policies(files));
        faults.sort();
        if faults.is_empty() { Ok(desired) } else { Err(faults) }
    }

    /// The files that [`Desired::from_files`] reads this from.
    pub fn to_files(&self) -> BTreeMap<String, String> {
        let policies = self.standards.iter().flat_map(|standards| &standards.policies);
        let policies = policies.map(|(name, text)| (format!("standards/{name}"), text.clone()));
        let standards = self.standards.iter().map(standards::written);
        let standards = standards.map(|text| ("standards/standards.toml".to_owned(), text));
        let agencies = self.agencies.iter();
        let agencies = agencies.map(|(name, one)| (format!("agencies/{name}.yaml"), forms::agency_file(one)));
        let topics = self.topics.iter().flat_map(|(name, one)| {
            topic::files(one).into_iter().map(move |(file, text)| (format!("topics/{name}/{file}"), text))
        });
        let subscriptions = self.subscriptions.iter();
        let subscriptions = subscriptions
            .map(|(name, one)| (format!("subscriptions/{name}.yaml"), forms::subscription_file(one)));
        standards.chain(policies).chain(agencies).chain(topics).chain(subscriptions).collect()
    }

    /// Adds the policy files to the standards that they belong to. They are read together: a policy's name is one over all.
    fn add_policies(&mut self, files: &BTreeMap<String, String>) -> Vec<FileFault> {
        let policies = files.iter().filter_map(|(path, text)| {
            let name = path.strip_prefix("standards/").filter(|name| name.ends_with(".cedar"))?;
            Some((name.to_owned(), text.clone()))
        });
        let policies: BTreeMap<String, String> = policies.collect();
        let faults = Policies::read(&policies).err().unwrap_or_default();
        if let Some(standards) = &mut self.standards {
            standards.policies = policies;
        }
        let told = faults.into_iter().map(|fault| {
            let path = format!("standards/{}", fault.file);
            FileFault { line: fault.line, ..FileFault::of(&path, fault.text) }
        });
        told.collect()
    }

    fn read(&mut self, file: &mut File<'_>, files: &BTreeMap<String, String>) {
        let parts: Vec<&str> = file.path.split('/').collect();
        match parts.as_slice() {
            [.., name] if is_beside_the_point(name) => {}
            ["standards", "standards.toml"] => self.standards = standards::read(file),
            ["standards", name] if name.ends_with(".cedar") => {
                if !files.contains_key("standards/standards.toml") {
                    file.fault("there is no standards.toml beside this policy; it may be empty");
                }
            }
            ["agencies", name] => {
                let read = yaml_stem(name, file).and_then(|stem| forms::agency(file, stem));
                self.agencies.extend(read.map(|agency| (agency.agency.clone(), agency)));
            }
            ["subscriptions", name] => {
                let read = yaml_stem(name, file).and_then(|stem| forms::subscription(file, stem));
                self.subscriptions.extend(read.map(|wish| (wish.subscription.clone(), wish)));
            }
            ["topics", folder, "topic.yaml"] => {
                let read = topic::read(file, folder, files);
                self.topics.extend(read.map(|topic| (topic.topic.clone(), topic)));
            }
            ["topics", folder, LOCAL] => {
                if !files.contains_key(&format!("topics/{folder}/topic.yaml")) {
                    file.fault("there is no topic.yaml beside these policies");
                }
                for fault in Policies::read_local(file.content).err().unwrap_or_default() {
                    file.fault_at(fault.line, fault.text);
                }
            }
            // Schemas of former versions stay beside the one in use.
            ["topics", folder, name] if is_schema(name) => {
                if !files.contains_key(&format!("topics/{folder}/topic.yaml")) {
                    file.fault("there is no topic.yaml beside this schema");
                }
            }
            _ => file.fault(
                "is not a file of governance: those are standards/standards.toml, standards/NAME.cedar, agencies/AGENCY.yaml, \
                 topics/TOPIC/topic.yaml with its schemas (.json, .avsc, .proto) and access.cedar, subscriptions/AGENCY.NAME.yaml",
            ),
        }
    }
}

fn is_beside_the_point(name: &str) -> bool {
    name.starts_with("README") || matches!(name, ".gitkeep" | ".gitignore" | ".gitattributes" | ".DS_Store")
}

fn is_schema(name: &str) -> bool {
    [".json", ".avsc", ".proto"].iter().any(|ending| name.ends_with(ending))
}

fn yaml_stem<'a>(name: &'a str, file: &mut File<'_>) -> Option<&'a str> {
    let stem = name.strip_suffix(".yaml");
    if stem.is_none() {
        file.fault("is not a .yaml file");
    }
    stem
}
