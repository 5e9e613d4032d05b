//! Judgements as a column: one struct a row, its fields the judged columns of the view.
//! The fields' names and order come from the view's declaration, so that the two cannot disagree.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringViewArray, StructArray};
use arrow::datatypes::{Field, Fields};
use datafusion::common::{Result, internal_err};

use crate::attribution::Judgement;
use crate::views::ATTRIBUTED;

/// The fields of the struct: all judged columns but the sums, which need no judgement.
pub(crate) fn fields() -> Fields {
    ATTRIBUTED
        .columns
        .iter()
        .filter(|column| !column.name.starts_with("bytes_"))
        .map(|column| Field::new(column.name, (column.data_type)(), true))
        .collect()
}

/// Judgements by one catalog as a struct column.
#[derive(Debug)]
pub(crate) struct Judgements<'c> {
    pub(crate) list: Vec<Judgement<'c>>,
    pub(crate) catalog_id: &'c str,
}

impl Judgements<'_> {
    pub(crate) fn to_column(&self) -> Result<StructArray> {
        let fields = fields();
        let columns: Vec<ArrayRef> =
            fields.iter().map(|field| self.field(field.name())).collect::<Result<_>>()?;
        if self.list.is_empty() {
            return Ok(StructArray::new_null(fields, 0));
        }
        Ok(StructArray::try_new(fields, columns, None)?)
    }

    fn field(&self, name: &str) -> Result<ArrayRef> {
        Ok(match name {
            "service_vendor" => self.text(|j| j.service_vendor),
            "service_product" => self.text(|j| j.service_product),
            "operator" => self.text(|j| j.server.operator),
            "operator_asn" => {
                let asns = self.list.iter().map(|j| j.server.operator_asn.map(i64::from));
                Arc::new(asns.collect::<Int64Array>())
            }
            "server_country" => self.text(|j| j.server.country),
            "operator_country" => self.text(|j| j.server.operator_country),
            "vendor_country" => self.text(|j| j.vendor_country),
            "vendor_parent" => self.text(|j| j.vendor_parent),
            "anycast" => self.flag(|j| j.server.anycast),
            "country_disputed" => self.flag(|j| j.server.country_disputed),
            "device_vendor" => self.text(|j| j.device.vendor),
            "device_evidence" => self.text(|j| j.device.evidence),
            "evidence" => self.text(|j| Some(j.evidence.as_str())),
            "rule_id" => self.text(|j| j.rule_id.as_deref()),
            "contested" => self.flag(|j| j.contested_with.is_some()),
            "contested_with" => self.text(|j| j.contested_with.as_deref()),
            "name_ip_mismatch" => self.flag(|j| j.name_ip_mismatch),
            "ech" => self.text(|j| Some(j.ech)),
            "catalog_id" => self.text(|_| Some(self.catalog_id)),
            name => return internal_err!("no judgement fills the column {name}"),
        })
    }

    fn text<'s>(&'s self, pick: impl Fn(&'s Judgement<'s>) -> Option<&'s str>) -> ArrayRef {
        Arc::new(self.list.iter().map(pick).collect::<StringViewArray>())
    }

    fn flag(&self, pick: impl Fn(&Judgement<'_>) -> bool) -> ArrayRef {
        Arc::new(self.list.iter().map(|judgement| Some(pick(judgement))).collect::<BooleanArray>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_judged_column_is_filled_with_its_type() {
        let judgements = Judgements { list: vec![Judgement::default()], catalog_id: "id" };
        assert_eq!(judgements.to_column().unwrap().fields(), &fields());
        let none = Judgements { list: vec![], catalog_id: "id" };
        assert_eq!(none.to_column().unwrap().fields(), &fields());
    }
}
