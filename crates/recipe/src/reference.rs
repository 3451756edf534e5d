//! The reference of the language as Markdown, made from the JSON Schema and the tables of steps, policies and codecs.

use std::fmt::Write;

use arcoforge_core::code::Code;
use arcoforge_core::policy::POLICIES;
use arcoforge_core::recipe::TargetFormat;
use serde_json::Value;

use crate::checks::RULES;
use crate::codecs::{CODECS, CodecRow};
use crate::outputs::FORMATS;
use crate::schema::json_schema;
use crate::steps::STEPS;

/// Parts of the language that have their own section, in order: definition (or path in the schema), title.
const SECTIONS: &[(&str, &str)] = &[
    ("About", "about"),
    ("Provider", "about.providers[]"),
    ("Maintainer", "about.maintainers[]"),
    ("Axis", "axes.NAME"),
    ("KeyRange", "a range of keys"),
    ("/properties/source", "source"),
    ("Find", "source.find"),
    ("StacSearch", "source.find.stac"),
    ("CmrSearch", "source.find.cmr"),
    ("ThreddsCatalog", "source.find.thredds"),
    ("EsgfSearch", "source.find.esgf"),
    ("UrlTable", "source.find.table"),
    ("Limits", "source.limits"),
    ("MatchRange", "a range in `missing` and `overrides`"),
    ("AddDim", "add_dim: {DIM: …}"),
    ("AttrEdits", "attrs: …"),
    ("Mask", "mask: {VARIABLE: …}"),
    ("Selection", "subset: {DIM: …}"),
    ("Bbox", "subset: {bbox: …}"),
    ("TimeFrom", "time_from: {TIME: …}"),
    ("FlattenGroups", "flatten_groups: …"),
    ("Computed", "set: {VARIABLE: …}"),
    ("TimeEncoding", "time_encoding: {TIME: …}"),
    ("Pyramid", "pyramid"),
    ("Output", "output"),
    ("Blosc", "blosc: …"),
    ("Test", "test"),
    ("Matrix", "matrix"),
];

const HEAD: &str = "\
# Recipe reference

A recipe is one YAML 1.2 file, `recipe.yaml`. Unknown keys are errors. Scalars are what their key takes: `1.10` and
`no` stay text where text is asked for. `arcoforge schema` prints the JSON Schema, `arcoforge check` all problems of a
recipe at once. Keys in **bold** are required. This page is generated from the types that read recipes.
";

const TEXTS: &str = "
## Keys of axes

`concat: …` and `merge: …` take one of

| form | example |
|---|---|
| a range of dates | `{from: 1981-09-01, to: now, every: 1 day}` |
| a range of whole numbers | `{from: 1, to: 10, step: 1}` |
| a list of words, whole numbers or dates | `[tasmin, tasmax]` |
| a list of maps; `key` is the key, the rest is for templates (`{axis.dir}`) | `[{key: sst, dir: surface}]` |
| as found by `source.find`, or as listed by `source.files` | `found` |

A list is of dates or numbers only if every item is one; `001` and quoted items are words.

## URLs

| in braces | gives |
|---|---|
| `{axis}`, `{axis.dir}` | the key; a value of a key that is a map |
| `{time:%Y%m%d}` | a date in this format (strftime) |
| `{n:03d}` | a number, padded with zeros |
| `{time+29min59s:%H%M%S}` | later: `y`, `month`, `d`, `h`, `min`, `s` |
| `{minute_of_day(time):04d}` | minutes since midnight |
| `{min(time+7d, year_end(time)):%j}` | the earlier of two; the last second of the year, `month_end` that of the month |
| `{{`, `}}` | braces themselves |

## Checksums

`source.checksums` is a map of a URL, a path or a file's name to `sha256:…`, `sha512:…`, `sha1:…` or `md5:…`, or the path
or URL of a manifest as `sha256sum` writes it (`DIGITS  NAME` in each line), or a list of these.

