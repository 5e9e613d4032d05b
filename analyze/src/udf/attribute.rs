//! `attribute(…)`: the whole judgement of a flow as one struct; the view `attributed` spreads it into columns.
//! Flows repeat what names them, so each distinct set of facts is judged once a batch.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, StringViewArray, TimestampMicrosecondArray,
    UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};
use hashbrown::HashMap;

use crate::attribution::device::{Behind, eui64};
use crate::attribution::witness::Witnesses;
use crate::attribution::{Facts, attribute};
use crate::catalog::{Catalog, Date};
use crate::sightings::Sightings;
use crate::udf::distinct::text;
use crate::udf::function::{Function, TRAFFIC};
use crate::udf::judgements::{Judgements, fields};

/// The function under a name, judging by a catalog and by what was seen besides the flow at hand.
pub(crate) fn function(
    name: &'static str,
    (catalog, sightings): (&Arc<Catalog>, &Arc<Sightings>),
) -> ScalarUDF {
    let (catalog, sightings) = (Arc::clone(catalog), Arc::clone(sightings));
    Function {
        name,
        // It answers alike for like facts; the mark keeps the planner from copying the call to
        // every place that reads one of its fields, which would judge each row many times.
        signature: signature(),
        returns: DataType::Struct(fields()),
        documentation: documentation(),
        catalog_id: catalog.snapshot().id.clone(),
        check: None,
        body: Box::new(move |columns| {
            Columns::of(columns)?.judge(&catalog, &sightings.witnesses())
        }),
    }
    .into_udf()
}

/// The types of the facts.
pub(crate) fn signature() -> Signature {
    let names = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    let mut types = vec![DataType::Utf8View; 7];
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    types.extend([names, DataType::Utf8View, DataType::Boolean, time]);
    Signature::exact(types, Volatility::Volatile)
}

fn documentation() -> Documentation {
    let same = |column: &str| format!("As the column {column} of flows.");
    Documentation::builder(
        TRAFFIC,
        "Judges a flow: a struct of service_vendor, operator, server_country, evidence and all else \
         that the view attributed adds; ask the view, which calls it once a row.",
        "attribute(direction, src_ip, dst_ip, src_mac, dst_mac, server_name, server_name_source, \
         dns_names, http_user_agent, ech_offered, flow_first_seen)",
    )
    .with_argument("direction", same("direction"))
    .with_argument("src_ip", same("src_ip"))
    .with_argument("dst_ip", same("dst_ip"))
    .with_argument("src_mac", same("src_mac"))
    .with_argument("dst_mac", same("dst_mac"))
    .with_argument("server_name", same("server_name"))
    .with_argument("server_name_source", same("server_name_source"))
    .with_argument("dns_names", same("dns_names"))
    .with_argument("http_user_agent", same("http_user_agent"))
    .with_argument("ech_offered", same("ech_offered"))
    .with_argument("flow_first_seen", same("flow_first_seen"))
    .with_sql_example("SELECT service_vendor, evidence, sum(bytes_up) FROM attributed GROUP BY 1, 2")
    .with_related_udf("vendor_of")
    .build()
}

/// The columns of arguments.
pub(crate) struct Columns<'a> {
    direction: &'a StringViewArray,
    src_ip: &'a StringViewArray,
    dst_ip: &'a StringViewArray,
    src_mac: &'a StringViewArray,
    dst_mac: &'a StringViewArray,
    server_name: &'a StringViewArray,
    server_name_source: &'a StringViewArray,
    dns_names: &'a ListArray,
    user_agent: &'a StringViewArray,
    ech_offered: &'a BooleanArray,
    first_seen: &'a TimestampMicrosecondArray,
}

