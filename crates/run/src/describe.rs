//! Files and plans as text for people and as JSON for programs.

mod checks;
mod cost;
mod file;
mod plan;
mod reads;
mod steps;
mod values;

pub use checks::{check_json, checks_text};
pub use file::{file_json, file_text};
pub use plan::{plan_json, plan_text};

pub(crate) use plan::{format_name, kept_chunks};
pub(crate) use values::{codecs, shape};
