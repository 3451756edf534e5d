//! What a field is of: its parameter, its level, its member, how it was processed.

use super::concepts::{Parameter, Where};
use super::keys::Keys;
use super::tables::tables;
use super::walk::Headers;

/// Keys that say when, where in a hypercube, or by which process, and never which variable a field belongs to.
const NOT_OWN: &[&str] = &[
    "parameterCategory",
    "parameterNumber",
    "forecastTime",
    "indicatorOfUnitForForecastTime",
    "hoursAfterDataCutoff",
    "minutesAfterDataCutoff",
    "yearOfEndOfOverallTimeInterval",
    "monthOfEndOfOverallTimeInterval",
    "dayOfEndOfOverallTimeInterval",
    "hourOfEndOfOverallTimeInterval",
    "minuteOfEndOfOverallTimeInterval",
    "secondOfEndOfOverallTimeInterval",
    "numberOfMissingInStatisticalProcess",
    "scaleFactorOfFirstFixedSurface",
    "scaledValueOfFirstFixedSurface",
    "perturbationNumber",
    "number",
    "numberOfForecastsInEnsemble",
    "totalNumber",
    "directionNumber",
    "frequencyNumber",
    "waveDirectionNumber",
    "waveFrequencyNumber",
    "experimentVersionNumber",
    "_",
];

/// Layers whose level is their lower one, as in ecCodes.
const BY_BOTTOM: [i64; 4] = [114, 151, 152, 168];

/// All that is the same for fields that differ in time only.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Product {
    pub(super) edition: u8,
    pub(super) centre: i64,
    pub(super) sub_centre: i64,
    pub(super) parameter: Parameter,
    /// Discipline, category and number; in edition 1 table version and number, with the centre first.
    pub(super) codes: [i64; 3],
    pub(super) type_of_level: &'static str,
    pub(super) level: Option<f64>,
    pub(super) step_type: String,
    pub(super) data_type: Option<&'static str>,
    pub(super) number: Option<i64>,
    pub(super) direction: Option<i64>,
    pub(super) frequency: Option<i64>,
    /// Members of the ensemble, directions and frequencies in all, where the message says so.
    pub(super) totals: [Option<i64>; 3],
    /// How many vertical coordinates the section of the product has.
    pub(super) vertical_coordinates: i64,
    /// Whatever else tells it from others of the same parameter, by name.
    pub(super) own: Vec<(&'static str, Vec<Option<i64>>)>,
}

/// The product of a field.
///
/// # Errors
/// The reason why the product can't be told, for the list of what is not read.
pub(super) fn product(headers: &Headers) -> Result<Product, String> {
    match headers.edition {
        1 => Ok(edition1(headers)),
        _ => edition2(headers),
    }
}

/// The keys of section 1 of edition 1, with those of ECMWF's local part.
pub(super) fn keys1(section: &[u8]) -> Keys {
    let octet = |n: usize| i64::from(section.get(n).copied().unwrap_or(0));
    let mut keys = Keys::default();
    keys.set("table2Version", octet(3));
    keys.set("centre", octet(4));
    keys.set("indicatorOfParameter", octet(8));
    keys.set("indicatorOfTypeOfLevel", octet(9));
    let layer = matches!(octet(9), 101 | 104 | 106 | 108 | 110 | 112 | 114 | 116 | 120 | 121 | 128 | 141);
    if layer {
        keys.set("topLevel", octet(10));
        keys.set("bottomLevel", octet(11));
        keys.set("level", octet(10));
    } else {
        keys.set("level", octet(10) << 8 | octet(11));
        keys.set("topLevel", octet(10) << 8 | octet(11));
        keys.set("bottomLevel", octet(10) << 8 | octet(11));
    }
    keys.set("timeRangeIndicator", octet(20));
    keys.set("subCentre", octet(25));
    if section.len() > 40 && (octet(4) == 98 || octet(25) == 98) {
        keys.set("localDefinitionNumber", octet(40));
        keys.read(&format!("1.98.{}", octet(40)), section, 41);
    }
    keys
}

