//! `schema`: the JSON Schema of recipes.

use crate::Outcome;
use crate::output::Output;

pub(crate) fn run(output: &Output) -> Outcome {
    let schema = arcoforge_recipe::json_schema();
    let text = serde_json::to_string_pretty(&schema).unwrap_or_else(|_| schema.to_string());
    output.data(&format!("{text}\n"));
    output.done(serde_json::json!({"schema": schema}));
    Ok(())
}
