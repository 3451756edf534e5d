//! From directories to variables: one image with its coordinates for each page.

use std::collections::BTreeMap;
use std::sync::Arc;

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::error::Result;
use arcoforge_core::schema::{Schema, Storage, Unreadable, Variable};

use super::array::Array;
use super::file::{Directory, File};
use super::geo::Georeference;
use super::image::Image;
use super::metadata::Metadata;
use super::{Axis, Content, tags};

/// Bits of `NewSubfileType`.
const REDUCED: u64 = 1;
const MASK: u64 = 4;

/// Everything that the file has: variables, and what they are made of.
type Contents = (Schema, BTreeMap<String, Content>);

/// The variables of all pages; overviews and masks of overviews are left out.
pub(super) fn read_all(file: &File, directories: &[Directory]) -> Result<Contents> {
    let mut contents = Contents::default();
    let mut pages = 0_usize;
    let mut group = String::new();
    for directory in directories {
        let kind = file.first(directory, tags::NEW_SUBFILE_TYPE)?.unwrap_or(0);
        let old = file.first(directory, tags::SUBFILE_TYPE)?;
        if kind & REDUCED != 0 || old == Some(2) {
            continue;
        }
        if kind & MASK != 0 {
            Page { file, directory, group: &group, contents: &mut contents }.mask()?;
            continue;
        }
        pages += 1;
        if pages > 1 {
            group = format!("page_{pages}/");
            contents.0.groups.push((format!("page_{pages}"), Attrs::new()));
        }
        Page { file, directory, group: &group, contents: &mut contents }.read()?;
    }
    Ok(contents)
}

/// One page while its variables are made.
struct Page<'a> {
    file: &'a File,
    directory: &'a Directory,
    /// The group's path with a slash behind it; empty for the root.
    group: &'a str,
    contents: &'a mut Contents,
}

