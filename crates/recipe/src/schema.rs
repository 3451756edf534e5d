//! The JSON Schema of the language, made from the as-written types.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::written::Recipe;

/// The JSON Schema (draft 2020-12) of a recipe, for editors and other tools. It knows what this version carries out.
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Recipe>().to_value();
    clean(&mut schema);
    if let Some(properties) = schema.pointer_mut("/properties/schema").and_then(Value::as_object_mut) {
        properties.shift_remove("format");
        properties.shift_remove("minimum");
        properties.shift_remove("type");
        properties.insert("const".into(), json!(1));
    }
    if let Value::Object(map) = &mut schema {
        map.insert("title".into(), json!("arcoforge recipe"));
    }
    schema
}

/// An absent key is written by leaving it out: takes `null` out of unions, and number formats that YAML has not.
fn clean(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    map.insert("type".into(), one);
                }
            }
            if map.get("format").is_some_and(|format| format.as_str().is_some_and(|f| f.starts_with("uint")))
            {
                map.shift_remove("format");
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| *choice != json!({"type": "null"}));
                if let [Value::Object(one)] = choices.as_mut_slice() {
                    let one = std::mem::take(one);
                    map.shift_remove("anyOf");
                    for (key, value) in one {
                        map.entry(key).or_insert(value);
                    }
                }
            }
            map.values_mut().for_each(clean);
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        _ => {}
    }
}
