"""DuckDB: tables of an in-memory database."""
import duckdb

db = duckdb.connect()


def start(threads):
    db.execute(f"SET threads = {threads}")
    return duckdb.__version__, threads


def load(path):
    name = f"t{len(db.execute('SHOW TABLES').fetchall())}"
    db.execute(f"CREATE TABLE {name} AS SELECT * FROM read_parquet('{path}')")
    return name


def make(query, ordered):
    # The order of rows that nobody asked for costs DuckDB time and memory.
    db.execute(f"SET preserve_insertion_order = {ordered}")
    db.execute("CREATE TABLE result AS " + query)
    return "result"


OPS = {
    "join": lambda l, r: make(f"SELECT l.k, l.a, r.b FROM {l} l JOIN {r} r ON l.k = r.k", False),
    "sort": lambda l: make(f"SELECT * FROM {l} ORDER BY k", True),
    "groupby": lambda l: make(f"SELECT k, sum(a)::BIGINT AS s, avg(a) AS m FROM {l} GROUP BY k", False),
    "csv": lambda path: make(f"SELECT * FROM read_csv('{path}')", True),
    "parquet": lambda path: make(f"SELECT * FROM read_parquet('{path}')", True),
}


def columns(table):
    return list(db.execute(f"SELECT * FROM {table}").fetchnumpy().values())
