use super::*;
use crate::axis::{AxisKind, DateRange, Every};
use crate::calendar::DateTime;
use crate::dtype::Scalar;

fn date(text: &str) -> Key {
    Key::Date(DateTime::parse(text, Calendar::Standard).unwrap())
}

fn map(values: &[(&str, Scalar)]) -> Key {
    Key::Map(values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.into())
}

/// Names of real archives.
#[test]
#[allow(clippy::type_complexity)]
fn urls_of_archives() {
    let model = map(&[
        ("key", text("GFDL-CM4")),
        ("institution", text("NOAA-GFDL")),
        ("member", text("r1i1p1f1")),
        ("version", Scalar::Int(20_180_701)),
    ]);
    let variable = Key::Text("tas".into());
    let rows: &[(&str, &[(&str, Key)], &str)] = &[
        (
            "https://www.ncei.noaa.gov/data/avhrr/{time:%Y%m}/oisst-avhrr-v02r01.{time:%Y%m%d}_preliminary.nc",
            &[("time", date("1981-09-01"))],
            "https://www.ncei.noaa.gov/data/avhrr/198109/oisst-avhrr-v02r01.19810901_preliminary.nc",
        ),
        (
            "{time:%Y}/{time:%j}/3B-HHR.MS.MRG.3IMERG.{time:%Y%m%d}-S{time:%H%M%S}-E{time+29min59s:%H%M%S}.{minute_of_day(time):04d}.V06B.HDF5",
            &[("time", date("2000-06-01T23:30"))],
            "2000/153/3B-HHR.MS.MRG.3IMERG.20000601-S233000-E235959.1410.V06B.HDF5",
        ),
        (
            "A{time:%Y%j}{min(time+7d, year_end(time)):%Y%j}.L3m_8D_CHL.nc",
            &[("time", date("2002-12-27"))],
            "A20023612002365.L3m_8D_CHL.nc",
        ),
        (
            "A{time:%Y%j}{min(time+7d, year_end(time)):%Y%j}.L3m_8D_CHL.nc",
            &[("time", date("2002-07-04"))],
            "A20021852002192.L3m_8D_CHL.nc",
        ),
        (
            "CMIP/{model.institution}/{model}/historical/{model.member}/Amon/{variable}/gr1/v{model.version}/{variable}_Amon_{model}_historical_{model.member}_gr1_{time:%Y%m}-{time+10y-1month:%Y%m}.nc",
            &[("time", date("1850-01-01")), ("model", model), ("variable", variable)],
            "CMIP/NOAA-GFDL/GFDL-CM4/historical/r1i1p1f1/Amon/tas/gr1/v20180701/tas_Amon_GFDL-CM4_historical_r1i1p1f1_gr1_185001-185912.nc",
        ),
        ("run{n:03d}/{n}/{n:d}_{n:3d}_{n+1:02d}", &[("n", Key::Int(7))], "run007/7/7_  7_08"),
        ("{time}/{time+6h}", &[("time", date("2000-01-01"))], "2000-01-01/2000-01-01T06:00"),
        ("{ time + 1d : %d}", &[("time", date("2000-01-01"))], " 02"),
        ("a{{b}}c{{{n}}}", &[("n", Key::Int(1))], "a{b}c{1}"),
        ("é%20{n}%", &[("n", Key::Int(1))], "é%201%"),
        ("{month_end(time):%Y%m%d}", &[("time", date("2000-02-01"))], "20000229"),
        ("{max(time, time-1d, time+1d):%d}", &[("time", date("2000-02-01"))], "02"),
        ("{max(a, b, 3)}", &[], "error"),
        ("{min(n, n+1):02d}", &[("n", Key::Int(-1))], "-1"),
        ("plain.nc", &[], "plain.nc"),
        ("", &[], ""),
    ];
    for (template, keys, expected) in rows {
        if *expected == "error" {
            assert!(Template::parse(template).is_err(), "{template}");
            continue;
        }
        let template = Template::parse(template).unwrap();
        let keys: Vec<(&str, &Key)> = keys.iter().map(|(name, key)| (*name, key)).collect();
        assert_eq!(template.render(&keys, Calendar::Standard).unwrap(), *expected);
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(serde_json::from_str::<Template>(&json).unwrap(), template);
    }
}

#[test]
fn other_calendars() {
    let rows = [
        (Calendar::Day360, "2000-02-30", "{time:%Y%m%d}-{time+1d:%Y%m%d}", "20000230-20000301"),
        (Calendar::Day360, "2000-02-01", "{year_end(time):%m%d}", "1230"),
        (Calendar::NoLeap, "2000-02-28", "{time+1d:%m%d} {time+1d:%j}", "0301 060"),
        (Calendar::AllLeap, "2001-02-28", "{time+1d:%m%d}", "0229"),
    ];
    for (calendar, day, template, expected) in rows {
        let key = Key::Date(DateTime::parse(day, calendar).unwrap());
        let template = Template::parse(template).unwrap();
        assert_eq!(template.render(&[("time", &key)], calendar).unwrap(), expected);
    }
}