impl<'a> Columns<'a> {
    pub(crate) fn of(columns: &'a [ArrayRef]) -> Result<Self> {
        let wrong = || internal_datafusion_err!("attribute: an argument is of another type");
        Ok(Self {
            direction: text(columns, 0)?,
            src_ip: text(columns, 1)?,
            dst_ip: text(columns, 2)?,
            src_mac: text(columns, 3)?,
            dst_mac: text(columns, 4)?,
            server_name: text(columns, 5)?,
            server_name_source: text(columns, 6)?,
            dns_names: columns.get(7).and_then(|c| c.as_list_opt()).ok_or_else(wrong)?,
            user_agent: text(columns, 8)?,
            ech_offered: columns.get(9).and_then(|c| c.as_boolean_opt()).ok_or_else(wrong)?,
            first_seen: columns
                .get(10)
                .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
                .ok_or_else(wrong)?,
        })
    }

    /// The time is told to the period only, so that like flows stay one set of facts; what witnesses say depends on all of it.
    pub(crate) fn facts<'w>(
        &'w self,
        row: usize,
        (catalog, witnesses): (&Catalog, &'w Witnesses),
    ) -> Result<Facts<'w>> {
        let is_dated = self.first_seen.is_valid(row);
        let first_us = if is_dated { self.first_seen.value(row) } else { i64::MAX };
        let inbound = at(self.direction, row) == Some("inbound");
        let (server_ip, client_ip, client_mac) = if inbound {
            (self.src_ip, self.dst_ip, self.dst_mac)
        } else {
            (self.dst_ip, self.src_ip, self.src_mac)
        };
        let (server_ip, client_ip) = (at(server_ip, row), at(client_ip, row));
        let client_mac = at(client_mac, row);
        let behind = |client| witnesses.behind(client, first_us);
        let leased = |client| witnesses.leased(client, first_us);
        let server_name = at(self.server_name, row);
        let dns_names = self.names(row)?;
        let mut asked = server_name.into_iter().chain(dns_names.iter().copied());
        let facts = Facts {
            at: catalog.period_of(Date::of_micros(first_us)),
            inbound,
            server_ip,
            client_mac,
            client_eui64: client_ip.and_then(eui64),
            behind: client_mac.or(client_ip).map_or(Behind::One, behind),
            // An address goes from one device to the next: it counts where there is no MAC address only.
            dhcp_maker: client_mac.or(client_ip).and_then(leased),
            server_name,
            server_name_source: at(self.server_name_source, row),
            user_agent: at(self.user_agent, row),
            ech_offered: self.ech_offered.is_valid(row).then(|| self.ech_offered.value(row)),
            ech_advertised: asked.any(|name| witnesses.is_encrypted(name, first_us)),
            dns_names,
            witness: server_ip.and_then(|address| witnesses.of_server(address, first_us)),
        };
        Ok(facts.of_the_judged_ends())
    }

    fn names(&self, row: usize) -> Result<Vec<&'a str>> {
        if self.dns_names.is_null(row) {
            return Ok(Vec::new());
        }
        let names =
            self.dns_names.values().as_string_opt::<i32>().ok_or_else(|| {
                internal_datafusion_err!("attribute: dns_names is no list of text")
            })?;
        let length = usize::try_from(self.dns_names.value_length(row)).unwrap_or(0);
        let start = self.dns_names.value_offsets().get(row).copied().unwrap_or(0);
        let start = usize::try_from(start).unwrap_or(0);
        Ok((start..start + length).filter(|n| names.is_valid(*n)).map(|n| names.value(n)).collect())
    }

    fn judge(&self, catalog: &Catalog, witnesses: &Witnesses) -> Result<ArrayRef> {
        let mut seen: HashMap<Facts<'_>, u32> = HashMap::new();
        let mut list = Vec::new();
        let mut rows = Vec::with_capacity(self.direction.len());
        for row in 0..self.direction.len() {
            let position =
                *seen.entry(self.facts(row, (catalog, witnesses))?).or_insert_with_key(|facts| {
                    list.push(attribute(catalog, facts));
                    // A batch has fewer than 2^32 rows.
                    u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
                });
            rows.push(position);
        }
        let judged = Judgements { list, catalog_id: &catalog.snapshot().id }.to_column()?;
        Ok(take(&judged, &UInt32Array::from(rows), None)?)
    }
}

fn at(column: &StringViewArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}
