"""Polars, eager. The number of threads is taken from POLARS_MAX_THREADS when it is loaded."""
import polars as pl


def start(threads):
    if pl.thread_pool_size() != threads:
        raise SystemExit(f"Polars runs {pl.thread_pool_size()} threads, not {threads}")
    return pl.__version__, threads


def load(path):
    return pl.read_parquet(path).rechunk()


OPS = {
    "join": lambda l, r: l.join(r, on="k", how="inner"),
    "sort": lambda l: l.sort("k"),
    "groupby": lambda l: l.group_by("k").agg(pl.col("a").sum().alias("s"), pl.col("a").mean().alias("m")),
    "csv": pl.read_csv,
    "parquet": pl.read_parquet,
}


def columns(table):
    return [table[c].to_numpy() for c in table.columns]
