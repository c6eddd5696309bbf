//! What a request makes of the messages, as the changes that lead from what was loaded to what they are.

use std::sync::Arc;

use serde_json::Value;

use super::flash::Flash;

/// A change of the messages, such that it can be made again on others.
#[derive(Clone)]
enum Step {
    Add { kind: String, message: String },
    Take { kind: String, taken: Vec<String> },
}

#[derive(Clone, Default)]
pub(super) struct FlashDraft {
    base: Arc<Flash>,
    steps: Vec<Step>,
}

impl FlashDraft {
    pub(super) fn new(base: Arc<Flash>) -> Self {
        Self { base, steps: Vec::new() }
    }

    pub(super) fn is_changed(&self) -> bool {
        !self.steps.is_empty()
    }

    pub(super) fn add(&mut self, kind: String, message: String) {
        self.steps.push(Step::Add { kind, message });
    }

    pub(super) fn take(&mut self, kind: &str) -> Vec<String> {
        let there = self.on_top_of(&self.base);
        let list = there.get(kind).and_then(Value::as_array).into_iter().flatten();
        let taken: Vec<_> = list.filter_map(Value::as_str).map(str::to_owned).collect();
        if !taken.is_empty() {
            self.steps.push(Step::Take { kind: kind.to_owned(), taken: taken.clone() });
        }
        taken
    }

    /// The changes made to the messages that others have stored meanwhile.
    pub(super) fn on_top_of(&self, stored: &Arc<Flash>) -> Arc<Flash> {
        if self.steps.is_empty() {
            return Arc::clone(stored);
        }
        let mut flash = (**stored).clone();
        for step in &self.steps {
            let (Step::Add { kind, .. } | Step::Take { kind, .. }) = step;
            let list = flash.entry(kind.as_str()).or_insert_with(|| Value::Array(Vec::new()));
            let Value::Array(list) = list else { continue };
            match step {
                Step::Add { message, .. } => list.push(Value::String(message.clone())),
                Step::Take { taken, .. } => {
                    for message in taken {
                        if let Some(at) = list.iter().position(|own| own.as_str() == Some(message)) {
                            list.remove(at);
                        }
                    }
                }
            }
        }
        flash.retain(|_, list| list.as_array().is_some_and(|list| !list.is_empty()));
        Arc::new(flash)
    }

    /// The changes that `then` had are stored, as `stored`; those made since remain.
    pub(super) fn settle(&mut self, then: &Self, stored: Arc<Flash>) {
        self.steps.drain(..then.steps.len().min(self.steps.len()));
        self.base = stored;
    }
}
