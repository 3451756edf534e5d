//! Many files: nothing here may grow with the square of their number.

use super::*;

/// The archives' usual shape: six variables, one schema, another reference date and history in every file.
fn archive(files: u32) -> (Vec<CombineAxis>, Vec<File>) {
    let lat = f64s("lat", "lat=4", &[1.0, 2.0, 3.0, 4.0]);
    let sst = i16s("sst", "time=1 lat=4", &[1.0]).number("scale_factor", DataType::Float32, 0.5).fill(-1.0);
    let shared: Vec<Arc<Variable>> = [&lat, &sst].map(|v| Arc::new(v.var.clone())).to_vec();
    let (lat_values, files_of) = (values(&lat.block), 0..files);
    let one = |n: u32| {
        let units = format!("days since {:04}-{:02}-{:02}", 1900 + n / 336, 1 + n / 28 % 12, 1 + n % 28);
        let vars = [
            f64s("time", "time=1", &[0.0]).units(&units).attr("bounds", "time_bnds"),
            f64s("time_bnds", "time=1 nv=2", &[0.0, 1.0]),
            f64s("run", "", &[f64::from(n)]),
            i16s("count", "time=1", &[1.0]).attr("history", &units),
        ];
        let mut file = file(&[n], &vars);
        for var in &shared {
            let origin = Origin::Source { name: var.name.as_str().into(), axes: None };
            Arc::make_mut(&mut file.view).variables.push(Mapped { var: Arc::clone(var), origin });
        }
        Arc::make_mut(&mut file.view).attrs.set("history", AttrValue::Text(units));
        file.values.insert("lat".to_owned(), lat_values.clone());
        file
    };
    (vec![concat("time", files as usize)], files_of.map(one).collect())
}

#[test]
fn many_files() {
    let files = std::env::var("ARCOFORGE_TEST_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(2000);
    let (axes, files) = archive(files);
    let start = std::time::Instant::now();
    let wanted = needs(&axes, &files, &Policies::default());
    let asked = start.elapsed();
    let combined = combine(&axes, &files, &Policies::default(), Vec::new()).expect("combines");
    assert!(wanted.is_empty());
    assert_eq!(combined.variables.len(), 6);
    assert_eq!(combined.left_out.len(), 2);
    let promoted = combined.variables.iter().find(|v| v.var.name == "run").expect("a scalar that varies");
    assert_eq!(promoted.var.shape, [files.len() as u64]);
    // shown with `--no-capture`
    let _ = std::io::Write::write_fmt(
        &mut std::io::stderr(),
        format_args!("{} files: asked {asked:?}, all {:?}\n", files.len(), start.elapsed()),
    );
}
