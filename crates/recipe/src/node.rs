//! YAML events to a tree of nodes with byte spans: the text as it stands, no types inferred.
//!
//! Scalars keep their text and whether they were quoted, so that `1.10` and `no` stay what was written; types are
//! decided by the key that a value belongs to. Recipes come from strangers: size, depth and the number of nodes that
//! aliases make are limited, and tags (but `!!str`) are refused.

use std::collections::BTreeMap;

use arcoforge_core::code::Code;
use granit_parser::{Event, Options, Parser, ScalarStyle, Tag};

use crate::diagnostic::{Diagnostic, Span};
use crate::read::Cx;

/// Most bytes of a recipe.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// Most nested lists and maps.
const DEPTH_MAX: usize = 64;
/// Most nodes that aliases may repeat.
const ALIAS_NODES_MAX: usize = 10_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spanned<T> {
    /// The value.
    pub(crate) value: T,
    /// Where it stands in the text.
    pub(crate) span: Span,
}

impl Spanned<String> {
    /// Where a part of the text (bytes of the value) stands; the whole where escapes are in the way.
    pub(crate) fn part(&self, part: Span) -> Span {
        let quotes = match self.span.len().checked_sub(self.value.len()) {
            Some(0) => 0,
            Some(2) => 1,
            _ => return self.span.clone(),
        };
        // whole characters, whatever the parser of the part counted
        let whole = |offset: &usize| self.value.is_char_boundary(*offset);
        let start = (0..=part.start.min(self.value.len())).rev().find(whole).unwrap_or(0);
        let end = (part.end.max(start)..self.value.len()).find(whole).unwrap_or(self.value.len());
        let at = |offset: usize| self.span.start.saturating_add(quotes).saturating_add(offset);
        at(start)..at(end)
    }
}

/// One YAML node. The span of a list or map is that of the key it belongs to, where it has one.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where to point at.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// Text; `plain` where it was not quoted.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order written; keys are unique.
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// A plain scalar that does not come from YAML (a command line argument).
    pub(crate) fn plain(text: &str) -> Self {
        Self { span: 0..text.len(), kind: Kind::Scalar { text: text.to_owned(), plain: true } }
    }

    /// What a person would call it.
    pub(crate) fn what(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Scalar { text, plain: true } => format!("`{}`", shorten(text)),
            Kind::Scalar { text, plain: false } => format!("the text \"{}\"", shorten(text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }
}

/// A text cut for a message.
pub(crate) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

/// Reads one YAML document into a tree; problems go to `cx`. `None` where there is no tree to go on with.
pub(crate) fn tree(text: &str, cx: &mut Cx) -> Option<Node> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("{} bytes are more than a recipe may have ({TEXT_BYTES_MAX})", text.len());
        cx.push(Diagnostic::error(Code::RecipeSyntax, 0..0, message));
        return None;
    }
    let options = granit_parser::options! {
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    Builder::new(text, options, cx).document().map_err(|stop| cx.push(*stop)).ok()
}

/// The problem after which there is no reading on.
type Stop = Box<Diagnostic>;

struct Builder<'t, 'c> {
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    alias_nodes: usize,
    cx: &'c mut Cx,
}

impl<'t, 'c> Builder<'t, 'c> {
    fn new(text: &'t str, options: Options, cx: &'c mut Cx) -> Self {
        let parser = Parser::new_from_str_with_options(text, options);
        Self { text, parser, anchors: BTreeMap::new(), nodes: 0, alias_nodes: 0, cx }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let span = span.byte_range().unwrap_or(0..0);
                Ok((event, span))
            }
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
                Err(syntax(at..at, format!("not valid YAML: {}", error.info())))
            }
            None => Err(syntax(self.text.len()..self.text.len(), "the recipe ends too early".to_owned())),
        }
    }

    fn document(mut self) -> Result<Node, Stop> {
        let mut root: Option<Node> = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => {
                    let empty = Node { span: 0..0, kind: Kind::Map(Vec::new()) };
                    return Ok(root.unwrap_or(empty));
                }
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(syntax(span, "a second YAML document; a recipe is one document".to_owned()));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Stop> {
        if depth > DEPTH_MAX {
            return Err(syntax(span, format!("lists and maps are nested more than {DEPTH_MAX} deep")));
        }
        let before = self.nodes;
        self.nodes += 1;
        let (node, anchor) = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => {
                let forced = self.tag(tag.as_deref(), &span)?;
                let plain = style == ScalarStyle::Plain && !forced;
                let null = plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let kind = if null { Kind::Null } else { Kind::Scalar { text: text.into_owned(), plain } };
                (Node { span, kind }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), &span)?;
                (self.list(span, depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), &span)?;
                (self.map(span, depth)?, anchor)
            }
            other => return Err(syntax(span, format!("unexpected YAML: {other:?}"))),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    /// Whether a tag makes a scalar text; any other tag is refused.
    fn tag(&self, tag: Option<&Tag>, span: &Span) -> Result<bool, Stop> {
        match tag {
            None => Ok(false),
            Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(true),
            Some(tag) => Err(syntax(
                span.clone(),
                format!("the YAML tag `{}` is not part of the language", tag.original()),
            )),
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Stop> {
        let Some((node, count)) = self.anchors.get(&id) else {
            return Err(syntax(span, "an alias inside the node that it refers to".to_owned()));
        };
        self.alias_nodes = self.alias_nodes.saturating_add(*count);
        self.nodes = self.nodes.saturating_add(*count);
        if self.alias_nodes > ALIAS_NODES_MAX {
            return Err(syntax(span, format!("aliases repeat more than {ALIAS_NODES_MAX} nodes")));
        }
        Ok(Node { span, kind: node.kind.clone() })
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<Node, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Node { span, kind: Kind::List(items) }),
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn map(&mut self, mut span: Span, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<(Spanned<String>, Node)> = Vec::new();
        let mut offsets: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, at) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Node { span, kind: Kind::Map(entries) }),
                next => next,
            };
            let node = self.node(event, at, depth + 1)?;
            let Kind::Scalar { text: key, .. } = node.kind else {
                return Err(syntax(node.span, "a key has to be a word".to_owned()));
            };
            let key = Spanned { value: key, span: node.span };
            if span.is_empty() && entries.is_empty() {
                span = key.span.clone();
            }
            let (event, at) = self.next()?;
            let mut value = self.node(event, at, depth + 1)?;
            if !matches!(value.kind, Kind::Scalar { .. }) {
                value.span = key.span.clone();
            }
            if let Some(&first) = offsets.get(&key.value) {
                let message = format!("the key `{}` stands twice in one map", shorten(&key.value));
                let line = crate::diagnostic::position(self.text, first).0;
                let help = format!("the first is on line {line}; keep one of them");
                self.cx.push(Diagnostic::error(Code::RecipeSyntax, key.span, message).help(help));
            } else {
                offsets.insert(key.value.clone(), key.span.start);
                entries.push((key, value));
            }
        }
    }
}

fn syntax(span: Span, message: String) -> Stop {
    Box::new(Diagnostic::error(Code::RecipeSyntax, span, message))
}