## Steps of files and of the dataset

Steps change every file before files are combined. `sort`, `dedupe`, `roll`, `time_encoding`, and `subset` along a
concat axis change the combined dataset; they stand behind the steps of files. `pyramid` stands behind all others.

## Several datasets from one recipe

`matrix: {values: {model: [A, B], run: [1, 2]}}` makes four datasets. `{matrix.model}` in any text of the recipe stands
for the row's value; a text that is only that is a number where the value is one. The names of all datasets differ: put
what tells the rows apart into `name`, where capitals are made small and what a name can't have becomes a hyphen. With
`csv`, cells are as unquoted YAML.

`output` may be a list of maps, each with a `name`: the dataset of each is called by the recipe's name, a hyphen, and that
name, and may have `steps` of its own behind those of the recipe.

## Attributes in steps

`name` is an attribute of the root group, `variable@name` one of a variable. The variable may be a pattern, which YAML
wants quoted: `\"*@history\"`.
";

/// The reference of the language, as Markdown.
pub fn reference() -> String {
    let schema = json_schema();
    let mut out = HEAD.to_owned();
    section(&mut out, "The recipe", &schema, &schema);
    for (name, title) in SECTIONS {
        let path = if name.starts_with('/') { (*name).to_owned() } else { format!("/$defs/{name}") };
        if let Some(definition) = schema.pointer(&path) {
            section(&mut out, title, definition, &schema);
        }
    }
    out.push_str(TEXTS);
    tables(&mut out);
    out
}

fn section(out: &mut String, title: &str, definition: &Value, schema: &Value) {
    let title = if title.contains(['`', ' ']) { title.to_owned() } else { format!("`{title}`") };
    let _ =
        write!(out, "\n## {title}\n\n{}\n\n| key | value | meaning |\n|---|---|---|\n", about(definition));
    let required: Vec<&str> =
        definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, value) in definition["properties"].as_object().into_iter().flatten() {
        let key = if required.contains(&key.as_str()) { format!("**`{key}`**") } else { format!("`{key}`") };
        let _ = writeln!(out, "| {key} | {} | {} |", kind(value, schema), cell(&about(value)));
    }
}

