//! The steps of a recipe, as they are meant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attrs::AttrValue;
use crate::calendar::Calendar;
use crate::dtype::{DataType, Scalar};
use crate::template::Template;

/// One transformation of a file's schema and values. Names of variables may be globs where said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Leaves variables out; globs.
    Drop(Vec<String>),
    /// Keeps these variables, the coordinates of their dimensions and bounds thereof; globs.
    Keep(Vec<String>),
    /// Renames variables and dimensions: from, to.
    Rename(BTreeMap<String, Naming>),
    /// Marks variables as coordinates; globs.
    SetCoords(Vec<String>),
    /// Adds a dimension of length one.
    AddDim(AddDim),
    /// Removes dimensions of length one.
    Squeeze(Vec<String>),
    /// Orders dimensions; those not named keep their order behind the named ones.
    Transpose(Vec<String>),
    /// Changes attributes.
    Attrs(Vec<AttrEdit>),
    /// Makes coordinates data variables again; globs.
    ResetCoords(Vec<String>),
    /// Changes data types: variables (glob) → type.
    Cast(Vec<(String, DataType)>),
    /// Masks values: the cells become missing.
    Mask(Vec<MaskRule>),
    /// Takes a part along dimensions.
    Subset(Vec<Selection>),
    /// Makes a time from variables that hold its parts.
    TimeFrom(TimeFrom),
    /// Moves the variables of groups into the root; names are joined by the text.
    FlattenGroups(String),
    /// Replaces missing values: variables (glob) → value.
    Fill(Vec<(String, Scalar)>),
    /// Reverses dimensions.
    Flip(Vec<String>),
    /// Computes variables from others, element by element, in order.
    Set(Vec<(String, Computed)>),
    /// Sorts the dataset along dimensions by their coordinate: dimension, whether it falls.
    Sort(Vec<(String, bool)>),
    /// Keeps one of equal positions along dimensions.
    Dedupe(Vec<(String, Kept)>),
    /// Counts longitudes from another meridian and rotates the dataset so that they rise: dimension → first degree.
    Roll(Vec<(String, f64)>),
    /// How times are stored: variables (glob) → encoding.
    TimeEncoding(Vec<(String, TimeEncoding)>),
    /// Adds coarser versions of the dataset; the last step.
    Pyramid(Pyramid),
}

impl Step {
    /// Whether it works on the combined dataset and not on each file. `subset` does where it is along a concat axis.
    pub const fn of_dataset(&self) -> bool {
        matches!(
            self,
            Self::Sort(_) | Self::Dedupe(_) | Self::Roll(_) | Self::TimeEncoding(_) | Self::Pyramid(_)
        )
    }
}

/// A new name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// The name itself.
    Name(String),
    /// Made of the file's keys, as a URL is: `{band}_{time:%Y}`.
    Template(Template),
    /// The text of an attribute: `{@short_name}`, `{data@long_name}`.
    Attr {
        /// The variable; empty for the root group.
        variable: String,
        /// The attribute.
        name: String,
    },
}

/// Which values of some variables are masked. A cell is masked where any of the conditions holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MaskRule {
    /// Variables; glob.
    pub variable: String,
    /// Decoded values below this.
    #[serde(with = "crate::number::option")]
    pub below: Option<f64>,
    /// Decoded values above this.
    #[serde(with = "crate::number::option")]
    pub above: Option<f64>,
    /// Values equal to one of these, as stored (before `scale_factor` and `add_offset`).
    pub equals: Vec<Scalar>,
    /// Cells where a flag variable has one of these values, or one of these meanings of its `flag_meanings`.
    pub flags: Vec<(String, Vec<Scalar>)>,
}

/// A part along one dimension (or two: a box).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Coordinates from a first to a last, both included.
    Labels {
        /// The dimension.
        dim: String,
        /// The first; from the beginning where absent.
        from: Option<Label>,
        /// The last; to the end where absent. A date without a time means the whole day (month, year).
        to: Option<Label>,
    },
    /// Exactly these coordinates, in this order.
    Values {
        /// The dimension.
        dim: String,
        /// The coordinates.
        values: Vec<Label>,
    },
    /// Items by their number; negative numbers count from the end.
    Range {
        /// The dimension.
        dim: String,
        /// The first; 0 where absent.
        start: Option<i64>,
        /// The first that is left out; the end where absent.
        stop: Option<i64>,
        /// The distance; at least 1.
        step: u64,
    },
    /// Exactly these items, in this order; negative numbers count from the end.
    Items {
        /// The dimension.
        dim: String,
        /// The items.
        items: Vec<i64>,
    },
    /// Degrees; where west is greater than east, the box crosses the seam of the longitudes.
    Bbox {
        /// West, south, east, north.
        degrees: [f64; 4],
    },
}

