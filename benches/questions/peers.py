"""Asks another engine one question of a store, cold and then warm, and says what that took.

    peers.py duckdb|chdb STORE TABLES SETUP QUESTION ANSWER ROUNDS

SETUP and QUESTION are files of SQL in the engine's own words; the first makes its tables of the store and of the catalog's lists in TABLES and is not part of
any time but the opening's. The answer goes to a Parquet file, the figures to standard output as JSON: seconds on the clock and of the processor (user and
system, of the whole process), peak memory in octets.
"""

import glob
import json
import os
import resource
import sys
import time

THREADS = 2


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(work):
    wall, cpu = time.perf_counter(), processor_seconds()
    result = work()
    return result, {"wall_s": time.perf_counter() - wall, "cpu_s": processor_seconds() - cpu}


def forget(store):
    """Takes the store's files out of the page cache."""
    for path in glob.glob(os.path.join(store, "**", "*.parquet"), recursive=True):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def statements(text):
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [part for part in "\n".join(lines).split(";") if part.strip()]


class DuckDb:
    def __init__(self):
        import duckdb

        self.version = "duckdb " + duckdb.__version__
        self.connection = duckdb.connect(config={"threads": THREADS})

    def do(self, sql):
        self.connection.execute(sql)

    def ask(self, sql):
        return self.connection.sql(sql).to_arrow_table()


class ChDb:
    def __init__(self):
        import chdb
        from chdb.session import Session

        self.version = "chdb " + chdb.__version__
        self.session = Session()
        self.do(f"SET max_threads = {THREADS}")
        self.do("SET output_format_arrow_string_as_string = 1")
        self.do("SET session_timezone = 'UTC'")

    def do(self, sql):
        self.session.query(sql)

    def ask(self, sql):
        return self.session.query(sql, "ArrowTable")


def main():
    engine, store, tables, setup, question, answer, rounds = sys.argv[1:]
    import pyarrow.parquet

    def read(path):
        with open(path, encoding="utf-8") as file:
            return file.read().replace("{store}", store).replace("{tables}", tables)

    def begin():
        opened = {"duckdb": DuckDb, "chdb": ChDb}[engine]()
        for statement in statements(read(setup)):
            opened.do(statement)
        return opened

    opened, opening = timed(begin)
    [sql] = statements(read(question))
    forget(store)
    runs = []
    for _ in range(int(rounds) + 1):
        result, took = timed(lambda: opened.ask(sql))
        runs.append(took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    pyarrow.parquet.write_table(result, answer)
    print(json.dumps({"engine": opened.version, "open": opening, "runs": runs, "rss_bytes": peak}))


if __name__ == "__main__":
    main()
