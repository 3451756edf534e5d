//! A coordinate's values, to be compared with what users write.

use std::cmp::Ordering;

use super::invalid;
use crate::block::Block;
use crate::calendar::DateTime;
use crate::cftime::{self, TimeUnits};
use crate::combine::{Place, decodable, places};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::names;
use crate::recipe::Label;
use crate::schema::Variable;

/// The values of a coordinate along its dimension.
pub(crate) struct Coordinate<'a> {
    var: &'a Variable,
    values: Values<'a>,
    units: Option<TimeUnits>,
}

enum Values<'a> {
    /// Decoded; `None` where missing.
    Places(Vec<Option<Place>>),
    Texts(&'a [String]),
}

impl<'a> Coordinate<'a> {
    /// # Errors
    /// `step-invalid` for coordinates of several dimensions and of types without an order.
    pub(crate) fn of(var: &'a Variable, block: &'a Block, length: u64) -> Result<Self> {
        let name = &var.name;
        if block.shape.len() != 1 {
            let rank = block.shape.len();
            return Err(invalid(format!("the coordinate `{name}` has {rank} dimensions, expected one"))
                .help("`start`, `stop` and `items` select by numbers of items"));
        }
        if block.len() != length {
            return Err(
                Error::new(Code::Bug, "a coordinate is not as long as its dimension").in_variable(name)
            );
        }
        if let Some(texts) = block.texts() {
            return Ok(Self { var, values: Values::Texts(texts), units: None });
        }
        let found = places(var, block).ok_or_else(|| {
            invalid(format!("the coordinate `{name}` is {}, which has no order", block.dtype))
        })?;
        let units = decodable(var, block);
        let masks = var.masks();
        let decode = var.attrs.packing().filter(|_| units.is_none());
        let one = |(cell, place): (usize, Option<Place>)| {
            let stored = block.scalar(cell)?;
            if masks.iter().any(|mask| mask.equals(&stored)) {
                return None;
            }
            match (decode, stored.as_f64()) {
                (Some((scale, offset)), Some(stored)) => Some(Place::Real(stored * scale + offset)),
                _ => place,
            }
        };
        let values = Values::Places(found.enumerate().map(one).collect());
        Ok(Self { var, values, units })
    }

