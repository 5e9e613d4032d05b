//! What else was seen of an address: whose names a server bore, and how many stand behind a client's address.
//! Pure: sightings go in, in any order, and the same ones give the same answers.

use std::net::IpAddr;

use hashbrown::HashMap;

use crate::attribution::device::{Behind, user_agent_vendor};
use crate::attribution::dhcp::dhcp_maker;
use crate::catalog::{Catalog, Date, NetworkKind};

/// How far from a flow's first packet a sighting still counts, either way.
pub const WINDOW_US: i64 = 24 * 3_600 * 1_000_000;

/// How much later than a flow's first packet an answer may stand in the store and still have come before it: the clocks of two sensors differ.
const GRACE_US: i64 = 300 * 1_000_000;

/// More halvings leave nothing.
const HALVINGS_MAX: u32 = 31;

/// The one vendor that all names of an address belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Witness<'a> {
    /// The vendor's key.
    pub vendor: &'a str,
    /// The rule that named it; of several the first by its text.
    pub rule_id: &'a str,
    /// An answer of the DNS is among what says so; names on flows alone do not confirm each other.
    pub by_dns: bool,
}

/// A name that an address bore from its first sighting to the last.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The server's address.
    pub address: &'a str,
    /// The name.
    pub name: &'a str,
    /// Told by an answer of the DNS, not by a flow.
    pub by_dns: bool,
    /// First sighting, µs.
    pub first: i64,
    /// Last sighting.
    pub last: i64,
    /// How long the last answer was to be believed, grace included; the last sighting of a flow.
    pub until: i64,
}

/// What was said of an address, and when.
#[derive(Debug, Clone, Copy)]
struct Sighting<T> {
    said: T,
    first: i64,
    last: i64,
    until: i64,
}

impl<T: PartialEq + Copy> Sighting<T> {
    fn is_near(&self, at: i64) -> bool {
        self.last >= at.saturating_sub(WINDOW_US) && self.first <= at.saturating_add(WINDOW_US)
    }

    /// Adds it to `list`, within one that says the same and lies no further from it than `gap`.
    fn join(self, list: &mut Vec<Self>, gap: i64) {
        let touches = |other: &&mut Self| {
            other.said == self.said
                && self.first <= other.until.saturating_add(gap)
                && other.first <= self.until.saturating_add(gap)
        };
        match list.iter_mut().find(touches) {
            None => list.push(self),
            Some(other) => {
                other.first = other.first.min(self.first);
                other.last = other.last.max(self.last);
                other.until = other.until.max(self.until);
            }
        }
    }
}

/// Whose a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// No vendor's: enough to leave the address in doubt.
    Stranger,
    /// A vendor's, by this rule; by DNS or on a flow.
    Owner(u32, bool),
}

/// What a client's address was seen with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trait {
    Maker(&'static str),
    Router,
}

/// All sightings of a time.
#[derive(Debug, Default)]
pub struct Witnesses {
    owners: Vec<(String, String)>,
    positions: HashMap<(String, String), u32>,
    servers: HashMap<String, Vec<Sighting<Whose>>>,
    clients: HashMap<String, Vec<Sighting<Trait>>>,
    /// By what a device told a DHCP server; nobody where that says too little.
    leases: HashMap<String, Vec<Sighting<&'static str>>>,
    /// Names whose records offered to encrypt the client hello, from the first of a day to the last.
    encrypted: HashMap<String, Vec<(i64, i64)>>,
    /// How many addresses and names may be remembered; none is no bound.
    room: Option<usize>,
    /// How often half of them had to be given up.
    halvings: u32,
}

impl Witnesses {
    /// Remembers no more than so many addresses and names. Where there are more, those whose hash is small are remembered, with all that was seen
    /// of them: whichever come first, the same ones stay.
    pub fn with_room_for(addresses_max: usize) -> Self {
        Self { room: Some(addresses_max), ..Self::default() }
    }

    /// Share of the addresses that are remembered, percent. Of the others it is not known what else was seen.
    pub fn remembered_percent(&self) -> f64 {
        100.0 / f64::from(2_u32.saturating_pow(self.halvings))
    }

