//! The JSON Schema of the file.

/// The schema, as `hookswitch schema` prints it and `docs/rules.schema.json` keeps it.
pub fn schema() -> serde_json::Value {
    todo!()
}