    pub(crate) fn name(&self) -> &str {
        &self.var.name
    }

    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Places(places) => places.len(),
            Values::Texts(texts) => texts.len(),
        }
    }

    pub(crate) fn is_time(&self) -> bool {
        self.units.is_some()
    }

    pub(crate) fn texts(&self) -> Option<&[String]> {
        match &self.values {
            Values::Texts(texts) => Some(texts),
            Values::Places(_) => None,
        }
    }

    /// The value of a cell; `None` where it is missing, or text.
    pub(crate) fn cell(&self, cell: usize) -> Option<Place> {
        match &self.values {
            Values::Places(places) => places.get(cell).copied().flatten(),
            Values::Texts(_) => None,
        }
    }

    /// The order of two cells; missing ones are last, texts are put in order by their characters.
    pub(crate) fn order(&self, a: usize, b: usize) -> Ordering {
        match (&self.values, self.cell(a), self.cell(b)) {
            (Values::Texts(texts), ..) => texts.get(a).cmp(&texts.get(b)),
            (_, Some(a), Some(b)) => a.order(&b),
            (_, a, b) => a.is_none().cmp(&b.is_none()),
        }
    }

    /// Whether a cell has no value. An empty name is none.
    pub(crate) fn is_missing(&self, cell: usize) -> bool {
        match &self.values {
            Values::Texts(texts) => texts.get(cell).is_none_or(String::is_empty),
            Values::Places(_) => self.cell(cell).is_none(),
        }
    }

    /// The value of a cell as users read it.
    pub(crate) fn show(&self, cell: usize) -> String {
        match &self.values {
            Values::Texts(texts) => texts.get(cell).map(|text| format!("\"{text}\"")).unwrap_or_default(),
            Values::Places(_) => {
                self.cell(cell).map_or_else(|| "missing".to_owned(), |place| place.show(self.units.as_ref()))
            }
        }
    }

    /// The value of a cell as a double.
    pub(crate) fn number(&self, cell: usize) -> Option<f64> {
        self.cell(cell).map(|place| match place {
            Place::Whole(x) => x as f64,
            Place::Real(x) => x,
        })
    }

    /// What a label stands for: its first instant, or its last.
    pub(super) fn place(&self, label: &Label, last: bool) -> Result<Place> {
        let name = self.name();
        let Some(units) = &self.units else {
            let number = match label {
                Label::Number(number) => Some(number.clone()),
                Label::Text(text) => text.parse().ok().filter(|x: &f64| x.is_finite()).map(Scalar::Float),
            };
            let place = number.and_then(|number| self.rounded(&number));
            return place.ok_or_else(|| self.no_number(label));
        };
        let text = match label {
            Label::Number(number) if number.as_i128().is_some() => number.to_string(),
            Label::Number(number) => {
                return Err(invalid(format!("`{name}` is a time, and {number} is not a date"))
                    .help("dates look like `1981-09-01`, `1981-09`, `1981` or `1981-09-01T06:00:00`"));
            }
            Label::Text(text) => text.clone(),
        };
        let parse = if last { DateTime::parse_last } else { DateTime::parse };
        let date =
            parse(&text, units.calendar).map_err(|error| Error { code: Code::StepInvalid, ..error })?;
        Ok(Place::Whole(units.calendar.to_ns(&date)))
    }

    /// A number as the coordinate would hold it: 0.1 is a single-precision 0.1 among such.
    fn rounded(&self, number: &Scalar) -> Option<Place> {
        let single = matches!(self.var.dtype, DataType::Float32 | DataType::Float16)
            && self.var.attrs.packing().is_none();
        match number.as_i128() {
            Some(whole) => Some(Place::Whole(whole)),
            None if single => number.as_f64().map(|x| Place::Real(f64::from(x as f32))),
            None => number.as_f64().map(Place::Real),
        }
    }

    fn no_number(&self, label: &Label) -> Error {
        let (name, written) = (self.name(), written(label));
        let timely = self.var.attrs.text("units").is_some_and(cftime::is_time);
        let error = invalid(format!("`{name}` is a number, and {written} is none"));
        match (timely, self.var.attrs.text("units")) {
            (true, Some(units)) => error.help(format!("its units `{units}` can't be decoded to dates")),
            _ => error,
        }
    }

    /// The cells that hold exactly this.
    pub(super) fn find(&self, label: &Label) -> Result<Vec<u64>> {
        let equal: Box<dyn Fn(usize) -> bool + '_> = match &self.values {
            Values::Texts(texts) => {
                let wanted = written(label);
                Box::new(move |cell| texts.get(cell).is_some_and(|text| *text == wanted))
            }
            Values::Places(places) => {
                let wanted = self.place(label, false)?;
                let same = move |place: &Place| place.order(&wanted) == Ordering::Equal;
                Box::new(move |cell| places.get(cell).and_then(Option::as_ref).is_some_and(same))
            }
        };
        Ok((0..self.len()).filter(|&cell| equal(cell)).map(|cell| cell as u64).collect())
    }

    /// The value that is nearest to a label.
    pub(super) fn nearest(&self, label: &Label) -> Option<String> {
        match &self.values {
            Values::Texts(texts) => {
                let known = || texts.iter().map(String::as_str);
                names::nearest(&written(label), known()).map(|near| format!("\"{near}\""))
            }
            Values::Places(places) => {
                let wanted = self.place(label, false).ok()?;
                let far = |place: &Place| match (place, &wanted) {
                    (Place::Whole(a), Place::Whole(b)) => a.abs_diff(*b) as f64,
                    (Place::Real(a), Place::Real(b)) => (a - b).abs(),
                    (Place::Whole(a), Place::Real(b)) | (Place::Real(b), Place::Whole(a)) => {
                        (*a as f64 - b).abs()
                    }
                };
                let near = places.iter().flatten().min_by(|a, b| far(a).total_cmp(&far(b)))?;
                Some(near.show(self.units.as_ref()))
            }
        }
    }

    /// What there is, for messages.
    pub(super) fn extent(&self) -> String {
        let text = match &self.values {
            Values::Texts([]) => None,
            Values::Texts(texts) => {
                let shown: Vec<String> = texts.iter().take(5).map(|text| format!("\"{text}\"")).collect();
                let more = if texts.len() > shown.len() { ", …" } else { "" };
                Some(format!("it has {}{more}", shown.join(", ")))
            }
            Values::Places(places) => {
                let known = || places.iter().flatten();
                let (low, high) = (known().min_by(|a, b| a.order(b)), known().max_by(|a, b| a.order(b)));
                let shown = |place: &Place| place.show(self.units.as_ref());
                low.zip(high).map(|(low, high)| format!("it has {} to {}", shown(low), shown(high)))
            }
        };
        text.unwrap_or_else(|| "it has no values".to_owned())
    }
}

/// A label's text.
pub(super) fn written(label: &Label) -> String {
    match label {
        Label::Number(number) => number.to_string(),
        Label::Text(text) => text.clone(),
    }
}
