//! What the root group of a pyramid says: the Zarr conventions `multiscales`, `spatial` and `proj`, version 0.1, which
//! GeoZarr is made of (<https://github.com/zarr-conventions>).

use serde_json::{Map, Value, json};

use super::Levels;
use super::coordinates::Cells;
use crate::attrs::{AttrValue, Attrs};
use crate::recipe::Coarsening;
use crate::schema::base_name;

/// What begins WKT of version 2.
const WKT2: [&str; 6] = ["PROJCRS[", "GEOGCRS[", "GEODCRS[", "BOUNDCRS[", "COMPOUNDCRS[", "ENGCRS["];

/// What is said of a dataset's levels.
pub(crate) struct Said<'a> {
    pub(crate) levels: &'a Levels,
    /// Lengths of the dimensions that become shorter.
    pub(crate) lengths: Vec<u64>,
    /// Their coordinates, where these are in hand.
    pub(crate) cells: Vec<Option<Cells>>,
    /// Methods of data variables, in the order of the dataset.
    pub(crate) methods: Vec<(String, Coarsening)>,
    /// The reference system, as a grid mapping has it.
    pub(crate) wkt: Option<String>,
}

impl Said<'_> {
    /// Sets the attributes of the root group.
    pub(crate) fn set(&self, attrs: &mut Attrs) {
        let mut used = vec![convention(
            "multiscales",
            "d35379db-88df-4056-af3a-620245f8e347",
            "Multiscale layout of zarr datasets",
        )];
        let affine = self.affine();
        let mut set = |name: &str, value: &Value| attrs.set(name, AttrValue::Json(value.to_string()));
        set("multiscales", &self.multiscales(affine));
        if let Some(affine) = affine {
            used.push(convention(
                "spatial",
                "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4",
                "Spatial coordinate information",
            ));
            for (name, value) in self.spatial(affine) {
                set(&name, &value);
            }
        }
        if let Some(wkt) = self.wkt.as_deref().filter(|wkt| WKT2.iter().any(|begin| wkt.starts_with(begin))) {
            let about = "Coordinate reference system information for geospatial data";
            used.push(convention("proj", "f17cb550-5864-4468-aeb7-f3180cfb622f", about));
            set("proj:wkt2", &json!(wkt));
        }
        set("zarr_conventions", &Value::Array(used));
    }

    /// The middle of the first cell and the step, of Y and of X, where both are regular.
    fn affine(&self) -> Option<[(f64, f64); 2]> {
        match self.cells.as_slice() {
            [Some(y), Some(x)] => Some([y.regular()?, x.regular()?]),
            _ => None,
        }
    }

    fn shape(&self, level: u32) -> Vec<u64> {
        self.lengths.iter().map(|n| n.div_ceil(self.levels.step(level))).collect()
    }

    fn multiscales(&self, affine: Option<[(f64, f64); 2]>) -> Value {
        let usual = self.methods.first().map_or(Coarsening::Mean, |(_, method)| *method);
        let entry = |level: u32| {
            let mut entry = Map::new();
            entry.insert("asset".into(), json!(level.to_string()));
            if let Some(above) = level.checked_sub(1) {
                let dims = self.levels.dims.len();
                entry.insert("derived_from".into(), json!(above.to_string()));
                // both levels begin at the same corner
                let transform =
                    json!({"scale": vec![self.levels.factor as f64; dims], "translation": vec![0.0; dims]});
                entry.insert("transform".into(), transform);
                entry.insert("resampling_method".into(), json!(word(usual)));
            }
            if let Some(affine) = affine {
                entry.insert("spatial:shape".into(), json!(self.shape(level)));
                entry.insert("spatial:transform".into(), json!(transform(affine, self.levels.step(level))));
            }
            Value::Object(entry)
        };
        let layout: Vec<Value> = (0..=self.levels.coarser).map(entry).collect();
        let mut all = json!({"layout": layout, "resampling_method": word(usual)});
        let others = self.methods.iter().filter(|(_, method)| *method != usual);
        let others: Map<String, Value> =
            others.map(|(name, method)| (name.clone(), json!(word(*method)))).collect();
        if let (false, Some(all)) = (others.is_empty(), all.as_object_mut()) {
            all.insert("resampling_method_of".into(), Value::Object(others));
        }
        all
    }

    fn spatial(&self, affine: [(f64, f64); 2]) -> Vec<(String, Value)> {
        let [y, x] = affine;
        let ends = |(first, step): (f64, f64), at: usize| {
            let n = self.lengths.get(at).copied().unwrap_or(0) as f64;
            let (a, b) = (first - step / 2.0, first + step * (n - 0.5));
            (a.min(b), a.max(b))
        };
        let ((south, north), (west, east)) = (ends(y, 0), ends(x, 1));
        let dims: Vec<&str> = self.levels.dims.iter().map(|dim| base_name(dim)).collect();
        vec![
            ("spatial:dimensions".into(), json!(dims)),
            ("spatial:registration".into(), json!("pixel")),
            ("spatial:shape".into(), json!(self.shape(0))),
            ("spatial:transform".into(), json!(transform(affine, 1))),
            ("spatial:bbox".into(), json!([west, south, east, north])),
        ]
    }
}

/// From numbers of columns and rows to places: the corner of the first cell is that of all levels.
fn transform([y, x]: [(f64, f64); 2], step: u64) -> [f64; 6] {
    let ((y, dy), (x, dx), step) = (y, x, step as f64);
    [dx * step, 0.0, x - dx / 2.0, 0.0, dy * step, y - dy / 2.0]
}

/// The convention's word.
const fn word(method: Coarsening) -> &'static str {
    match method {
        Coarsening::Mean => "average",
        other => other.name(),
    }
}

fn convention(name: &str, uuid: &str, description: &str) -> Value {
    json!({
        "schema_url": format!("https://raw.githubusercontent.com/zarr-conventions/{name}/refs/tags/v0.1/schema.json"),
        "spec_url": format!("https://github.com/zarr-conventions/{name}/blob/v0.1/README.md"),
        "uuid": uuid,
        "name": name,
        "description": description,
    })
}
