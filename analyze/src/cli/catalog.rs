//! `outflow catalog`: which one it is, how to make another, and what it says about one address, name or MAC.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::catalog::{BuildInputs, Catalog, Date, Feed, Snapshot};
use crate::cli::exit::Done;
use crate::cli::{catalog_diff, engine};
use crate::output::printable::printable;
use crate::report::grouped;

/// What to do with a catalog.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say which catalog it is: id, date, sources and their terms, sizes
    Show(ShowArgs),
    /// Make a catalog from your own files; what is not given is taken from the one that ships
    Build(Box<BuildArgs>),
    /// Explain step by step what the catalog says about addresses, names or MACs
    Check(CheckArgs),
    /// List which vendors and countries change for the same traffic when another catalog judges it
    Diff(catalog_diff::Args),
}

/// Which catalog.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// Catalog made by `outflow catalog build`; without it the one that ships
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

/// What to look up.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outflow catalog check 42.62.48.30 api.account.xiaomi.com 64:09:80:1d:52:0a
  outflow catalog check line.naver.jp --at 2014-09-22
  outflow catalog check notxiaomi.com")]
pub(crate) struct CheckArgs {
    /// IP address, host name or MAC address
    #[arg(required = true, value_name = "ADDRESS|NAME|MAC")]
    things: Vec<String>,
    /// The day it is asked of, YYYY-MM-DD; without it the newest state
    #[arg(long, value_name = "DATE", value_parser = Date::parse)]
    at: Option<Date>,
    /// Catalog made by `outflow catalog build`; without it the one that ships
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

/// What to build from.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outflow catalog build --country dbip-country.mmdb --out 2026-12.outflow-catalog
  outflow catalog build --network asn-ipv4.csv.gz --network asn-ipv6.csv.gz --vendor acme.toml --out my.outflow-catalog

Text feeds may be packed (.gz, .zst). A wrong line is refused with file, line and reason.")]
pub(crate) struct BuildArgs {
    /// Country by location: an mmdb file, or lines of start,end,CC (repeatable)
    #[arg(long, value_name = "FILE")]
    country: Vec<PathBuf>,
    /// Networks: lines of start,end,asn,organisation (repeatable)
    #[arg(long, value_name = "FILE")]
    network: Vec<PathBuf>,
    /// Country of the registered holder: lines of start,end,CC (repeatable)
    #[arg(long, value_name = "FILE")]
    network_country: Vec<PathBuf>,
    /// MAC prefixes: JSON of the IEEE listing, or lines of prefix,organisation,CC (repeatable)
    #[arg(long, value_name = "FILE")]
    maker: Vec<PathBuf>,
    /// A vendor file; it replaces the shipped vendor of the same key (repeatable)
    #[arg(long, value_name = "FILE")]
    vendor: Vec<PathBuf>,
    /// Leave the shipped vendors out
    #[arg(long)]
    vendors_only: bool,
    /// Special-purpose ranges, instead of the shipped list
    #[arg(long, value_name = "FILE")]
    special: Option<PathBuf>,
    /// Anycast ranges, instead of the shipped list
    #[arg(long, value_name = "FILE")]
    anycast: Option<PathBuf>,
    /// Kinds of networks without a vendor, instead of the shipped list
    #[arg(long, value_name = "FILE")]
    network_kinds: Option<PathBuf>,
    /// Write the tables alone, without the rules: the form that ships in the source tree
    #[arg(long)]
    tables_only: bool,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<Done> {
    let mut out = io::stdout();
    match command {
        Command::Show(args) => {
            show(engine::catalog(args.catalog.as_deref())?.snapshot(), &mut out)?;
        }
        Command::Check(args) => {
            let catalog = engine::catalog(args.catalog.as_deref())?;
            for (index, thing) in args.things.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                writeln!(out, "{}", catalog.explain(thing, args.at.unwrap_or_default()))?;
            }
        }
        Command::Diff(args) => return catalog_diff::run(args),
        Command::Build(args) => {
            let catalog = Catalog::build(&inputs(args))?;
            if args.tables_only {
                catalog.write_tables(&args.out)?;
            } else {
                catalog.write(&args.out)?;
            }
            writeln!(out, "{}\n", args.out.display())?;
            show(catalog.snapshot(), &mut out)?;
        }
    }
    Ok(Done::Complete)
}

fn inputs(args: &BuildArgs) -> BuildInputs {
    let feeds = |paths: &[PathBuf]| paths.iter().map(Feed::at).collect();
    BuildInputs {
        country: feeds(&args.country),
        network: feeds(&args.network),
        network_country: feeds(&args.network_country),
        maker: feeds(&args.maker),
        vendors: args.vendor.clone(),
        vendors_only: args.vendors_only,
        special: args.special.clone(),
        anycast: args.anycast.clone(),
        networks: args.network_kinds.clone(),
    }
}

fn show(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "catalog   {}", snapshot.id)?;
    writeln!(out, "date      {}", snapshot.date.as_deref().unwrap_or("not stated"))?;
    let sizes = &snapshot.sizes;
    let rows = [
        ("country ranges, IPv4", sizes.country_ranges_v4),
        ("country ranges, IPv6", sizes.country_ranges_v6),
        ("network ranges, IPv4", sizes.network_ranges_v4),
        ("network ranges, IPv6", sizes.network_ranges_v6),
        ("autonomous systems", sizes.autonomous_systems),
        ("of these stated as a vendor's, cloud or CDN", sizes.stated_systems),
        ("MAC prefixes", sizes.maker_prefixes),
        ("vendors", sizes.vendors),
        ("products", sizes.products),
        ("domains", sizes.domains),
        ("special-purpose ranges", sizes.special_ranges),
        ("anycast ranges", sizes.anycast_ranges),
    ];
    writeln!(out, "\nsizes")?;
    for (name, rows) in rows {
        writeln!(out, "  {:<44} {:>10}", name, grouped(i64::try_from(rows).unwrap_or(i64::MAX)))?;
    }
    writeln!(out, "\nsources")?;
    for source in &snapshot.sources {
        let date = source.date.as_deref().unwrap_or("no date");
        writeln!(out, "  {:<16} {} ({date})", source.table, printable(&source.name))?;
        writeln!(out, "  {:<16} terms: {}", "", printable(&source.licence))?;
        if let Some(credit) = &source.credit {
            writeln!(out, "  {:<16} credit: {}", "", printable(credit))?;
        }
        let sum = source.sha256.get(..16).unwrap_or(&source.sha256);
        writeln!(
            out,
            "  {:<16} {} rows from {}, sha256 {sum}…",
            "",
            grouped(i64::try_from(source.rows).unwrap_or(i64::MAX)),
            printable(&source.file)
        )?;
    }
    Ok(())
}
