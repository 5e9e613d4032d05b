//! Query results as text or files: tables for people, CSV, JSON, JSON lines, Markdown and Parquet for programs.
//!
//! All but the table stream: memory does not grow with the result.

mod error;
mod format;
mod grid;
mod nested;
pub mod printable;
mod sink;
mod write;

pub use error::OutputError;
pub use format::Format;
pub use grid::Layout;
pub use write::{Written, write};

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
    };
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::execution::SendableRecordBatchStream;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    use super::*;

    fn rows(count: usize) -> SendableRecordBatchStream {
        let list = Field::new_list_field(DataType::Utf8, true);
        let schema = Arc::new(Schema::new(vec![
            Field::new("name", DataType::Utf8, true),
            Field::new("bytes", DataType::Int64, false),
            Field::new("seen", DataType::List(Arc::new(list)), true),
        ]));
        let names = [Some("a,\"b\"|c"), None, Some("\u{1b}[2Jevil\u{202e}"), Some("小米")];
        let mut seen = ListBuilder::new(StringBuilder::new());
        for index in 0..count {
            seen.values().append_value("x\"y");
            seen.append(index % 2 == 0);
        }
        let batch = RecordBatch::try_new(
            Arc::clone(&schema),
            vec![
                Arc::new((0..count).map(|i| names[i % 4]).collect::<StringArray>()),
                Arc::new(Int64Array::from_iter_values((0..).map(|i| i * 1000).take(count))),
                Arc::new(seen.finish()),
            ],
        )
        .unwrap();
        let batches = if count == 0 { vec![] } else { vec![Ok(batch)] };
        Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches)))
    }

    async fn text(count: usize, format: Format, layout: Layout) -> (String, Written) {
        let mut out = Vec::new();
        let written = write(rows(count), format, &layout, &mut out).await.unwrap();
        (String::from_utf8_lossy(&out).into_owned(), written)
    }

    #[tokio::test]
    async fn tables_are_aligned_bounded_and_safe() {
        let layout = Layout { rows_max: 3, ..Layout::default() };
        let (table, written) = text(4, Format::Table, layout).await;
        let expected = "\
┌──────────────────────────┬───────┬────────┐
│ name                     │ bytes │ seen   │
├──────────────────────────┼───────┼────────┤
│ a,\"b\"|c                  │     0 │ [x\"y]  │
│ NULL                     │  1000 │ NULL   │
│ \\u{1b}[2Jevil\\u{202e}    │  2000 │ [x\"y]  │
└──────────────────────────┴───────┴────────┘
";
        let squeeze = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeeze(&table).replace('─', ""), squeeze(expected).replace('─', ""), "{table}");
        assert_eq!(written, Written { rows: 4, shown: 3 });
        let layout = Layout { expanded: true, ..Layout::default() };
        let (table, _) = text(1, Format::Table, layout).await;
        assert!(table.starts_with("─[ row 1 ]─"), "{table}");
        assert!(table.contains("bytes │ 0"), "{table}");
    }

    #[tokio::test]
    async fn programs_get_every_byte() {
        let (csv, _) = text(2, Format::Csv, Layout::default()).await;
        assert_eq!(csv, "name,bytes,seen\n\"a,\"\"b\"\"|c\",0,\"[\"\"x\\\"\"y\"\"]\"\n,1000,\n");
        let (json, _) = text(2, Format::Json, Layout::default()).await;
        assert_eq!(
            json,
            "[{\"name\":\"a,\\\"b\\\"|c\",\"bytes\":0,\"seen\":[\"x\\\"y\"]},\
             {\"name\":null,\"bytes\":1000,\"seen\":null}]\n"
        );
        let (jsonl, _) = text(2, Format::Jsonl, Layout::default()).await;
        assert_eq!(jsonl.lines().count(), 2);
        let (markdown, _) = text(1, Format::Markdown, Layout::default()).await;
        assert_eq!(
            markdown,
            "| name | bytes | seen |\n| --- | ---: | --- |\n| a,\"b\"\\|c | 0 | [x\"y] |\n"
        );
    }

    #[tokio::test]
    async fn nothing_is_still_a_result() {
        assert_eq!(text(0, Format::Csv, Layout::default()).await.0, "name,bytes,seen\n");
        assert_eq!(text(0, Format::Json, Layout::default()).await.0, "[]\n");
        assert_eq!(text(0, Format::Jsonl, Layout::default()).await.0, "");
        assert!(text(0, Format::Table, Layout::default()).await.0.contains("│ name │ bytes │"));
        let mut out = Vec::new();
        write(rows(0), Format::Parquet, &Layout::default(), &mut out).await.unwrap();
        assert_eq!(out.get(..4), Some(&b"PAR1"[..]));
    }
}
