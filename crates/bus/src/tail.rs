//! Waking those who wait for a topic's next event.

use std::collections::HashMap;
use std::sync::Arc;

use contract::TopicName;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// One bell per topic, and one that rings when rights change.
#[derive(Default)]
pub struct Tail {
    topics: Mutex<HashMap<TopicName, Arc<Notify>>>,
    rights: Arc<Notify>,
}

impl Tail {
    /// The bell of a topic.
    pub fn of(&self, topic: &TopicName) -> Arc<Notify> {
        self.topics.lock().entry(topic.clone()).or_default().clone()
    }

    /// Something new stands in a topic.
    pub fn ring(&self, topic: &TopicName) {
        if let Some(bell) = self.topics.lock().get(topic) {
            bell.notify_waiters();
        }
    }

    /// The bell that rings when governance decided something: whoever waits looks at its rights again.
    pub fn rights(&self) -> &Notify {
        &self.rights
    }

    /// The same, to keep.
    pub fn rights_bell(&self) -> Arc<Notify> {
        self.rights.clone()
    }
}
