//! Whatever happens in whatever order: every call ends once, nobody has more than fits, and nobody waits beside room.

use fastrand::Rng;

use super::*;

struct Story {
    bench: Bench,
    rng: Rng,
    /// Calls between two attempts.
    resting: Vec<(Ticket, bool)>,
    attempts: BTreeMap<Ticket, u32>,
    entered: usize,
    over: usize,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let max = rng.usize(1..=4);
        let rules = Rules {
            size: PoolSize { min: rng.usize(0..=max), max },
            spares: rng.usize(0..=1),
            credits: rng.usize(1..=3),
            queue: Some(rng.usize(1..=6)),
            recycle: Recycle { calls: rng.bool().then(|| rng.u64(1..20)), age: None, memory: None, jitter: 0.1 },
            routing: if rng.bool() { Routing::LeastLoaded } else { Routing::RoundRobin },
            ..Rules::default()
        };
        let (resting, attempts) = (Vec::new(), BTreeMap::new());
        Self { bench: Bench::new(rules), rng, resting, attempts, entered: 0, over: 0 }
    }

    fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..30 => self.enter(),
            30..60 => self.finish(),
            60..68 => self.crash(),
            68..80 => self.come_up(),
            80..84 => self.fail_start(),
            84..88 => self.leave(),
            88..94 => self.retry(),
            94..96 => self.reap(),
            96..97 => self.put_back(),
            _ => self.bench.pass(self.rng.u32(0..200) * MS),
        }
        self.check();
    }

    fn enter(&mut self) {
        let priority = Priority::ALL[self.rng.usize(0..3)];
        let (key, alone) = (self.rng.bool().then(|| self.rng.u64(0..5)), self.rng.u32(0..10) == 0);
        let patience = if self.rng.bool() { Patience::Patient } else { Patience::Now };
        let ask = Ask { priority, key, alone, patience, ..self.bench.ask() };
        self.entered += usize::from(self.bench.enter(&ask).is_ok());
    }

    fn any_running(&mut self) -> Option<(Ticket, WorkerId)> {
        let at = self.rng.usize(0..self.bench.running.len().max(1));
        self.bench.running.iter().nth(at).map(|(ticket, worker)| (*ticket, *worker))
    }

    fn finish(&mut self) {
        if let Some((ticket, _)) = self.any_running() {
            let given_up = self.rng.u32(0..8) == 0;
            let end = if given_up { End::GivenUp } else { End::Answered { took: MS, suspect: None } };
            self.bench.end(ticket, end, 0);
            self.over += 1;
        }
    }

    /// A process dies: its callers learn it one by one, before or after the pool does.
    fn crash(&mut self) {
        let at = self.rng.usize(0..self.bench.ready.len().max(1));
        let Some(worker) = self.bench.ready.keys().nth(at).copied() else { return };
        let pool_first = self.rng.bool();
        if pool_first {
            self.bench.die(worker);
        }
        let lost: Vec<_> =
            self.bench.running.iter().filter(|(_, at)| **at == worker).map(|(ticket, _)| *ticket).collect();
        for ticket in lost {
            let attempts = self.attempts.entry(ticket).or_default();
            *attempts += 1;
            let blame = Some(Charge { fingerprint: Fingerprint(ticket.0), message: "M", alone: self.rng.bool() });
            let (begun, idempotent) = (self.rng.bool(), self.rng.bool());
            let loss = Loss { begun, blame: blame.filter(|_| begun), idempotent, attempts: *attempts };
            match self.bench.lose(ticket, loss) {
                Next::Again { alone, .. } => self.resting.push((ticket, alone)),
                _ => self.over += 1,
            }
        }
        if !pool_first {
            self.bench.die(worker);
        }
    }

    /// A call gives its child back, to run alone.
    fn put_back(&mut self) {
        if let Some((ticket, worker)) = self.any_running() {
            self.bench.running.remove(&ticket);
            self.bench.core.give_back(worker, 0, self.bench.now);
            self.bench.follow();
            self.resting.push((ticket, true));
        }
    }

    fn come_up(&mut self) {
        if !self.bench.starting.is_empty() {
            self.bench.ready_one();
        }
    }

    fn fail_start(&mut self) {
        if !self.bench.starting.is_empty() {
            let (worker, _) = self.bench.starting.remove(0);
            self.bench.core.start_failed(worker, Cure::Retry, self.bench.now);
            self.bench.follow();
        }
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.bench.waiting.pop_first() {
            self.bench.core.leave(ticket, self.bench.now);
            self.bench.follow();
            self.over += 1;
        }
    }

    fn retry(&mut self) {
        let Some((ticket, alone)) = self.resting.pop() else { return };
        let ask = Ask { alone, ..self.bench.ask() };
        match self.bench.core.again(ticket, &ask, self.bench.now) {
            Ok(worker) => self.bench.placed(ticket, worker),
            Err(_) => {
                self.bench.core.leave(ticket, self.bench.now);
                self.bench.follow();
                self.over += 1;
            }
        }
    }

    /// Those that were let go have left.
    fn reap(&mut self) {
        for worker in std::mem::take(&mut self.bench.leaving) {
            self.bench.die(worker);
        }
    }

    fn check(&self) {
        let Bench { core, rules, waiting, running, refused, .. } = &self.bench;
        let open = waiting.len() + running.len() + self.resting.len();
        assert_eq!(self.entered, self.over + refused.len() + open, "every call ends once");
        assert_eq!(core.waiting(), waiting.len());
        let live = core.count(Stage::Serving) + core.count(Stage::Starting) + core.count(Stage::Spare);
        assert!(live <= rules.size.max + rules.spares + 1, "{live} live of {rules:?}");
        for worker in core.fleet.workers.values() {
            assert!(worker.running <= rules.credits, "{worker:?}");
            assert!(worker.company != Company::Alone || worker.running <= 1, "{worker:?}");
        }
        let workers = &core.fleet.workers;
        for call in core.queue.all() {
            let fits = workers.values().find(|worker| core.router.fits(call, worker, workers));
            assert!(fits.is_none(), "{call:?} waits beside {fits:?}");
        }
    }

    /// Calls that have a child are never polled again: all processes leave all the same, and none is started.
    fn abandon(mut self) {
        self.bench.core.abandon();
        self.bench.follow();
        assert!(self.bench.core.is_done() && self.bench.waiting.is_empty());
        let starting = self.bench.starting.len();
        let all: Vec<_> = self.bench.ready.keys().copied().collect();
        all.into_iter().for_each(|worker| self.bench.die(worker));
        self.bench.pass(Duration::from_secs(100));
        assert_eq!(self.bench.starting.len(), starting, "nothing is replaced");
    }

    /// However it stands: with children that work, everything comes to its end.
    fn end(mut self) {
        self.bench.core.close(self.bench.now);
        self.bench.follow();
        for _ in 0..10_000 {
            if self.bench.core.is_done() && self.bench.ready.is_empty() && self.bench.leaving.is_empty() {
                return;
            }
            while !self.resting.is_empty() {
                self.retry();
            }
            while !self.bench.starting.is_empty() {
                self.bench.ready_one();
            }
            while !self.bench.running.is_empty() {
                self.finish();
            }
            self.reap();
            self.bench.pass(Duration::from_secs(1));
            self.check();
        }
        panic!("a closed pool does not come to its end: {:?}", self.bench.core);
    }
}

#[test]
fn whatever_happens_every_call_ends_once_and_a_closed_pool_comes_to_its_end() {
    let base = fastrand::u64(..);
    for seed in 0..1_000 {
        let seed = base.wrapping_add(seed);
        let told = std::panic::catch_unwind(|| {
            let mut story = Story::new(seed);
            (0..200).for_each(|_| story.step());
            if story.rng.bool() { story.end() } else { story.abandon() }
        });
        assert!(told.is_ok(), "seed {seed}");
    }
}
