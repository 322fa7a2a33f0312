//! What RunPod's interface takes, as facts: fields, their types, which have to be there. Anything else is a 422.

use serde_json::Value;

pub(crate) enum Shape {
    Text,
    /// Not empty.
    Name,
    Whole {
        least: u64,
        most: u64,
    },
    Flag,
    OneOf(&'static [&'static str]),
    /// `major.minor`.
    Version,
    Nullable(&'static Shape),
    List {
        of: &'static Shape,
        most: usize,
    },
    /// Any names, of one shape.
    Map(&'static Shape),
    Fields(&'static [Field]),
}

/// Name, whether it has to be there, shape.
pub(crate) type Field = (&'static str, bool, Shape);

const GB: u64 = 1 << 40;

pub(crate) const NEW_POD: Shape = Shape::Fields(&[
    ("name", true, Shape::Name),
    // Only a template could stand in for it, and none is used.
    ("image", true, Shape::Text),
    ("args", false, Shape::Text),
    ("disk", false, Shape::Whole { least: 1, most: GB }),
    ("env", false, Shape::Map(&Shape::Text)),
    (
        "ports",
        false,
        Shape::List {
            of: &Shape::Text,
            most: usize::MAX,
        },
    ),
    ("registry", false, Shape::Nullable(&Shape::Text)),
    ("cloud", false, Shape::OneOf(&["SECURE", "COMMUNITY"])),
    ("cpu", false, Shape::Map(&Shape::Text)),
    (
        "dataCenterIds",
        false,
        Shape::List {
            of: &Shape::Text,
            most: usize::MAX,
        },
    ),
    ("globalNetworking", false, Shape::Flag),
    (
        "gpu",
        false,
        Shape::Fields(&[
            ("id", true, Shape::Text),
            ("count", false, Shape::Whole { least: 1, most: 64 }),
            (
                "allowedCudaVersions",
                false,
                Shape::List {
                    of: &Shape::Version,
                    most: usize::MAX,
                },
            ),
            ("minCudaVersion", false, Shape::Version),
        ]),
    ),
    (
        "mounts",
        false,
        Shape::Fields(&[
            (
                "persistent",
                false,
                Shape::Fields(&[
                    ("size", true, Shape::Whole { least: 10, most: GB }),
                    ("path", true, Shape::Text),
                ]),
            ),
            (
                "network",
                false,
                Shape::List {
                    of: &Shape::Fields(&[("volumeId", true, Shape::Text), ("path", true, Shape::Text)]),
                    most: 1,
                },
            ),
        ]),
    ),
    ("startJupyter", false, Shape::Flag),
    ("startSsh", false, Shape::Flag),
    ("templateId", false, Shape::Name),
]);

pub(crate) const NEW_VOLUME: Shape = Shape::Fields(&[
    ("name", true, Shape::Name),
    ("size", true, Shape::Whole { least: 10, most: 4096 }),
    ("dataCenter", true, Shape::Name),
    ("type", false, Shape::OneOf(&["STANDARD", "HIGH_PERFORMANCE"])),
]);

impl Shape {
    /// Adds to `errors` what is wrong with `value`, which is at `place`.
    pub(crate) fn check(&self, place: &str, value: &Value, errors: &mut Vec<String>) {
        let good = match self {
            Shape::Text => value.is_string(),
            Shape::Name => value.as_str().is_some_and(|text| !text.is_empty()),
            Shape::Whole { least, most } => value.as_u64().is_some_and(|number| (*least..=*most).contains(&number)),
            Shape::Flag => value.is_boolean(),
            Shape::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Shape::Version => value.as_str().is_some_and(is_version),
            Shape::Nullable(shape) => {
                if !value.is_null() {
                    shape.check(place, value, errors);
                }
                true
            }
            Shape::List { of, most } => match value.as_array() {
                Some(items) if items.len() <= *most => {
                    for (index, item) in items.iter().enumerate() {
                        of.check(&format!("{place}[{index}]"), item, errors);
                    }
                    true
                }
                _ => false,
            },
            Shape::Map(of) => match value.as_object() {
                Some(entries) => {
                    for (name, entry) in entries {
                        of.check(&format!("{place}.{name}"), entry, errors);
                    }
                    true
                }
                None => false,
            },
            Shape::Fields(fields) => match value.as_object() {
                Some(entries) => {
                    for (name, needed, shape) in *fields {
                        match entries.get(*name) {
                            Some(entry) => shape.check(&format!("{place}.{name}"), entry, errors),
                            None if *needed => errors.push(format!("{place}.{name} is missing")),
                            None => {}
                        }
                    }
                    for name in entries.keys() {
                        if !fields.iter().any(|(field, ..)| field == name) {
                            errors.push(format!("{place}.{name} is unknown"));
                        }
                    }
                    true
                }
                None => false,
            },
        };
        if !good {
            errors.push(format!("{place} is {value}"));
        }
    }
}

pub(crate) fn is_version(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.')
        .is_some_and(|(major, minor)| digits(major) && digits(minor))
}
