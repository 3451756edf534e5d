//! Files and plans as text for people and as JSON for programs.

mod file;
mod plan;
mod values;

pub use file::{file_json, file_text};
pub use plan::{plan_json, plan_text};
