//! The text format of Prometheus, read strictly: what is not exactly as documented fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample, in their order.
pub(super) type Labels = Vec<(String, String)>;

/// All metrics of a server at a moment.
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
    /// A value that counts something.
    fn as_count(&self) -> u64 {
        self.value.parse().unwrap_or_else(|_| panic!("a whole number: {self:?}"))
    }

    fn as_float(&self) -> f64 {
        self.value.parse().unwrap_or_else(|_| panic!("a number: {self:?}"))
    }

    /// The labels but this one, and its value.
    fn split_label(&self, name: &str) -> (Labels, Option<&str>) {
        let (with, others): (Vec<_>, Vec<_>) =
            self.labels.iter().cloned().partition(|(other, _)| other == name);
        let value = self.labels.iter().find(|(other, _)| other == name);
        assert!(with.len() < 2, "{self:?}");
        (others, value.map(|(_, value)| value.as_str()))
    }
}

fn is_metric_name(text: &str) -> bool {
    let is_good = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.chars().all(is_good) && text.starts_with(|first: char| !first.is_ascii_digit())
}

impl ParsedMetrics {
    pub(super) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line ends: {text:?}");
        assert!(!text.contains('\r'), "{text:?}");
        let mut all = Self::default();
        let mut current = String::new();
        for line in text.split_terminator('\n') {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
                assert!(is_metric_name(name) && !help.trim().is_empty(), "{line:?}");
                let family = MetricFamily { help: help.to_owned(), ..MetricFamily::default() };
                let other = all.families.insert(name.to_owned(), family);
                assert!(other.is_none(), "{name} comes once");
                name.clone_into(&mut current);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
                assert_eq!(name, current, "HELP and TYPE stand together: {line:?}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line:?}");
                let family = all.families.get_mut(name).expect("it has begun");
                assert!(family.kind.is_empty() && family.samples.is_empty(), "{line:?}");
                kind.clone_into(&mut family.kind);
            } else {
                let family = all.families.get_mut(&current);
                family
                    .unwrap_or_else(|| panic!("of which metric: {line:?}"))
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
                let is_twice = labels.windows(2).any(|two| two[0].0 == two[1].0);
                assert!(!is_twice, "a label comes once: {sample:?}");
                assert!(
                    seen.insert((sample.name.clone(), labels)),
                    "a sample comes once: {sample:?}"
                );
            }
            match &*family.kind {
                "counter" => family.check_counter(name),
                "gauge" => family.samples.iter().for_each(|sample| {
                    assert_eq!(sample.name, *name);
                    let _ = sample.as_float();
                }),
                "histogram" => family.check_histogram(name),
                kind => panic!("{name} is a {kind:?}"),
            }
        }
    }

    pub(super) fn family(&self, name: &str) -> &MetricFamily {
        self.families.get(name).unwrap_or_else(|| panic!("{name} in {:?}", self.families.keys()))
    }

    /// The value of the sample with exactly these labels; 0 where there is none.
    pub(super) fn sample_value(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let suffixes = ["_count", "_sum", "_bucket"];
        let family = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        let family = if self.families.contains_key(family) { family } else { name };
        let is_it = |sample: &&Sample| {
            let labels =
                labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            sample.name == name && sample.labels == labels.collect::<Labels>()
        };
        let family = self.families.get(family).into_iter();
        family.flat_map(|family| &family.samples).find(is_it).map_or(0, Sample::as_count)
    }

    /// Requests, by operation and status.
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

    /// Each sample without its value.
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

    /// Its buckets go up in their bounds and in what they hold, and end with all that there is.
    fn check_histogram(&self, name: &str) {
        let mut groups: BTreeMap<Labels, Vec<(f64, u64)>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        let mut sums = BTreeMap::new();
        for sample in &self.samples {
            let (labels, bound) = sample.split_label("le");
            match sample.name.strip_prefix(name) {
                Some("_bucket") => {
                    let bound = bound.unwrap_or_else(|| panic!("a bucket has a bound: {sample:?}"));
                    let bound = if bound == "+Inf" {
                        f64::INFINITY
                    } else {
                        bound.parse().expect("a bound")
                    };
                    groups.entry(labels).or_default().push((bound, sample.as_count()));
                }
                Some("_count") => drop(counts.insert(labels, sample.as_count())),
                Some("_sum") => drop(sums.insert(labels, sample.as_float())),
                _ => panic!("{name} has no {sample:?}"),
            }
        }
        let both = groups.keys().eq(counts.keys()) && groups.keys().eq(sums.keys());
        assert!(both, "{name}: {groups:?}, {counts:?} and {sums:?}");
        for (labels, buckets) in &groups {
            let goes_up = buckets.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
            assert!(goes_up && buckets.len() > 2, "{name} {labels:?}: {buckets:?}");
            let (bound, all) = buckets.last().copied().expect("there are some");
            assert!(bound.is_infinite() && all == counts[labels], "{name} {labels:?}: {buckets:?}");
            let sum = sums[labels];
            assert!(sum.is_finite() && sum >= 0.0, "{name} {labels:?}: {sum}");
            assert!(all > 0 || sum <= 0.0, "{name} {labels:?}: nothing took {sum}");
        }
    }
}

/// `name{label="value"} 1`, and nothing after it.
fn parse_sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("a sample: {line:?}"));
    let (name, rest) = line.split_at(end);
    assert!(is_metric_name(name), "{line:?}");
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest),
        None => (Vec::new(), rest),
    };
    let value = value.strip_prefix(' ').unwrap_or_else(|| panic!("a value: {line:?}"));
    assert!(!value.is_empty() && !value.contains(' '), "{line:?}");
    Sample { name: name.to_owned(), labels, value: value.to_owned() }
}

/// The labels up to the brace, and what follows it.
fn parse_labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut rest = text;
    while !rest.starts_with('}') {
        if !labels.is_empty() {
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("a comma: {text:?}"));
        }
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("a label: {text:?}"));
        assert!(is_metric_name(name), "{text:?}");
        let (value, after) = parse_quoted(after);
        labels.push((name.to_owned(), value));
        rest = after;
    }
    (labels, &rest[1..])
}

/// A value up to its closing quote, and what follows.
fn parse_quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match letters.next() {
                Some((_, 'n')) => '\n',
                Some((_, mark @ ('\\' | '"'))) => mark,
                other => panic!("{other:?} is not escaped so: {text:?}"),
            }),
            letter => value.push(letter),
        }
    }
    panic!("a value ends: {text:?}")
}

/// A text with every kind of metric, which is read as it is meant.
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
        let spoilt = VALID_TEXT.replacen(good, bad, 1);
        assert_ne!(spoilt, VALID_TEXT);
        let read = std::panic::catch_unwind(|| ParsedMetrics::parse(&spoilt));
        assert!(read.is_err(), "{bad:?} in place of {good:?} was read: {read:?}");
    }
}