/// The template, the text that the span covers, part of the message.
#[test]
fn faults_have_spans() {
    let rows = [
        ("a{time", "{time", "never closed"),
        ("a{time:%Y", "{time:%Y", "never closed"),
        ("a}b", "}", "closes nothing"),
        ("{}", "}", "name of an axis"),
        ("{1}", "1", "name of an axis"),
        ("{:%Y}", ":", "name of an axis"),
        ("{time:%Y%Q}", "%Q", "directive"),
        ("é{time:é%Q}", "%Q", "directive"),
        ("{time:03x}", "03x", "format"),
        ("{time:}", "", "format"),
        ("{time:>5}", ">5", "format"),
        ("{n:999d}", "999d", "format"),
        ("{n:+3d}", "+3d", "format"),
        ("{time+7q}", "7q", "unit"),
        ("{time+7m}", "7m", "unit"),
        ("{time+}", "+", "number is missing"),
        ("{time+99999999999d}", "99999999999d", "too large"),
        ("{time!}", "!", "not expected"),
        ("{time.}", "time.", "member"),
        ("{yearend(time)}", "yearend", "function"),
        ("{year_end()}", ")", "name of an axis"),
        ("{year_end(time, time)}", "year_end(time, time", "arguments"),
        ("{min(time)}", "min(time", "arguments"),
        ("{min(time, n:%Y}", "min(time, n", "`)` is missing"),
        ("{matrix.model}", "matrix.model", "matrix"),
    ];
    for (template, covered, message) in rows {
        let fault = Template::parse(template).unwrap_err();
        assert!(fault.message.contains(message), "{template}: {fault}");
        assert_eq!(template.get(fault.span.clone()), Some(covered), "{template}: {fault}");
        assert_eq!(Error::from(fault).code, Code::RecipeTemplate, "{template}");
    }
    let deep = format!("{}time{}", "{".to_owned() + &"year_end(".repeat(1000), ")".repeat(1000) + "}");
    assert!(Template::parse(&deep).unwrap_err().message.contains("deep"));
    assert!(Template::parse("{yearend(time)}").unwrap_err().to_string().contains("did you mean `year_end`?"));
}

#[test]
fn values_must_fit_their_format() {
    let keys = [
        ("time", date("2000-01-01")),
        ("n", Key::Int(3)),
        ("v", Key::Text("sst".into())),
        ("m", map(&[("key", text("x"))])),
    ];
    let keys: Vec<(&str, &Key)> = keys.iter().map(|(name, key)| (*name, key)).collect();
    let rows = [
        ("{n:%Y}", "a number"),
        ("{time:03d}", "a date"),
        ("{v:%Y}", "the word `sst`"),
        ("{v:03d}", "the word `sst`"),
        ("{time+1:%Y}", "no unit"),
        ("{n+1d}", "added to a number"),
        ("{v+1}", "added to the word"),
        ("{minute_of_day(n)}", "function of dates"),
        ("{min(n, time)}", "dates only"),
        ("{m.dir}", "no `dir`"),
        ("{v.dir}", "no `dir`"),
        ("{tmie:%Y}", "not an axis"),
        ("{time+999999999y+999999999y+999999999y:%Y}", ""),
    ];
    for (template, message) in rows {
        let found = Template::parse(template).unwrap().render(&keys, Calendar::Standard);
        if message.is_empty() {
            assert!(found.is_ok(), "{template}");
            continue;
        }
        let error = found.unwrap_err();
        assert_eq!(error.code, Code::RecipeTemplate, "{template}");
        assert!(error.message.contains(message), "{template}: {}", error.message);
    }
}

#[test]
fn every_unknown_name_is_reported() {
    let calendar = Calendar::Standard;
    let from = DateTime::date(calendar, 2000, 1, 1).unwrap();
    let range = DateRange { from, to: None, every: Every::Days(1), calendar, restart_year: false };
    let axis =
        |name: &str, keys| Axis { name: name.into(), kind: AxisKind::Concat, keys, items_per_file: None };
    let maps = vec![map(&[("key", text("a")), ("dir", text("x"))]), map(&[("key", text("b"))])];
    let axes = [axis("time", Keys::Dates(range)), axis("variable", Keys::List(maps))];
    let template =
        Template::parse("{tiem:%Y}/{variable}/{variable.dir}/{time.year}/{min(x, y)}/{time}").unwrap();
    let faults: Vec<String> = template.check(&axes).iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "`tiem` is not an axis of the recipe (did you mean `time`?)",
            "key `b` of axis `variable` has no `dir` (members such as `.dir` are for axes whose keys are listed as maps)",
            "the keys of axis `time` have no members (members such as `.dir` are for axes whose keys are listed as maps)",
            "`x` is not an axis of the recipe (there are `time`, `variable`)",
            "`y` is not an axis of the recipe (there are `time`, `variable`)",
        ]
    );
    let names: Vec<&str> = template.axes().into_iter().collect();
    assert_eq!(names, ["tiem", "time", "variable", "x", "y"]);
}

#[test]
fn mutated_templates_never_panic() {
    let seeds = [
        "a{time:%Y%j}b{{c}}{n:03d}",
        "E{time+29min59s:%H%M%S}.{minute_of_day(time):04d}",
        "{min(time+7d, year_end(time)):%j}{v.dir}",
    ];
    let (time, n, v) =
        (date("2000-02-29T12:00"), Key::Int(-5), map(&[("key", text("k")), ("dir", text("d"))]));
    crate::cursor::mutations(&seeds, 30_000, |text| match Template::parse(text) {
        Ok(template) => {
            let _ = template.render(&[("time", &time), ("n", &n), ("v", &v)], Calendar::Day360);
        }
        Err(fault) => {
            assert!(
                text.is_char_boundary(fault.span.start) && fault.span.start <= fault.span.end,
                "{text}: {fault}"
            );
        }
    });
}
