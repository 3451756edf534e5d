//! The units of each part of an expression, and what can be computed before there are any elements.

use super::functions::Op;
use super::program::fold;
use super::rule::Rule;
use super::{Expr, ExprError, Kind, Node};
use crate::figures::Short;
use crate::units::{Conversion, Unit};

/// What is known of an expression before its elements.
#[derive(Debug)]
pub(super) struct Inferred {
    pub(super) units: Option<Unit>,
    /// The value of each node that has only numbers below it.
    pub(super) constants: Vec<Option<f64>>,
    /// Of each node that is a `convert`.
    pub(super) conversions: Vec<Option<Conversion>>,
}

/// What a part of an expression is measured in.
#[derive(Debug, Clone, PartialEq)]
enum Measure {
    /// A bare number: it takes the units of what it is added to.
    Number,
    /// Something without units.
    Unknown,
    Known(Unit),
}

/// Units of well-known things.
struct Known {
    one: Unit,
    radian: Unit,
    degree: Unit,
}

struct Context<'e> {
    expr: &'e Expr,
    known: Known,
    measures: Vec<Measure>,
    constants: Vec<Option<f64>>,
}

/// Goes through the nodes, operands first.
pub(super) fn infer(expr: &Expr, of: &dyn Fn(&str) -> Option<Unit>) -> Result<Inferred, ExprError> {
    let mut context = Context { expr, known: known(expr)?, measures: Vec::new(), constants: Vec::new() };
    let mut conversions = Vec::new();
    for node in &expr.nodes {
        let mut conversion = None;
        let measure = match &node.kind {
            Kind::Number(_) => Measure::Number,
            Kind::Name(name) => of(name).map_or(Measure::Unknown, Measure::Known),
            Kind::Apply(op) => context.apply(node, *op)?,
            Kind::Convert(unit) => {
                conversion = Some(context.convert(node, unit)?);
                Measure::Known(*unit)
            }
        };
        let constant = context.constant(node);
        context.measures.push(measure);
        context.constants.push(constant);
        conversions.push(conversion);
    }
    let units = match context.measures.pop() {
        Some(Measure::Known(unit)) => Some(unit),
        _ => None,
    };
    Ok(Inferred { units, constants: context.constants, conversions })
}

fn known(expr: &Expr) -> Result<Known, ExprError> {
    let unit =
        |text: &str| Unit::parse(text).map_err(|fault| ExprError::new(0..expr.text.len(), fault.to_string()));
    Ok(Known { one: Unit::dimensionless(), radian: unit("radian")?, degree: unit("degree")? })
}

/// Whether numbers in one are numbers in the other.
fn same(a: &Unit, b: &Unit) -> bool {
    a.same_quantity(b) && a.conversion_to(b).is_some_and(|conversion| conversion.is_identity())
}

/// The units of differences, where zero is not zero of what they are made of: `K` for `degC`.
fn of_differences(unit: &Unit) -> Option<Unit> {
    unit.mul(&Unit::dimensionless()).filter(|scaled| !same(unit, scaled))
}

/// A part of the text in a message: in backticks, which names may have already.
fn marked(text: &str) -> String {
    if text.starts_with('`') && text.ends_with('`') { text.to_owned() } else { format!("`{text}`") }
}

