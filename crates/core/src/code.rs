//! The stable error codes: one table that the terminal, `--json`, exit statuses and the docs share.

use std::fmt;

macro_rules! codes {
    ($($name:ident $text:literal $exit:literal $summary:literal;)*) => {
        /// A stable error code, such as `source-not-found`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $summary] $name,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as users see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The process exit status that this code leads to.
            pub const fn exit_status(self) -> u8 {
                match self { $(Self::$name => $exit,)* }
            }

            /// One sentence for the documentation.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)* }
            }
        }
    };
}

codes! {
    Bug "bug" 1 "A defect of arcoforge itself; please report it.";
    Interrupted "interrupted" 130 "The run was stopped by Ctrl-C or a signal; nothing was published.";
    Usage "usage" 2 "The command line can't be understood.";
    RecipeSyntax "recipe-syntax" 3 "The recipe is not valid YAML 1.2.";
    RecipeUnknownKey "recipe-unknown-key" 3 "The recipe has a key that the language does not have.";
    RecipeMissingKey "recipe-missing-key" 3 "The recipe lacks a key that is required.";
    RecipeType "recipe-type" 3 "A value has another type than the key takes.";
    RecipeValue "recipe-value" 3 "A value is outside what the key takes.";
    RecipeAxis "recipe-axis" 3 "An axis is not well formed: keys, range, calendar or step.";
    RecipeTemplate "recipe-template" 3 "A URL template can't be parsed or names an unknown axis.";
    RecipeUnknownStep "recipe-unknown-step" 3 "A step has a name that the language does not have.";
    RecipeUnknownPolicy "recipe-unknown-policy" 3 "A combine policy has a key or a value that does not exist.";
    RecipeNotYet "recipe-not-yet" 3 "A part of the language that this version can't carry out yet.";
    RecipeSource "recipe-source" 3 "The source contradicts itself, or does not fit the axes.";
    StepUnknownVariable "step-unknown-variable" 3 "A step names a variable or dimension that the files do not have.";
    StepInvalid "step-invalid" 3 "A step can't be carried out on this data.";
    StepValues "step-values" 4 "A file holds values that can't become what a step makes of them.";
    OutputInvalid "output-invalid" 3 "Chunks, shards or codecs do not fit the dataset.";
    LockMismatch "lock-mismatch" 5 "An input no longer matches recipe.lock.";
    CombinePacking "combine-packing" 4 "scale_factor, add_offset or packed type differ between files.";
    CombineDtype "combine-dtype" 4 "The data type of a variable differs between files.";
    CombineFill "combine-fill" 4 "_FillValue or missing_value differ between files.";
    CombineUnits "combine-units" 4 "The units of a variable differ between files.";
    CombineTime "combine-time" 4 "A time can't be decoded or combined without loss.";
    CombineCalendar "combine-calendar" 4 "The calendars of files differ.";
    CombineMonths "combine-months" 4 "Time is counted in months or years of unequal length.";
    CombineOrder "combine-order" 4 "The files are not in order along a concat axis.";
    CombineDuplicates "combine-duplicates" 4 "Two files hold the same position along a concat axis.";
    CombineGaps "combine-gaps" 4 "Some positions of a URL template have no file, others do.";
    CombineAbsent "combine-absent" 4 "A variable is absent in some files.";
    CombineCoords "combine-coords" 4 "A coordinate differs between files.";
    CombineStatic "combine-static" 4 "An array without the concat dimension differs between files.";
    CombineLat "combine-lat" 4 "Latitude runs in another direction in some files.";
    CombineLon "combine-lon" 4 "Longitude follows another convention in some files.";
    CombineDims "combine-dims" 4 "Dimensions or their lengths differ between files.";
    CombineAttrs "combine-attrs" 4 "Attributes that carry meaning differ between files.";
    CombineScalars "combine-scalars" 4 "A scalar variable differs between files.";
    CombineStrings "combine-strings" 4 "Strings, chars or enums differ between files.";
    CombineItems "combine-items" 4 "A file holds another number of items than the recipe says.";
    CheckInvalid "check-invalid" 3 "A check names what the dataset does not have, or can't be made on it.";
    CheckFailed "check-failed" 4 "A check of the recipe failed on the data.";
    SourceNotFound "source-not-found" 5 "An input that was named does not exist, or none of them does.";
    SourceDenied "source-denied" 5 "An input may not be read.";
    SourceUnreachable "source-unreachable" 5 "A server could not be reached, or kept failing.";
    SourceNotData "source-not-data" 5 "An input is a web page, an empty file or a directory instead of data.";
    SourceFormat "source-format" 5 "The format of an input is not one that arcoforge reads.";
    SourceCorrupt "source-corrupt" 5 "An input is truncated or damaged.";
    SourceChanged "source-changed" 5 "An input changed while it was read.";
    SourceUnsupported "source-unsupported" 5 "An input uses a feature that arcoforge can't read.";
    SourceLimit "source-limit" 5 "An input declares sizes beyond the limits.";
    TargetNotFound "target-not-found" 6 "The target to compare does not exist.";
    PlanInvalid "plan-invalid" 2 "A file is not a plan of this version, or does not fit its inputs any more.";
    UnitsMissing "units-missing" 6 "Units of a plan have not run to their end.";
    UpdateRefused "update-refused" 4 "An update would take away inputs, or change what readers rely on.";
    TargetBusy "target-busy" 6 "Another process bakes to the target.";
    TargetConflict "target-conflict" 6 "Others changed the target in the same places meanwhile.";
    TargetExists "target-exists" 6 "The target exists already.";
    TargetUnwritable "target-unwritable" 6 "The target can't be written.";
    TargetUnsupported "target-unsupported" 6 "The target format can't hold this data.";
    TargetMismatch "target-mismatch" 6 "What was read back from the target differs from the sources.";
    MemoryLimit "memory-limit" 6 "The plan needs more memory than allowed.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
