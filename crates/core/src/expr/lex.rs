//! Text to words: numbers, names, texts and symbols, each with its bytes.

use std::ops::Range;

use super::ExprError;
use crate::cursor::Cursor;

/// Most bytes of an expression.
pub(super) const BYTES_MAX: usize = 8192;
/// Most words of an expression; also bounds the depth of `- - - x` and `a ** b ** c`.
pub(super) const WORDS_MAX: usize = 1000;

/// A word, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// A name as it stands.
    Name(String),
    /// A name in backticks.
    Quoted(String),
    /// A text in quotation marks.
    Text(String),
    /// An operator, a parenthesis or a comma; also `and`, `or`, `not`.
    Symbol(&'static str),
}

/// The longer ones first.
const SYMBOLS: &[&str] = &[
    "**", "//", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "<", ">", "(", ")", ",", "and", "or", "not",
];

/// What other languages have, and what is written here.
const FOREIGN: &[(&str, &str)] = &[
    ("&&", "write `and`"),
    ("||", "write `or`"),
    ("&", "write `and`"),
    ("|", "write `or`"),
    ("~", "write `not`"),
    ("!", "write `not`, or `!=` for unequal"),
    ("^", "write `**` for a power"),
    ("=", "write `==` to compare"),
    ("?", "write `where(condition, a, b)`"),
    (".", "names have no points; other names stand in backticks: `` `a.b` ``"),
    ("[", "expressions work element by element; parts of variables are taken by the step `subset`"),
    ("×", "write `*`"),
    ("−", "write `-`"),
];

/// Words that mean something in Python, and what is written here.
const RESERVED: &[(&str, &str)] = &[
    ("if", "write `where(condition, a, b)`"),
    ("else", "write `where(condition, a, b)`"),
    ("is", "write `==`, or `is_missing(x)`"),
    ("in", "write `x == 1 or x == 2`"),
    ("nan", "write `missing`"),
    ("NaN", "write `missing`"),
    ("None", "write `missing`"),
    ("True", "write `1`"),
    ("False", "write `0`"),
    ("lambda", "there are no functions of one's own"),
    ("for", "there are no loops: an expression is computed for every element"),
];

/// Divides a text into words.
pub(super) fn words(text: &str) -> Result<Vec<Word>, ExprError> {
    if text.len() > BYTES_MAX {
        let message = format!("the expression has {} bytes, more than {BYTES_MAX}", text.len());
        return Err(ExprError::new(0..text.len(), message).help("compute it by several `set` variables"));
    }
    let mut cursor = Cursor::new(text);
    let mut words = Vec::new();
    loop {
        cursor.blanks();
        let at = cursor.at();
        if cursor.done() {
            return Ok(words);
        }
        let token = next(&mut cursor)?;
        if words.len() == WORDS_MAX {
            let message = format!("the expression has more than {WORDS_MAX} names, numbers and operators");
            return Err(ExprError::new(at..text.len(), message).help("compute it by several `set` variables"));
        }
        words.push(Word { token, span: at..cursor.at() });
    }
}

fn next(cursor: &mut Cursor<'_>) -> Result<Token, ExprError> {
    let second = cursor.rest().chars().nth(1);
    match cursor.peek() {
        Some(c) if c.is_ascii_digit() => number(cursor),
        Some('.') if second.is_some_and(|c| c.is_ascii_digit()) => number(cursor),
        Some(c) if starts_name(c) => name(cursor),
        Some('`') => quoted(cursor, '`').map(Token::Quoted),
        Some(mark @ ('\'' | '"')) => quoted(cursor, mark).map(Token::Text),
        _ => symbol(cursor),
    }
}

const fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

const fn in_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit()
}

fn number(cursor: &mut Cursor<'_>) -> Result<Token, ExprError> {
    let (at, rest) = (cursor.at(), cursor.rest());
    cursor.digits(usize::MAX);
    if cursor.eat('.') {
        cursor.digits(usize::MAX);
    }
    if cursor.eat_any("eE").is_some() {
        cursor.eat_any("+-");
        cursor.digits(usize::MAX);
    }
    cursor.take_while(usize::MAX, |c| in_name(c) || c == '.');
    let text = rest.get(..cursor.at() - at).unwrap_or("");
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Token::Number(number)),
        Ok(_) => Err(ExprError::new(at..cursor.at(), format!("`{text}` is too large for a float64"))),
        Err(_) => Err(ExprError::new(at..cursor.at(), format!("`{text}` is not a number"))
            .help("numbers look like `2`, `0.5`, `1e-3`; other names stand in backticks")),
    }
}

fn name(cursor: &mut Cursor<'_>) -> Result<Token, ExprError> {
    let at = cursor.at();
    let name = cursor.take_while(usize::MAX, in_name);
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| **symbol == name) {
        return Ok(Token::Symbol(symbol));
    }
    if let Some((_, help)) = RESERVED.iter().find(|(word, _)| *word == name) {
        return Err(ExprError::new(at..cursor.at(), format!("`{name}` is not a word of the language"))
            .help(format!("{help}; a variable of that name stands in backticks")));
    }
    Ok(Token::Name(name.to_owned()))
}

/// From the opening mark to behind the closing one; nothing is escaped.
fn quoted(cursor: &mut Cursor<'_>, mark: char) -> Result<String, ExprError> {
    let at = cursor.at();
    cursor.bump();
    let text = cursor.take_while(usize::MAX, |c| c != mark);
    if !cursor.eat(mark) {
        return Err(ExprError::new(at..cursor.at(), format!("{mark} is never closed")));
    }
    if text.trim().is_empty() {
        return Err(ExprError::new(at..cursor.at(), format!("there is nothing between {mark} and {mark}")));
    }
    Ok(text.to_owned())
}

fn symbol(cursor: &mut Cursor<'_>) -> Result<Token, ExprError> {
    let (at, rest) = (cursor.at(), cursor.rest());
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        cursor.eat_word(symbol);
        return Ok(Token::Symbol(symbol));
    }
    let foreign = FOREIGN.iter().find(|(symbol, _)| rest.starts_with(symbol));
    let found = foreign.map_or_else(|| rest.chars().take(1).collect(), |(symbol, _)| (*symbol).to_owned());
    let fault = ExprError::new(at..at + found.len(), format!("`{found}` is not a symbol of the language"));
    Err(match foreign {
        Some((_, help)) => fault.help(*help),
        None => fault.help("names other than letters, digits and `_` stand in backticks"),
    })
}
