//! Names to templates, row by row.

use super::super::text::{glob, regex, template};
use super::*;

/// Axes and template (or glob and regex where no template fits), as one line.
fn outcome(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let Some(guess) = guess(&names) else { return "nothing".to_owned() };
    let labels: Vec<String> = guess
        .axes
        .iter()
        .map(|axis| match axis {
            Axis::Dates(..) => "time".to_owned(),
            Axis::Numbers(_) => "n".to_owned(),
            Axis::Words(_) => "w".to_owned(),
        })
        .collect();
    let axes: Vec<String> = guess
        .axes
        .iter()
        .map(|axis| match axis {
            Axis::Dates(dates, Some(every)) => format!("{} dates every {every}", dates.len()),
            Axis::Dates(dates, None) => format!("{} dates", dates.len()),
            Axis::Numbers(numbers) => format!("{numbers:?}"),
            Axis::Words(words) => format!("{words:?}"),
        })
        .collect();
    let how = if guess.is_grid() {
        template(&guess, &labels)
    } else {
        format!("{} ~ {}", glob(&guess), regex(&guess, &labels))
    };
    format!("{}: {how}", axes.join(", "))
}

#[test]
fn names_to_templates() {
    let rows: &[(&[&str], &str)] = &[
        (
            &["a/198109/v02r01.19810930.nc", "a/198110/v02r01.19811001.nc", "a/198110/v02r01.19811002.nc"],
            "3 dates every 1 day: a/{time:%Y%m}/v02r01.{time:%Y%m%d}.nc",
        ),
        (
            &["a/198109/x.19810901.nc", "a/198109/x.19810902.nc"],
            "2 dates every 1 day: a/{time:%Y%m}/x.{time:%Y%m%d}.nc",
        ),
        (&["2001/sst_2001-01.nc", "2001/sst_2001-02.nc"], "2 dates every 1 month: 2001/sst_{time:%Y-%m}.nc"),
        (&["t2m_2001.nc", "t2m_2002.nc", "t2m_2003.nc"], "3 dates every 1 year: t2m_{time:%Y}.nc"),
        (&["d/2001/032/f.nc", "d/2001/033/f.nc"], "2 dates every 1 day: d/{time:%Y/%j}/f.nc"),
        (&["a20010101T0000Z.nc", "a20010101T0600Z.nc"], "2 dates every 6 hours: a{time:%Y%m%dT%H%M}Z.nc"),
        (
            &["tas_r1i1p1f1_185001-194912.nc", "tas_r1i1p1f1_195001-201412.nc"],
            r"2 dates every 100 years: tas_r1i1p1f1_*-*.nc ~ tas_r1i1p1f1_(?P<time>\d{6})\-\d+\.nc$",
        ),
        (
            &["pr_2001.nc", "pr_2002.nc", "tas_2001.nc", "tas_2002.nc"],
            r#"["pr", "tas"], 2 dates every 1 year: {w}_{time:%Y}.nc"#,
        ),
        (&["pr/pr.nc", "tas/tas.nc"], r#"["pr", "tas"]: {w}/{w}.nc"#),
        (&["day00.nc", "day01.nc", "day02.nc"], "[0, 1, 2]: day{n:02d}.nc"),
        (&["run9.nc", "run10.nc"], "[9, 10]: run{n}.nc"),
        (
            &["m1_200101.nc", "m1_200102.nc", "m2_200101.nc", "m2_200102.nc"],
            "[1, 2], 2 dates every 1 month: m{n}_{time:%Y%m}.nc",
        ),
        (
            &["S20200101_o123.nc", "S20200102_o777.nc", "S20200105_o901.nc"],
            r"3 dates every 1 day: S*_o*.nc ~ S(?P<time>\d{8})_o\d+\.nc$",
        ),
        (
            &["h.SHF.0400-0499.nc", "h.SHF.0500-0599.nc", "h.STF_O2.0400-0499.nc", "h.STF_O2.0500-0599.nc"],
            r#"["SHF", "STF_O2"], [400, 500]: h.*.*-*.nc ~ h\.(?P<w>SHF|STF_O2)\.(?P<n>\d+)\-\d+\.nc$"#,
        ),
        (&["m1_a_b_2001.nc", "m1_c_2001.nc"], r#"["a_b", "c"]: m1_{w}_2001.nc"#),
        (&["grid.nc", "his_1.nc"], r#"["grid", "his_1"]: {w}.nc"#),
        (&["a/b.nc", "c.grb"], "nothing"),
        (&["a.nc"], "nothing"),
        (&["same.nc", "same.nc"], "nothing"),
        (&["x.20010230.nc", "x.20010231.nc"], "[20010230, 20010231]: x.{n:08d}.nc"),
    ];
    for (names, expected) in rows {
        assert_eq!(outcome(names), *expected, "{names:?}");
    }
}
