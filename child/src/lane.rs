//! Threads for handlers that compute: no more than may be at work at once.
//!
//! tokio's `spawn_blocking` starts another thread whenever none is idle, and one that has just told its result is not
//! idle yet. Under load a child that runs one handler at a time came to thirty threads that way, and paid for their
//! starts.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kinfolk_link::lock;

/// How long a thread waits for work before it ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// A computation.
type Work = Box<dyn FnOnce() + Send>;

/// Threads, started when they are needed. When it is dropped they end, each after the work it has.
#[derive(Debug)]
pub(crate) struct Lane {
    shared: Arc<Shared>,
    most: usize,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// Bounded by the permits that callers hold.
    waiting: VecDeque<Work>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("threads", &self.threads).field("idle", &self.idle).finish_non_exhaustive()
    }
}

impl Lane {
    pub(crate) fn new(most: usize) -> Self {
        Self { shared: Arc::default(), most }
    }

    /// Has a thread do this. Callers see to it that no more is asked for at once than there may be threads.
    ///
    /// # Errors
    /// There is no thread, and none can be started.
    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = lock(&self.shared.state);
        state.waiting.push_back(Box::new(work));
        if state.idle >= state.waiting.len() {
            // Or it would wake only to wait for the lock.
            drop(state);
            self.shared.news.notify_one();
            return Ok(());
        }
        // Otherwise whoever is about to be idle takes it.
        if state.threads == self.most {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        match thread::Builder::new().name("kinfolk-compute".into()).spawn(move || shared.work()) {
            Ok(_) => state.threads += 1,
            Err(error) if state.threads == 0 => {
                let work = state.waiting.pop_back();
                drop(state);
                drop(work);
                return Err(error);
            }
            Err(_) => {}
        }
        Ok(())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        lock(&self.shared.state).closed = true;
        self.shared.news.notify_all();
    }
}

impl Shared {
    /// What a thread does.
    fn work(&self) {
        while let Some(work) = self.next() {
            // What the program's code does is caught where its call is known. What is left, the drop of a result that
            // nobody waits for, must not end the thread.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }
    }

    /// The next computation; none if this thread is to end.
    fn next(&self) -> Option<Work> {
        let mut state = lock(&self.state);
        let mut patient = true;
        loop {
            if let Some(work) = state.waiting.pop_front() {
                return Some(work);
            }
            if state.closed || !patient {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let (woken, timeout) = self.news.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            patient = !timeout.timed_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::resume_unwind;
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn one_computation_after_the_other_never_takes_more_threads_than_there_may_be() {
        let lane = Lane::new(1);
        let (sender, results) = sync_channel(1);
        let mut threads = HashSet::new();
        for number in 0..1_000 {
            let sender = sender.clone();
            lane.run(move || sender.send((number, thread::current().id())).unwrap()).unwrap();
            let (done, thread) = results.recv().unwrap();
            assert_eq!(done, number);
            threads.insert(thread);
        }
        assert_eq!(threads.len(), 1);
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let lane = Lane::new(1);
        let (sender, result) = sync_channel(1);
        lane.run(|| resume_unwind(Box::new("dropped"))).unwrap();
        lane.run(move || sender.send(()).unwrap()).unwrap();
        result.recv().unwrap();
    }

    #[test]
    fn as_many_run_at_once_as_there_may_be_threads() {
        let lane = Lane::new(2);
        let (sender, there) = sync_channel(0);
        let (back, receiver) = sync_channel(0);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..2 {
            let (sender, receiver) = (sender.clone(), Arc::clone(&receiver));
            lane.run(move || {
                sender.send(()).unwrap();
                lock(&receiver).recv().unwrap();
            })
            .unwrap();
        }
        // Both have begun, and none has ended.
        there.recv().unwrap();
        there.recv().unwrap();
        back.send(()).unwrap();
        back.send(()).unwrap();
    }

    #[test]
    fn threads_end_with_their_lane_and_do_what_they_have() {
        let lane = Lane::new(1);
        let (sender, results) = sync_channel(2);
        for number in 0..2 {
            let sender = sender.clone();
            lane.run(move || sender.send(number).unwrap()).unwrap();
        }
        drop((lane, sender));
        assert_eq!(results.iter().collect::<Vec<_>>(), [0, 1]);
    }
}