    /// Whether an address or a name is one of those remembered.
    fn remembers(&self, text: &str) -> bool {
        is_among(text, self.halvings)
    }

    fn make_room(&mut self) {
        while self.room.is_some_and(|room| self.len() > room) && self.halvings < HALVINGS_MAX {
            self.halvings += 1;
            let halvings = self.halvings;
            self.servers.retain(|address, _| is_among(address, halvings));
            self.clients.retain(|client, _| is_among(client, halvings));
            self.leases.retain(|client, _| is_among(client, halvings));
            self.encrypted.retain(|name, _| is_among(name, halvings));
        }
    }

    /// Notes a name of a server. Clouds and content networks bear anybody's names, so theirs say nothing.
    pub fn note_name(&mut self, catalog: &Catalog, named: &Named<'_>) {
        if !self.remembers(named.address) {
            return;
        }
        let at = catalog.period_of(Date::of_micros(named.first));
        let ip: Option<IpAddr> = named.address.parse().ok();
        let Some(network) = ip.and_then(|ip| catalog.network(ip, at)) else { return };
        if matches!(network.kind, NetworkKind::Cloud | NetworkKind::Cdn) {
            return;
        }
        let found = catalog.domain(named.name, at);
        if named.name.parse::<IpAddr>().is_ok() || found.as_ref().is_some_and(|f| f.client_facing) {
            return;
        }
        // A name that its address speaks against is no support for others; it leaves the address in doubt.
        let believed = found.filter(|found| {
            // A name on a flow in another vendor's own network may be forged, an answer of the DNS less so.
            let fits = match network.kind {
                NetworkKind::Own => network.vendor == Some(found.vendor),
                _ => !catalog.name_owner_addresses_known(found.vendor, at),
            };
            !found.weak && (named.by_dns || fits)
        });
        let said = believed.map_or(Whose::Stranger, |found| {
            Whose::Owner(self.owner(found.vendor, found.rule_id), named.by_dns)
        });
        // Sightings two windows apart leave no time between them that is near to neither.
        let gap = if named.by_dns && said != Whose::Stranger { 0 } else { 2 * WINDOW_US };
        let sighting = Sighting { said, first: named.first, last: named.last, until: named.until };
        sighting.join(self.servers.entry_ref(named.address).or_default(), gap);
        self.make_room();
    }

    /// Notes what a client said its device is.
    pub fn note_agent(&mut self, client: &str, agent: &str, (first, last): (i64, i64)) {
        if let Some(maker) = user_agent_vendor(agent) {
            self.note_client(client, Trait::Maker(maker), (first, last));
        }
    }

    /// Notes that many addresses were seen behind one MAC address.
    pub fn note_router(&mut self, client: &str, (first, last): (i64, i64)) {
        self.note_client(client, Trait::Router, (first, last));
    }

    /// Notes what the device at a MAC or an IP address told a DHCP server.
    pub fn note_lease(
        &mut self,
        client: &str,
        (host_name, vendor_class): (Option<&str>, Option<&str>),
        (first, last): (i64, i64),
    ) {
        let maker = dhcp_maker(host_name, vendor_class).filter(|_| self.remembers(client));
        if let Some(said) = maker {
            let sighting = Sighting { said, first, last, until: last };
            sighting.join(self.leases.entry_ref(client).or_default(), 2 * WINDOW_US);
            self.make_room();
        }
    }

    /// Notes a name whose records offered to encrypt the client hello, from the first of a day to the last.
    pub fn note_encrypted(&mut self, name: &str, times: (i64, i64)) {
        if self.remembers(name) {
            self.encrypted.entry_ref(name).or_default().push(times);
            self.make_room();
        }
    }

    fn note_client(&mut self, client: &str, said: Trait, (first, last): (i64, i64)) {
        if !self.remembers(client) {
            return;
        }
        let sighting = Sighting { said, first, last, until: last };
        sighting.join(self.clients.entry_ref(client).or_default(), 2 * WINDOW_US);
        self.make_room();
    }

