//! The nouns and the arithmetic of arcoforge: pattern, schema, combine, steps, CF time, chunk grids, plan.
//!
//! Everything here is a pure function over plain values: no IO, no clock, no randomness, no hash-map order, no format
//! or codec library. The same recipe and the same inputs give the same plan and the same digest.
//!
//! ```
//! use arcoforge_core::chunk::{ChunkGrid, Region};
//!
//! // 365 days of 720 x 1440 cells, 20 days a chunk
//! let grid = ChunkGrid::new(vec![365, 720, 1440], vec![20, 720, 1440]);
//! assert_eq!(grid.counts(), [19, 1, 1]);
//! assert_eq!(grid.region(&[18, 0, 0]), Region(vec![360..365, 0..720, 0..1440]));
//! ```

pub mod arrange;
pub mod attrs;
pub mod axis;
pub mod base64;
pub mod block;
pub mod calendar;
pub mod cftime;
pub mod check;
pub mod chunk;
pub mod code;
pub mod codec;
pub mod combine;
pub mod csv;
mod cursor;
pub mod derived;
pub mod dtype;
pub mod error;
pub mod expr;
pub mod figures;
pub mod horizontal;
pub mod json;
pub mod names;
mod number;
pub mod pattern;
pub mod plan;
pub mod policy;
pub mod pyramid;
pub mod recipe;
pub mod reconcile;
pub mod references;
pub mod schema;
pub mod selection;
pub mod steps;
pub mod strftime;
pub mod target;
pub mod template;
mod timestamp;
pub mod units;
