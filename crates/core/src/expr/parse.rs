//! Words to nodes: Python's precedence, by winnow's Pratt parser.

use std::ops::Range;

use winnow::Parser;
use winnow::combinator::{Infix, Prefix, expression};
use winnow::error::ParserError;
use winnow::stream::{Stateful, Stream};

use super::functions::{CONSTANTS, FUNCTIONS, Function, NOT_ELEMENTWISE, OTHER_NAMES, Op};
use super::lex::{Token, Word, words};
use super::{ExprError, Kind, Node};
use crate::figures::Short;
use crate::names::nearest;
use crate::units::Unit;

/// Deepest nesting of parentheses and functions.
pub(super) const DEPTH_MAX: usize = 64;

type Words<'w> = Stateful<&'w [Word], Build<'w>>;
type Parsed<T> = Result<T, Stop>;

/// What is built while words are read.
#[derive(Debug)]
struct Build<'w> {
    words: &'w [Word],
    nodes: Vec<Node>,
    depth: usize,
    /// Bytes of the text.
    end: usize,
}

/// Why a parser stops: it is not its turn, or the text is at fault.
#[derive(Debug)]
enum Stop {
    Retry,
    Fault(Box<ExprError>),
}

impl<I: Stream> ParserError<I> for Stop {
    type Inner = Self;
    fn from_input(_: &I) -> Self {
        Self::Retry
    }
    fn is_backtrack(&self) -> bool {
        matches!(self, Self::Retry)
    }
    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

impl From<ExprError> for Stop {
    fn from(fault: ExprError) -> Self {
        Self::Fault(Box::new(fault))
    }
}

/// The nodes of an expression, each behind its operands; the last one is the whole.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, ExprError> {
    let words = words(text)?;
    if words.is_empty() {
        return Err(ExprError::new(0..text.len(), "the expression is empty")
            .help("write it with names of variables: `hypot(u, v)`"));
    }
    check_not(&words)?;
    let state = Build { words: &words, nodes: Vec::new(), depth: 0, end: text.len() };
    let mut input = Words { input: &words, state };
    let parsed = whole(&mut input).and_then(|_| match peek(&input) {
        Some(word) => Err(unexpected(word).into()),
        None => Ok(()),
    });
    match parsed {
        Ok(()) => Ok(input.state.nodes),
        Err(Stop::Fault(fault)) => Err(*fault),
        Err(Stop::Retry) => Err(ExprError::new(0..text.len(), "the expression can't be understood")),
    }
}

/// `not` binds less than what stands before it in `a + not b`, which Python refuses too.
fn check_not(words: &[Word]) -> Result<(), ExprError> {
    for pair in words.windows(2) {
        let [before, word] = pair else { continue };
        let free = matches!(&before.token, Token::Symbol("and" | "or" | "not" | "(" | ","));
        if word.token == Token::Symbol("not") && !free {
            return Err(ExprError::new(word.span.clone(), "`not` is not expected here")
                .help("put `(not …)` in parentheses"));
        }
    }
    Ok(())
}

fn whole(input: &mut Words<'_>) -> Parsed<usize> {
    expression(operand).prefix(prefix).infix(infix).parse_next(input)
}

fn peek<'w>(input: &Words<'w>) -> Option<&'w Word> {
    input.input.first()
}

fn bump<'w>(input: &mut Words<'w>) -> Option<&'w Word> {
    let (first, rest) = input.input.split_first()?;
    input.input = rest;
    Some(first)
}

/// Takes the next word where it is an operator of the table.
fn operator<T>(input: &mut Words<'_>, table: impl Fn(&str) -> Option<T>) -> Parsed<T> {
    match peek(input).map(|word| &word.token) {
        Some(Token::Symbol(symbol)) => {
            let found = table(symbol).ok_or(Stop::Retry)?;
            bump(input);
            Ok(found)
        }
        _ => Err(Stop::Retry),
    }
}