    /// Forgets what can decide nothing: servers without a vendor's name, clients of one maker.
    pub fn finish(&mut self) {
        self.servers.retain(|_, list| list.iter().any(|seen| seen.said != Whose::Stranger));
        self.clients.retain(|_, list| {
            list.iter().any(|seen| seen.said == Trait::Router)
                || list.iter().zip(list.iter().skip(1)).any(|(one, next)| one.said != next.said)
        });
        self.positions = HashMap::new();
    }

    /// How many addresses are remembered.
    pub fn len(&self) -> usize {
        self.servers.len() + self.clients.len() + self.leases.len() + self.encrypted.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The vendor that all names of a server within a day of `at` belong to, if one of them was good at that time: a name on
    /// a flow for the whole window, an answer for as long as it was to be believed.
    pub fn of_server(&self, address: &str, at: i64) -> Option<Witness<'_>> {
        let mut witness: Option<Witness<'_>> = None;
        let mut vendors: Option<&str> = None;
        for seen in self.servers.get(address)?.iter().filter(|seen| seen.is_near(at)) {
            let Whose::Owner(owner, by_dns) = seen.said else { return None };
            let (vendor, rule_id) = self.owners.get(owner as usize)?;
            if *vendors.get_or_insert(vendor) != vendor {
                return None;
            }
            if !by_dns || (seen.first..=seen.until).contains(&at) {
                let before = witness.unwrap_or(Witness { vendor, rule_id, by_dns });
                let rule_id = before.rule_id.min(rule_id);
                witness = Some(Witness { vendor, rule_id, by_dns: before.by_dns || by_dns });
            }
        }
        witness
    }

    /// Who stood behind a client's address, a MAC or an IP address, within a day of `at`. Of one that is not remembered nobody knows, and a
    /// device is named by its own flow only.
    pub fn behind(&self, client: &str, at: i64) -> Behind {
        if !self.remembers(client) {
            return Behind::Several;
        }
        let Some(list) = self.clients.get(client) else { return Behind::One };
        let mut maker = None;
        let mut several = false;
        for seen in list.iter().filter(|seen| seen.is_near(at)) {
            match seen.said {
                Trait::Router => return Behind::Router,
                Trait::Maker(said) => several |= *maker.get_or_insert(said) != said,
            }
        }
        if several { Behind::Several } else { Behind::One }
    }

    /// The maker of the device at a MAC or an IP address by what it told a DHCP server within a day of `at`; nobody where that names two.
    pub fn leased(&self, client: &str, at: i64) -> Option<&'static str> {
        let mut makers =
            self.leases.get(client)?.iter().filter(|seen| seen.is_near(at)).map(|seen| seen.said);
        let maker = makers.next()?;
        makers.all(|other| other == maker).then_some(maker)
    }

    /// Whether the records of a name offered to encrypt the client hello, to anybody, in the day before `at`. It may have been so for a name that is
    /// not remembered.
    pub fn is_encrypted(&self, name: &str, at: i64) -> bool {
        let is_before = |(first, last): &(i64, i64)| {
            *first <= at.saturating_add(GRACE_US) && *last >= at.saturating_sub(WINDOW_US)
        };
        !self.remembers(name)
            || self.encrypted.get(name).is_some_and(|days| days.iter().any(is_before))
    }

    fn owner(&mut self, vendor: &str, rule_id: String) -> u32 {
        let key = (vendor.to_owned(), rule_id);
        let next = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        *self.positions.entry(key).or_insert_with_key(|key| {
            self.owners.push(key.clone());
            next
        })
    }
}