impl Page<'_> {
    fn read(&mut self) -> Result<()> {
        let image = Image::read(self.file, self.directory)?;
        let metadata = Metadata::read(self.file, self.directory)?;
        let georeference = Georeference::read(self.file, self.directory)?;
        let packing = metadata.packing(image.samples);
        let alike = packing.as_ref().is_none_or(|all| all.iter().all(|one| Some(one) == all.first()));
        if alike {
            let bands = (1..=image.samples).flat_map(u64::to_le_bytes).collect();
            self.in_hand("band", DataType::Int64, &["band"], vec![image.samples], bands, Attrs::new());
        }
        let coordinates = self.coordinates(&image, &georeference);
        let mapping = georeference.attrs.clone();
        self.in_hand("spatial_ref", DataType::Int64, &[], Vec::new(), vec![0; 8], mapping);
        let samples: Vec<Option<u64>> =
            if alike { vec![None] } else { (0..image.samples).map(Some).collect() };
        for sample in samples {
            let name = sample.map_or_else(|| "band_data".to_owned(), |sample| format!("band_{}", sample + 1));
            let array = match Array::new(self.file, self.directory, &image, sample)? {
                Ok(array) => array,
                Err(reason) => {
                    let name = format!("{}{name}", self.group);
                    self.contents.0.unreadable.push(Unreadable { name, reason });
                    continue;
                }
            };
            let mut attrs = self.tag_attrs()?;
            metadata.attrs(array.dtype, image.samples, sample, &mut attrs);
            if let Some(kind) = georeference.area_or_point {
                attrs.set("AREA_OR_POINT", AttrValue::Text(kind.to_owned()));
            }
            let at = usize::try_from(sample.unwrap_or(0)).unwrap_or(0);
            let of = packing.as_ref().and_then(|all| all.get(at)).filter(|one| **one != (1.0, 0.0));
            if let Some((scale, offset)) = of {
                attrs.set("scale_factor", AttrValue::number(DataType::Float64, Scalar::Float(*scale)));
                attrs.set("add_offset", AttrValue::number(DataType::Float64, Scalar::Float(*offset)));
            }
            attrs.set("grid_mapping", AttrValue::Text("spatial_ref".into()));
            attrs.set("coordinates", AttrValue::Text(coordinates.to_owned()));
            let fill = metadata.nodata(array.dtype);
            self.array(&name, array, attrs, fill);
        }
        Ok(())
    }

    /// The mask of the page before: 1 where its pixels are valid.
    fn mask(&mut self) -> Result<()> {
        let image = Image::read(self.file, self.directory)?;
        let name = format!("{}mask", self.group);
        let rows = format!("{}y", self.group);
        let fits = self
            .contents
            .0
            .variables
            .iter()
            .any(|v| v.length(&rows) == Some(image.height) && v.shape.last() == Some(&image.width));
        if !fits || self.contents.1.contains_key(&name) {
            return Ok(());
        }
        match Array::new(self.file, self.directory, &image, Some(0))? {
            Ok(array) => {
                let mut attrs = Attrs::new();
                attrs.set("long_name", AttrValue::Text("mask of valid pixels".into()));
                attrs.set("grid_mapping", AttrValue::Text("spatial_ref".into()));
                self.array("mask", array, attrs, None);
            }
            Err(reason) => self.contents.0.unreadable.push(Unreadable { name, reason }),
        }
        Ok(())
    }

    /// The coordinates of the pixels' centres; returns what the numbers name as their coordinates.
    fn coordinates(&mut self, image: &Image, georeference: &Georeference) -> &'static str {
        let Some(transform) = georeference.transform else { return "spatial_ref" };
        let shape = [image.height, image.width];
        let axes = [(Axis::X, "x", "xc", image.width), (Axis::Y, "y", "yc", image.height)];
        for (axis, line, area, length) in axes {
            let attrs = georeference.axis_attrs(axis);
            if transform.is_rotated() {
                let variable = self.variable(area, DataType::Float64, &["y", "x"], shape.to_vec(), attrs);
                self.add(Variable { storage: Storage::Whole, ..variable }, Content::Centers(transform, axis));
                continue;
            }
            let variable = self.variable(line, DataType::Float64, &[line], vec![length], attrs);
            self.add(variable, Content::Centers(transform, axis));
        }
        if transform.is_rotated() { "xc yc spatial_ref" } else { "spatial_ref" }
    }

    /// Tags that tell of the image, and its colours where samples are numbers of colours.
    fn tag_attrs(&self) -> Result<Attrs> {
        let mut attrs = Attrs::new();
        for (tag, name) in tags::TEXTS {
            if let Some(text) = self.file.text(self.directory, *tag)?.filter(|text| !text.is_empty()) {
                attrs.set(*name, AttrValue::Text(text));
            }
        }
        for (tag, name) in tags::NUMBERS {
            let values = self.file.doubles(self.directory, *tag)?;
            let Some(value) = values.first() else { continue };
            let meaning = match (*tag, *value as u64) {
                (296, 1) => " (unitless)",
                (296, 2) => " (pixels/inch)",
                (296, 3) => " (pixels/cm)",
                _ => "",
            };
            attrs.set(*name, AttrValue::Text(format!("{value}{meaning}")));
        }
        let colors = self.file.numbers(self.directory, tags::COLOR_MAP)?;
        if !colors.is_empty() {
            attrs.set("color_table", AttrValue::Text(color_table(&colors)));
        }
        Ok(attrs)
    }

    fn variable(
        &self,
        name: &str,
        dtype: DataType,
        dims: &[&str],
        shape: Vec<u64>,
        attrs: Attrs,
    ) -> Variable {
        let path = |name: &str| format!("{}{name}", self.group);
        let storage = Storage::in_hand(&shape, zero(dtype));
        let dims = dims.iter().map(|dim| path(dim)).collect();
        Variable { name: path(name), dims, shape, dtype, attrs, fill: None, storage }
    }

    fn add(&mut self, variable: Variable, content: Content) {
        let (schema, contents) = &mut *self.contents;
        contents.insert(variable.name.clone(), content);
        schema.variables.push(Arc::new(variable));
    }

    /// A variable whose values are computed here.
    fn in_hand(
        &mut self,
        name: &str,
        dtype: DataType,
        dims: &[&str],
        shape: Vec<u64>,
        values: Vec<u8>,
        attrs: Attrs,
    ) {
        let variable = self.variable(name, dtype, dims, shape.clone(), attrs);
        self.add(variable, Content::InHand(dtype, shape, values.into()));
    }

    /// A variable of strips or tiles.
    fn array(&mut self, name: &str, array: Array, attrs: Attrs, fill: Option<Scalar>) {
        let dims: &[&str] = if array.grid.shape.len() == 3 { &["band", "y", "x"] } else { &["y", "x"] };
        let unwritten = fill.clone().unwrap_or_else(|| zero(array.dtype));
        let variable = self.variable(name, array.dtype, dims, array.grid.shape.clone(), attrs);
        let storage = Storage::Chunks {
            chunk: array.grid.chunk.clone(),
            encoding: array.encoding.clone(),
            unwritten: unwritten.clone(),
            chunked: array.chunked,
        };
        self.add(Variable { fill, storage, ..variable }, Content::Array(array, unwritten));
    }
}

/// The zero of a type.
fn zero(dtype: DataType) -> Scalar {
    match dtype {
        DataType::Complex64 | DataType::Complex128 => Scalar::Complex(0.0, 0.0),
        dtype if dtype.is_float() => Scalar::Float(0.0),
        dtype if dtype.unsigned() == dtype => Scalar::UInt(0),
        _ => Scalar::Int(0),
    }
}

/// Colours of the numbers from 0 as `#rrggbb`: the tag has all reds, then all greens, then all blues, of 16 bits each.
fn color_table(values: &[u64]) -> String {
    let count = values.len() / 3;
    let part = |color: usize, at: usize| values.get(color * count + at).map_or(0, |value| value >> 8);
    let color = |at| format!("#{:02x}{:02x}{:02x}", part(0, at), part(1, at), part(2, at));
    (0..count).map(color).collect::<Vec<_>>().join(" ")
}
