//! `outflow columns` and `outflow functions`: the reference as Markdown, made from the declarations in the code.
//!
//! The committed files COLUMNS.md and FUNCTIONS.md are this output; a test holds them to it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use datafusion::logical_expr::{Documentation, ScalarUDF};
use schemas::{Column, Partition};

use crate::cli::engine;
use crate::cli::exit::Done;
use crate::period;
use crate::udf;
use crate::views::VIEWS;

/// Prints the columns.
pub(crate) fn print_columns() -> anyhow::Result<Done> {
    io::stdout().write_all(columns().as_bytes())?;
    Ok(Done::Complete)
}

/// Prints the functions.
pub(crate) fn print_functions() -> anyhow::Result<Done> {
    io::stdout().write_all(functions(&udf::all(&engine::catalog(None)?)).as_bytes())?;
    Ok(Done::Complete)
}

/// The reference of tables and views.
fn columns() -> String {
    let mut text = String::from(
        "# Columns\n\n\
         Printed by `outflow columns`. Null means not observed, never 0. `src` is the initiator of a flow, `dst` the responder.\n",
    );
    for table in schemas::tables() {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "\n## Table `{}`\n\n{} Partitioned by the {} of `{}`.\n\n",
            table.name,
            table.doc,
            match table.partition {
                Partition::Hour => "hour",
                Partition::Day => "day",
                Partition::Month => "month",
            },
            table.partition_by
        );
        push_columns(&mut text, table.columns);
    }
    for view in VIEWS {
        let _ = write!(
            text,
            "\n## View `{}`\n\n{} Judged when asked, by the catalog of the session.\n\n",
            view.name, view.doc
        );
        push_columns(&mut text, view.columns);
    }
    text
}

fn push_columns(text: &mut String, columns: &[Column]) {
    text.push_str("| column | type | null | unit or values | meaning | same as |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for column in columns {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            column.name,
            type_name(column),
            if column.nullable { "yes" } else { "no" },
            cell(column.unit),
            cell(column.doc),
            cell(column.same_as),
        );
    }
}

/// The SQL type, without how the engine happens to hold it.
pub(crate) fn type_name(column: &Column) -> String {
    use datafusion::arrow::datatypes::DataType;
    match (column.data_type)() {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(..) => "timestamp (µs, UTC)".to_owned(),
        DataType::List(field) if *field.data_type() == DataType::Utf8 => "list of text".to_owned(),
        DataType::List(field) if *field.data_type() == DataType::Int64 => {
            "list of bigint".to_owned()
        }
        other => other.to_string(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// The reference of functions.
fn functions(all: &[ScalarUDF]) -> String {
    let mut text = String::from(
        "# Functions\n\n\
         Printed by `outflow functions`. These stand beside the functions of the SQL engine; `SHOW FUNCTIONS` lists all. \
         A null or unreadable argument in a row gives null; a constant argument that makes no sense is refused before the query runs.\n",
    );
    for table in period::ALL {
        let _ = write!(text, "\n## `{}`\n", table.name);
        push_function(&mut text, &table.documentation());
    }
    for function in udf::aggregates() {
        let _ = write!(text, "\n## `{}`\n", function.name());
        if let Some(documentation) = function.documentation() {
            push_function(&mut text, documentation);
        }
    }
    for function in all {
        let _ = write!(text, "\n## `{}`\n", function.name());
        if let Some(documentation) = function.documentation() {
            push_function(&mut text, documentation);
        }
    }
    text
}

fn push_function(text: &mut String, documentation: &Documentation) {
    let _ = write!(
        text,
        "\n{}\n\n```sql\n{}\n```\n",
        documentation.description, documentation.syntax_example
    );
    if let Some(arguments) = &documentation.arguments {
        text.push('\n');
        for (name, meaning) in arguments {
            let _ = writeln!(text, "- `{name}`: {meaning}");
        }
    }
    if let Some(example) = &documentation.sql_example {
        let bare = example.trim().trim_start_matches("```sql").trim_end_matches("```").trim();
        let _ = write!(text, "\nExample:\n\n```sql\n{bare}\n```\n");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Holds a committed file to what the code says; `UPDATE=1` writes it anew.
    fn hold(file: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(&path, text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{file} is not what the code says; run this test with UPDATE=1");
    }

    #[test]
    fn the_reference_is_what_the_code_says() {
        hold("../schemas/COLUMNS.md", &columns());
        let catalog = engine::catalog(None).unwrap();
        hold("FUNCTIONS.md", &functions(&udf::all(&catalog)));
    }
}
