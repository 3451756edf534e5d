//! From nodes to as-written types: a small reader per type, all problems collected, none of them the last.

use std::collections::BTreeMap;

use arcoforge_core::code::Code;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::node::{Kind, Node, Spanned};

/// Most diagnostics of one recipe; what comes after is not reported.
const DIAGNOSTICS_MAX: usize = 200;

/// What readers share: the diagnostics so far, and the path to the node that is read.
#[derive(Debug, Default)]
pub(crate) struct Cx {
    /// In the order found.
    pub(crate) diagnostics: Vec<Diagnostic>,
    path: Vec<String>,
}

impl Cx {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether anything forbids to use the recipe.
    pub(crate) fn failed(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// Runs a reader with a longer path.
    pub(crate) fn within<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(crate::node::shorten(key));
        let value = read(self);
        self.path.pop();
        value
    }

    /// The node that is read, as messages call it.
    pub(crate) fn place(&self) -> String {
        if self.path.is_empty() { "the recipe".to_owned() } else { format!("`{}`", self.path.join(".")) }
    }

    /// The wrong type of value; `expected` is what the key takes.
    pub(crate) fn wrong_type<T>(&mut self, node: &Node, expected: &str) -> Option<T> {
        let message = format!("{} takes {expected}, found {}", self.place(), node.what());
        self.push(
            Diagnostic::error(Code::RecipeType, node.span.clone(), message).label(format!("not {expected}")),
        );
        None
    }

    /// A value of the right type that the key does not take.
    pub(crate) fn bad_value<T>(&mut self, span: &Span, message: String, help: Option<String>) -> Option<T> {
        let mut diagnostic = Diagnostic::error(Code::RecipeValue, span.clone(), message);
        diagnostic.help = help;
        self.push(diagnostic);
        None
    }

    /// A part of the language that this version can't carry out.
    pub(crate) fn not_yet(&mut self, span: &Span, what: &str) {
        let message = format!("{what} is part of the language, but this version can't carry it out yet");
        self.push(
            Diagnostic::error(Code::RecipeNotYet, span.clone(), message)
                .label("not yet")
                .help("leave it out, or use a later version"),
        );
    }

    /// The entries of a map; a wrong type is reported.
    pub(crate) fn map<'n>(&mut self, node: &'n Node) -> Option<&'n [(Spanned<String>, Node)]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => self.wrong_type(node, "a map"),
        }
    }

    /// Reports the keys of a map that are not known.
    pub(crate) fn unknown_keys(&mut self, entries: &[(Spanned<String>, Node)], known: &[&str]) {
        let unknown = entries.iter().filter(|(key, _)| !known.contains(&key.value.as_str()));
        for (key, _) in unknown.take(DIAGNOSTICS_MAX) {
            let place = self.place();
            let message = format!("{place} has no key `{}`", crate::node::shorten(&key.value));
            let help = suggest(&key.value, known, &format!("{place} takes"));
            let diagnostic = Diagnostic::error(Code::RecipeUnknownKey, key.span.clone(), message);
            self.push(diagnostic.label("unknown key").help(help));
        }
    }

    /// Reports a key that has to be there.
    pub(crate) fn missing_key(&mut self, span: &Span, key: &str, help: Option<&str>) {
        let mut diagnostic = Diagnostic::error(
            Code::RecipeMissingKey,
            span.clone(),
            format!("{} lacks the key `{key}`", self.place()),
        )
        .label(format!("`{key}` is required"));
        let hint = if self.path.is_empty() { crate::written::hint(key) } else { None };
        diagnostic.help = help.or(hint).map(str::to_owned);
        self.push(diagnostic);
    }
}

/// The known name nearest to `name`; none for texts that are too long for a name.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 100 { None } else { arcoforge_core::names::nearest(name, known) }
}

/// What to write in place of an unknown name: the nearest one, or any of them, behind the words of `all`.
pub(crate) fn suggest(name: &str, known: &[&str], all: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{all} {}", ticked(known)),
    }
}

/// Names in backticks, separated by commas.
pub(crate) fn ticked<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A type that a YAML node can be read as.
pub(crate) trait Read: Sized {
    /// Reads a node that is not null; what is wrong goes to `cx`. `None` where nothing useful is left.
    fn read(node: &Node, cx: &mut Cx) -> Option<Self>;
}

/// Text.
pub(crate) type Text = Spanned<String>;
/// A whole number.
pub(crate) type Number = Spanned<u64>;

impl Read for Text {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, .. } => Some(Self { value: text.clone(), span: node.span.clone() }),
            _ => cx.wrong_type(node, "text"),
        }
    }
}

