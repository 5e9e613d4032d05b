//! The views over the tables: their SQL, and what each column they add means.
//! A view judges when it is asked, so history can be judged again under another catalog.

use arrow::datatypes::DataType;
use schemas::{Column, Layout};

/// One view.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// One sentence: what a row is.
    pub doc: &'static str,
    /// The statement that makes it.
    pub sql: &'static str,
    /// The columns it adds to those of `flows`, in order.
    pub columns: &'static [Column],
}

/// Every view, in the order in which they are made.
pub const VIEWS: [&View; 1] = [&ATTRIBUTED];

/// All of `flows`, and the judgement of each row.
pub const ATTRIBUTED: View = View {
    name: "attributed",
    doc: "All columns of flows, and beside them whose service, who operates the server, where it is, whose device sent it, and by what evidence.",
    sql: include_str!("../sql/views/attributed.sql"),
    columns: JUDGED,
};

const fn text(name: &'static str, unit: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        unit,
        same_as: "",
        doc,
        data_type: || DataType::Utf8View,
        nullable: true,
        layout: Layout::Words,
    }
}

const fn flag(name: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        unit: "",
        same_as: "",
        doc,
        data_type: || DataType::Boolean,
        nullable: true,
        layout: Layout::Words,
    }
}

const fn number(name: &'static str, unit: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        unit,
        same_as: "",
        doc,
        data_type: || DataType::Int64,
        nullable: true,
        layout: Layout::Numbers,
    }
}

const JUDGED: &[Column] = &[
    text(
        "service_vendor",
        "vendor key",
        "Whose service it is; null is unattributed, never left out.",
    ),
    text(
        "service_product",
        "product key",
        "Which of the vendor's products, where they are told apart.",
    ),
    text(
        "operator",
        "",
        "Organisation that operates the server: holder of the AS that announces its address; a cloud or CDN is an operator, not a vendor.",
    ),
    number("operator_asn", "AS number", "Number of that AS."),
    text(
        "server_country",
        "ISO 3166-1 alpha-2",
        "Country the server's address is in; null for anycast and special-purpose addresses.",
    ),
    text(
        "operator_country",
        "ISO 3166-1 alpha-2",
        "Country of the operator's network as its registry states it.",
    ),
    text(
        "vendor_country",
        "ISO 3166-1 alpha-2",
        "Country of the service vendor's seat when the flow began.",
    ),
    text("vendor_parent", "", "Company that owned the service vendor when the flow began."),
    flag(
        "anycast",
        "The address is announced from many places at once, so that where it is has no answer.",
    ),
    flag(
        "country_disputed",
        "server_country and operator_country differ, and the operator is no CDN and the address not anycast.",
    ),
    text(
        "device_vendor",
        "vendor key",
        "Whose device is at the inside end; null where nothing names it or two things disagree.",
    ),
    text(
        "device_evidence",
        "dhcp, user_agent, oui, conflict, multiple",
        "What names the device; conflict: two things disagree; multiple: devices of several makers stand behind the address.",
    ),
    text(
        "evidence",
        "E0 to E5",
        "What supports that the vendor received these bytes: E0 nothing, E1 its own network, E2 all names seen for the address within a day or a certificate, E3 this client's DNS, E4 a name on the flow, E5 that and a second.",
    ),
    text("rule_id", "", "The catalog's rule that named the vendor."),
    flag("contested", "Other evidence names another vendor."),
    text("contested_with", "", "That vendor and its rung, strongest first."),
    flag(
        "name_ip_mismatch",
        "The flow names a vendor whose addresses are known, and the server's is none of them, nor a cloud's or CDN's.",
    ),
    text(
        "ech",
        "none, grease, real, unknown",
        "Whether an encrypted client hello was offered: beside the genuine name (grease), behind a provider's that many share (real), or it cannot be told.",
    ),
    number(
        "bytes_up",
        "octets, IP layer",
        "Octets from inside to outside; where neither end is inside, from src to dst.",
    ),
    number("bytes_down", "octets, IP layer", "Octets the other way."),
    text("catalog_id", "", "The catalog that judged."),
];
