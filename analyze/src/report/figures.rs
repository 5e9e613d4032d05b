//! The rows of a report, as the questions in `sql/reports` answer them.
//!
//! Field names are the column names of the questions and the keys of `report.json`.

use serde::{Deserialize, Serialize};

/// Sums over everything that crossed the border.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Totals {
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Packets, both ways.
    pub packets: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Records of flows.
    pub records: i64,
    /// Addresses of clients.
    pub clients: i64,
    /// Of these with unattributed records.
    pub unattributed_clients: i64,
    /// Of these with records whose name and address disagree.
    pub mismatch_clients: i64,
    /// Vendors with at least one attributed record.
    pub vendors: i64,
    /// Countries of servers.
    pub countries: i64,
    /// Octets sent out to a named vendor.
    pub attributed_bytes_up: i64,
    /// Octets sent out to nobody that could be named.
    pub unattributed_bytes_up: i64,
    /// Octets sent out under a name that the address speaks against.
    pub mismatch_bytes_up: i64,
    /// Octets sent out where two pieces of evidence name two vendors.
    pub contested_bytes_up: i64,
    /// Octets sent out to servers whose country two sources see differently.
    pub disputed_bytes_up: i64,
    /// Octets sent out to anycast addresses.
    pub anycast_bytes_up: i64,
    /// Payload octets that sequence numbers show to be missing.
    pub missed_bytes: i64,
}

/// One direction of traffic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DirectionRow {
    /// As in the column `direction`.
    pub direction: String,
    /// Flows that began on the day.
    pub flows: i64,
    /// Records of flows.
    pub records: i64,
    /// Packets, both ways.
    pub packets: i64,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Addresses of clients.
    pub clients: i64,
}

/// One vendor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VendorRow {
    /// Catalog key of the vendor.
    pub vendor: String,
    /// Country of its seat.
    pub seat: Option<String>,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
    /// Of the octets sent out, those another vendor is named for as well.
    pub contested_bytes_up: i64,
    /// Of the octets sent out, those with a name on the flow.
    pub named_bytes_up: i64,
}

/// One vendor in one country.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CellRow {
    /// `attributed`, `mismatch` or `unattributed`.
    pub standing: String,
    /// Catalog key of the vendor.
    pub vendor: Option<String>,
    /// Country of the server, `anycast`, or `none`.
    pub place: String,
    /// Country of the vendor's seat.
    pub vendor_seat: Option<String>,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
    /// Highest rung among the records.
    pub best_evidence: String,
    /// Lowest rung among the records.
    pub least_evidence: String,
}

/// One rung of the evidence ladder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RungRow {
    /// `E0` to `E5`, or `mismatch`.
    pub rung: String,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
}

/// One operator of servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorRow {
    /// Organisation that operates the server.
    pub operator: Option<String>,
    /// Its AS number.
    pub operator_asn: Option<i64>,
    /// Country of its network.
    pub operator_country: Option<String>,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
    /// Vendors it operates servers for.
    pub vendors: i64,
}

/// One maker of devices and one vendor of services.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceRow {
    /// Catalog key of the maker of the device.
    pub device_vendor: Option<String>,
    /// Catalog key of the vendor of the service.
    pub service_vendor: Option<String>,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
}

/// One name that nobody in the catalog owns; none where no name was seen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NameRow {
    /// The name; none where none was seen.
    pub name: Option<String>,
    /// Protocol seen, where no name was.
    pub service: Option<String>,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
}

/// A name and an address that do not go together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MismatchRow {
    /// Catalog key of the vendor.
    pub vendor: String,
    /// The name on the flow.
    pub server_name: Option<String>,
    /// Address of the server.
    pub server_ip: String,
    /// Organisation that operates the server.
    pub operator: Option<String>,
    /// Country of the server, `anycast`, or `none`.
    pub place: String,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
}

/// Two pieces of evidence that name two vendors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContestedRow {
    /// Catalog key of the vendor.
    pub vendor: Option<String>,
    /// The other vendor and its rung.
    pub contested_with: Option<String>,
    /// Country of the server, `anycast`, or `none`.
    pub place: String,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
    /// Addresses of clients.
    pub clients: i64,
}

/// One hour since the day began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HourRow {
    /// Hours since the day began.
    pub hour: i64,
    /// Octets sent out.
    pub bytes_up: i64,
    /// Octets that came in.
    pub bytes_down: i64,
    /// Flows that began on the day.
    pub flows: i64,
}

/// How right the DNS join is where a name on the flow can tell, and what rests on it alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccuracyRow {
    /// Flows with a name of their own and names that their client had been told.
    pub flows: Option<i64>,
    /// Addresses of their clients.
    pub clients: Option<i64>,
    /// Of these, those for which the DNS says another vendor or name than the flow.
    pub differing_clients: Option<i64>,
    /// Of the flows that the DNS alone would name a vendor for, those for which it names the right one.
    pub owner_percent: Option<f64>,
    /// The same of octets sent.
    pub owner_bytes_percent: Option<f64>,
    /// Of all compared flows, those whose very name is among what the client had been told.
    pub name_percent: Option<f64>,
    /// The same of octets sent.
    pub name_bytes_percent: Option<f64>,
    /// Clients with records that only the DNS names.
    pub dns_only_clients: Option<i64>,
    /// Share of all octets sent that only the DNS names.
    pub dns_only_percent: Option<f64>,
}

impl AccuracyRow {
    /// The same without counts, in tenths of a percent, and without what is of fewer clients.
    #[must_use]
    pub(crate) fn of_many(self, clients_min: i64) -> Self {
        let enough = |clients: Option<i64>| clients.is_some_and(|n| n >= clients_min);
        let coarse = |percent: Option<f64>| percent.map(|percent| (percent * 10.0).round() / 10.0);
        let is_told = enough(self.clients)
            && (self.differing_clients == Some(0) || enough(self.differing_clients));
        let compared = |percent: Option<f64>| coarse(percent.filter(|_| is_told));
        Self {
            flows: None,
            clients: None,
            differing_clients: None,
            owner_percent: compared(self.owner_percent),
            owner_bytes_percent: compared(self.owner_bytes_percent),
            name_percent: compared(self.name_percent),
            name_bytes_percent: compared(self.name_bytes_percent),
            dns_only_percent: coarse(
                self.dns_only_percent.filter(|_| enough(self.dns_only_clients)),
            ),
            dns_only_clients: None,
        }
    }
}
