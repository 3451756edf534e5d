use super::*;

/// The expression, the text that the span covers, part of the message with its help.
const FAULTS: &[(&str, &str, &str)] = &[
    ("", "", "is empty"),
    ("  ", "  ", "is empty"),
    ("1 +", "", "missing at the end"),
    ("1 + )", ")", "a value is missing before `)`"),
    ("* 2", "*", "a value is missing before `*`"),
    ("min(a,)", ")", "a value is missing before `)`"),
    ("()", ")", "a value is missing before `)`"),
    ("(a + b", "(", "never closed"),
    ("hypot(a, b", "(", "never closed"),
    ("a + b)", ")", "closes nothing"),
    ("(a, b)", ",", "separated by commas"),
    ("a, b", ",", "separated by commas"),
    ("a b", "b", "an operator is missing before `b`"),
    ("2 3", "3", "an operator is missing before `3`"),
    ("2t", "2t", "not a number"),
    ("0x1F", "0x1F", "not a number"),
    ("1e", "1e", "not a number"),
    ("1.2.3", "1.2.3", "not a number"),
    ("1e999", "1e999", "too large"),
    ("a < b < c", "<", "write `a < b and b < c`"),
    ("a == b != c", "!=", "can't be chained"),
    ("a + not b", "not", "put `(not …)` in parentheses"),
    ("hypt(u, v)", "hypt", "did you mean `hypot`?"),
    ("zzzzzzzz(u)", "zzzzzzzz", "there are `abs`, `sign`"),
    ("mean(u)", "mean", "each element by itself"),
    ("arctan2(v, u)", "arctan2", "write `atan2`"),
    ("pow(v, u)", "pow", "`x ** y`"),
    ("2(3)", "(", "`(` is not expected"),
    ("hypot(u)", "hypot(u)", "`hypot` has 1 arguments: expected 2 (write `hypot(x, y)`)"),
    ("sqrt(a, b)", "sqrt(a, b)", "expected 1"),
    ("sqrt()", "sqrt()", "has 0 arguments"),
    ("min(a)", "min(a)", "expected 2 or more"),
    ("clip(a, 0)", "clip(a, 0)", "clip(x, low, high)"),
    ("where(a, b)", "where(a, b)", "where(condition, a, b)"),
    ("min + 1", "min", "its arguments are missing"),
    ("sin 3", "sin", "its arguments are missing"),
    ("a + 'K'", "'K'", "names stand in backticks"),
    ("a 'K'", "'K'", "names stand in backticks"),
    ("convert(a, K)", "convert(a, K)", "not a text"),
    ("convert('K', a)", "'K'", "a text is not expected here"),
    ("convert(a, 'K', 'm')", "'m'", "a text is not expected here"),
    ("convert(a, 'K', b)", "convert(a, 'K', b)", "has 3 arguments"),
    ("convert(a)", "convert(a)", "expected 2"),
    ("convert(a, 'no such unit')", "'no such unit'", ""),
    ("convert(a, '')", "''", "nothing between"),
    ("`` + 1", "``", "nothing between"),
    ("`a", "`a", "never closed"),
    ("convert(a, \"K)", "\"K)", "never closed"),
    ("a && b", "&&", "write `and`"),
    ("a & b", "&", "write `and`"),
    ("a || b", "||", "write `or`"),
    ("a | b", "|", "write `or`"),
    ("!a", "!", "write `not`"),
    ("~a", "~", "write `not`"),
    ("a ^ 2", "^", "`**`"),
    ("a = b", "=", "`==`"),
    ("a ? b : c", "?", "where(condition, a, b)"),
    ("a.b", ".", "backticks"),
    ("a[0]", "[", "`subset`"),
    ("a × b", "×", "write `*`"),
    ("a − b", "−", "write `-`"),
    ("é", "é", "backticks"),
    ("a; b", ";", "not a symbol"),
    ("a if b else c", "if", "where(condition, a, b)"),
    ("a is b", "is", "is_missing"),
    ("nan", "nan", "write `missing`"),
    ("True", "True", "write `1`"),
    ("for", "for", "no loops"),
];

#[test]
fn faults_have_spans() {
    for (text, covered, message) in FAULTS {
        let Err(fault) = Expr::parse(text) else { panic!("{text}: no fault") };
        assert!(fault.to_string().contains(message), "{text}: {fault}");
        assert_eq!(text.get(fault.span.clone()), Some(*covered), "{text}: {fault}");
    }
}

/// On a small stack: depth is bounded by words.
#[test]
fn limits() {
    let rows = [
        (format!("{}a{}", "(".repeat(65), ")".repeat(65)), "64 deep"),
        (format!("{}a{}", "abs(".repeat(300), ")".repeat(300)), "64 deep"),
        ("a + ".repeat(600), "more than 1000"),
        ("-".repeat(5000), "more than 1000"),
        ("a".repeat(9000), "more than 8192"),
        (format!("{}a{}", "(".repeat(64), ")".repeat(64)), ""),
        ("-".repeat(999) + "a", ""),
        ("a ** ".repeat(499) + "a", ""),
        ("a + ".repeat(499) + "a", ""),
        ("not ".repeat(999) + "a", ""),
        ("a - (".repeat(64) + "a" + &")".repeat(64), ""),
    ];
    let all = move || {
        for (text, message) in &rows {
            match Expr::parse(text) {
                Ok(expr) => {
                    assert!(message.is_empty(), "{message}");
                    assert_eq!(expr.evaluate(1, &|_| Some(Operand::Scalar(1.0))).unwrap().len(), 1);
                }
                Err(fault) => assert!(!message.is_empty() && fault.message.contains(message), "{fault}"),
            }
        }
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(all).unwrap().join().unwrap();
}

#[test]
fn operands_must_be_there_and_fit() {
    let rows = [
        ("a + b", "there is no variable `b`", "b"),
        ("a + a * short", "`short` has 2 elements: expected 3", "short"),
        ("convert(a, 'K')", "`a` has no units to convert from", "convert(a, 'K')"),
    ];
    for (text, message, covered) in rows {
        let value = |name: &str| match name {
            "a" => Some(Operand::Slice(&[1.0, 2.0, 3.0][..])),
            "short" => Some(Operand::Slice(&[1.0, 2.0][..])),
            _ => None,
        };
        let fault = parse(text).evaluate(3, &value).unwrap_err();
        assert_eq!(fault.message, message);
        assert_eq!(text.get(fault.span), Some(covered));
    }
}
