//! The checker: reads a raw history and compares what callers were told with what children wrote down.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::str::{FromStr, SplitWhitespace};

use kinfolk_bench::Result;

use crate::check::Check;

/// What a history says.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    calls: HashMap<u64, Call>,
    kills: HashSet<u32>,
    /// Kills, also of a process twice.
    killed: u64,
    /// Calls at once in one child.
    in_flight: u64,
    idempotent: bool,
    usable: bool,
}

/// All lines about one call.
#[derive(Debug, Default)]
struct Call {
    nonce: Option<u64>,
    outcomes: u32,
    answer: Option<u64>,
    failure: Option<Failure>,
    hung: bool,
    executions: u32,
}

/// How a call failed.
#[derive(Debug)]
struct Failure {
    delivery: String,
    /// The child that ended with it.
    pid: u32,
}

impl Findings {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut findings = Self::default();
        for (number, line) in BufReader::new(File::open(path)?).lines().enumerate() {
            findings.line(&line?).map_err(|failure| format!("{}: line {}: {failure}", path.display(), number + 1))?;
        }
        Ok(findings)
    }

    fn line(&mut self, line: &str) -> Result<()> {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("kinfolk-reliability") => return self.parameters(words),
            Some("k") => {
                let _micros: u64 = next(&mut words)?;
                self.kills.insert(next(&mut words)?);
                self.killed += 1;
            }
            Some("x") => {
                let _pid: u32 = next(&mut words)?;
                self.calls.entry(next(&mut words)?).or_default().executions += 1;
            }
            Some(what @ ("i" | "o" | "f" | "h")) => {
                let _micros: u64 = next(&mut words)?;
                self.calls.entry(next(&mut words)?).or_default().line(what, &mut words)?;
            }
            Some("usable") => self.usable = true,
            _ => return Err(format!("it means nothing: {line:?}").into()),
        }
        Ok(())
    }

    fn parameters(&mut self, words: SplitWhitespace<'_>) -> Result<()> {
        for word in words {
            match word.split_once('=') {
                Some(("idempotent", value)) => self.idempotent = value.parse()?,
                Some(("in-flight", value)) => self.in_flight = value.parse()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// What is counted, and what must hold.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let count = |holds: fn(&Call) -> bool| self.calls.values().filter(|call| holds(call)).count() as u64;
        let made = count(|call| call.nonce.is_some());
        let failed = count(|call| call.failure.is_some());
        let lost = count(|call| call.nonce.is_some() && call.outcomes == 0);
        let mut checks = vec![
            Check::figure("calls", made),
            Check::figure("answered", count(|call| call.answer.is_some())),
            Check::figure("kills", self.killed),
            Check::none("lost", lost),
            Check::none("hung", count(|call| call.hung)),
            Check::none("duplicate outcomes", count(|call| call.outcomes > 1)),
            Check::none("mismatched", count(|call| call.answer.is_some() && call.answer != call.nonce)),
            Check::none("answered without having begun", count(|call| call.answer.is_some() && call.executions == 0)),
            Check::none("lines about calls that were never made", count(|call| call.nonce.is_none())),
        ];
        checks.extend(if self.idempotent { self.forgiving(failed) } else { self.strict(failed) });
        checks.push(Check::that("pool usable afterwards", self.usable, "true", self.usable));
        checks
    }

    /// Calls that may run again: whoever has more than one execution is told, not judged.
    fn forgiving(&self, failed: u64) -> Vec<Check> {
        let again: u64 = self.calls.values().map(|call| u64::from(call.executions.saturating_sub(1))).sum();
        vec![Check::none("failed to caller", failed), Check::figure("executions beyond the first", again)]
    }

    /// Calls that may run once.
    fn strict(&self, failed: u64) -> Vec<Check> {
        let most = self.calls.values().map(|call| call.executions).max().unwrap_or(0);
        let failures = || self.calls.values().filter_map(|call| Some((call, call.failure.as_ref()?)));
        let untold = failures().filter(|(_, failure)| failure.delivery == "-").count() as u64;
        let denied = |call: &Call, failure: &Failure| failure.delivery != "Started" && call.executions > 0;
        let invented = |call: &Call, failure: &Failure| {
            failure.delivery == "Started" && call.executions == 0 && !self.kills.contains(&failure.pid)
        };
        let bare = |call: &Call, failure: &Failure| failure.delivery == "Started" && call.executions == 0;
        let number = |lie: &dyn Fn(&Call, &Failure) -> bool| {
            failures().filter(|(call, failure)| lie(call, failure)).count() as u64
        };
        vec![
            Check::at_most("executions of one call, at most", most.into(), 1),
            Check::at_most("failed to caller (kills × in flight)", failed, self.killed * self.in_flight),
            Check::none("failed without a delivery", untold),
            Check::none("told as not begun, and begun", number(&denied)),
            Check::none("told as begun, and neither begun nor in flight at a kill", number(&invented)),
            Check::figure("killed between the note and the line", number(&bare)),
        ]
    }
}

impl Call {
    fn line(&mut self, what: &str, words: &mut SplitWhitespace<'_>) -> Result<()> {
        match what {
            "i" => self.nonce = Some(nonce(words)?),
            "h" => self.hung = true,
            "o" => {
                self.outcomes += 1;
                self.answer = Some(nonce(words)?);
            }
            _ => {
                self.outcomes += 1;
                let _word: String = next(words)?;
                self.failure = Some(Failure { delivery: next(words)?, pid: next(words)? });
            }
        }
        Ok(())
    }
}

fn next<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(words: &mut SplitWhitespace<'_>) -> Result<T> {
    Ok(words.next().ok_or("it is too short")?.parse()?)
}

fn nonce(words: &mut SplitWhitespace<'_>) -> Result<u64> {
    Ok(u64::from_str_radix(words.next().ok_or("it is too short")?, 16)?)
}

#[cfg(test)]
mod tests {
    use super::Findings;
    use crate::check::Verdict;

    fn failing(idempotent: bool, lines: &[&str]) -> Vec<String> {
        let mut findings = Findings::default();
        findings.line(&format!("kinfolk-reliability 1 seed=1 idempotent={idempotent} in-flight=2")).unwrap();
        lines.iter().chain(&["usable"]).for_each(|line| findings.line(line).unwrap());
        let failed = findings.checks().into_iter().filter(|check| check.verdict(true) == Verdict::Fail);
        failed.map(|check| check.what).collect()
    }

    #[test]
    fn what_is_as_it_should_be_passes() {
        let lines = ["i 1 1 a", "x 9 1 a", "o 2 1 a", "k 3 9", "i 3 2 b", "x 9 2 b", "f 4 2 Exited Started 9"];
        assert_eq!(failing(false, &lines), [""; 0]);
    }

    #[test]
    fn each_kind_of_harm_is_found() {
        for (idempotent, lines, what) in [
            (true, &["i 1 1 a"][..], "lost"),
            (true, &["i 1 1 a", "x 9 1 a", "o 2 1 a", "o 3 1 a"], "duplicate outcomes"),
            (true, &["i 1 1 a", "x 9 1 a", "o 2 1 b"], "mismatched"),
            (true, &["i 1 1 a", "o 2 1 a"], "answered without having begun"),
            (true, &["i 1 1 a", "x 9 1 a", "f 2 1 Exited Started 9"], "failed to caller"),
            (true, &["x 9 1 a"], "lines about calls that were never made"),
            (false, &["i 1 1 a", "x 8 1 a", "x 9 1 a", "o 2 1 a"], "executions of one call, at most"),
            (false, &["k 1 9", "i 1 1 a", "x 9 1 a", "f 2 1 Exited Sent 9"], "told as not begun, and begun"),
            (false, &["i 1 1 a", "x 9 1 a", "f 2 1 Exited Started 9"], "failed to caller (kills × in flight)"),
            (false, &["k 1 9", "i 1 1 a", "f 2 1 Exited - 9"], "failed without a delivery"),
        ] {
            assert_eq!(failing(idempotent, lines), [what]);
        }
        assert!(failing(true, &["i 1 1 a", "h 9 1"]).contains(&"hung".to_owned()));
    }

    #[test]
    fn what_is_cut_off_is_no_history() {
        assert!(Findings::default().line("i 1").is_err());
        assert!(Findings::default().line("garbage").is_err());
    }
}
