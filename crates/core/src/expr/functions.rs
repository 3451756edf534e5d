//! The operations of the language, and the one table of its functions.

use super::rule::Rule;

/// An operation on elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Negative,
    Not,
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Abs,
    Sqrt,
    Exp,
    Log,
    Log2,
    Log10,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Atan2,
    Sinh,
    Cosh,
    Tanh,
    Hypot,
    Min,
    Max,
    Clip,
    Floor,
    Ceil,
    Round,
    Sign,
    Radians,
    Degrees,
    Where,
    IsMissing,
    Coalesce,
    Convert,
}

/// A function of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// As it is written.
    pub name: &'static str,
    /// Its arguments, as the documentation names them.
    pub arguments: &'static str,
    /// The fewest arguments.
    pub least: usize,
    /// The most; `None` where there may be any number.
    pub most: Option<usize>,
    /// What it gives, in one phrase.
    pub meaning: &'static str,
    pub(super) op: Op,
}

impl Function {
    /// What it asks of the units of its arguments, and the units of the result.
    pub const fn units(&self) -> &'static str {
        self.op.rule().phrase()
    }

    /// How many arguments it takes, in words.
    pub(super) fn arity(&self) -> String {
        match self.most {
            Some(most) if most == self.least => most.to_string(),
            Some(most) => format!("{} to {most}", self.least),
            None => format!("{} or more", self.least),
        }
    }
}

const fn one(name: &'static str, op: Op, meaning: &'static str) -> Function {
    Function { name, arguments: "x", least: 1, most: Some(1), meaning, op }
}

const fn two(name: &'static str, arguments: &'static str, op: Op, meaning: &'static str) -> Function {
    Function { name, arguments, least: 2, most: Some(2), meaning, op }
}

const fn three(name: &'static str, arguments: &'static str, op: Op, meaning: &'static str) -> Function {
    Function { name, arguments, least: 3, most: Some(3), meaning, op }
}

const fn many(name: &'static str, op: Op, meaning: &'static str) -> Function {
    Function { name, arguments: "a, b, …", least: 2, most: None, meaning, op }
}

/// Every function, in the order of the documentation.
pub const FUNCTIONS: &[Function] = &[
    one("abs", Op::Abs, "the distance from zero"),
    one("sign", Op::Sign, "-1, 0 or 1"),
    one("sqrt", Op::Sqrt, "the square root; missing below zero"),
    two(
        "hypot",
        "x, y",
        Op::Hypot,
        "`sqrt(x**2 + y**2)` without overflow, such as wind speed of its components",
    ),
    one("exp", Op::Exp, "e to the power of x; `exp(1)` is e"),
    one("log", Op::Log, "the natural logarithm; `-inf` of zero, missing below"),
    one("log2", Op::Log2, "the logarithm to base 2"),
    one("log10", Op::Log10, "the logarithm to base 10"),
    one("sin", Op::Sin, "the sine of radians"),
    one("cos", Op::Cos, "the cosine of radians"),
    one("tan", Op::Tan, "the tangent of radians"),
    one("asin", Op::Asin, "the arc sine in radians; missing outside of -1 to 1"),
    one("acos", Op::Acos, "the arc cosine in radians; missing outside of -1 to 1"),
    one("atan", Op::Atan, "the arc tangent in radians"),
    two("atan2", "y, x", Op::Atan2, "the angle of the point (x, y) in radians, from -pi to pi"),
    one("sinh", Op::Sinh, "the hyperbolic sine"),
    one("cosh", Op::Cosh, "the hyperbolic cosine"),
    one("tanh", Op::Tanh, "the hyperbolic tangent"),
    one("radians", Op::Radians, "degrees as radians"),
    one("degrees", Op::Degrees, "radians as degrees"),
    one("floor", Op::Floor, "the whole number at or below"),
    one("ceil", Op::Ceil, "the whole number at or above"),
    one("round", Op::Round, "the nearest whole number, halves to the even one"),
    many("min", Op::Min, "the smallest of its arguments, element by element"),
    many("max", Op::Max, "the largest of its arguments, element by element"),
    three("clip", "x, low, high", Op::Clip, "x, but not below `low` nor above `high`"),
    three("where", "condition, a, b", Op::Where, "`a` where the condition is not 0, else `b`"),
    one("is_missing", Op::IsMissing, "1 where x is missing, else 0"),
    many("coalesce", Op::Coalesce, "the first of its arguments that is not missing"),
    two("convert", "x, 'units'", Op::Convert, "x in other units: `convert(t2m, 'degC')`"),
];

