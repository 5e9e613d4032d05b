//! From a stream of batches to a finished output.

use std::io::Write;

use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt as _;

use crate::output::error::OutputError;
use crate::output::format::Format;
use crate::output::grid::Layout;
use crate::output::sink::Sink;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows of the result.
    pub rows: u64,
    /// Rows shown; fewer only in a table.
    pub shown: u64,
}

/// Writes a whole result.
pub async fn write(
    mut stream: SendableRecordBatchStream,
    format: Format,
    layout: &Layout,
    out: &mut (dyn Write + Send),
) -> Result<Written, OutputError> {
    let schema = stream.schema();
    let mut sink = Sink::open(format, layout, &schema, out)?;
    let mut rows = 0_u64;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        sink.append(&batch)?;
    }
    let hidden = sink.finish()?;
    Ok(Written { rows, shown: rows - hidden })
}
