//! What a request makes of a session, as the changes that lead from what was loaded to what it is.

use std::sync::Arc;

use serde_json::Value;

use super::{
    json::Json,
    merge::{is_equal, merge},
};
use crate::error::Error;

/// A function that can run again on another value.
pub(super) type Update = Arc<dyn Fn(Option<&Value>) -> Result<Value, Error> + Send + Sync>;

/// A change, such that it can be made again on another value.
#[derive(Clone)]
enum Step {
    Update(Update),
    Set { before: Option<Json>, after: Json },
}

/// Cloned to be made on another value while no lock is held: functions of the user run then.
#[derive(Clone, Default)]
pub(super) struct Draft {
    /// The value that the steps begin from, and that to which they lead.
    origin: Option<Json>,
    reached: Option<Json>,
    steps: Vec<Step>,
    /// Another one after each change: what was made of an earlier one is made again.
    version: u64,
}

impl Draft {
    /// Begins anew, from this value.
    pub(super) fn restart(&mut self, value: Option<Json>) {
        self.origin.clone_from(&value);
        self.reached = value;
        self.steps.clear();
        self.version += 1;
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn value(&self) -> Option<&Json> {
        self.reached.as_ref()
    }

    pub(super) fn changes(&self) -> usize {
        self.steps.len()
    }

    /// A function has made this of the value.
    pub(super) fn push_update(&mut self, update: Update, value: Json) {
        self.push(Step::Update(update), value);
    }

    pub(super) fn push_set(&mut self, value: Json) {
        if !same(self.reached.as_ref(), Some(&value)) {
            let step = Step::Set { before: self.reached.clone(), after: Arc::clone(&value) };
            self.push(step, value);
        }
    }

    fn push(&mut self, step: Step, value: Json) {
        self.steps.push(step);
        self.reached = Some(value);
        self.version += 1;
    }

    /// The changes made to what others have stored meanwhile. Runs the user's functions.
    pub(super) fn on_top_of(&self, stored: Option<&Json>) -> Result<Option<Json>, Error> {
        if same(stored, self.origin.as_ref()) {
            return Ok(self.reached.clone());
        }
        let mut value = stored.cloned();
        for step in &self.steps {
            value = match step {
                Step::Update(update) => Some(Arc::new(update(value.as_deref())?)),
                Step::Set { before, after } => {
                    merge(before.as_deref(), Some(after), value.as_deref()).map(Arc::new)
                }
            };
        }
        Ok(value)
    }

    /// The changes that `then` had are stored, as `stored`; those made since remain.
    pub(super) fn settle(&mut self, then: &Self, stored: Option<Json>) {
        self.steps.drain(..then.steps.len().min(self.steps.len()));
        if self.steps.is_empty() {
            self.origin.clone_from(&stored);
            self.reached = stored;
        } else {
            self.origin.clone_from(&then.reached);
        }
        self.version += 1;
    }
}

fn same(one: Option<&Json>, other: Option<&Json>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || is_equal(one, other),
        (None, None) => true,
        _ => false,
    }
}
