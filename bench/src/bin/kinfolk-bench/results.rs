//! All figures of a run, and what the table and the JSON lines say about them.

use kinfolk_bench::{Better, Contender, Metric, Sample, Scenario, Spread};

/// One metric of one contender in one scenario, a value for each round.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) contender: Contender,
    pub(crate) metric: Metric,
    pub(crate) rounds: Vec<f64>,
}

impl Row {
    pub(crate) fn spread(&self) -> Spread {
        Spread::of(&self.rounds).expect("a row is made for a value")
    }

    fn is(&self, scenario: Scenario, contender: Contender, metric: &Metric) -> bool {
        self.scenario == scenario && self.contender == contender && self.metric == *metric
    }
}

/// The rows of a run in the order in which they were first met.
#[derive(Debug, Default)]
pub(crate) struct Results {
    rows: Vec<Row>,
}

impl Results {
    pub(crate) fn add(&mut self, scenario: Scenario, contender: Contender, sample: &Sample) {
        for figure in sample.figures() {
            let metric = figure.metric;
            match self.rows.iter_mut().find(|row| row.is(scenario, contender, &metric)) {
                Some(row) => row.rounds.push(figure.value),
                None => self.rows.push(Row { scenario, contender, metric, rounds: vec![figure.value] }),
            }
        }
    }

    /// Rows of one scenario and metric together, so that contenders stand below each other.
    pub(crate) fn grouped(&self) -> Vec<Vec<&Row>> {
        let mut groups: Vec<Vec<&Row>> = Vec::new();
        for row in &self.rows {
            let same = |group: &&mut Vec<&Row>| group[0].scenario == row.scenario && group[0].metric == row.metric;
            match groups.iter_mut().find(same) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        groups
    }

    pub(crate) fn row(&self, scenario: Scenario, contender: Contender, metric: &str) -> Option<&Row> {
        self.rows.iter().find(|row| (row.scenario, row.contender, row.metric.name) == (scenario, contender, metric))
    }

    /// True if it was measured at all.
    pub(crate) fn has(&self, contender: Contender) -> bool {
        self.rows.iter().any(|row| row.contender == contender)
    }

    /// How many times worse `row` is than the reference: the median of the ratios within each round, because what
    /// disturbs one contender of a round mostly disturbs the other too.
    pub(crate) fn ratio(&self, row: &Row, reference: Contender) -> Option<f64> {
        let reference = self.rows.iter().find(|other| other.is(row.scenario, reference, &row.metric))?;
        let pairs = row.rounds.iter().zip(&reference.rounds);
        let ratios: Vec<f64> = match row.metric.better {
            Better::Lower => pairs.map(|(ours, theirs)| ours / theirs).collect(),
            Better::Higher => pairs.map(|(ours, theirs)| theirs / ours).collect(),
        };
        Spread::of(&ratios).map(|spread| spread.median)
    }
}

#[cfg(test)]
mod tests {
    use super::{Contender, Results, Sample, Scenario};

    #[test]
    fn a_rate_half_as_high_is_twice_as_bad() {
        let mut results = Results::default();
        results.add(Scenario::OneWay, Contender::TokioStream, &Sample::Messages { rate: 2e6 });
        results.add(Scenario::OneWay, Contender::Kinfolk, &Sample::Messages { rate: 1e6 });
        let ours = results.row(Scenario::OneWay, Contender::Kinfolk, "rate").unwrap();
        assert_eq!(results.ratio(ours, Contender::TokioStream), Some(2.0));
        assert_eq!(results.ratio(ours, Contender::Socketpair), None);
    }

    #[test]
    fn contenders_of_one_metric_stand_together() {
        let mut results = Results::default();
        let sample = Sample::Latency { p50: 1.0, p99: 2.0, mean: 1.0, min: 1.0 };
        let contenders = Contender::of(Scenario::RoundTrip);
        for &contender in contenders {
            results.add(Scenario::RoundTrip, contender, &sample);
        }
        let groups = results.grouped();
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [contenders.len(); 2]);
    }
}
