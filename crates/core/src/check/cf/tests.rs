//! Rows of one broken rule each, on a dataset that keeps all of them.

#![allow(clippy::type_complexity, clippy::too_many_lines)] // rows of data

use super::*;
use crate::check::tests::{array, attribute, dataset as made};
use crate::dtype::DataType;
use crate::target::ArraySpec;

/// A dataset that a reference checker finds nothing in.
fn good() -> Vec<ArraySpec> {
    let (f32, f64, i8) = (DataType::Float32, DataType::Float64, DataType::Int8);
    vec![
        array(
            "time",
            "time",
            &[3],
            f64,
            &[
                "units=days since 2000-01-01",
                "calendar=noleap",
                "standard_name=time",
                "axis=T",
                "bounds=time_bnds",
            ],
        ),
        array("time_bnds", "time nv", &[3, 2], f64, &[]),
        array("depth", "depth", &[2], f32, &["units=m", "standard_name=depth", "axis=Z", "positive=down"]),
        array("lat", "lat", &[4], f32, &["units=degrees_north", "standard_name=latitude", "axis=Y"]),
        array("lon", "lon", &[5], f32, &["units=degrees_east", "standard_name=longitude", "axis=X"]),
        array("height", "", &[], f32, &["units=m", "standard_name=height", "positive=up"]),
        array("areacello", "lat lon", &[4, 5], f32, &["units=m2", "standard_name=cell_area"]),
        array("crs", "", &[], DataType::Int32, &["grid_mapping_name=latitude_longitude"]),
        array(
            "quality",
            "time depth lat lon",
            &[3, 2, 4, 5],
            i8,
            &["long_name=quality", "flag_values=:int8:0,1,2", "flag_meanings=good fair poor"],
        ),
        array(
            "thetao",
            "time depth lat lon",
            &[3, 2, 4, 5],
            DataType::Int16,
            &[
                "units=degC",
                "standard_name=sea_water_potential_temperature",
                "coordinates=height",
                "grid_mapping=crs",
                "cell_methods=time: mean (interval: 1 hr) area: mean where sea",
                "cell_measures=area: areacello",
                "ancillary_variables=quality",
                "scale_factor=:float32:0.01",
                "add_offset=:float32:20",
                "valid_range=:int16:-100,3000",
            ],
        ),
    ]
}

const GLOBAL: &[&str] = &["Conventions=CF-1.11, ACDD-1.3", "title=a test"];

fn shown(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|f| format!("{}{}", if f.required { "" } else { "advice " }, f.to_failure().message))
        .collect()
}

#[test]
fn a_good_dataset_has_no_findings() {
    assert_eq!(shown(&lint(&made(GLOBAL, good()))), Vec::<String>::new());
}

