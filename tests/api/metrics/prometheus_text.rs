//! A strict parser of the Prometheus text format: any deviation fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample, in order.
pub(super) type Labels = Vec<(String, String)>;

/// All metrics of one scrape.
#[derive(Debug, Default)]
pub(super) struct ParsedMetrics {
    pub(super) families: BTreeMap<String, MetricFamily>,
}

/// A metric with all of its samples.
#[derive(Debug, Default)]
pub(super) struct MetricFamily {
    pub(super) help: String,
    pub(super) kind: String,
    pub(super) samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: Labels,
    value: String,
}

impl Sample {
    /// Returns the value as an integer.
    fn as_count(&self) -> u64 {
        self.value.parse().unwrap_or_else(|_| panic!("expected an integer: {self:?}"))
    }

    fn as_float(&self) -> f64 {
        self.value.parse().unwrap_or_else(|_| panic!("expected a number: {self:?}"))
    }

    /// Returns the other labels, and the value of this label.
    fn split_label(&self, name: &str) -> (Labels, Option<&str>) {
        let (matching, others): (Vec<_>, Vec<_>) =
            self.labels.iter().cloned().partition(|(other, _)| other == name);
        let value = self.labels.iter().find(|(other, _)| other == name);
        assert!(matching.len() < 2, "{self:?}");
        (others, value.map(|(_, value)| value.as_str()))
    }
}

fn is_metric_name(text: &str) -> bool {
    let is_valid = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.chars().all(is_valid) && text.starts_with(|first: char| !first.is_ascii_digit())
}

impl ParsedMetrics {
    pub(super) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the text ends with a newline: {text:?}");
        assert!(!text.contains('\r'), "{text:?}");
        let mut all = Self::default();
        let mut current = String::new();
        for line in text.split_terminator('\n') {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
                assert!(is_metric_name(name) && !help.trim().is_empty(), "{line:?}");
                let family = MetricFamily { help: help.to_owned(), ..MetricFamily::default() };
                let previous = all.families.insert(name.to_owned(), family);
                assert!(previous.is_none(), "duplicate metric {name}");
                name.clone_into(&mut current);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
                assert_eq!(name, current, "TYPE follows its HELP: {line:?}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line:?}");
                let family = all.families.get_mut(name).expect("the metric has a HELP line");
                assert!(family.kind.is_empty() && family.samples.is_empty(), "{line:?}");
                kind.clone_into(&mut family.kind);
            } else {
                let family = all.families.get_mut(&current);
                family
                    .unwrap_or_else(|| panic!("a sample without a metric: {line:?}"))
                    .samples
                    .push(parse_sample(line));
            }
        }
        all.validate();
        all
    }

    fn validate(&self) {
        let mut seen = BTreeSet::new();
        for (name, family) in &self.families {
            for sample in &family.samples {
                let mut labels = sample.labels.clone();
                labels.sort();
                let has_duplicate = labels.windows(2).any(|pair| pair[0].0 == pair[1].0);
                assert!(!has_duplicate, "duplicate label: {sample:?}");
                assert!(seen.insert((sample.name.clone(), labels)), "duplicate sample: {sample:?}");
            }
            match &*family.kind {
                "counter" => family.check_counter(name),
                "gauge" => family.samples.iter().for_each(|sample| {
                    assert_eq!(sample.name, *name);
                    let _ = sample.as_float();
                }),
                "histogram" => family.check_histogram(name),
                kind => panic!("{name} has the unknown type {kind:?}"),
            }
        }
    }

    pub(super) fn family(&self, name: &str) -> &MetricFamily {
        self.families
            .get(name)
            .unwrap_or_else(|| panic!("no metric {name} in {:?}", self.families.keys()))
    }

    /// Returns the value of the sample with exactly these labels, or 0 if there is none.
    pub(super) fn sample_value(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let suffixes = ["_count", "_sum", "_bucket"];
        let family = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        let family = if self.families.contains_key(family) { family } else { name };
        let matches = |sample: &&Sample| {
            let labels =
                labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            sample.name == name && sample.labels == labels.collect::<Labels>()
        };
        let family = self.families.get(family).into_iter();
        family.flat_map(|family| &family.samples).find(matches).map_or(0, Sample::as_count)
    }

    /// Returns the number of requests by operation and status.
    pub(super) fn request_counts(&self) -> BTreeMap<(String, String), u64> {
        let family = self.families.get("omnidesk_mock_requests_total");
        let samples = family.into_iter().flat_map(|family| &family.samples);
        let samples = samples.map(|sample| {
            let names: Vec<_> = sample.labels.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["operation", "status"], "{sample:?}");
            let [(_, operation), (_, status)] = &sample.labels[..] else { unreachable!() };
            ((operation.clone(), status.clone()), sample.as_count())
        });
        samples.collect()
    }

    /// Returns all samples without their values.
    pub(super) fn series(&self) -> BTreeSet<(String, Labels)> {
        let samples = self.families.values().flat_map(|family| &family.samples);
        samples.map(|sample| (sample.name.clone(), sample.labels.clone())).collect()
    }
}

impl MetricFamily {
    fn check_counter(&self, name: &str) {
        assert!(name.ends_with("_total"), "{name}");
        for sample in &self.samples {
            assert_eq!(sample.name, name);
            sample.as_count();
        }
    }