impl Context<'_> {
    /// An operand as it is written.
    fn text(&self, operand: usize) -> &str {
        let span = self.expr.nodes.get(operand).map_or(0..0, |node| node.span.clone());
        self.expr.text.get(span).unwrap_or("")
    }

    fn constant(&self, node: &Node) -> Option<f64> {
        match &node.kind {
            Kind::Number(value) => Some(*value),
            Kind::Apply(op) => {
                let operands = node.operands.iter().map(|operand| self.constants.get(*operand).copied()?);
                Some(fold(*op, &operands.collect::<Option<Vec<f64>>>()?))
            }
            Kind::Name(_) | Kind::Convert(_) => None,
        }
    }

    fn measure(&self, node: &Node, index: usize) -> Measure {
        let operand = node.operands.get(index).and_then(|operand| self.measures.get(*operand));
        operand.cloned().unwrap_or(Measure::Unknown)
    }

    /// Like a number of the same value, but with units that are known to be 1.
    fn pure(&self, node: &Node) -> Measure {
        let constant =
            node.operands.iter().all(|operand| self.measures.get(*operand) == Some(&Measure::Number));
        if constant { Measure::Number } else { Measure::Known(self.known.one) }
    }

    fn apply(&self, node: &Node, op: Op) -> Result<Measure, ExprError> {
        Ok(match op.rule() {
            Rule::Keep => self.measure(node, 0),
            Rule::Alike => self.alike(node, op, 0)?,
            Rule::Choice => self.alike(node, op, 1)?,
            Rule::Compare => {
                self.alike(node, op, 0)?;
                self.pure(node)
            }
            Rule::AlikeToAngle => {
                self.alike(node, op, 0)?;
                Measure::Known(self.known.radian)
            }
            Rule::Forget => self.pure(node),
            Rule::Product | Rule::Quotient => self.product(node, op)?,
            Rule::Power => self.power(node)?,
            Rule::Root => self.root(node, op, 0.5)?,
            Rule::Pure => {
                self.asks(node, op, "numbers without units", &[&self.known.one], &self.known.one)?
            }
            Rule::ToAngle => {
                self.asks(node, op, "numbers without units", &[&self.known.one], &self.known.radian)?
            }
            Rule::OfAngle => {
                let fit = [&self.known.one, &self.known.radian];
                self.asks(node, op, "radians", &fit, &self.known.one)?
            }
            Rule::FromDegrees => self.asks(node, op, "degrees", &[&self.known.degree], &self.known.radian)?,
            Rule::ToDegrees => {
                let fit = [&self.known.one, &self.known.radian];
                self.asks(node, op, "radians", &fit, &self.known.degree)?
            }
            // it is a kind of node of its own
            Rule::Convert => Measure::Unknown,
        })
    }

    /// The units that all operands from the `first` one share.
    fn alike(&self, node: &Node, op: Op, first: usize) -> Result<Measure, ExprError> {
        let mut shared: Option<(usize, &Unit)> = None;
        let (mut numbers, mut unknown) = (0, false);
        for operand in node.operands.iter().skip(first) {
            match self.measures.get(*operand) {
                Some(Measure::Number) => numbers += 1,
                Some(Measure::Known(unit)) => match shared {
                    Some((other, with)) if !same(with, unit) => {
                        return Err(self.clash(node, op, (other, with), (*operand, unit)));
                    }
                    Some(_) => {}
                    None => shared = Some((*operand, unit)),
                },
                _ => unknown = true,
            }
        }
        Ok(match shared {
            Some((_, unit)) if !unknown => {
                let differ = op == Op::Subtract && numbers == 0;
                Measure::Known(of_differences(unit).filter(|_| differ).unwrap_or(*unit))
            }
            _ if !unknown => Measure::Number,
            _ => Measure::Unknown,
        })
    }

    fn clash(&self, node: &Node, op: Op, a: (usize, &Unit), b: (usize, &Unit)) -> ExprError {
        let (left, right) = (self.text(a.0), self.text(b.0));
        let message = format!(
            "{} is in `{}` and {} in `{}`: `{}` needs the same units",
            marked(left),
            a.1,
            marked(right),
            b.1,
            op.symbol()
        );
        let help = if !b.1.is_convertible_to(a.1) {
            format!("`{}` can't be converted to `{}`", b.1, a.1)
        } else if of_differences(a.1).is_some() && of_differences(b.1).is_none() {
            // the other way would be wrong where the right side is a difference
            format!("write `convert({left}, '{}')`", b.1)
        } else {
            format!("write `convert({right}, '{}')`", a.1)
        };
        ExprError::new(node.span.clone(), message).help(help)
    }

    fn product(&self, node: &Node, op: Op) -> Result<Measure, ExprError> {
        let (a, b) = match (self.measure(node, 0), self.measure(node, 1)) {
            (Measure::Number, Measure::Number) => return Ok(Measure::Number),
            // a mean of temperatures is one: `(tmin + tmax) / 2`
            (Measure::Known(a), Measure::Number) => return Ok(Measure::Known(a)),
            (Measure::Number, Measure::Known(b)) if op == Op::Multiply => return Ok(Measure::Known(b)),
            (Measure::Number, Measure::Known(b)) => (Unit::dimensionless(), b),
            (Measure::Known(a), Measure::Known(b)) => (a, b),
            _ => return Ok(Measure::Unknown),
        };
        self.refuse_offset(node, 0, op)?;
        self.refuse_offset(node, 1, op)?;
        let unit = if op == Op::Multiply { a.mul(&b) } else { a.div(&b) };
        unit.map(Measure::Known).ok_or_else(|| {
            let message = format!("`{a}` {} `{b}` is not a unit", op.symbol());
            ExprError::new(node.span.clone(), message)
        })
    }

    /// Twice 10 °C is not 20 °C.
    fn refuse_offset(&self, node: &Node, index: usize, op: Op) -> Result<(), ExprError> {
        let Measure::Known(unit) = self.measure(node, index) else { return Ok(()) };
        let Some(plain) = of_differences(&unit) else { return Ok(()) };
        let operand = node.operands.get(index).map_or("", |operand| self.text(*operand));
        let message = format!(
            "{} is in `{unit}`, whose zero is arbitrary: `{}` has no meaning",
            marked(operand),
            op.symbol()
        );
        Err(ExprError::new(node.span.clone(), message).help(format!("write `convert({operand}, '{plain}')`")))
    }

    fn power(&self, node: &Node) -> Result<Measure, ExprError> {
        if let Measure::Known(unit) = self.measure(node, 1)
            && !same(&unit, &self.known.one)
        {
            let message = format!("the exponent is in `{unit}`: expected a number without units");
            return Err(ExprError::new(node.span.clone(), message));
        }
        let exponent =
            node.operands.get(1).and_then(|operand| self.constants.get(*operand).copied().flatten());
        match (self.measure(node, 0), exponent) {
            (Measure::Number, _) => Ok(self.pure(node)),
            (Measure::Unknown, _) => Ok(Measure::Unknown),
            (Measure::Known(unit), _) if same(&unit, &self.known.one) => Ok(Measure::Known(unit)),
            (Measure::Known(_), Some(exponent)) => self.root(node, Op::Power, exponent),
            (Measure::Known(unit), None) => {
                let message =
                    format!("a power of `{unit}` needs a constant exponent, since its units depend on it");
                Err(ExprError::new(node.span.clone(), message).help("write a number: `x ** 2`"))
            }
        }
    }

    /// The units to a power that leaves whole powers of base units.
    fn root(&self, node: &Node, op: Op, exponent: f64) -> Result<Measure, ExprError> {
        let Measure::Known(unit) = self.measure(node, 0) else { return Ok(self.measure(node, 0)) };
        self.refuse_offset(node, 0, op)?;
        unit.powf(exponent).map(Measure::Known).ok_or_else(|| {
            let message = format!("`{unit}` to the power of {} is not a unit", Short(exponent));
            ExprError::new(node.span.clone(), message).help("divide by a value in the same units first")
        })
    }

    /// A function that takes certain units only.
    fn asks(
        &self,
        node: &Node,
        op: Op,
        what: &str,
        fit: &[&Unit],
        result: &Unit,
    ) -> Result<Measure, ExprError> {
        let unit = match self.measure(node, 0) {
            Measure::Number if same(result, &self.known.one) => return Ok(Measure::Number),
            Measure::Number | Measure::Unknown => return Ok(Measure::Known(*result)),
            Measure::Known(unit) => unit,
        };
        if fit.iter().any(|fit| same(&unit, fit)) {
            return Ok(Measure::Known(*result));
        }
        let operand = node.operands.first().map_or("", |operand| self.text(*operand));
        let message = format!("{} is in `{unit}`: `{}` takes {what}", marked(operand), op.symbol());
        let target = fit.iter().find(|fit| unit.is_convertible_to(fit));
        let help = match target {
            Some(_) if op.rule() == Rule::OfAngle && same(&unit, &self.known.degree) => {
                format!("write `{}(radians({operand}))`", op.symbol())
            }
            Some(fit) => format!("write `{}(convert({operand}, '{fit}'))`", op.symbol()),
            None => "divide by a value in the same units first".to_owned(),
        };
        Err(ExprError::new(node.span.clone(), message).help(help))
    }

    fn convert(&self, node: &Node, to: &Unit) -> Result<Conversion, ExprError> {
        let marked = marked(node.operands.first().map_or("", |operand| self.text(*operand)));
        match self.measure(node, 0) {
            Measure::Known(unit) => unit.conversion_to(to).ok_or_else(|| {
                let message = format!("{marked} is in `{unit}`, which can't be converted to `{to}`");
                ExprError::new(node.span.clone(), message)
            }),
            Measure::Number => {
                Err(ExprError::new(node.span.clone(), format!("{marked} is a number without units"))
                    .help(format!("write it in `{to}` as it is")))
            }
            Measure::Unknown => {
                Err(ExprError::new(node.span.clone(), format!("{marked} has no units to convert from"))
                    .help("give the variable the attribute `units` by the step `attrs`"))
            }
        }
    }
}