/// Changes one attribute of one array (`name=` removes it) and expects one finding of this section.
#[test]
fn one_rule_broken_is_one_finding() {
    let rows = [
        ("thetao", "units=celcius", "3.1", "expected one that UDUNITS knows"),
        ("thetao", "units=m", "3.1", "does not convert to \"K\""),
        ("thetao", "units=", "3.1", "no `units`, expected some that fit \"K\""),
        ("thetao", "units=:int32:1", "3.1", "`units` is 1, expected text"),
        (
            "thetao",
            "standard_name=sea_water_potential_temperatur",
            "3.3",
            "did you mean `sea_water_potential_temperature`?",
        ),
        (
            "thetao",
            "standard_name=sea_water_potential_temperature standard_eror",
            "3.3",
            "found `standard_eror`",
        ),
        (
            "thetao",
            "ancillary_variables=quality qualty",
            "3.4",
            "names `qualty`, which the dataset does not have; did you mean `quality`?",
        ),
        (
            "quality",
            "flag_meanings=good fair",
            "3.5",
            "`flag_values` has 3 values and `flag_meanings` 2 words",
        ),
        ("quality", "flag_meanings=", "3.5", "without `flag_meanings`"),
        ("quality", "flag_values=", "3.5", "without `flag_values` or `flag_masks`"),
        ("quality", "flag_values=:int16:0,1,2", "3.5", "`flag_values` are int16, expected int8"),
        ("quality", "flag_values=:int8:0,1,1", "3.5", "has 1 twice"),
        (
            "quality",
            "flag_masks=:int8:1,1,1",
            "3.5",
            "the flag value 2 has bits that its mask 1 does not have",
        ),
        ("lat", "axis=N", "4", "`axis` is \"N\", expected X, Y, Z or T"),
        ("lat", "axis=T", "4", "contradicts its `units`"),
        ("lat", "units=degrees", "4.1", "expected \"degrees_north\""),
        ("lon", "units=degrees_north", "4.2", "expected \"degrees_east\""),
        ("depth", "positive=downwards", "4.3", "expected \"up\" or \"down\""),
        ("depth", "positive=", "4.3", "no `positive`"),
        ("depth", "formula_terms=depth lev", "4.3.3", "TERM: VARIABLE"),
        ("depth", "formula_terms=depth: lev", "4.3.3", "names `lev`"),
        ("time", "units=days since the flood", "4.4", "are not a time"),
        ("time", "units=days", "4.4", "a time with `units` \"days\""),
        ("time", "calendar=365day", "4.4.1", "`calendar` is \"365day\""),
        ("thetao", "coordinates=height heigth", "5", "names `heigth`"),
        ("quality", "coordinates=other", "5", "names `other`"),
        ("areacello", "coordinates=depth", "5", "has the dimension `depth`, which it does not have"),
        (
            "thetao",
            "grid_mapping=csr",
            "5.6",
            "names `csr`, which the dataset does not have; did you mean `crs`?",
        ),
        ("thetao", "grid_mapping=crs lat lon", "5.6", "expected `NAME` or `NAME: COORDINATE COORDINATE`"),
        ("crs", "grid_mapping_name=", "5.6", "no `grid_mapping_name`"),
        ("crs", "grid_mapping_name=latitude_longitud", "5.6", "did you mean `latitude_longitude`?"),
        (
            "crs",
            "grid_mapping_name=sinusoidal",
            "5.6",
            "lacks `longitude_of_projection_origin` or `longitude_of_central_meridian`",
        ),
        (
            "time",
            "bounds=time_bounds",
            "7.1",
            "names `time_bounds`, which the dataset does not have; did you mean `time_bnds`?",
        ),
        ("lat", "bounds=time_bnds", "7.1", "have the dimensions (time, nv), expected (lat) and one more"),
        ("time_bnds", "units=days since 1999-01-01", "7.1", "expected \"days since 2000-01-01\" as it has"),
        ("areacello", "units=m", "7.2", "expected them to fit \"m2\""),
        ("thetao", "cell_measures=area areacello", "7.2", "expected \"area: VARIABLE\""),
        ("thetao", "cell_measures=surface: areacello", "7.2", "expected `area` or `volume`"),
        ("thetao", "cell_measures=area: area_cello", "7.2", "names `area_cello`"),
        ("thetao", "cell_methods=time: average", "7.3", "the method `average`"),
        ("thetao", "cell_methods=mean", "7.3", "expected `NAME: METHOD` at `mean`"),
        ("thetao", "cell_methods=time:", "7.3", "expected a method after the last name"),
        ("thetao", "cell_methods=time: mean (interval: 1 hr", "7.3", "parenthesis is not closed"),
        ("thetao", "cell_methods=tme: mean", "7.3", "names `tme`"),
        (
            "thetao",
            "cell_methods=time: mean (interval: x hr)",
            "7.3.2",
            "expected a number after `interval:`",
        ),
        ("thetao", "cell_methods=time: mean (interval: 1 moon)", "7.3.2", "the interval's unit `moon`"),
        ("lat", "climatology=time_bnds", "7.4", ""),
        ("thetao", "valid_range=:float32:0,1", "2.5.1", "`valid_range` is float32, expected int16"),
        ("thetao", "valid_range=:int16:5,1", "2.5.1", "expected the least and the greatest"),
        ("thetao", "valid_min=:int16:5", "2.5.1", "`valid_range` and `valid_min`"),
        ("thetao", "missing_value=n/a", "2.5.1", "`missing_value` is \"n/a\""),
        ("thetao", "add_offset=:float64:20", "8.1", "`scale_factor` is float32 and `add_offset` float64"),
    ];
    for (name, change, section, expected) in rows {
        let mut arrays = good();
        let spec = arrays.iter_mut().find(|array| array.name == name).unwrap();
        let (key, value) = change.split_once('=').unwrap();
        match value.is_empty() {
            true => drop(spec.attrs.remove(key)),
            false => {
                let (key, value) = attribute((key, value));
                spec.attrs.set(key, value);
            }
        }
        let findings = lint(&made(GLOBAL, arrays));
        let of_section: Vec<&Finding> = findings.iter().filter(|f| f.section == section).collect();
        assert!(!of_section.is_empty(), "{name} {change}: {:?}", shown(&findings));
        assert!(
            of_section.iter().any(|f| f.message.contains(expected)),
            "{name} {change}: {:?}",
            shown(&findings)
        );
        assert!(
            findings.iter().filter(|f| f.required).count() <= 3,
            "{name} {change}: {:?}",
            shown(&findings)
        );
    }
}

