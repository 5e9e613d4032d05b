//! What the host would lose: frames that AF_XDP takes do not reach the kernel's own network stack.
//!
//! On a tap port nobody misses them; an interface that the host itself lives by is refused.

use std::fs;
use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

/// Of the thread, not of the process: threads can be in different network namespaces.
const ROUTES_V4: &str = "/proc/thread-self/net/route";
const ROUTES_V6: &str = "/proc/thread-self/net/ipv6_route";
/// `RTF_UP` and `RTF_REJECT` of `linux/route.h` and `linux/ipv6_route.h`.
const ROUTE_UP: u32 = 0x1;
const ROUTE_REJECT: u32 = 0x200;

/// What the host does with the interface, if anything: a reason not to take its frames away.
pub(crate) fn needs(interface: &str) -> io::Result<Option<String>> {
    let read = |path| match fs::read_to_string(path) {
        // A kernel without IPv6 has no routes of it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    };
    if read(ROUTES_V4)?.lines().skip(1).any(|line| is_default_v4(line, interface)) {
        return Ok(Some("carries the default route (IPv4)".to_owned()));
    }
    if read(ROUTES_V6)?.lines().any(|line| is_default_v6(line, interface)) {
        return Ok(Some("carries the default route (IPv6)".to_owned()));
    }
    if let Some(address) = address(interface)? {
        return Ok(Some(format!("has the address {address}")));
    }
    Ok(upper(interface).map(|above| format!("is part of {above:?}")))
}

/// A line of `/proc/net/route`: interface, destination, gateway, flags, three counts, mask, …
fn is_default_v4(line: &str, interface: &str) -> bool {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [name, destination, _, flags, _, _, _, mask, ..] = *fields else { return false };
    name == interface && destination == "00000000" && mask == "00000000" && leads(flags)
}

/// A line of `/proc/net/ipv6_route`: destination, its length, source, its length, next hop, metric, two counts, flags, interface.
fn is_default_v6(line: &str, interface: &str) -> bool {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, length, _, _, _, _, _, _, flags, name] = *fields else { return false };
    name == interface && length == "00" && leads(flags)
}

/// Whether a route's flags say that packets take it.
fn leads(flags: &str) -> bool {
    u32::from_str_radix(flags, 16)
        .is_ok_and(|flags| flags & ROUTE_UP != 0 && flags & ROUTE_REJECT == 0)
}

/// An address of the interface. Link-local IPv6 does not count: the kernel gives one to every interface that is up.
fn address(interface: &str) -> io::Result<Option<IpAddr>> {
    let own = getifaddrs()?.filter(|entry| entry.interface_name == interface);
    let addresses = own.filter_map(|entry| {
        let address = entry.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    });
    Ok(addresses.into_iter().find(|address| match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    }))
}

/// A bridge, bond or VLAN interface built on the interface: it would go deaf with it.
fn upper(interface: &str) -> Option<String> {
    let entries = fs::read_dir(format!("/sys/class/net/{interface}")).ok()?;
    entries.flatten().find_map(|entry| {
        entry.file_name().to_string_lossy().strip_prefix("upper_").map(str::to_owned)
    })
}

/// Receive queues as the file system lists them, for drivers that do not say.
pub(crate) fn receive_queues(interface: &str, index: u32) -> io::Result<u32> {
    let folder = format!("/sys/class/net/{interface}");
    // It may be mounted for another network namespace, with another interface of that name.
    if fs::read_to_string(format!("{folder}/ifindex"))?.trim() != index.to_string() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let entries = fs::read_dir(format!("{folder}/queues"))?.flatten();
    let count = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("rx-"));
    u32::try_from(count.count()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use crate::source::xdp::host::{is_default_v4, is_default_v6};

    #[test]
    fn the_default_route_is_found() {
        let v4 = |flags: &str, mask: &str| {
            format!("eth0\t00000000\t0102A8C0\t{flags}\t0\t0\t100\t{mask}\t0\t0\t0")
        };
        assert!(is_default_v4(&v4("0003", "00000000"), "eth0"));
        assert!(!is_default_v4(&v4("0003", "00000000"), "eth"));
        assert!(!is_default_v4(&v4("0003", "000000FF"), "eth0"), "0.0.0.0/8 is not all");
        assert!(!is_default_v4(&v4("0201", "00000000"), "eth0"), "it rejects");
        assert!(!is_default_v4("eth0 00000000", "eth0"));
        let v6 = |length: &str, flags: &str| {
            let any = "0".repeat(32);
            let hop = "fe80000000000000000000000000000a";
            format!("{any} {length} {any} 00 {hop} 00000400 00000001 00000000 {flags}     eth0")
        };
        assert!(is_default_v6(&v6("00", "00000003"), "eth0"));
        assert!(!is_default_v6(&v6("00", "00000003"), "lo"));
        assert!(!is_default_v6(&v6("08", "00000003"), "eth0"));
        assert!(!is_default_v6(&v6("00", "00200200"), "eth0"), "it rejects");
    }
}