/// A coordinate's value as users write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A number.
    Number(Scalar),
    /// A word, or a date where the coordinate is a time.
    Text(String),
}

/// The `time_from` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeFrom {
    /// The time that is made; it takes the dimensions of its parts.
    pub name: String,
    /// `year`, `month`, `day`, `day_of_year`, `hour`, `minute`, `second` → variable.
    pub parts: BTreeMap<String, String>,
    /// How days make years.
    pub calendar: Calendar,
    /// Whether the parts stay as variables.
    pub keep_parts: bool,
}

/// A variable that the `set` step computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Computed {
    /// The expression, as written; `crate::expr::Expr::parse` accepts it.
    pub expression: String,
    /// The units of the result; derived from the expression where absent.
    pub units: Option<String>,
    /// The type of the result; float64, or float32 where no input is wider, where absent.
    pub dtype: Option<DataType>,
    /// More attributes of the result.
    pub attrs: Vec<(String, AttrValue)>,
}

/// Which of equal positions is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// The first.
    First,
    /// The last.
    Last,
    /// Any, as all values must be equal.
    Identical,
}

/// How a time is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TimeEncoding {
    /// `days since 1970-01-01`; as combined where absent.
    pub units: Option<String>,
    /// As combined where absent.
    pub calendar: Option<Calendar>,
    /// `int64`, `int32`, `float64` or `float32`; the smallest loss-free of int64 and float64 where absent.
    pub dtype: Option<DataType>,
}

/// The `pyramid` step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pyramid {
    /// The dimensions that become shorter; those of the X and Y axes where empty.
    pub dims: Vec<String>,
    /// Levels with the dataset itself, at least 2; as many as make the last one small where absent.
    pub levels: Option<u32>,
    /// Cells along each of the dimensions that become one, at least 2.
    pub factor: u64,
    /// How: variables (glob) → method, the first that matches; by the variable's type where none does.
    pub methods: Vec<(String, Coarsening)>,
}

/// How several cells become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coarsening {
    /// The mean of those that are not missing.
    Mean,
    /// The cell nearest to the middle, the first of two.
    Nearest,
    /// The smallest that is not missing.
    Min,
    /// The largest that is not missing.
    Max,
    /// The most frequent that is not missing, the smallest of several.
    Mode,
}

impl Coarsening {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Mean, Self::Nearest, Self::Min, Self::Max, Self::Mode];

    /// The word of the language.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Nearest => "nearest",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mode => "mode",
        }
    }
}

/// The `add_dim` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddDim {
    /// The new dimension, and the coordinate of that name.
    pub dim: String,
    /// Where the coordinate's value comes from.
    pub value: DimValue,
    /// Variables that get the dimension, globs; empty: every variable that is not a coordinate.
    pub variables: Vec<String>,
    /// Attributes of the new coordinate (units, calendar, …).
    pub attrs: Vec<(String, AttrValue)>,
}

/// Where a new coordinate's value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DimValue {
    /// The file's key along an axis.
    Key(String),
    /// A global attribute, or `variable@attribute`; `format` parses dates (strptime).
    Attr {
        /// The attribute.
        name: String,
        /// How to parse it as a date.
        format: Option<String>,
    },
    /// A scalar variable (which becomes the coordinate).
    Scalar(String),
    /// A regular expression on the file's name: its group 1, or the whole match.
    FileName {
        /// The expression.
        regex: String,
        /// How to parse it as a date.
        format: Option<String>,
    },
    /// The same value in every file.
    Constant(Scalar),
}

/// One edit of attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttrEdit {
    /// Sets an attribute; `variable` empty for the root group, else a glob.
    Set {
        /// Variables (glob), or empty for the root group.
        variable: String,
        /// The attribute.
        name: String,
        /// Its new value.
        value: AttrValue,
    },
    /// Deletes an attribute (glob).
    Delete {
        /// Variables (glob), or empty for the root group.
        variable: String,
        /// The attribute (glob).
        name: String,
    },
    /// Renames an attribute.
    Move {
        /// Variables (glob), or empty for the root group.
        variable: String,
        /// From.
        from: String,
        /// To.
        to: String,
    },
}
