"""Run one table operation of one engine in this process and print one JSON line.

    python peer.py --engine polars --op join --threads 1 --left l.parquet --right r.parquet
    python peer.py --engine duckdb --op csv --threads 1 --left l.csv

An engine is a module engine_NAME.py with
    start(threads) -> (version, threads that it really uses)
    load(path)     -> a Parquet file as the engine's table in memory
    OPS            -> {operation: function of the loaded tables, or of the path for csv and parquet;
                       it returns the whole result in memory, as the engine's table}
    columns(table) -> its columns as NumPy arrays, in the order of the workload

The workload is Cylon's: tables of two int64 columns, left (k, a) and right (k, b).
    join     inner, on k: k, a, b, in any order
    sort     left by k, ascending
    groupby  left by k: k, sum of a, mean of a, in any order
    csv      read left from CSV: k, a
    parquet  read left from Parquet: k, a

Printed: seconds of the operation alone, without start and loading; rss_bytes, the most memory that the
process had during it (its inputs are part of that; VmHWM of proc(5), reset before), and rusage_bytes, the most
since its start (getrusage); rows, and the sum of every column, by which results are compared.
"""
import argparse
import importlib
import json
import os
import resource
import time


def reset_peak():
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def peak():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--engine", required=True, choices=["duckdb", "polars", "pandas", "pyarrow"])
    p.add_argument("--op", required=True, choices=["join", "sort", "groupby", "csv", "parquet"])
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--left", required=True)
    p.add_argument("--right")
    o = p.parse_args()

    # Before the libraries are loaded: they make their threads then.
    for name in ["POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"]:
        os.environ[name] = str(o.threads)
    engine = importlib.import_module("engine_" + o.engine)
    version, threads = engine.start(o.threads)
    if o.op in ("csv", "parquet"):
        inputs = [o.left]
    elif o.op == "join":
        inputs = [engine.load(o.left), engine.load(o.right)]
    else:
        inputs = [engine.load(o.left)]

    reset_peak()
    begin = time.perf_counter()
    result = engine.OPS[o.op](*inputs)
    seconds = time.perf_counter() - begin
    rss = peak()
    rusage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    columns = engine.columns(result)
    print(json.dumps({
        "engine": o.engine, "version": version, "op": o.op, "threads": threads, "seconds": seconds,
        "rss_bytes": rss, "rusage_bytes": rusage,
        "rows": len(columns[0]), "sums": [float(c.sum()) for c in columns],
    }))


if __name__ == "__main__":
    main()
