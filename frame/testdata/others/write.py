"""Writes the files of TestFilesOfOthers: one table, by other programs, in ways that Arrow's Go writer lacks.

Needs what bench/peers/requirements.txt lists. Run it in this folder.
"""
import decimal

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

rng, n = np.random.default_rng(1), 150


def holes(values, type):
    return pa.array(values, mask=rng.random(n) < 0.2, type=type)


def decimals(limit, digits):
    return pa.array([None if v % 5 == 0 else decimal.Decimal(int(v)) / 100 for v in rng.integers(-limit, limit, n)], type=pa.decimal128(digits, 2))


table = pa.table({
    "i8": holes(rng.integers(-100, 100, n), pa.int8()),
    "u16": holes(rng.integers(0, 60000, n), pa.uint16()),
    "i32": holes(rng.integers(-10**9, 10**9, n), pa.int32()),
    "i64": holes(rng.integers(-(1 << 62), 1 << 62, n), pa.int64()),
    "f64": holes(rng.normal(size=n), pa.float64()),
    "b": holes(rng.random(n) < 0.5, pa.bool_()),
    "s": holes(np.array([f"basin{v}" for v in rng.integers(0, 9, n)], dtype=object), pa.string()),
    "t": holes(np.array([f"text {v}" for v in rng.integers(0, 1 << 40, n)], dtype=object), pa.large_string()),
    "d": holes(rng.integers(0, 20000, n).astype("int32"), pa.int32()).cast(pa.date32()),
    "ts": holes(rng.integers(0, 1 << 60, n), pa.int64()).cast(pa.timestamp("ns")),
    "dec9": decimals(1 << 20, 9),
    "dec18": decimals(1 << 40, 18),
    "dec30": decimals(1 << 40, 30),
    "none": pa.array([None] * n, type=pa.float64()),
})

with ipc.new_file("pyarrow.arrow", table.schema) as w:
    w.write_table(table, max_chunksize=60)
parquet = {
    "lz4": dict(compression="lz4"),
    "brotli2": dict(compression="brotli", data_page_version="2.0"),
    "int96": dict(use_deprecated_int96_timestamps=True),
    "decimals": dict(store_decimal_as_integer=True, row_group_size=70),
    "delta": dict(use_dictionary=False, column_encoding={
        "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY", "t": "DELTA_LENGTH_BYTE_ARRAY", "f64": "BYTE_STREAM_SPLIT"}),
}
for name, o in parquet.items():
    pq.write_table(table, f"pyarrow-{name}.parquet", **o)
pl.from_arrow(table).write_parquet("polars.parquet")
pl.from_arrow(table).write_ipc("polars.arrow", compression="uncompressed", compat_level=pl.CompatLevel.oldest())
duckdb.register("t", table)
duckdb.sql("COPY t TO 'duckdb.parquet' (FORMAT parquet, COMPRESSION snappy)")
duckdb.sql("COPY t TO 'duckdb-v2.parquet' (FORMAT parquet, PARQUET_VERSION v2)")