    /// Checks that bounds and counts of the buckets increase and that the last bucket has the total count.
    fn check_histogram(&self, name: &str) {
        let mut groups: BTreeMap<Labels, Vec<(f64, u64)>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        let mut sums = BTreeMap::new();
        for sample in &self.samples {
            let (labels, bound) = sample.split_label("le");
            match sample.name.strip_prefix(name) {
                Some("_bucket") => {
                    let bound =
                        bound.unwrap_or_else(|| panic!("a bucket without a bound: {sample:?}"));
                    let bound = if bound == "+Inf" {
                        f64::INFINITY
                    } else {
                        bound.parse().expect("the bound is a number")
                    };
                    groups.entry(labels).or_default().push((bound, sample.as_count()));
                }
                Some("_count") => drop(counts.insert(labels, sample.as_count())),
                Some("_sum") => drop(sums.insert(labels, sample.as_float())),
                _ => panic!("unexpected sample of {name}: {sample:?}"),
            }
        }
        let is_complete = groups.keys().eq(counts.keys()) && groups.keys().eq(sums.keys());
        assert!(is_complete, "{name}: {groups:?}, {counts:?} and {sums:?}");
        for (labels, buckets) in &groups {
            let is_increasing =
                buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
            assert!(is_increasing && buckets.len() > 2, "{name} {labels:?}: {buckets:?}");
            let (bound, total) = buckets.last().copied().expect("the histogram has buckets");
            assert!(
                bound.is_infinite() && total == counts[labels],
                "{name} {labels:?}: {buckets:?}"
            );
            let sum = sums[labels];
            assert!(sum.is_finite() && sum >= 0.0, "{name} {labels:?}: {sum}");
            assert!(
                total > 0 || sum <= 0.0,
                "{name} {labels:?}: the sum is {sum} without observations"
            );
        }
    }
}

/// Parses `name{label="value"} 1`.
fn parse_sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("not a sample: {line:?}"));
    let (name, rest) = line.split_at(end);
    assert!(is_metric_name(name), "{line:?}");
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest),
        None => (Vec::new(), rest),
    };
    let value = value.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line:?}"));
    assert!(!value.is_empty() && !value.contains(' '), "{line:?}");
    Sample { name: name.to_owned(), labels, value: value.to_owned() }
}

/// Parses the labels up to the brace; returns them and the rest.
fn parse_labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut rest = text;
    while !rest.starts_with('}') {
        if !labels.is_empty() {
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("no comma: {text:?}"));
        }
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {text:?}"));
        assert!(is_metric_name(name), "{text:?}");
        let (value, after) = parse_quoted(after);
        labels.push((name.to_owned(), value));
        rest = after;
    }
    (labels, &rest[1..])
}

/// Parses a value up to its closing quote; returns it and the rest.
fn parse_quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[index + 1..]),
            '\\' => value.push(match letters.next() {
                Some((_, 'n')) => '\n',
                Some((_, mark @ ('\\' | '"'))) => mark,
                other => panic!("{other:?} is no valid escape: {text:?}"),
            }),
            letter => value.push(letter),
        }
    }
    panic!("no closing quote: {text:?}")
}

/// A valid text with every type of metric.
const VALID_TEXT: &str = "# HELP a_total As.\n# TYPE a_total counter\na_total{x=\"1,\\\"}\\\\\\n\",y=\"\"} 7\n\
    # HELP b Bs.\n# TYPE b gauge\nb 1\n\
    # HELP c Cs.\n# TYPE c histogram\nc_sum 0.5\nc_count 2\nc_bucket{le=\"0.1\"} 1\nc_bucket{le=\"1.0\"} 2\nc_bucket{le=\"+Inf\"} 2\n";

#[test]
fn valid_metrics_text_is_parsed() {
    let metrics = ParsedMetrics::parse(VALID_TEXT);
    assert_eq!(metrics.sample_value("a_total", &[("x", "1,\"}\\\n"), ("y", "")]), 7);
    assert_eq!((metrics.sample_value("b", &[]), metrics.sample_value("c_count", &[])), (1, 2));
    assert_eq!((metrics.family("c").help.as_str(), metrics.series().len()), ("Cs.", 7));
}

#[test]
fn invalid_metrics_text_is_rejected() {
    for (good, bad) in [
        ("2\n", "2"),
        ("# HELP b Bs.\n", ""),
        ("# TYPE b gauge\n", ""),
        ("# TYPE b gauge", "# TYPE b untyped"),
        ("# HELP b Bs.", "# HELP a_total Bs."),
        ("b 1\n", "b 1\nb 2\n"),
        ("b 1\n", "b 1 1700000000\n"),
        ("b 1\n", "b one\n"),
        ("b 1\n", "\nb 1\n"),
        ("b 1\n", "d 1\n"),
        (",y=", ", y="),
        (",y=\"\"", ",y=\"\","),
        (",y=\"\"", ",y=\"\\t\""),
        (",y=\"\"", ",x=\"\""),
        ("} 7", "} 7.5"),
        ("} 7", "} -7"),
        ("le=\"1.0\"} 2", "le=\"1.0\"} 0"),
        ("le=\"1.0\"", "le=\"0.05\""),
        ("le=\"+Inf\"} 2", "le=\"+Inf\"} 3"),
        ("c_bucket{le=\"+Inf\"} 2\n", ""),
        ("c_sum 0.5\n", ""),
        ("c_sum 0.5", "c_sum NaN"),
        ("c_count 2\n", "c_total 2\n"),
    ] {
        let invalid = VALID_TEXT.replacen(good, bad, 1);
        assert_ne!(invalid, VALID_TEXT);
        let result = std::panic::catch_unwind(|| ParsedMetrics::parse(&invalid));
        assert!(result.is_err(), "{bad:?} in place of {good:?} was accepted: {result:?}");
    }
}
