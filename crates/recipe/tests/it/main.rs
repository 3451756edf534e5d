//! Recipes in, reports and recipes out.
//!
//! `tests/ui/CODE/*.yaml` are bad recipes, each with the report that a user sees beside it; `tests/ui/good/*.yaml` are
//! good ones, each with its meaning. `UPDATE_UI=1` writes the reports anew: read the difference before committing it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail loudly")]

mod mutations;
mod ui;