/// Whether a text is among those that stay after so many halvings, by its FNV-1a hash, mixed so that its last bits depend on all of it.
fn is_among(text: &str, halvings: u32) -> bool {
    if halvings == 0 {
        return true;
    }
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed ^ (mixed >> 32)).trailing_zeros() >= halvings
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = WINDOW_US / 24;
    /// A provider's address, no vendor's, no cloud's.
    const RENTED: &str = "115.200.201.230";

    fn catalog() -> &'static Catalog {
        static CATALOG: std::sync::OnceLock<Catalog> = std::sync::OnceLock::new();
        CATALOG.get_or_init(|| Catalog::shipped().unwrap())
    }

    fn on_flow(name: &str, at: i64) -> Named<'_> {
        Named { address: RENTED, name, by_dns: false, first: at, last: at, until: at }
    }

    fn answer(name: &str, at: i64) -> Named<'_> {
        Named { by_dns: true, until: at + HOUR / 10, ..on_flow(name, at) }
    }

    /// What the sightings, in either order, say at a time.
    fn told(sightings: &[Named<'_>], at: i64) -> Option<(String, bool)> {
        let ask = |list: &mut dyn Iterator<Item = &Named<'_>>| {
            let mut witnesses = Witnesses::default();
            list.for_each(|named| witnesses.note_name(catalog(), named));
            witnesses.finish();
            witnesses
                .of_server(RENTED, at)
                .map(|w| (format!("{} {}", w.vendor, w.rule_id), w.by_dns))
        };
        let (there, back) = (ask(&mut sightings.iter()), ask(&mut sightings.iter().rev()));
        assert_eq!(there, back);
        there
    }

    #[test]
    fn all_names_within_a_day_have_to_be_one_vendors() {
        let day = 100 * WINDOW_US;
        let xiaomi = Some(("xiaomi domain:miui.com".to_owned(), false));
        let one = [on_flow("a.miui.com", day)];
        for at in [day - WINDOW_US, day, day + WINDOW_US] {
            assert_eq!(told(&one, at), xiaomi);
        }
        assert_eq!(told(&one, day + WINDOW_US + 1), None);
        assert_eq!(told(&one, day - WINDOW_US - 1), None);
        let two = [on_flow("a.miui.com", day), on_flow("b.xiaomi.com", day + HOUR)];
        assert_eq!(told(&two, day), xiaomi);
        for stranger in ["shop.example", "www.line.me", "bucket.s3.amazonaws.com"] {
            let mixed = [on_flow("a.miui.com", day), on_flow(stranger, day + HOUR)];
            assert_eq!(told(&mixed, day), None, "{stranger}");
            assert_eq!(told(&mixed, day - 23 * HOUR - HOUR / 2), xiaomi, "{stranger} is far");
        }
    }

    #[test]
    fn days_with_sightings_join_and_a_hole_between_them_stays() {
        let day = 100 * WINDOW_US;
        let apart = [on_flow("a.miui.com", day), on_flow("a.miui.com", day + 5 * WINDOW_US)];
        assert_eq!(told(&apart, day + 2 * WINDOW_US), None);
        assert!(told(&apart, day + 4 * WINDOW_US).is_some());
        let joined = [on_flow("a.miui.com", day), on_flow("a.miui.com", day + 2 * WINDOW_US)];
        assert!(told(&joined, day + WINDOW_US).is_some());
    }

    #[test]
    fn an_answer_supports_while_it_is_good_and_leaves_doubt_for_a_day() {
        let day = 100 * WINDOW_US;
        let dns = Some(("xiaomi domain:miui.com".to_owned(), true));
        assert_eq!(told(&[answer("a.miui.com", day)], day + HOUR / 10), dns);
        assert_eq!(told(&[answer("a.miui.com", day)], day + HOUR), None, "expired");
        assert_eq!(told(&[answer("a.miui.com", day)], day - 1), None, "not yet asked");
        let both = [answer("a.miui.com", day), answer("shop.example", day - 20 * HOUR)];
        assert_eq!(told(&both, day), None);
    }

    #[test]
    fn a_spoofed_name_supports_nobody() {
        let day = 100 * WINDOW_US;
        assert_eq!(told(&[on_flow("www.apple.com", day)], day), None);
        assert!(told(&[answer("www.apple.com", day)], day).is_some());
        let front = [on_flow("a.miui.com", day), on_flow("cloudflare-ech.com", day)];
        assert!(told(&front, day).is_some(), "a front names nobody");
        let shared = Named { address: "203.69.138.10", ..on_flow("a.miui.com", day) };
        let mut witnesses = Witnesses::default();
        witnesses.note_name(catalog(), &shared);
        witnesses.note_name(catalog(), &Named { address: "10.0.0.80", ..shared });
        witnesses.note_name(catalog(), &Named { address: "no address", ..shared });
        assert!(witnesses.is_empty());
    }

    #[test]
    fn a_lease_tells_the_maker_near_its_time() {
        let day = 100 * WINDOW_US;
        let mut witnesses = Witnesses::default();
        let redmi = (Some("Redmi-Note"), None);
        witnesses.note_lease("mac", redmi, (day, day));
        witnesses.note_lease("two", redmi, (day, day));
        witnesses.note_lease("two", (Some("Galaxy-S5"), None), (day + HOUR, day + HOUR));
        witnesses.note_lease("any", (Some("printer"), Some("MSFT 5.0")), (day, day));
        assert_eq!(witnesses.leased("mac", day + HOUR), Some("xiaomi"));
        assert_eq!(witnesses.leased("mac", day + WINDOW_US + 1), None, "too far");
        assert_eq!(witnesses.leased("two", day), None, "the address went on to another");
        assert_eq!(witnesses.leased("two", day - WINDOW_US), Some("xiaomi"));
        assert_eq!(witnesses.leased("any", day), None);
    }

    #[test]
    fn makers_behind_one_address_are_counted() {
        let (redmi, iphone) = ("MIUI/9", "Mozilla/5.0 (iPhone; CPU)");
        let day = 100 * WINDOW_US;
        let mut witnesses = Witnesses::default();
        witnesses.note_agent("nat", redmi, (day, day));
        witnesses.note_agent("nat", iphone, (day + HOUR, day + HOUR));
        witnesses.note_agent("one", redmi, (day, day));
        witnesses.note_agent("one", "curl/8", (day, day));
        witnesses.note_router("hop", (day, day));
        witnesses.finish();
        assert_eq!(witnesses.len(), 2);
        let behind = |client, at| witnesses.behind(client, at);
        assert_eq!(behind("nat", day), Behind::Several);
        assert_eq!(behind("nat", day - WINDOW_US), Behind::One, "the other is too far");
        assert_eq!(behind("hop", day), Behind::Router);
        assert_eq!(behind("hop", day + 2 * WINDOW_US), Behind::One);
        assert_eq!(behind("one", day), Behind::One);
    }

    #[test]
    fn an_offer_to_encrypt_counts_once_it_was_made() {
        let day = 100 * WINDOW_US;
        let mut witnesses = Witnesses::default();
        witnesses.note_encrypted("a.example", (day, day + HOUR));
        let offered = |at| witnesses.is_encrypted("a.example", at);
        assert!(!offered(day - GRACE_US - 1), "the flow was before it");
        assert!(offered(day - GRACE_US) && offered(day + WINDOW_US));
        assert!(offered(day + HOUR + WINDOW_US) && !offered(day + HOUR + WINDOW_US + 1));
        assert!(!witnesses.is_encrypted("b.example", day));
    }

    #[test]
    fn what_does_not_fit_is_not_known_whatever_came_first() {
        let day = 100 * WINDOW_US;
        let address = |n: u32| std::net::Ipv4Addr::from(0x73c8_c900 + n).to_string();
        let kept = |order: &mut dyn Iterator<Item = u32>| {
            let mut witnesses = Witnesses::with_room_for(50);
            for n in order {
                let address = address(n);
                witnesses.note_name(
                    catalog(),
                    &Named { address: &address, ..on_flow("a.miui.com", day) },
                );
            }
            witnesses.note_agent("nat", "MIUI/9", (day, day));
            witnesses.finish();
            assert!(witnesses.len() <= 50, "{}", witnesses.len());
            let kept: Vec<u32> =
                (0..200).filter(|n| witnesses.of_server(&address(*n), day).is_some()).collect();
            (kept, witnesses.remembered_percent())
        };
        let (there, percent) = kept(&mut (0..200));
        assert_eq!(kept(&mut (0..200).rev()), (there.clone(), percent));
        assert!(percent < 100.0 && (10..=50).contains(&there.len()), "{percent} {}", there.len());
        let mut witnesses = Witnesses::with_room_for(0);
        witnesses.note_router("hop", (day, day));
        assert_eq!(witnesses.behind("hop", day), Behind::Several);
        assert!(witnesses.is_encrypted("a.example", day));
        let all = Witnesses::with_room_for(1);
        assert_eq!((all.behind("hop", day), all.remembered_percent()), (Behind::One, 100.0));
    }
}
