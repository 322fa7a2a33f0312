//! The table in the crate's documentation lists every message and field that the types have, and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{CloseCode, schema};

type Fields = BTreeMap<String, BTreeSet<String>>;

/// `type -> fields` as the types say; fields of nested objects count as the message's own.
fn from_schema(direction: &str) -> Fields {
    let schema = schema();
    let root = &schema[direction];
    let variants = root["oneOf"].as_array().unwrap();
    variants
        .iter()
        .map(|variant| {
            let name = variant["properties"]["type"]["const"].as_str().unwrap().to_owned();
            let mut fields = BTreeSet::new();
            collect(root, variant, &mut fields);
            fields.remove("type");
            (name, fields)
        })
        .collect()
}

fn collect(root: &Value, node: &Value, fields: &mut BTreeSet<String>) {
    match node {
        Value::Object(object) => {
            for (key, value) in object {
                if key == "$ref" {
                    let pointer = value.as_str().unwrap().trim_start_matches('#').to_owned();
                    collect(root, root.pointer(&pointer).unwrap(), fields);
                }
                if key == "properties" {
                    fields.extend(value.as_object().unwrap().keys().cloned());
                }
                collect(root, value, fields);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(root, item, fields)),
        _ => {}
    }
}

/// `type -> fields` as the table says: the second column, and the names before a bracket or comma in a row that nests.
fn from_doc(heading: &str) -> Fields {
    let doc = include_str!("lib.rs");
    let table = doc.split(heading).nth(1).unwrap();
    let mut fields = Fields::new();
    let mut current = String::new();
    let rows = table
        .lines()
        .map(|line| line.trim_start_matches("//!").trim())
        .skip(2)
        .skip_while(|line| !line.starts_with('|'));
    for row in rows.take_while(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (name, field, kind, meaning) = (cells[1], cells[2], cells[3], cells[4]);
        if name == "audio" {
            continue;
        }
        if !name.is_empty() {
            current = name.trim_matches('`').to_owned();
            fields.entry(current.clone()).or_default();
        }
        if field.is_empty() {
            continue;
        }
        let entry = fields.get_mut(&current).unwrap();
        entry.insert(field.trim_matches('`').to_owned());
        if kind.starts_with("list") || kind.starts_with("object") {
            entry.extend(
                meaning
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .filter(|word| !word.contains(' '))
                    .map(str::to_owned),
            );
        }
    }
    fields
}

#[test]
fn table_lists_every_message_and_field() {
    assert_eq!(from_doc("**Client messages**"), from_schema("client"));
    assert_eq!(from_doc("**Server messages**"), from_schema("server"));
}

#[test]
fn table_lists_every_close_code() {
    let doc = include_str!("lib.rs");
    for code in CloseCode::ALL {
        let row = format!("| {} | {} |", code.code(), code.name().replace('_', " "));
        assert!(doc.contains(&row), "{row}");
    }
}

#[test]
fn table_lists_every_enum_value() {
    let doc = include_str!("lib.rs");
    for values in [
        "`shed` `stale` `truncated` `muted`",
        "`pause` `clause` `cap` `end`",
        "`done` `empty` `cancelled` `late` `failed`",
    ] {
        assert!(doc.contains(values));
        let schema = schema().to_string();
        for value in values.split(' ') {
            assert!(schema.contains(&value.replace('`', "\"")), "{value}");
        }
    }
}