#[test]
fn forms_that_are_allowed_are_not_found() {
    let rows = [
        ("thetao", "cell_methods=lat: lon: mean (comment: a (b) time: maximum"),
        (
            "thetao",
            "cell_methods=time: maximum within days time: mean over days (interval: 1 hr comment: of hours)",
        ),
        ("thetao", "cell_methods=area: time: mean where sea over all_area_types"),
        ("thetao", "cell_methods=time: variance"),
        ("thetao", "grid_mapping=crs: lat lon"),
        ("thetao", "standard_name=sea_water_potential_temperature standard_error"),
        ("thetao", "coordinates=lat lon height"),
        ("thetao", "cell_measures=area: areacello volume: volcello"),
        ("time", "calendar=none"),
        ("time", "calendar=365_day"),
        ("quality", "flag_masks=:int8:3,3,3"),
        ("lat", "units=degree_N"),
        ("depth", "positive=DOWN"),
        ("time_bnds", "units=days since 2000-01-01"),
    ];
    for (name, change) in rows {
        let mut arrays = good();
        let spec = arrays.iter_mut().find(|array| array.name == name).unwrap();
        let (key, value) = attribute(change.split_once('=').unwrap());
        spec.attrs.set(key, value);
        let mut global = GLOBAL.to_vec();
        global.push("external_variables=volcello");
        assert_eq!(shown(&lint(&made(&global, arrays))), Vec::<String>::new(), "{name} {change}");
    }
}

#[test]
fn names_of_dimensions_and_labels() {
    let text = |dims: &str| array("region", dims, &[3, 4], DataType::Text, &["long_name=regions"]);
    let named = |name: &str| array("t", "time", &[3], DataType::Float32, &["long_name=t", name]);
    let rows = [
        // bounds may have the name of their dimension of vertices, labels one for their letters
        (
            array("nv", "time nv", &[3, 2], DataType::Float32, &["long_name=bounds"]),
            named("comment=none"),
            "",
        ),
        (text("time strlen"), named("coordinates=region"), ""),
        (text("strlen time"), named("coordinates=region"), "has the dimension `strlen`"),
        (
            array("lat2", "time lat2", &[3, 4], DataType::Float32, &["long_name=l"]),
            named("coordinates=lat2"),
            "the name of one of them",
        ),
    ];
    for (extra, variable, expected) in rows {
        let mut arrays = good();
        arrays.extend([extra, variable]);
        let found = shown(&lint(&made(GLOBAL, arrays)));
        assert_eq!(found.is_empty(), expected.is_empty(), "{found:?}");
        assert!(found.join(" ").contains(expected), "{found:?}");
    }
}

#[test]
fn the_dataset_itself() {
    let rows = [
        (&["title=t"][..], "2.6.1", "no attribute `Conventions`"),
        (&["Conventions=COARDS"], "2.6.1", "expected it to name"),
        (&["Conventions=CF-1.99"], "2.6.1", "expected it to name"),
        (&["Conventions=CF-1.8", "title=:int32:1"], "2.6.2", "`title` is 1"),
        (&["Conventions=CF-1.8", "featureType=series"], "9.4", "expected one of"),
        (&["Conventions=CF-1.8", "external_variables=areacello"], "2.6.3", "which the dataset has"),
    ];
    for (attrs, section, expected) in rows {
        let findings = lint(&made(attrs, good()));
        assert_eq!(findings.len(), 1, "{attrs:?} {:?}", shown(&findings));
        assert!(findings[0].section == section && findings[0].message.contains(expected), "{findings:?}");
    }
}

#[test]
fn recommendations_are_kept_apart() {
    let rows = [
        (array("2t", "lat", &[4], DataType::Float32, &["long_name=t"]), "2.3"),
        (array("t", "lat", &[4], DataType::Float32, &[]), "3.2"),
        (array("lev", "lev", &[4], DataType::Float32, &["units=level"]), "4.3.2"),
        (array("t", "t", &[4], DataType::Int32, &["units=months since 2000-01-01"]), "4.4"),
        (array("latitude", "latitude", &[4], DataType::Float32, &["units=degrees"]), "4.1"),
    ];
    for (extra, section) in rows {
        let mut arrays = good();
        arrays.push(extra);
        let findings = lint(&made(GLOBAL, arrays));
        assert!(
            matches!(findings.as_slice(), [f] if !f.required && f.section == section),
            "{:?}",
            shown(&findings)
        );
    }
}
