#!/usr/bin/env python3
"""Reads a store with DuckDB, pandas (pyarrow) and polars, as its users do.

usage: readers.py STORE flows=N dns=N ledger=N src_packets=N ... (figures counted by somebody else)

Each tool must find these rows and sums, and the types the reference of the columns promises.
Prints a line for each tool that agrees; fails at the first thing that differs.
"""

import sys
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.dataset

SUMS = ["src_packets", "dst_packets", "src_bytes", "dst_bytes", "wire_bytes"]
TIMES = {"flows": ["flow_start", "flow_end", "flow_first_seen", "dns_names_at"], "dns": ["ts"], "ledger": ["ts_start", "ts_end"]}
LISTS = {"flows": ["server_names", "dns_names"], "dns": ["answers", "answer_ttls"], "ledger": []}
TEXTS = {"flows": ["src_ip", "dst_ip", "src_mac", "server_name"], "dns": ["client_ip", "query"], "ledger": ["sensor_id"]}
TABLES = ["flows", "dns", "ledger"]


def same(who, what, found, wanted):
    if found != wanted:
        sys.exit(f"{who}: {what} is {found!r}, wanted {wanted!r}")


def check_types(who, table, types, wanted):
    """types: column -> the tool's own word; wanted: kind -> that word."""
    for kind, columns in [("time", TIMES), ("text", TEXTS)]:
        for column in columns[table]:
            same(who, f"type of {table}.{column}", types[column], wanted[kind])
    for column in LISTS[table]:
        word = wanted["numbers"] if column == "answer_ttls" else wanted["texts"]
        same(who, f"type of {table}.{column}", types[column], word)
    for column, word in types.items():
        if word.lower().startswith("u") and "int" in word.lower():
            sys.exit(f"{who}: {table}.{column} is unsigned ({word}), which not every engine knows")


def check_nulls(who, nulls, rows):
    """Not observed is null: ports exist for TCP and UDP only, names on some flows only."""
    for column in ["src_port", "server_name", "icmp_type"]:
        if not 0 < nulls[column] < rows:
            sys.exit(f"{who}: {nulls[column]} of {rows} {column} are null")
    same(who, "null in src_bytes", nulls["src_bytes"], 0)


def read_duckdb(store, wanted):
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    words = {"time": "TIMESTAMP WITH TIME ZONE", "text": "VARCHAR", "texts": "VARCHAR[]", "numbers": "BIGINT[]"}
    for table in TABLES:
        db.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{store}/{table}/**/*.parquet', hive_partitioning = true)")
        same("duckdb", f"rows of {table}", db.execute(f"SELECT count(*) FROM {table}").fetchone()[0], wanted[table])
        types = {row[0]: row[1] for row in db.execute(f"DESCRIBE {table}").fetchall()}
        check_types("duckdb", table, types, words)
    for column in SUMS:
        same("duckdb", column, int(db.execute(f"SELECT sum({column}) FROM flows").fetchone()[0]), wanted[column])
    same("duckdb", "packets_seen", int(db.execute("SELECT sum(packets_seen) FROM ledger").fetchone()[0]), wanted["packets_seen"])
    nulls = {c: db.execute(f"SELECT count(*) - count({c}) FROM flows").fetchone()[0] for c in ["src_port", "server_name", "icmp_type", "src_bytes"]}
    check_nulls("duckdb", nulls, wanted["flows"])
    # The folders are the hour of the partition column.
    astray = db.execute("SELECT count(*) FROM flows WHERE strftime(flow_end, '%Y-%m-%d') <> strftime(date, '%Y-%m-%d') OR hour(flow_end) <> CAST(hour AS INTEGER)").fetchone()[0]
    same("duckdb", "rows outside their folder", astray, 0)
    # Text sorts out as addresses.
    same("duckdb", "addresses that are none", db.execute("SELECT count(*) FROM flows WHERE NOT regexp_matches(src_ip, '^[0-9a-f:.]+$')").fetchone()[0], 0)
    print("duckdb ok", duckdb.__version__)


def read_pandas(store, wanted):
    words = {"time": "timestamp[us, tz=UTC]", "text": "string", "texts": "list<string>", "numbers": "list<int64>"}
    plain = lambda kind: str(kind).replace("item: ", "").replace("element: ", "").replace(" not null", "")
    for table in TABLES:
        dataset = pyarrow.dataset.dataset(f"{store}/{table}", format="parquet", partitioning="hive")
        types = {f.name: plain(f.type) for f in dataset.schema if f.name not in ("date", "hour")}
        check_types("pyarrow", table, types, words)
        frame = pandas.read_parquet(f"{store}/{table}")
        same("pandas", f"rows of {table}", len(frame), wanted[table])
        if table == "flows":
            for column in SUMS:
                same("pandas", column, int(frame[column].sum()), wanted[column])
            check_nulls("pandas", {c: int(frame[c].isna().sum()) for c in ["src_port", "server_name", "icmp_type", "src_bytes"]}, len(frame))
            same("pandas", "dtype of flow_end", str(frame["flow_end"].dtype), "datetime64[us, UTC]")
            same("pandas", "dates", sorted({str(d) for d in frame["date"]}), sorted({t.strftime("%Y-%m-%d") for t in frame["flow_end"]}))
        if table == "ledger":
            same("pandas", "packets_seen", int(frame["packets_seen"].sum()), wanted["packets_seen"])
            same("pandas", "balance_error", int(frame["balance_error"].abs().sum()), 0)
    print("pandas ok", pandas.__version__, "pyarrow", pyarrow.__version__)


def read_polars(store, wanted):
    words = {"time": "Datetime(time_unit='us', time_zone='UTC')", "text": "String", "texts": "List(String)", "numbers": "List(Int64)"}
    for table in TABLES:
        frame = polars.scan_parquet(f"{store}/{table}/**/*.parquet", hive_partitioning=True).collect()
        same("polars", f"rows of {table}", frame.height, wanted[table])
        check_types("polars", table, {name: str(kind) for name, kind in frame.schema.items()}, words)
        if table == "flows":
            for column in SUMS:
                same("polars", column, int(frame[column].sum()), wanted[column])
            check_nulls("polars", {c: frame[c].null_count() for c in ["src_port", "server_name", "icmp_type", "src_bytes"]}, frame.height)
        if table == "ledger":
            same("polars", "packets_seen", int(frame["packets_seen"].sum()), wanted["packets_seen"])
    print("polars ok", polars.__version__)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    store = Path(sys.argv[1])
    wanted = {name: int(value) for name, value in (word.split("=") for word in sys.argv[2:])}
    for read in [read_duckdb, read_pandas, read_polars]:
        read(store, wanted)


main()
