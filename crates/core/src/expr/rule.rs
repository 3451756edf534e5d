//! What operations do to units of measure.

/// What an operation asks of the units of its operands, and the units of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Keep,
    Alike,
    Compare,
    Forget,
    Choice,
    Product,
    Quotient,
    Power,
    Root,
    Pure,
    OfAngle,
    ToAngle,
    AlikeToAngle,
    FromDegrees,
    ToDegrees,
    Convert,
}

impl Rule {
    /// In the words of the documentation.
    pub(super) const fn phrase(self) -> &'static str {
        match self {
            Self::Keep => "those of x",
            Self::Alike => "the same of all; the result has them",
            Self::Compare => "the same of both; the result has none (1)",
            Self::Forget => "any; the result has none (1)",
            Self::Choice => "any of the condition, the same of `a` and `b`; the result has theirs",
            Self::Product => "the product",
            Self::Quotient => "the quotient",
            Self::Power => "the power, by a constant",
            Self::Root => "the square root, which must exist",
            Self::Pure => "x without units (1), as the result",
            Self::OfAngle => "x in radians or without units; the result has none (1)",
            Self::ToAngle => "x without units; the result is in radians",
            Self::AlikeToAngle => "the same of both; the result is in radians",
            Self::FromDegrees => "x in degrees; the result is in radians",
            Self::ToDegrees => "x in radians; the result is in degrees",
            Self::Convert => "x has units that can be converted to the ones named",
        }
    }
}
