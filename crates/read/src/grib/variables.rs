//! Variables of the schema: data with their attributes, and the coordinates that they name.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::codec::{Codec, Encoding, Grib, GribFloat, GribScan};
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use arcoforge_core::schema::{Storage, Variable};

use super::attrs::{Made, texts};
use super::cubes::{Cube, Cubes};
use super::families::Value;
use super::grid::Grid;
use super::index::Index;
use super::product::Product;
use super::tables::tables;

/// What a variable of the schema is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// Fields: the number of the hypercube.
    Fields(usize),
    /// Numbers in hand, little-endian.
    Numbers(Arc<[u8]>),
    /// A coordinate of a grid: its number and that of the coordinate.
    Grid(usize, usize),
}

/// Variables by name, in the order in which they were first named.
#[derive(Debug, Default)]
pub(super) struct Variables {
    pub(super) all: Vec<(Variable, Source)>,
    known: BTreeMap<String, usize>,
}

/// Coordinates of so many cells or fewer are kept in hand.
const IN_HAND_CELLS_MAX: u64 = 8192;
/// Names of axes whose variables are made in this order.
const TIME: usize = 1;
const STEP: usize = 2;
const LEVEL: usize = 3;

/// The variables of a file.
pub(super) fn variables(index: &Index, cubes: &Cubes) -> Variables {
    let mut made = Variables::default();
    for (number, cube) in cubes.cubes.iter().enumerate() {
        made.add_cube(index, cubes, number, cube);
    }
    made
}

impl Variables {
    fn add(&mut self, variable: Variable, source: Source) {
        if !self.known.contains_key(&variable.name) {
            self.known.insert(variable.name.clone(), self.all.len());
            self.all.push((variable, source));
        }
    }

    fn add_cube(&mut self, index: &Index, cubes: &Cubes, number: usize, cube: &Cube) {
        let grid_number = cube.family.grid as usize;
        let (Some(product), Some(grid)) =
            (index.products.get(cube.family.product as usize), index.grids.get(grid_number))
        else {
            return;
        };
        let grid_dims = cubes.grid_dims.get(grid_number).cloned().unwrap_or_default();
        let mut coordinates = self.add_axes(product, cube);
        coordinates.extend(self.add_grid(grid_number, grid, &grid_dims));
        let mapping = self.add_mapping(grid, &grid_dims);
        let mut dims: Vec<String> = dims_of(cube);
        let mut shape = cube.outer();
        let mut chunk = vec![1; shape.len()];
        dims.extend(grid_dims);
        shape.extend(grid.dims.iter().map(|(_, length)| length));
        chunk.extend(grid.dims.iter().map(|(_, length)| (*length).max(1)));
        let (dtype, float) = match cube.wide {
            true => (DataType::Float64, GribFloat::F64),
            false => (DataType::Float32, GribFloat::F32),
        };
        let codec = Grib { float, points: grid.points(), scan: scan(grid) };
        let encoding = Encoding { endian: Endian::Little, codecs: vec![Codec::Grib(codec)] };
        let nan = Scalar::Float(f64::NAN);
        let mut attrs = attrs(product, grid);
        if let Some(mapping) = mapping {
            attrs.set("grid_mapping", AttrValue::Text(mapping));
        }
        attrs.set("coordinates", AttrValue::Text(coordinates.join(" ")));
        let storage = Storage::Chunks { chunk, encoding, unwritten: nan.clone(), chunked: true };
        let name = cube.name.clone();
        self.add(
            Variable { name, dims, shape, dtype, attrs, fill: Some(nan), storage },
            Source::Fields(number),
        );
    }

    /// Adds the coordinates along the axes and the time that they make; their names.
    fn add_axes(&mut self, product: &Product, cube: &Cube) -> Vec<String> {
        let mut names = Vec::new();
        for (at, (axis, name)) in cube.axes.iter().zip(&cube.axis_names).enumerate() {
            if axis.is_empty() {
                continue;
            }
            let base = if at == LEVEL { product.type_of_level } else { super::families::AXES[at] };
            self.add_numbers(name, dims_along(cube, &[at]), axis_values(at, axis), axis_attrs(base, at));
            names.push(name.clone());
        }
        let (times, steps) = (&cube.axes[TIME], &cube.axes[STEP]);
        if !steps.is_empty() {
            let name = valid_time_name(cube);
            let sum = |time: &Value, step: &Value| (time.as_f64() + step.as_f64()) as i64;
            let values =
                times.iter().flat_map(|time| steps.iter().map(move |step| sum(time, step))).collect();
            let attrs = texts(&[
                ("units", "seconds since 1970-01-01T00:00:00"),
                ("calendar", "proleptic_gregorian"),
                ("standard_name", "time"),
                ("long_name", "time"),
            ]);
            self.add_numbers(&name, dims_along(cube, &[TIME, STEP]), Numbers::Ints(values), attrs.0);
            names.push(name);
        }
        names
    }