fn prefix<'w>(input: &mut Words<'w>) -> Parsed<Prefix<Words<'w>, usize, Stop>> {
    operator(input, |symbol| {
        Some(match symbol {
            "not" => Prefix(6, |i: &mut Words<'w>, a| i.state.prefixed(Op::Not, a)),
            "-" => Prefix(14, |i: &mut Words<'w>, a| i.state.prefixed(Op::Negative, a)),
            "+" => Prefix(14, |_: &mut Words<'w>, a| Ok(a)),
            _ => return None,
        })
    })
}

fn infix<'w>(input: &mut Words<'w>) -> Parsed<Infix<Words<'w>, usize, Stop>> {
    use Infix::{Left, Neither, Right};
    operator(input, |symbol| {
        Some(match symbol {
            "or" => Left(2, |i: &mut Words<'w>, a, b| i.state.apply(Op::Or, vec![a, b])),
            "and" => Left(4, |i: &mut Words<'w>, a, b| i.state.apply(Op::And, vec![a, b])),
            "<" => Neither(8, |i: &mut Words<'w>, a, b| i.state.apply(Op::Less, vec![a, b])),
            "<=" => Neither(8, |i: &mut Words<'w>, a, b| i.state.apply(Op::LessEqual, vec![a, b])),
            ">" => Neither(8, |i: &mut Words<'w>, a, b| i.state.apply(Op::Greater, vec![a, b])),
            ">=" => Neither(8, |i: &mut Words<'w>, a, b| i.state.apply(Op::GreaterEqual, vec![a, b])),
            "==" => Neither(8, |i: &mut Words<'w>, a, b| i.state.apply(Op::Equal, vec![a, b])),
            "!=" => Neither(8, |i: &mut Words<'w>, a, b| i.state.apply(Op::NotEqual, vec![a, b])),
            "+" => Left(10, |i: &mut Words<'w>, a, b| i.state.apply(Op::Add, vec![a, b])),
            "-" => Left(10, |i: &mut Words<'w>, a, b| i.state.apply(Op::Subtract, vec![a, b])),
            "*" => Left(12, |i: &mut Words<'w>, a, b| i.state.apply(Op::Multiply, vec![a, b])),
            "/" => Left(12, |i: &mut Words<'w>, a, b| i.state.apply(Op::Divide, vec![a, b])),
            "//" => Left(12, |i: &mut Words<'w>, a, b| i.state.apply(Op::FloorDivide, vec![a, b])),
            "%" => Left(12, |i: &mut Words<'w>, a, b| i.state.apply(Op::Modulo, vec![a, b])),
            "**" => Right(16, |i: &mut Words<'w>, a, b| i.state.apply(Op::Power, vec![a, b])),
            _ => return None,
        })
    })
}

fn operand(input: &mut Words<'_>) -> Parsed<usize> {
    let Some(word) = peek(input) else {
        let end = input.state.end;
        return Err(ExprError::new(end..end, "a value is missing at the end").into());
    };
    if let Token::Symbol("-" | "+" | "not") = word.token {
        return Err(Stop::Retry);
    }
    bump(input);
    let span = word.span.clone();
    match &word.token {
        Token::Number(number) => Ok(input.state.push(Kind::Number(*number), span)),
        Token::Quoted(name) => Ok(input.state.push(Kind::Name(name.clone()), span)),
        Token::Name(name) => match peek(input).map(|word| &word.token) {
            Some(Token::Symbol("(")) => call(input, name, span),
            _ => named(input, name, span),
        },
        Token::Text(_) => Err(ExprError::new(span, "a text is not expected here")
            .help("only the units of `convert` are a text; names stand in backticks")
            .into()),
        Token::Symbol("(") => {
            let inner = nested(input, &span, whole)?;
            let end = close(input, span.clone())?;
            if let Some(node) = input.state.nodes.get_mut(inner) {
                node.outer = span.start..end;
            }
            Ok(inner)
        }
        Token::Symbol(symbol) => {
            Err(ExprError::new(span, format!("a value is missing before `{symbol}`")).into())
        }
    }
}

/// A name that is not called: a constant or a variable.
fn named(input: &mut Words<'_>, name: &str, span: Range<usize>) -> Parsed<usize> {
    if let Some((_, value)) = CONSTANTS.iter().find(|(known, _)| *known == name) {
        return Ok(input.state.push(Kind::Number(*value), span));
    }
    if FUNCTIONS.iter().any(|function| function.name == name) {
        return Err(ExprError::new(span, format!("`{name}` is a function: its arguments are missing"))
            .help(format!("a variable of that name stands in backticks: `` `{name}` ``"))
            .into());
    }
    Ok(input.state.push(Kind::Name(name.to_owned()), span))
}

fn nested<'w, T>(
    input: &mut Words<'w>,
    span: &Range<usize>,
    inner: impl FnOnce(&mut Words<'w>) -> Parsed<T>,
) -> Parsed<T> {
    if input.state.depth == DEPTH_MAX {
        let message = format!("parentheses stand in each other more than {DEPTH_MAX} deep");
        return Err(ExprError::new(span.clone(), message).into());
    }
    input.state.depth += 1;
    let found = inner(input);
    input.state.depth -= 1;
    found
}

/// Takes the parenthesis that closes the one at `open`; its end.
fn close(input: &mut Words<'_>, open: Range<usize>) -> Parsed<usize> {
    match peek(input) {
        Some(Word { token: Token::Symbol(")"), span }) => {
            bump(input);
            Ok(span.end)
        }
        Some(Word { token: Token::Symbol(","), span }) => {
            Err(ExprError::new(span.clone(), "`,` is not expected here")
                .help("only the arguments of functions are separated by commas")
                .into())
        }
        Some(word) => Err(unexpected(word).into()),
        None => Err(ExprError::new(open, "`(` is never closed").into()),
    }
}

/// From before the opening parenthesis.
fn call(input: &mut Words<'_>, name: &str, at: Range<usize>) -> Parsed<usize> {
    let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) else {
        return Err(unknown_function(name, at).into());
    };
    let open = bump(input).map_or(at.clone(), |word| word.span.clone());
    let convert = function.op == Op::Convert;
    let (arguments, unit) = nested(input, &at, |input| arguments(input, convert))?;
    let span = at.start..close(input, open)?;
    let count = arguments.len() + usize::from(unit.is_some());
    if count < function.least || function.most.is_some_and(|most| count > most) {
        return Err(wrong_count(function, count, span).into());
    }
    if convert {
        let Some(unit) = unit else {
            return Err(ExprError::new(span, "the second argument of `convert` is not a text")
                .help("write units in quotation marks: `convert(t2m, 'degC')`")
                .into());
        };
        return Ok(input.state.add(Kind::Convert(unit), arguments, span));
    }
    Ok(input.state.add(Kind::Apply(function.op), arguments, span))
}

/// Up to the closing parenthesis; `convert` takes units as its second argument.
fn arguments(input: &mut Words<'_>, convert: bool) -> Parsed<(Vec<usize>, Option<Unit>)> {
    let (mut arguments, mut unit) = (Vec::new(), None);
    if let Some(Token::Symbol(")")) = peek(input).map(|word| &word.token) {
        return Ok((arguments, unit));
    }
    loop {
        match peek(input) {
            Some(Word { token: Token::Text(text), span })
                if convert && arguments.len() == 1 && unit.is_none() =>
            {
                bump(input);
                let parsed =
                    Unit::parse(text).map_err(|fault| ExprError::new(span.clone(), fault.to_string()))?;
                unit = Some(parsed);
            }
            _ => arguments.push(whole(input)?),
        }
        match peek(input).map(|word| &word.token) {
            Some(Token::Symbol(",")) => bump(input),
            _ => return Ok((arguments, unit)),
        };
    }
}

fn wrong_count(function: &Function, count: usize, span: Range<usize>) -> ExprError {
    let Function { name, arguments, .. } = function;
    let message = format!("`{name}` has {count} arguments: expected {}", function.arity());
    ExprError::new(span, message).help(format!("write `{name}({arguments})`"))
}

fn unknown_function(name: &str, span: Range<usize>) -> ExprError {
    let fault = ExprError::new(span, format!("`{name}` is not a function of the language"));
    if let Some((_, ours)) = OTHER_NAMES.iter().find(|(other, _)| *other == name) {
        return fault.help(format!("write {ours}"));
    }
    if NOT_ELEMENTWISE.contains(&name) {
        return fault.help("expressions are computed for each element by itself");
    }
    let known = FUNCTIONS.iter().map(|function| function.name);
    match nearest(name, known.clone()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => {
            let names: Vec<String> = known.map(|name| format!("`{name}`")).collect();
            fault.help(format!("there are {}", names.join(", ")))
        }
    }
}

/// A word behind a whole expression.
fn unexpected(word: &Word) -> ExprError {
    let at = word.span.clone();
    match &word.token {
        Token::Symbol(")") => ExprError::new(at, "`)` closes nothing"),
        Token::Symbol("<" | "<=" | ">" | ">=" | "==" | "!=") => {
            ExprError::new(at, "comparisons can't be chained").help("write `a < b and b < c`")
        }
        Token::Symbol(symbol) => ExprError::new(at, format!("`{symbol}` is not expected here"))
            .help("only the arguments of functions are separated by commas"),
        Token::Name(name) | Token::Quoted(name) => {
            ExprError::new(at, format!("an operator is missing before `{name}`"))
        }
        Token::Number(number) => {
            ExprError::new(at, format!("an operator is missing before `{}`", Short(*number)))
        }
        Token::Text(text) => ExprError::new(at, format!("the text `{text}` is not expected here"))
            .help("only the units of `convert` are a text; names stand in backticks"),
    }
}

impl Build<'_> {
    fn push(&mut self, kind: Kind, span: Range<usize>) -> usize {
        self.add(kind, Vec::new(), span)
    }

    fn add(&mut self, kind: Kind, operands: Vec<usize>, span: Range<usize>) -> usize {
        self.nodes.push(Node { kind, operands, outer: span.clone(), span });
        self.nodes.len() - 1
    }

    /// An operator between operands: its text reaches from the first to the last.
    fn apply(&mut self, op: Op, operands: Vec<usize>) -> Parsed<usize> {
        let spans = || operands.iter().filter_map(|operand| self.nodes.get(*operand)).map(|node| &node.outer);
        let start = spans().map(|span| span.start).min().unwrap_or(0);
        let end = spans().map(|span| span.end).max().unwrap_or(0);
        Ok(self.add(Kind::Apply(op), operands, start..end))
    }

    /// An operator before its operand: its text begins at the word before that.
    fn prefixed(&mut self, op: Op, operand: usize) -> Parsed<usize> {
        let span = self.nodes.get(operand).map_or(0..0, |node| node.outer.clone());
        let next = self.words.partition_point(|word| word.span.start < span.start);
        let start =
            next.checked_sub(1).and_then(|at| self.words.get(at)).map_or(span.start, |w| w.span.start);
        Ok(self.add(Kind::Apply(op), vec![operand], start..span.end))
    }
}
