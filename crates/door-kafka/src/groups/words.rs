//! What members say to their group and are told by it.

use bytes::Bytes;

/// Where a group is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Nobody is in it.
    #[default]
    Empty,
    /// Its members are to join again.
    Preparing,
    /// Its leader is to deal out.
    Completing,
    /// Everybody has its part.
    Stable,
}

impl State {
    /// The state's name in Kafka.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Preparing => "PreparingRebalance",
            State::Completing => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A member's request to be in.
#[derive(Debug, Clone)]
pub struct Join {
    /// Its id; empty the first time.
    pub member: String,
    /// The name under which it comes back after a restart (KIP-345).
    pub instance: Option<String>,
    /// Its client id and address.
    pub client: (String, String),
    /// Silent for longer, it is gone.
    pub session_ms: u64,
    /// It needs at most this long to join again.
    pub rebalance_ms: u64,
    /// What kind of group, such as `consumer`.
    pub protocol_type: String,
    /// Ways of dealing out that it knows, the best first, with what it says for each.
    pub protocols: Vec<(String, Bytes)>,
    /// Whether it can be asked to come again with an id (KIP-394).
    pub takes_id_first: bool,
}

/// What a member is told when all have joined.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The generation.
    pub generation: i32,
    /// What kind of group.
    pub protocol_type: String,
    /// The way of dealing out that was chosen.
    pub protocol: String,
    /// Who deals out.
    pub leader: String,
    /// The member's own id.
    pub member: String,
    /// For the leader, everybody with its instance and what it said.
    pub members: Vec<(String, Option<String>, Bytes)>,
}

impl Joined {
    /// The answer to one that is to come again with the id that it gets here.
    pub(super) fn only_id(member: String) -> Self {
        let (protocol_type, protocol, leader, members) = Default::default();
        Self { generation: -1, protocol_type, protocol, leader, member, members }
    }
}

/// What a member is told when the leader has dealt out.
#[derive(Debug, Clone)]
pub struct Synced {
    /// What kind of group.
    pub protocol_type: String,
    /// The way of dealing out.
    pub protocol: String,
    /// The member's part.
    pub assignment: Bytes,
}

/// A member as those who describe groups see it.
#[derive(Debug, Clone)]
pub struct MemberInfo {
    /// Its id.
    pub id: String,
    /// Its instance.
    pub instance: Option<String>,
    /// Its client id and address.
    pub client: (String, String),
    /// What it said for the chosen protocol.
    pub metadata: Bytes,
    /// Its part.
    pub assignment: Bytes,
}

/// Which member speaks, and of which generation.
#[derive(Debug, Clone)]
pub struct Who {
    /// Its id.
    pub member: String,
    /// Its instance.
    pub instance: Option<String>,
    /// The generation that it believes in.
    pub generation: i32,
}