fn about(value: &Value) -> String {
    value["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// What a key takes, in a few words.
fn kind(value: &Value, schema: &Value) -> String {
    if let Some(path) = value["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        let name = path.rsplit('/').next().unwrap_or_default();
        return match name {
            "Keys" | "Step" | "Codecs" | "Combine" | "Length" | "AttributeValue" | "Override" | "Check" => {
                named(name)
            }
            _ => schema.pointer(path).map_or_else(String::new, |_| "a map".to_owned()),
        };
    }
    if value["not"].is_object() {
        return "not in this version".to_owned();
    }
    if let Some(names) = value["enum"].as_array() {
        let names: Vec<String> =
            names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
        return names.join(", ");
    }
    if let Some(constant) = value.get("const") {
        return format!("`{constant}`");
    }
    if let Some(choices) = value["anyOf"].as_array() {
        let mut kinds: Vec<String> = choices.iter().map(|choice| kind(choice, schema)).collect();
        kinds.dedup();
        return kinds.join(", or ");
    }
    match value["type"].as_str() {
        Some("string") => "text".to_owned(),
        Some("integer") => "a whole number".to_owned(),
        Some("array") => format!("a list of {}", plural(&kind(&value["items"], schema))),
        Some("object") => match value.get("additionalProperties") {
            Some(inner) if inner.is_object() => format!("a map of names to {}", kind(inner, schema)),
            _ => "a map".to_owned(),
        },
        _ => "one value".to_owned(),
    }
}

fn named(definition: &str) -> String {
    match definition {
        "Keys" => "keys, see below",
        "Step" => "a step",
        "Codecs" => "a name or a list of codecs",
        "Combine" => "policies, see below",
        "Length" => "a number, `whole`, or a size",
        "Check" => "a check",
        "Checksums" => "`sha256:…` of files, manifests, or a list of both",
        "Override" => "axes and `url`",
        _ => "an attribute's value",
    }
    .to_owned()
}

fn plural(kind: &str) -> String {
    match kind.strip_prefix("a ").or_else(|| kind.strip_prefix("an ")) {
        Some(noun) => format!("{noun}s"),
        None => format!("{kind}s"),
    }
}

fn checks(out: &mut String) {
    out.push_str(
        "\n## Checks\n\nEach item of `checks` has one rule, and may have `level: warn` (the dataset is published \
         nevertheless) or `level: error` (the default), beside the rule or in its map: \
         `{range: {sst: [-3, 45]}, level: warn}` or `range: {sst: [-3, 45], level: warn}`.\n\n\
         | check | what must hold | examples |\n|---|---|---|\n",
    );
    for row in RULES {
        let examples: Vec<String> =
            row.examples.iter().map(|example| format!("`{}: {example}`", row.name)).collect();
        let _ = writeln!(out, "| `{}` | {} | {} |", row.name, row.holds, examples.join("<br>"));
    }
}

fn tables(out: &mut String) {
    out.push_str("\n## Steps\n\nEach item of `steps` has exactly one key.\n\n| step | does | example |\n|---|---|---|\n");
    for row in STEPS {
        let example = if row.example.is_empty() {
            "not in this version".to_owned()
        } else {
            format!("`{}: {}`", row.name, row.example)
        };
        let _ = writeln!(out, "| `{}` | {} | {example} |", row.name, row.does);
    }
    checks(out);
    out.push_str("\n## Policies\n\n`combine: {KEY: POLICY}`, or `combine: {KEY: {VARIABLE: POLICY}}` where marked. The first is the default.\n\n");
    out.push_str("| key | what differs | per variable | policies |\n|---|---|---|---|\n");
    for row in POLICIES {
        let policies: Vec<String> = row
            .policies
            .iter()
            .map(|policy| {
                let later = if policy.available { "" } else { " *(not in this version)*" };
                format!("`{}`: {}{later}", policy.shown(), policy.does)
            })
            .collect();
        let per_variable = if row.per_variable { "yes" } else { "no" };
        let _ =
            writeln!(out, "| `{}` | {} | {per_variable} | {} |", row.key, row.differs, policies.join("<br>"));
    }
    out.push_str("\n## Codecs\n\n`output.codecs` is `default`, `source`, `none`, or a list, in the order of encoding: `[shuffle, {zlib: 4}]`.\n\n");
    out.push_str("| codec | is | level (default) |\n|---|---|---|\n");
    for CodecRow { name, is, levels } in CODECS {
        let levels =
            levels.map_or_else(String::new, |(low, high, default)| format!("{low} to {high} ({default})"));
        let _ = writeln!(out, "| `{name}` | {is} | {levels} |");
    }
    out.push_str("\n## Formats\n\n| `output.format` | |\n|---|---|\n");
    for (name, format) in FORMATS {
        let what = match format {
            TargetFormat::Zarr3 => "Zarr version 3",
            TargetFormat::Zarr2 => "Zarr version 2",
            TargetFormat::Icechunk => "an Icechunk repository, version 2 of the format",
            TargetFormat::IcechunkVirtual => "the same, with references to chunks that stay in the files",
            TargetFormat::KerchunkJson => "references to chunks that stay in the files, as one JSON file",
            TargetFormat::KerchunkParquet => "the same as a folder of Parquet files",
        };
        let _ = writeln!(out, "| `{name}` | {what} |");
    }
    out.push_str("\n## What can be wrong\n\n| code | meaning |\n|---|---|\n");
    for code in Code::ALL.iter().filter(|code| code.as_str().starts_with("recipe-")) {
        let _ = writeln!(out, "| `{code}` | {} |", code.summary());
    }
}
