//! Kills workers.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use kinfolk::pool::Pool;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{MissedTickBehavior, interval};

use crate::protocol::Tracing;
use crate::random::Random;

/// Kills a worker again and again, whatever it is at, and tells how many it has killed. It ends by being dropped.
pub(crate) async fn nemesis<T>(pool: &Pool<Tracing>, every: Duration, mut killed: impl FnMut(u64)) -> T {
    // Which worker it is may differ from run to run: the picture must not.
    let mut random = Random::new(RandomState::new().hash_one("nemesis"));
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once, before there is anything to lose.
    tick.tick().await;
    let (mut kills, mut answered) = (0, 0);
    loop {
        tick.tick().await;
        // Five workers in a row that die before they have done anything, and a pool says, rightly, that it has none.
        let before = std::mem::replace(&mut answered, pool.stats().answered);
        if answered == before {
            continue;
        }
        let workers = pool.children();
        let Some(index) = random.next().checked_rem(workers.len() as u64) else { continue };
        let pid = i32::try_from(workers[index as usize].pid()).ok().and_then(Pid::from_raw);
        // Not `Child::kill`: the pool would know that we asked for it. This comes as from outside, unannounced.
        if pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok()) {
            kills += 1;
            killed(kills);
        }
    }
}
