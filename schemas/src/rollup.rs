//! The tables `rollup_hourly` and `rollup_daily`: flows as judged, summed up. The store's only judgements, each with the catalog that made it.
//!
//! Coverage and loss are not here: they belong to an interface and an interval, so the ledger has them, and a sum over cells would count them many times.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use crate::build::Words;
use crate::column::{Cell, Layout};

/// Who was counted, without who they were: made, merged and counted by `sketch`, `sketch_merge` and `sketch_count` in SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch(pub Box<[u8]>);

impl Cell for Sketch {
    type Column = Words<Box<[u8]>>;
    const LAYOUT: Layout = Layout::Words;
    fn data_type() -> DataType {
        DataType::Binary
    }
    fn append(&self, column: &mut Self::Column) {
        column.push(&self.0);
    }
    fn finish(
        column: &mut Self::Column,
        valid: Option<NullBuffer>,
    ) -> Result<ArrayRef, ArrowError> {
        column.binary(valid)
    }
}

/// Declares a rollup: the columns are the same in all.
macro_rules! rollup {
    ($name:literal, $partition:ident, $doc:literal, $bucket:literal) => {
        use crate::column::table;
        use crate::kinds::{Micros, Text};
        use crate::rollup::Sketch;

        table! {$name: RollupRow, RollupBatch, "bucket_start" by $partition, $doc {
            bucket_start: Micros, "UTC", "", $bucket;
            sensor_id: Text, "", "IPFIX 149 observationDomainId", "Name of the sensor.";
            site: Option<Text>, "", "", "Site of the inside end.";
            direction: Text, "inbound, outbound, internal, transit, unknown", "ECS network.direction", "Direction as seen from the inside networks.";
            service_vendor: Option<Text>, "vendor key", "", "Whose service it is; null where nothing names it.";
            operator: Option<Text>, "", "", "Organisation that operates the server.";
            server_country: Option<Text>, "ISO 3166-1 alpha-2", "", "Country the server's address is in.";
            vendor_country: Option<Text>, "ISO 3166-1 alpha-2", "", "Country of the service vendor's seat.";
            device_vendor: Option<Text>, "vendor key", "", "Whose device is at the inside end.";
            evidence: Option<Text>, "E0 to E5", "", "What supports that the vendor received these bytes.";
            flows: i64, "flows", "", "Flows of which the first record ended here.";
            packets_up: i64, "packets", "", "Packets from inside to outside; where neither end is inside, from src to dst.";
            packets_down: i64, "packets", "", "Packets the other way.";
            bytes_up: i64, "octets, IP layer", "", "Octets from inside to outside; where neither end is inside, from src to dst.";
            bytes_down: i64, "octets, IP layer", "", "Octets the other way.";
            clients: Sketch, "sketch", "", "Inside ends, as a sketch: sketch_count(sketch_merge(clients)) says how many distinct ones any rows have together, within 2 % or so.";
            catalog_id: Text, "", "", "The catalog that judged.";
        }}
    };
}

/// By hour.
pub mod hourly {
    rollup! {"rollup_hourly", Day,
    "One row for each hour and combination of what flows were judged to be; made by `outflow store rollup`.",
    "Begin of the hour in which the records ended."}
}

/// By day.
pub mod daily {
    rollup! {"rollup_daily", Month,
    "One row for each UTC day and combination of what flows were judged to be, summed up from rollup_hourly.",
    "Begin of the day in which the records ended."}
}