/// The names that stand for a number; `missing` stands for a missing value.
pub const CONSTANTS: &[(&str, f64)] = &[("pi", std::f64::consts::PI), ("missing", f64::NAN)];

/// What people write who come from other languages, and what it is called here.
pub(super) const OTHER_NAMES: &[(&str, &str)] = &[
    ("absolute", "`abs`"),
    ("fabs", "`abs`"),
    ("ln", "`log`"),
    ("pow", "`x ** y`"),
    ("power", "`x ** y`"),
    ("square", "`x ** 2`"),
    ("mod", "`x % y`"),
    ("arcsin", "`asin`"),
    ("arccos", "`acos`"),
    ("arctan", "`atan`"),
    ("arctan2", "`atan2`"),
    ("deg2rad", "`radians`"),
    ("rad2deg", "`degrees`"),
    ("rint", "`round`"),
    ("minimum", "`min`"),
    ("maximum", "`max`"),
    ("fmin", "`min`"),
    ("fmax", "`max`"),
    ("isnan", "`is_missing`"),
    ("isnull", "`is_missing`"),
    ("notnull", "`not is_missing(x)`"),
    ("fillna", "`coalesce`"),
    ("iff", "`where`"),
];

/// Functions of other languages that look at more than one element.
pub(super) const NOT_ELEMENTWISE: &[&str] =
    &["sum", "mean", "median", "std", "var", "cumsum", "diff", "any", "all", "count", "shift", "rolling"];

impl Op {
    /// As it is written.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Negative | Self::Subtract => "-",
            Self::Not => "not",
            Self::Add => "+",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Modulo => "%",
            Self::Power => "**",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::And => "and",
            Self::Or => "or",
            _ => FUNCTIONS.iter().find(|function| function.op == self).map_or("", |function| function.name),
        }
    }

    /// What it does to units.
    pub(super) const fn rule(self) -> Rule {
        match self {
            Self::Negative | Self::Abs | Self::Floor | Self::Ceil | Self::Round => Rule::Keep,
            Self::Add | Self::Subtract | Self::Modulo | Self::Hypot => Rule::Alike,
            Self::Min | Self::Max | Self::Clip | Self::Coalesce => Rule::Alike,
            Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual => Rule::Compare,
            Self::Equal | Self::NotEqual => Rule::Compare,
            Self::And | Self::Or | Self::Not | Self::IsMissing | Self::Sign => Rule::Forget,
            Self::Multiply => Rule::Product,
            Self::Divide | Self::FloorDivide => Rule::Quotient,
            Self::Power => Rule::Power,
            Self::Sqrt => Rule::Root,
            Self::Exp | Self::Log | Self::Log2 | Self::Log10 => Rule::Pure,
            Self::Sinh | Self::Cosh | Self::Tanh => Rule::Pure,
            Self::Sin | Self::Cos | Self::Tan => Rule::OfAngle,
            Self::Asin | Self::Acos | Self::Atan => Rule::ToAngle,
            Self::Atan2 => Rule::AlikeToAngle,
            Self::Radians => Rule::FromDegrees,
            Self::Degrees => Rule::ToDegrees,
            Self::Where => Rule::Choice,
            Self::Convert => Rule::Convert,
        }
    }
}

/// The table of functions, as a page of the documentation has it.
pub fn reference() -> String {
    let mut page = String::from("| function | gives | units |\n|---|---|---|\n");
    for function in FUNCTIONS {
        let Function { name, arguments, meaning, .. } = function;
        page.push_str(&format!("| `{name}({arguments})` | {meaning} | {} |\n", function.units()));
    }
    page
}
