//! The calls the peer waits for. Its slots are dense, so a table as long as its limit holds them all.

use super::Broken;
use crate::limits::Limits;
use crate::name::CallId;

#[derive(Debug)]
pub(super) struct Incoming<J> {
    slots: Vec<Option<(u32, J)>>,
    open: usize,
    max_calls: u32,
}

impl<J> Incoming<J> {
    pub(super) fn new(ours: &Limits) -> Self {
        Self { slots: Vec::new(), open: 0, max_calls: ours.max_in_flight }
    }

    pub(super) fn open_calls(&self) -> usize {
        self.open
    }

    pub(super) fn open(&mut self, call: CallId, job: J) -> Result<(), Broken> {
        if call.slot >= self.max_calls {
            return Err(Broken::TooManyCalls { call, max: self.max_calls });
        }
        let at = call.slot as usize;
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        if self.slots[at].is_some() {
            return Err(Broken::DuplicateCall { call });
        }
        self.slots[at] = Some((call.generation, job));
        self.open += 1;
        Ok(())
    }

    pub(super) fn get(&mut self, call: CallId) -> Option<&mut J> {
        match self.slots.get_mut(call.slot as usize)? {
            Some((generation, job)) if *generation == call.generation => Some(job),
            _ => None,
        }
    }

    pub(super) fn close(&mut self, call: CallId) -> Option<J> {
        self.get(call)?;
        self.open -= 1;
        self.slots[call.slot as usize].take().map(|(_, job)| job)
    }

    pub(super) fn drain(&mut self) -> Vec<J> {
        self.open = 0;
        self.slots.drain(..).flatten().map(|(_, job)| job).collect()
    }
}
