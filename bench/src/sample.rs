//! The result of one measurement, and the figures a table takes from it.

use serde::Serialize;

use crate::memory::Memory;

/// What one measurement of one scenario gave. Its JSON form is the line that an external rig reads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Sample {
    /// Round trips in µs.
    Latency {
        /// The median.
        p50: f64,
        /// 99 of 100 were at least as fast.
        p99: f64,
        /// The mean.
        mean: f64,
        /// The fastest.
        min: f64,
    },
    /// Small messages.
    Messages {
        /// Messages per second.
        rate: f64,
    },
    /// Large messages.
    Bytes {
        /// Payload bytes one way per second, in 10⁹.
        gbps: f64,
    },
    /// Small calls and a stream, apart and together.
    Fairness {
        /// The median of a call with nothing beside it, in µs.
        idle_p50: f64,
        /// 99 of 100 of these were at least as fast.
        idle_p99: f64,
        /// The median of a call beside the stream, in µs.
        loaded_p50: f64,
        /// 99 of 100 of these were at least as fast.
        loaded_p99: f64,
        /// Payload bytes of the stream alone, per second, in 10⁹.
        alone_gbps: f64,
        /// The same beside calls.
        loaded_gbps: f64,
        /// Calls that were made beside the stream.
        calls: usize,
    },
    /// Tasks of a pool.
    Pool {
        /// Tasks per second with one worker.
        one: f64,
        /// Tasks per second with two.
        two: f64,
        /// Processor time of the parent per task with two workers, in µs.
        #[serde(skip_serializing_if = "Option::is_none")]
        parent_us: Option<f64>,
        /// Processor time of the workers per task with two of them, in µs.
        #[serde(skip_serializing_if = "Option::is_none")]
        workers_us: Option<f64>,
    },
    /// What a worker of a pool occupies while it has nothing to do.
    Idle {
        /// Resident, each shared page divided by the number of its users.
        pss_kb: f64,
        /// Resident, and nobody else's.
        private_kb: f64,
    },
    /// Starts of a child, and what it occupies afterwards.
    Spawn {
        /// Median from spawn to first reply in ms.
        ms: f64,
        /// The fastest start in ms.
        min_ms: f64,
        /// The last child, idle.
        #[serde(flatten)]
        memory: Memory,
    },
}

/// Which way a figure improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A duration or a size.
    Lower,
    /// A rate.
    Higher,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in the table.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Which way it improves.
    pub better: Better,
}

/// One number of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What it counts.
    pub metric: Metric,
    /// How much.
    pub value: f64,
}

impl Sample {
    /// The numbers worth a row, always in the same order for the same scenario, the most telling one first.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        use Better::{Higher, Lower};
        let figure = |name, unit, better, value| Figure { metric: Metric { name, unit, better }, value };
        match *self {
            Self::Latency { p50, p99, .. } => {
                vec![figure("p50", "µs", Lower, p50), figure("p99", "µs", Lower, p99)]
            }
            Self::Messages { rate } => vec![figure("rate", "M/s", Higher, rate / 1e6)],
            Self::Bytes { gbps } => vec![figure("payload", "GB/s", Higher, gbps)],
            Self::Fairness { idle_p50, idle_p99, loaded_p50, loaded_p99, alone_gbps, loaded_gbps, calls } => vec![
                figure("idle p50", "µs", Lower, idle_p50),
                figure("idle p99", "µs", Lower, idle_p99),
                figure("loaded p50", "µs", Lower, loaded_p50),
                figure("loaded p99", "µs", Lower, loaded_p99),
                figure("p99 loaded / idle", "x", Lower, loaded_p99 / idle_p99),
                figure("stream alone", "GB/s", Higher, alone_gbps),
                figure("stream loaded", "GB/s", Higher, loaded_gbps),
                figure("stream loaded / alone", "x", Higher, loaded_gbps / alone_gbps),
                figure("calls beside it", "k", Higher, calls as f64 / 1e3),
            ],
            Self::Pool { one, two, parent_us, workers_us } => {
                let rates = [
                    ("1 worker", "k/s", one / 1e3),
                    ("2 workers", "k/s", two / 1e3),
                    ("2 workers / 1", "x", two / one),
                ];
                let rates = rates.map(|(name, unit, value)| figure(name, unit, Higher, value));
                let times = [("parent's CPU a task", parent_us), ("workers' CPU a task", workers_us)];
                let times = times.into_iter().filter_map(|(name, time)| Some(figure(name, "µs", Lower, time?)));
                rates.into_iter().chain(times).collect()
            }
            Self::Idle { pss_kb, private_kb } => {
                vec![figure("PSS", "kB", Lower, pss_kb), figure("private", "kB", Lower, private_kb)]
            }
            Self::Spawn { ms, min_ms, memory } => vec![
                figure("median", "ms", Lower, ms),
                figure("fastest", "ms", Lower, min_ms),
                figure("idle private", "kB", Lower, memory.private_kb as f64),
                figure("idle PSS", "kB", Lower, memory.pss_kb as f64),
                figure("peak RSS", "kB", Lower, memory.hwm_kb as f64),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, Sample};

    #[test]
    fn a_spawn_is_one_flat_json_line() {
        let memory = Memory { hwm_kb: 3, pss_kb: 2, private_kb: 1 };
        let line = serde_json::to_string(&Sample::Spawn { ms: 1.5, min_ms: 1.0, memory }).unwrap();
        assert_eq!(line, r#"{"ms":1.5,"min_ms":1.0,"hwm_kb":3,"pss_kb":2,"private_kb":1}"#);
    }
}
