//! `combine`: policies by key, for all variables or for one.

use std::borrow::Cow;

use arcoforge_core::code::Code;
use arcoforge_core::policy::{POLICIES, Policy, PolicyKey};
use arcoforge_core::recipe::Policies;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Read, Text, nearest, ticked};

/// The policies of a recipe.
#[derive(Debug, Clone)]
pub(crate) struct Combine(pub(crate) Policies);

impl Read for Combine {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let mut policies = Policies::default();
        for (key, value) in cx.map(node)? {
            let Some(row) = find_row(key, cx) else { continue };
            cx.within(&key.value, |cx| match &value.kind {
                Kind::Map(variables) if row.per_variable => {
                    for (variable, value) in variables {
                        if let Some(policy) = cx.within(&variable.value, |cx| policy(row, value, cx)) {
                            policies.set(row.key, Some(variable.value.clone()), policy);
                        }
                    }
                }
                Kind::Map(_) => not_per_variable(row, &key.span, cx),
                _ => {
                    if let Some(policy) = policy(row, value, cx) {
                        policies.set(row.key, None, policy);
                    }
                }
            });
        }
        Some(Self(policies))
    }
}

/// The row of a key; an unknown one is reported.
pub(crate) fn find_row(key: &Text, cx: &mut Cx) -> Option<&'static PolicyKey> {
    let row = PolicyKey::find(&key.value);
    if row.is_none() {
        let known: Vec<&str> = POLICIES.iter().map(|row| row.key).collect();
        let message = format!("`combine` has no key `{}`", shorten(&key.value));
        unknown(&key.span, message, &key.value, &known, cx);
    }
    row
}

/// A policy that the key knows and this version carries out.
pub(crate) fn policy(row: &PolicyKey, node: &Node, cx: &mut Cx) -> Option<String> {
    let Text { value, span } = Text::read(node, cx)?;
    match row.policy(&value) {
        Some(policy) if policy.available => Some(value),
        Some(_) => {
            cx.not_yet(&span, &format!("`combine.{}: {}`", row.key, shorten(&value)));
            None
        }
        None => {
            let known: Vec<String> = row.policies.iter().map(Policy::shown).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let message = format!("`combine.{}` has no policy `{}`", row.key, shorten(&value));
            unknown(&span, message, &value, &known, cx);
            None
        }
    }
}

pub(crate) fn not_per_variable(row: &PolicyKey, span: &Span, cx: &mut Cx) {
    let message = format!("`combine.{}` holds for the whole dataset, not per variable", row.key);
    let policies: Vec<String> = row.policies.iter().map(Policy::shown).collect();
    let help = format!("write one policy: {}", ticked(&policies));
    cx.push(Diagnostic::error(Code::RecipeUnknownPolicy, span.clone(), message).help(help));
}

fn unknown(span: &Span, message: String, name: &str, known: &[&str], cx: &mut Cx) {
    let prefix = known.iter().copied().find(|known| known.starts_with(&format!("{name}:")));
    let help = match prefix.or_else(|| nearest(name, known.iter().copied())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of {}", ticked(known)),
    };
    cx.push(Diagnostic::error(Code::RecipeUnknownPolicy, span.clone(), message).label("unknown").help(help));
}

/// The names of a key's policies; those with an argument as a pattern.
fn policy_schema(row: &PolicyKey) -> Value {
    let available = row.policies.iter().filter(|p| p.available).map(|p| p.name);
    let (open, names): (Vec<&str>, Vec<&str>) = available.partition(|name| name.ends_with(':'));
    let names = json!({"enum": names});
    if open.is_empty() {
        return names;
    }
    let patterns = open.iter().map(|name| json!({"type": "string", "pattern": format!("^{name}.+$")}));
    json!({"anyOf": std::iter::once(names).chain(patterns).collect::<Vec<_>>()})
}

impl JsonSchema for Combine {
    fn schema_name() -> Cow<'static, str> {
        "Combine".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut keys = Map::new();
        for row in POLICIES {
            let one = policy_schema(row);
            let value = if row.per_variable {
                json!({"anyOf": [one, {"type": "object", "additionalProperties": one}]})
            } else {
                one
            };
            let mut value = value;
            if let Value::Object(map) = &mut value {
                map.insert(
                    "description".into(),
                    json!(format!("What to do where files differ in {}.", row.differs)),
                );
                map.insert("default".into(), json!(row.default_policy()));
            }
            keys.insert(row.key.to_owned(), value);
        }
        json_schema!({
            "description": "What to do where files disagree: policy key → policy, or policy key → variable → policy.",
            "type": "object",
            "properties": keys,
            "additionalProperties": false,
        })
    }
}
