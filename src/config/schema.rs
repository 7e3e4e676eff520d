//! The JSON Schema (draft 2020-12) of the file, made from the tables of `shape`: what the check demands is what editors
//! offer. `${…}` may stand for any scalar, so every scalar may also be a text that holds one.

use serde_json::{Map, Value, json};

use super::shape::keys::FILE;
use super::shape::{Either, Key, Object, Shape, Variants};
use super::units;

/// The schema, as `hookswitch schema` prints it and `docs/rules.schema.json` keeps it.
pub fn schema() -> Value {
    let mut defs = Map::new();
    let file = object(&FILE, &mut defs);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rules.yaml of hookswitch",
    });
    if let (Some(schema), Value::Object(file)) = (schema.as_object_mut(), file) {
        schema.extend(file);
        schema.insert("$defs".to_owned(), Value::Object(defs));
    }
    schema
}

fn of(shape: &Shape, defs: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Text | Shape::Secret | Shape::Url | Shape::Template | Shape::SecretTemplate => {
            json!({ "type": ["string", "number", "boolean"] })
        }
        Shape::SecretOrNone => json!({ "type": ["string", "number", "boolean", "null"] }),
        Shape::Body | Shape::Data => json!({}),
        Shape::Flag => or_filled(json!({ "type": "boolean" })),
        Shape::Whole(min, max) if min == max => or_filled(json!({ "const": min })),
        Shape::Whole(min, max) => {
            or_filled(json!({ "type": "integer", "minimum": min, "maximum": max }))
        }
        Shape::Decimal(min, max) => {
            or_filled(json!({ "type": "number", "minimum": min, "maximum": max }))
        }
        Shape::Number => or_filled(json!({ "type": "number" })),
        Shape::Literal => json!({ "type": ["string", "number", "boolean", "null"] }),
        Shape::Duration(min, max) => or_filled(json!({
            "type": "string",
            "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(d|h|ms|m|s)\s*)+$",
            "description": format!(
                "a duration from {} to {}: 500ms, 10s, 5m, 1h30m, 7d",
                units::show_duration(*min),
                units::show_duration(*max),
            ),
        })),
        Shape::Size(min, max) => or_filled(json!({
            "type": "string",
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*([kKmMgGtT][iI]?)?[bB]\s*$",
            "description": format!(
                "a size from {} to {}: 512 KiB, 10 MiB, 1.5 GiB, 10 MB",
                units::show_size(*min),
                units::show_size(*max),
            ),
        })),
        Shape::Address => or_filled(json!({
            "type": "string",
            "pattern": r"^\s*(\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5}\s*$",
        })),
        Shape::Rate => or_filled(json!({
            "type": "string",
            "pattern": r"^\s*[0-9]+\s*/\s*[0-9]*\s*(ms|s|m|h|d)\s*$",
        })),
        Shape::Status => or_filled(json!({
            "anyOf": [
                { "type": "integer", "minimum": 300, "maximum": 599 },
                { "type": "string", "pattern": "^[3-5]([0-9][0-9]|xx)$" },
            ],
        })),
        Shape::Word(words) => or_filled(json!({ "enum": words })),
        Shape::Object(known) => reference(known.name, defs, |defs| object(known, defs)),
        Shape::Variants(known) => reference(known.name, defs, |defs| variants(known, defs)),
        Shape::Entries(shape) => {
            json!({ "type": "object", "additionalProperties": of(shape, defs) })
        }
        Shape::List(shape, min) => {
            json!({ "type": "array", "items": of(shape, defs), "minItems": min })
        }
        Shape::Either(known) => either(known, defs),
    }
}

/// A definition of its own, made once; conditions hold themselves.
fn reference(
    name: &str,
    defs: &mut Map<String, Value>,
    make: impl FnOnce(&mut Map<String, Value>) -> Value,
) -> Value {
    if !defs.contains_key(name) {
        defs.insert(name.to_owned(), Value::Null);
        let made = make(defs);
        defs.insert(name.to_owned(), made);
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn or_filled(schema: Value) -> Value {
    let filled = json!({ "type": "string", "pattern": r"\$\{" });
    Value::Object(Map::from_iter([("anyOf".to_owned(), Value::Array(vec![schema, filled]))]))
}

fn object(known: &Object, defs: &mut Map<String, Value>) -> Value {
    let properties: Map<_, _> =
        known.keys.iter().map(|key| (key.name.to_owned(), property(key, defs))).collect();
    let required: Vec<_> =
        known.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": known.about,
        "properties": properties,
        "additionalProperties": false,
    });
    let mut set = |key: &str, value: Value| {
        if let Some(schema) = schema.as_object_mut() {
            schema.insert(key.to_owned(), value);
        }
    };
    if !required.is_empty() {
        set("required", json!(required));
    }
    if known.keys_min > 0 {
        set("minProperties", json!(known.keys_min));
    }
    if known.keys_max < known.keys.len() {
        set("maxProperties", json!(known.keys_max));
    }
    if !known.one_of.is_empty() {
        let each = known.one_of.iter().map(|key| json!({ "required": [key] }));
        set("oneOf", each.collect());
    }
    schema
}

fn property(key: &Key, defs: &mut Map<String, Value>) -> Value {
    let mut schema = of(&key.shape, defs);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), Value::String(key.about.to_owned()));
        if let Some(default) = key.default {
            let parsed = serde_json::from_str(default).unwrap_or(Value::String(default.to_owned()));
            schema.insert("default".to_owned(), parsed);
        }
    }
    schema
}

/// What may stand beside the word decides the word, so that an editor names the key that is wrong and not all of them.
fn variants(known: &Variants, defs: &mut Map<String, Value>) -> Value {
    let words: Vec<_> = known.of.iter().map(|(word, _)| *word).collect();
    let cases: Vec<_> = known
        .of
        .iter()
        .map(|(word, variant)| {
            let then = reference(variant.name, defs, |defs| object(variant, defs));
            json!({
                "if": { "required": [known.tag], "properties": { known.tag: { "const": word } } },
                "then": then,
            })
        })
        .collect();
    json!({
        "type": "object",
        "required": [known.tag],
        "properties": { known.tag: { "enum": words } },
        "allOf": cases,
    })
}

fn either(known: &Either, defs: &mut Map<String, Value>) -> Value {
    let shapes = [(&known.scalar, ""), (&known.list, "array"), (&known.map, "object")];
    let given = shapes.into_iter().filter_map(|(shape, kind)| Some((shape.as_ref()?, kind)));
    let each: Vec<_> = given.map(|(shape, kind)| kind_of(shape, kind, defs)).collect();
    match <[Value; 1]>::try_from(each) {
        Ok([only]) => only,
        Err(each) => json!({ "anyOf": each }),
    }
}

/// A body may be anything, so in a choice by kind its kind is named.
fn kind_of(shape: &Shape, kind: &str, defs: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Body | Shape::Data => json!({ "type": kind }),
        shape => of(shape, defs),
    }
}