    fn add_numbers(&mut self, name: &str, dims: Vec<(String, u64)>, values: Numbers, attrs: Attrs) {
        let (dims, shape): (Vec<String>, Vec<u64>) = dims.into_iter().unzip();
        let (dtype, bytes): (DataType, Vec<u8>) = match values {
            Numbers::Ints(values) => (DataType::Int64, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Numbers::Floats(values) => {
                (DataType::Float64, values.iter().flat_map(|v| v.to_le_bytes()).collect())
            }
        };
        let storage = Storage::in_hand(&shape, Scalar::Int(0));
        let variable = Variable { name: name.to_owned(), dims, shape, dtype, attrs, fill: None, storage };
        self.add(variable, Source::Numbers(bytes.into()));
    }

    /// Adds the coordinates of a grid; their names.
    fn add_grid(&mut self, number: usize, grid: &Grid, dims: &[String]) -> Vec<String> {
        let mut names = Vec::new();
        let suffix = suffix(grid, dims);
        for (at, coordinate) in grid.coordinates.iter().enumerate() {
            let name = format!("{}{suffix}", coordinate.name);
            let own: Vec<String> = coordinate.dims.iter().filter_map(|&d| dims.get(d).cloned()).collect();
            let shape: Vec<u64> =
                coordinate.dims.iter().filter_map(|&d| grid.dims.get(d)).map(|(_, n)| *n).collect();
            if !self.known.contains_key(&name) {
                let cells: u64 = shape.iter().product();
                let values = if cells <= IN_HAND_CELLS_MAX || own.len() == 1 && grid.dims.len() == 2 {
                    let Some(values) = grid.values(coordinate) else { continue };
                    Some(values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
                } else {
                    if !grid.has_values(coordinate) {
                        continue;
                    }
                    None
                };
                let (storage, source) = match values {
                    Some(bytes) => {
                        (Storage::in_hand(&shape, Scalar::Float(f64::NAN)), Source::Numbers(bytes.into()))
                    }
                    None => (Storage::Whole, Source::Grid(number, at)),
                };
                let attrs = coordinate.attrs.clone();
                let variable = Variable {
                    name: name.clone(),
                    dims: own,
                    shape,
                    dtype: DataType::Float64,
                    attrs,
                    fill: None,
                    storage,
                };
                self.add(variable, source);
            }
            names.push(name);
        }
        names
    }

    /// Adds the grid mapping of a grid; its name.
    fn add_mapping(&mut self, grid: &Grid, dims: &[String]) -> Option<String> {
        let attrs = grid.mapping.clone()?;
        let name = format!("crs{}", suffix(grid, dims));
        let storage = Storage::in_hand(&[], Scalar::Int(0));
        let (dims, shape, dtype) = (Vec::new(), Vec::new(), DataType::Int32);
        let variable = Variable { name: name.clone(), dims, shape, dtype, attrs, fill: None, storage };
        self.add(variable, Source::Numbers(0i32.to_le_bytes().to_vec().into()));
        Some(name)
    }
}

/// Values of a coordinate.
enum Numbers {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
}

/// What a grid's names have behind them in this file.
fn suffix(grid: &Grid, dims: &[String]) -> String {
    let (Some((own, _)), Some(name)) = (grid.dims.first(), dims.first()) else { return String::new() };
    name.strip_prefix(own).unwrap_or_default().to_owned()
}

fn axis_values(at: usize, axis: &[Value]) -> Numbers {
    let ints = || axis.iter().map(|v| if let Value::Int(v) = v { *v } else { v.as_f64() as i64 }).collect();
    match at {
        STEP => Numbers::Floats(axis.iter().map(|step| step.as_f64() / 3600.0).collect()),
        LEVEL => Numbers::Floats(axis.iter().map(|level| level.as_f64()).collect()),
        _ => Numbers::Ints(ints()),
    }
}

/// The dimensions before those of the grid.
fn dims_of(cube: &Cube) -> Vec<String> {
    dims_along(cube, &[0, 1, 2, 3, 4, 5]).into_iter().map(|(name, _)| name).collect()
}

/// Those of the axes that are dimensions, with their lengths.
fn dims_along(cube: &Cube, axes: &[usize]) -> Vec<(String, u64)> {
    let dim = |&at: &usize| {
        let length = cube.axes.get(at)?.len();
        (length > 1).then(|| cube.axis_names.get(at).map(|name| (name.clone(), length as u64)))?
    };
    axes.iter().filter_map(dim).collect()
}

/// `valid_time`, with what the names of the times and steps that make it have behind them.
fn valid_time_name(cube: &Cube) -> String {
    let behind = |at: usize, base: &str| {
        cube.axis_names.get(at).and_then(|name| name.strip_prefix(base)).unwrap_or_default().to_owned()
    };
    let (time, step) = (behind(TIME, "time"), behind(STEP, "step"));
    match (time.is_empty(), step.is_empty()) {
        (true, true) => "valid_time".to_owned(),
        (false, true) => format!("valid_time{time}"),
        (true, false) => format!("valid_time_step{step}"),
        (false, false) => format!("valid_time{time}_step{step}"),
    }
}

/// The attributes of a coordinate, as cfgrib gives them.
fn axis_attrs(base: &str, at: usize) -> Attrs {
    let level = |units, positive, standard, long| {
        vec![("units", units), ("positive", positive), ("standard_name", standard), ("long_name", long)]
    };
    let rows = match base {
        "number" => vec![
            ("units", "1"),
            ("standard_name", "realization"),
            ("long_name", "ensemble member numerical id"),
        ],
        "time" => vec![
            ("units", "seconds since 1970-01-01T00:00:00"),
            ("calendar", "proleptic_gregorian"),
            ("standard_name", "forecast_reference_time"),
            ("long_name", "initial time of forecast"),
        ],
        "step" => vec![
            ("units", "hours"),
            ("dtype", "timedelta64[ns]"),
            ("standard_name", "forecast_period"),
            ("long_name", "time since forecast_reference_time"),
        ],
        "depthBelowLand" | "depthBelowLandLayer" => level("m", "down", "depth", "soil depth"),
        "hybrid" => level("1", "down", "atmosphere_hybrid_sigma_pressure_coordinate", "hybrid level"),
        "heightAboveGround" => level("m", "up", "height", "height above the surface"),
        "isobaricInhPa" => level("hPa", "down", "air_pressure", "pressure"),
        "isobaricInPa" | "isobaricLayer" => level("Pa", "down", "air_pressure", "pressure"),
        _ => {
            let key = if at == LEVEL { "level" } else { base };
            let long = format!("original GRIB coordinate for key: {key}({base})");
            return Made::default().text("long_name", &long).text("units", "1").0;
        }
    };
    let made = texts(&rows);
    match base {
        "isobaricInhPa" | "isobaricInPa" => made.text("stored_direction", "decreasing").0,
        _ => made.0,
    }
}

/// The attributes of a data variable, as cfgrib gives them.
fn attrs(product: &Product, grid: &Grid) -> Attrs {
    let parameter = &product.parameter;
    let known = |text: &'static str| (!matches!(text, "unknown" | "undef" | "~")).then_some(text);
    let long_name = parameter
        .name
        .and_then(known)
        .map_or_else(|| format!("original GRIB paramId: {}", parameter.param_id), str::to_owned);
    let mut made = Made::default()
        .text("long_name", &long_name)
        .text("units", parameter.units.and_then(known).unwrap_or("1"))
        .maybe("standard_name", parameter.cf_name.and_then(known))
        .int("GRIB_paramId", parameter.param_id)
        .text("GRIB_shortName", parameter.short_name.unwrap_or("unknown"))
        .text("GRIB_name", parameter.name.unwrap_or("unknown"))
        .text("GRIB_units", parameter.units.unwrap_or("unknown"))
        .maybe("GRIB_cfName", parameter.cf_name.and_then(known))
        .maybe("GRIB_cfVarName", parameter.cf_var_name.as_deref())
        .maybe("GRIB_dataType", product.data_type)
        .text("GRIB_typeOfLevel", product.type_of_level)
        .text("GRIB_stepType", &product.step_type);
    if parameter.param_id == 0 {
        let keys = match product.edition {
            1 => ["GRIB_centre", "GRIB_table2Version", "GRIB_indicatorOfParameter"],
            _ => ["GRIB_discipline", "GRIB_parameterCategory", "GRIB_parameterNumber"],
        };
        made = keys.iter().zip(product.codes).fold(made, |made, (key, code)| made.int(key, code));
    }
    let totals = ["GRIB_totalNumber", "GRIB_numberOfDirections", "GRIB_numberOfFrequencies"];
    for (name, total) in totals.iter().zip(product.totals) {
        if let Some(total) = total {
            made = made.int(name, total);
        }
    }
    made = made.int("GRIB_NV", product.vertical_coordinates);
    for (name, value) in grid.attrs().iter() {
        made.0.set(name, value.clone());
    }
    made.0
}

/// The attributes of the file: those of its messages, where all have the same.
pub(super) fn global(index: &Index) -> Attrs {
    let same = |of: fn(&Product) -> i64| {
        let mut values = index.products.iter().map(of);
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    };
    let mut made = Made::default();
    if let Some(edition) = same(|product| product.edition.into()) {
        made = made.int("GRIB_edition", edition);
    }
    if let Some(centre) = same(|product| product.centre) {
        let table = if index.second_edition { "centre2" } else { "centre1" };
        let (short, title) = tables().code(table, centre).unwrap_or(("", ""));
        made = match short {
            "" => made.int("GRIB_centre", centre),
            short => made.text("GRIB_centre", short).text("GRIB_centreDescription", title),
        };
        if let Some(sub_centre) = same(|product| product.sub_centre) {
            made = made.int("GRIB_subCentre", sub_centre);
        }
        made = made.maybe("institution", (!title.is_empty()).then_some(title));
    }
    made.text("Conventions", "CF-1.7").0
}

fn scan(grid: &Grid) -> Option<GribScan> {
    let (by_columns, alternating) = grid.scan();
    match grid.dims.as_slice() {
        [(_, rows), (_, columns)] if by_columns || alternating => {
            Some(GribScan { columns: *columns, rows: *rows, by_columns, alternating })
        }
        _ => None,
    }
}