fn edition1(headers: &Headers) -> Product {
    let section = &headers.identification;
    let mut keys = keys1(section);
    let place = Where::new(1, &keys);
    let step_type = place.step_type(&keys);
    keys.set_text("stepType", step_type.unwrap_or("unknown"));
    let octet = |n: usize| i64::from(section.get(n).copied().unwrap_or(0));
    let kind = keys.get("marsType").and_then(|code| tables().code("marsType", code)).map(|(short, _)| short);
    Product {
        edition: 1,
        centre: octet(4),
        sub_centre: octet(25),
        parameter: place.parameter(&keys),
        codes: [octet(4), octet(3), octet(8)],
        type_of_level: place.type_of_level(&keys).unwrap_or("unknown"),
        level: keys.get("level").map(|level| level as f64),
        step_type: step_type.map_or_else(|| octet(20).to_string(), str::to_owned),
        data_type: kind,
        number: keys.get("number"),
        direction: keys.get("directionNumber"),
        frequency: keys.get("frequencyNumber"),
        totals: ["totalNumber", "numberOfDirections", "numberOfFrequencies"].map(|key| keys.get(key)),
        vertical_coordinates: i64::from(headers.grid.get(3).copied().unwrap_or(0)),
        own: own(&keys, &["topLevel", "level", "indicatorOfParameter", "table2Version"]),
    }
}

fn edition2(headers: &Headers) -> Result<Product, String> {
    let mut keys = identification2(headers);
    let section = &headers.product;
    let two = |n: usize| section.get(n..n + 2).map_or(0, |b| i64::from(b[0]) << 8 | i64::from(b[1]));
    let (coordinates, template) = (two(5), two(7));
    let layout = format!("4.{template}");
    if !keys.read(&layout, section, 9) {
        return Err(format!("found product template {layout}, which is not known"));
    }
    keys.set("productDefinitionTemplateNumber", template);
    keys.set("NV", coordinates);
    if keys.get("typeOfFirstFixedSurface") == Some(150) {
        keys.set("genVertHeightCoords", 1);
    }
    derived2(&mut keys, template);
    let step_type = step_type2(&keys);
    keys.set_text("stepType", step_type.unwrap_or("unknown"));
    let level = level2(&mut keys);
    let place = Where::new(2, &keys);
    let code = |key: &str| keys.get(key).unwrap_or(0);
    let kind = match keys.get("marsType") {
        Some(code) => tables().code("marsType", code),
        None => tables().code("1.4", code("typeOfProcessedData")),
    };
    Ok(Product {
        edition: 2,
        centre: code("centre"),
        sub_centre: code("subCentre"),
        parameter: place.parameter(&keys),
        codes: [code("discipline"), code("parameterCategory"), code("parameterNumber")],
        type_of_level: match keys.has("typeOfFirstFixedSurface") {
            true => place.type_of_level(&keys).unwrap_or("unknown"),
            false => "undef",
        },
        level,
        step_type: step_type.unwrap_or("unknown").to_owned(),
        data_type: kind.map(|(short, _)| short),
        number: keys.get("number"),
        direction: keys.get("directionNumber"),
        frequency: keys.get("frequencyNumber"),
        totals: ["totalNumber", "numberOfDirections", "numberOfFrequencies"].map(|key| keys.get(key)),
        vertical_coordinates: coordinates,
        own: own(&keys, &[]),
    })
}

/// The keys of sections 0 to 3 of edition 2 that parameters ask for.
fn identification2(headers: &Headers) -> Keys {
    let octet = |n: usize| i64::from(headers.identification.get(n).copied().unwrap_or(0));
    let mut keys = Keys::default();
    keys.set("discipline", headers.discipline.into());
    keys.set("centre", octet(5) << 8 | octet(6));
    keys.set("subCentre", octet(7) << 8 | octet(8));
    keys.set("tablesVersion", octet(9));
    keys.set("localTablesVersion", octet(10));
    keys.set("productionStatusOfProcessedData", octet(19));
    keys.set("typeOfProcessedData", octet(20));
    let grid = |n: usize| i64::from(headers.grid.get(n).copied().unwrap_or(0));
    keys.set("gridDefinitionTemplateNumber", grid(12) << 8 | grid(13));
    if keys.get("gridDefinitionTemplateNumber") == Some(101) {
        keys.set("numberOfGridInReference", grid(18));
    }
    let local = &headers.local;
    let ecmwf = octet(5) << 8 | octet(6) == 98 || octet(7) << 8 | octet(8) == 98;
    if ecmwf && local.len() >= 13 && octet(19) < 4 {
        let two = |n: usize| local.get(n..n + 2).map_or(0, |b| i64::from(b[0]) << 8 | i64::from(b[1]));
        if two(5) != 0 {
            keys.set("marsClass", two(7));
            keys.set("marsType", two(9));
        }
    }
    keys
}