impl Read for Number {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, plain: true } => match text.parse() {
                Ok(value) => Some(Self { value, span: node.span.clone() }),
                Err(_) => cx.wrong_type(node, "a whole number"),
            },
            _ => cx.wrong_type(node, "a whole number"),
        }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .filter_map(|(at, item)| cx.within(&at.to_string(), |cx| T::read(item, cx)))
                    .collect(),
            ),
            _ => cx.wrong_type(node, "a list"),
        }
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T: Read> Read for OneOrMany<T> {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.kind {
            Kind::List(_) => Vec::read(node, cx).map(Self),
            _ => T::read(node, cx).map(|one| Self(vec![one])),
        }
    }
}

/// A map with names of the user's choice, in the order written.
#[derive(Debug, Clone)]
pub(crate) struct Entries<T>(pub(crate) Vec<(Text, T)>);

impl<T: Read> Read for Entries<T> {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let mut entries = Vec::new();
        for (key, value) in cx.map(node)? {
            if let Some(value) = cx.within(&key.value, |cx| T::read(value, cx)) {
                entries.push((key.clone(), value));
            }
        }
        Some(Self(entries))
    }
}

/// A key of the language that this version can't carry out: its presence is an error.
#[derive(Debug, Clone)]
pub(crate) struct NotYet;

impl Read for NotYet {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let place = cx.place();
        cx.not_yet(&node.span, &place);
        Some(Self)
    }
}

/// Declares an as-written map: its struct, its reader and its JSON Schema. A field is `None` where the key is absent
/// or its value was reported as wrong; absence of a required key is reported.
macro_rules! written {
    (
        $(#[$meta:meta])* struct $name:ident {
            required { $( $(#[$rmeta:meta])* $rfield:ident: $rtype:ty, )* }
            optional { $( $(#[$ometa:meta])* $ofield:ident: $otype:ty, )* }
        }
    ) => {
        #[derive(Debug, Clone, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        #[allow(dead_code, reason = "some fields are there for the schema only")]
        $(#[$meta])*
        pub(crate) struct $name {
            $( $(#[$rmeta])* #[schemars(required)] pub(crate) $rfield: Option<$rtype>, )*
            $( $(#[$ometa])* pub(crate) $ofield: Option<$otype>, )*
        }

        impl $crate::read::Read for $name {
            fn read(node: &$crate::node::Node, cx: &mut $crate::read::Cx) -> Option<Self> {
                const KEYS: &[&str] = &[$( stringify!($rfield), )* $( stringify!($ofield), )*];
                let entries = cx.map(node)?;
                cx.unknown_keys(entries, KEYS);
                $(
                    let $rfield = $crate::read::entry(entries, stringify!($rfield), cx);
                    if !$crate::read::present(entries, stringify!($rfield))
                        && !$crate::read::mistyped(entries, KEYS, stringify!($rfield))
                    {
                        cx.missing_key(&node.span, stringify!($rfield), None);
                    }
                )*
                $( let $ofield = $crate::read::entry(entries, stringify!($ofield), cx); )*
                Some(Self { $( $rfield, )* $( $ofield, )* })
            }
        }
    };
}
pub(crate) use written;

/// Whether a map has a key with a value.
pub(crate) fn present(entries: &[(Spanned<String>, Node)], key: &str) -> bool {
    entries.iter().any(|(k, node)| k.value == key && !matches!(node.kind, Kind::Null))
}

/// Whether an unknown key is probably this one: then it is reported once, not also as missing.
pub(crate) fn mistyped(entries: &[(Spanned<String>, Node)], known: &[&str], key: &str) -> bool {
    let unknown = entries.iter().map(|(k, _)| k.value.as_str()).filter(|k| !known.contains(k));
    unknown.take(DIAGNOSTICS_MAX).any(|k| nearest(k, known.iter().copied()) == Some(key))
}

/// The value of a key, read; `None` where it is absent, null or wrong (then it was reported).
pub(crate) fn entry<T: Read>(entries: &[(Spanned<String>, Node)], key: &str, cx: &mut Cx) -> Option<T> {
    let (_, node) = entries.iter().find(|(k, node)| k.value == key && !matches!(node.kind, Kind::Null))?;
    cx.within(key, |cx| T::read(node, cx))
}

/// The JSON Schema of wrappers is that of what they wrap.
macro_rules! schema_as {
    ($([$($generic:tt)*] $type:ty => $inner:ty;)*) => { $(
        impl<$($generic)*> schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                <$inner>::schema_name()
            }
            fn inline_schema() -> bool {
                <$inner>::inline_schema()
            }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <$inner>::json_schema(generator)
            }
        }
    )* };
}
pub(crate) use schema_as;

schema_as! {
    [] Text => String;
    [] Number => u64;
    [T: JsonSchema] Entries<T> => BTreeMap<String, T>;
}

/// JSON Schemas that are put in where the type is used.
macro_rules! inline_schemas {
    ($($type:ty => |$generator:pat_param| $schema:expr;)*) => { $(
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    )* };
}
pub(crate) use inline_schemas;

inline_schemas! {
    NotYet => |_| json_schema!({ "not": {} });
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one.clone(), {"type": "array", "items": one}] })
    }
}
