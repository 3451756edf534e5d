//! Going along a coordinate, value after value: whether it rises or falls, and where it jumps.

use std::cmp::Ordering;
use std::fmt;

use super::decoding::{Decoding, masks};
use super::names::invalid;
use super::steps::Steps;
use super::{Failure, NAMED_MAX, some_of};
use crate::block::{Block, scalar_to_le};
use crate::cftime::{TimeUnits, is_time};
use crate::dtype::{DataType, Scalar};
use crate::error::Result;
use crate::figures::Short;
use crate::target::ArraySpec;

/// One way along one coordinate.
#[derive(Debug, Clone)]
pub struct Walk {
    /// The number of the array in the dataset.
    pub array: usize,
    name: String,
    meaning: Meaning,
    seen: u64,
    last: Option<Item>,
    question: Question,
}

/// What the numbers of a coordinate mean.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    dtype: DataType,
    pub(super) time: Option<TimeUnits>,
    masks: Vec<Scalar>,
    decoding: Decoding,
}

/// One value of a coordinate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// A time, with what rounding may add to its distances.
    Time(TimeUnits, i128, i128),
    Whole(i128),
    /// A number, with its spacing.
    Number(f64, f64),
    Text(String),
}

#[derive(Debug, Clone)]
enum Question {
    Order { rising: Breaks, falling: Breaks },
    Steps(Steps),
}

/// Places where something does not hold: the first of them, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Breaks {
    pub(super) count: u64,
    pub(super) first: Vec<String>,
}

impl Breaks {
    pub(super) fn add(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(text());
        }
    }
}

impl Walk {
    /// Asks whether a coordinate rises or falls.
    pub(super) fn order(number: usize, array: &ArraySpec) -> Self {
        let question = Question::Order { rising: Breaks::default(), falling: Breaks::default() };
        Self::new(number, array, question)
    }

    /// Asks for the distances of neighbours.
    ///
    /// # Errors
    /// `check-invalid` where `every` does not fit the coordinate.
    pub(super) fn steps(number: usize, array: &ArraySpec, every: Option<&str>) -> Result<Self> {
        if array.dtype == DataType::Text {
            return Err(invalid("gaps", format!("`{}` holds text, which has no distances", array.name)));
        }
        let mut walk = Self::new(number, array, Question::Steps(Steps::default()));
        if let Some(every) = every {
            let steps = Steps::every(every, walk.meaning.time.as_ref(), &array.name)?;
            walk.question = Question::Steps(steps);
        }
        Ok(walk)
    }

    fn new(number: usize, array: &ArraySpec, question: Question) -> Self {
        let meaning = Meaning::new(array);
        Self { array: number, name: array.name.clone(), meaning, seen: 0, last: None, question }
    }

    /// Takes the next values.
    pub fn take(&mut self, block: &Block) {
        for at in 0..usize::try_from(block.len()).unwrap_or(0) {
            let item = block.scalar(at).and_then(|scalar| self.meaning.item(&scalar));
            self.step(item);
            self.seen += 1;
        }
    }

    fn step(&mut self, item: Option<Item>) {
        let seen = self.seen;
        match (&mut self.question, &self.last, &item) {
            (Question::Order { rising, falling }, _, None) => {
                [rising, falling].into_iter().for_each(|b| b.add(|| format!("item {seen} is missing")));
            }
            (Question::Order { rising, falling }, Some(last), Some(item)) => {
                let text = || format!("item {seen} is {item} after {last}");
                let order = last.compare(item);
                if order != Some(Ordering::Less) {
                    rising.add(text);
                }
                if order != Some(Ordering::Greater) {
                    falling.add(text);
                }
            }
            (Question::Steps(steps), Some(last), Some(item)) => steps.take(last, item),
            _ => {}
        }
        if item.is_some() {
            self.last = item;
        }
    }

    /// What was found wrong.
    pub(super) fn failures(&self) -> Option<Failure> {
        match &self.question {
            Question::Order { rising, falling } => {
                let (word, breaks) =
                    if falling.count < rising.count { ("fall", falling) } else { ("rise", rising) };
                (breaks.count > 0).then(|| {
                    let message = format!(
                        "`{}` does not {word} strictly at {} of {} items: {}",
                        self.name,
                        breaks.count,
                        self.seen,
                        some_of(&breaks.first, breaks.count)
                    );
                    Failure::of(&self.name, message)
                })
            }
            Question::Steps(steps) => steps.found(&self.name).map(|message| Failure::of(&self.name, message)),
        }
    }
}

impl Meaning {
    fn new(array: &ArraySpec) -> Self {
        let units = array.attrs.text("units").filter(|units| is_time(units));
        let time = units
            .and_then(|units| TimeUnits::parse(units, array.attrs.text("calendar")).ok())
            .filter(|time| time.unit_ns().is_ok());
        let decoding = Decoding::new(array);
        Self { dtype: array.dtype, time, masks: masks(array), decoding }
    }

    /// `None` for what is missing.
    fn item(&self, scalar: &Scalar) -> Option<Item> {
        if self.masks.iter().any(|mask| self.is(mask, scalar)) {
            return None;
        }
        match scalar {
            Scalar::Text(text) => return Some(Item::Text(text.clone())),
            Scalar::Float(x) if x.is_nan() => return None,
            _ => {}
        }
        let decoded = match self.decoding.is_plain() {
            true => scalar.clone(),
            false => Scalar::Float(self.decoding.scaled(scalar.as_f64()?)),
        };
        let spacing = self.spacing(&decoded);
        if let Some(time) = &self.time {
            let unit = time.unit_ns().ok()?;
            let rounding = (4.0 * spacing * unit as f64) as i128;
            return Some(Item::Time(*time, time.decode_one(&decoded).ok()??, rounding));
        }
        match decoded.as_i128() {
            Some(whole) => Some(Item::Whole(whole)),
            None => Some(Item::Number(decoded.as_f64()?, 4.0 * spacing)),
        }
    }

    /// Whether a value is the one that stands for missing ones, which may be written in another type.
    fn is(&self, mask: &Scalar, value: &Scalar) -> bool {
        let mut cell = Vec::new();
        let narrow = scalar_to_le(self.dtype, mask, &mut cell)
            .then(|| crate::block::scalar_from_le(self.dtype, &cell))
            .flatten();
        narrow.as_ref().unwrap_or(mask).equals(value)
    }

    /// The distance to the next number of the stored type; 0 for whole numbers.
    fn spacing(&self, value: &Scalar) -> f64 {
        let Scalar::Float(x) = value else { return 0.0 };
        match self.decoding.single || self.dtype == DataType::Float32 {
            true => f64::from(f32::EPSILON) * x.abs(),
            false => f64::EPSILON * x.abs(),
        }
    }
}

impl Item {
    fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Time(_, a, _), Self::Time(_, b, _)) => Some(a.cmp(b)),
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(b)),
            (Self::Number(a, _), Self::Number(b, _)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(units, instant, _) => match units.date(*instant) {
                Some(date) => date.fmt(f),
                None => write!(f, "{instant} ns"),
            },
            Self::Whole(number) => number.fmt(f),
            Self::Number(number, _) => Short(*number).fmt(f),
            Self::Text(text) => write!(f, "`{text}`"),
        }
    }
}