/// Keys that ecCodes computes from the template's number.
fn derived2(keys: &mut Keys, template: i64) {
    let rows: [(&'static str, &[i64]); 5] = [
        ("is_chemical", &[40, 41, 42, 43]),
        ("is_chemical_distfn", &[57, 58, 67, 68]),
        ("is_chemical_srcsink", &[76, 77, 78, 79]),
        ("is_aerosol", &[44, 45, 46, 47, 48, 49, 50, 85]),
        ("is_aerosol_optical", &[48, 49]),
    ];
    for (key, templates) in rows {
        keys.set(key, i64::from(templates.contains(&template)));
    }
}

/// ecCodes' `stepType` of edition 2 (table 4.10).
fn step_type2(keys: &Keys) -> Option<&'static str> {
    let Some(ranges) = keys.get("numberOfTimeRanges") else { return Some("instant") };
    if !matches!(ranges, 1 | 2) {
        return Some("multiple steps");
    }
    Some(match keys.get("typeOfStatisticalProcessing")? {
        255 => "instant",
        0 => "avg",
        1 => "accum",
        2 => "max",
        3 => "min",
        4 => "diff",
        5 => "rms",
        6 => "sd",
        7 => "cov",
        8 => "sdiff",
        9 => "ratio",
        10 => "stdanom",
        11 => "sum",
        100 => "severity",
        101 => "mode",
        102 => "index",
        _ => return None,
    })
}

/// The level, in the unit that its type has in ecCodes: hPa down to 1 hPa, Pa below; 10⁻⁹ K m² kg⁻¹ s⁻¹.
fn level2(keys: &mut Keys) -> Option<f64> {
    let first = keys.get("typeOfFirstFixedSurface")?;
    let (top, pascals) = surface(keys, "First", first);
    keys.set_text("pressureUnits", if pascals { "Pa" } else { "hPa" });
    let second = keys.get("typeOfSecondFixedSurface").unwrap_or(255);
    if second == first && BY_BOTTOM.contains(&first) {
        return Some(surface(keys, "Second", second).0);
    }
    Some(top)
}

fn surface(keys: &Keys, which: &str, kind: i64) -> (f64, bool) {
    let Some(value) = keys.get(&format!("scaledValueOf{which}FixedSurface")) else { return (0.0, false) };
    let mut level = value as f64;
    let mut scale = keys.get(&format!("scaleFactorOf{which}FixedSurface")).unwrap_or(0);
    while scale != 0 && level != 0.0 && level.is_finite() {
        if scale < 0 {
            level *= 10.0;
            scale += 1;
        } else {
            level /= 10.0;
            scale -= 1;
        }
    }
    match kind {
        100 if level < 100.0 => (level, true),
        100 => (level / 100.0, false),
        109 => (level * 1e9, false),
        _ => (level, false),
    }
}

/// What else tells a product from others of its parameter.
fn own(keys: &Keys, not: &[&str]) -> Vec<(&'static str, Vec<Option<i64>>)> {
    keys.iter()
        .filter(|(key, _)| !NOT_OWN.contains(key) && !not.contains(key))
        .map(|(key, values)| (key, values.to_vec()))
        .collect()
}

impl Product {
    /// The name of its variable as cfgrib gives it; of parameters that are not known, one made of their numbers.
    pub(super) fn name(&self) -> String {
        let known = |name: &str| !matches!(name, "unknown" | "undef" | "~" | "");
        let names = [self.parameter.cf_var_name.as_deref(), self.parameter.short_name];
        if let Some(name) = names.into_iter().flatten().find(|name| known(name)) {
            return plain(name);
        }
        let [first, second, third] = self.codes;
        match self.edition {
            1 => format!("unknown_{second}_{third}"),
            _ => format!("unknown_{first}_{second}_{third}"),
        }
    }
}

/// A name without characters that paths and expressions have a use for.
pub(super) fn plain(name: &str) -> String {
    let keep =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+') { c } else { '_' };
    name.chars().map(keep).collect()
}
