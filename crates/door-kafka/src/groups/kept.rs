//! A settled group as it is kept over a restart of the bus, so that its members go on without joining anew.
//!
//! Form, version 1: JSON with short names; bytes in base64. Nothing in it is about persons: client ids, hosts and lists of
//! partitions. What does not read is forgotten: its members then join anew.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::classic::{Group, Member};
use super::words::{Join, State};

#[derive(Serialize, Deserialize)]
struct Kept {
    v: u32,
    generation: i32,
    protocol: String,
    leader: String,
    members: BTreeMap<String, KeptMember>,
}

#[derive(Serialize, Deserialize)]
struct KeptMember {
    instance: Option<String>,
    client: (String, String),
    session_ms: u64,
    rebalance_ms: u64,
    kind: String,
    protocols: Vec<(String, String)>,
    assignment: String,
}

const VERSION: u32 = 1;

impl Group {
    /// What is to be kept of the group as it is now; nothing where nobody is in it or its parts are being dealt out.
    pub fn keep(&self) -> Vec<u8> {
        if self.state() != State::Stable {
            return Vec::new();
        }
        let member = |(id, member): (&String, &Member)| {
            let join = &member.join;
            let kept = KeptMember {
                instance: join.instance.clone(),
                client: join.client.clone(),
                session_ms: join.session_ms,
                rebalance_ms: join.rebalance_ms,
                kind: join.protocol_type.clone(),
                protocols: join.protocols.iter().map(|(name, said)| (name.clone(), text(said))).collect(),
                assignment: text(&member.assignment),
            };
            (id.clone(), kept)
        };
        let kept = Kept {
            v: VERSION,
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.iter().map(member).collect(),
        };
        serde_json::to_vec(&kept).unwrap_or_default()
    }

    /// The group that was kept; its members have their session's time to give a sign of life.
    pub fn restore(kept: &[u8], now_ms: u64) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(kept).ok()?;
        let mut members = BTreeMap::new();
        for (id, kept) in kept.members {
            let protocols = kept.protocols.into_iter().map(|(name, said)| Some((name, bytes(&said)?)));
            let join = Join {
                member: id.clone(),
                instance: kept.instance,
                client: kept.client,
                session_ms: kept.session_ms,
                rebalance_ms: kept.rebalance_ms,
                protocol_type: kept.kind,
                protocols: protocols.collect::<Option<_>>()?,
                takes_id_first: false,
            };
            let assignment = bytes(&kept.assignment)?;
            members.insert(id, Member { join, assignment, seen_ms: now_ms, joining: None, syncing: None });
        }
        (kept.v == VERSION && !members.is_empty())
            .then(|| Group::settled(kept.generation, kept.protocol, kept.leader, members))
    }
}

fn text(bytes: &Bytes) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn bytes(text: &str) -> Option<Bytes> {
    BASE64_STANDARD.decode(text).ok().map(Bytes::from)
}
