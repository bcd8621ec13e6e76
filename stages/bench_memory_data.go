package stages

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"deeprc/frame"
)

// memoryColumns are the columns of a table of memoryCases: a time and three of values, or a series, a time and two of values.
const memoryColumns = 4

// memorySeries is the length of a series of a long table.
const memorySeries = 10_000

// memoryStart is the time of every series' first row.
var memoryStart = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)

// memoryCell is a day's wave with noise, to two decimals as measurements are; it depends on its place only.
func memoryCell(col, row int) float64 {
	noise := mix64(uint64(col)<<40+uint64(row)) % 1000
	return math.Round(1000*math.Sin(float64(row)*math.Pi/12)+float64(noise)) / 100
}

// writeMemoryCSV writes a wide table: a row a minute, three channels.
func writeMemoryCSV(path string, rows int) error {
	return writeAtomic(path, func(to io.Writer) error {
		w := bufio.NewWriterSize(to, 1<<20)
		fmt.Fprintln(w, "date,a,b,c")
		var line []byte
		for i := range rows {
			line = memoryStart.Add(time.Duration(i)*time.Minute).AppendFormat(line[:0], time.DateTime)
			for c := range memoryColumns - 1 {
				line = strconv.AppendFloat(append(line, ','), memoryCell(c, i), 'f', -1, 64)
			}
			w.Write(append(line, '\n'))
		}
		return w.Flush()
	})
}

// writeMemoryParquet writes a long table: series of memorySeries hourly rows, of a target and a column beside it.
func writeMemoryParquet(path string, rows int) error {
	schema := arrow.NewSchema([]arrow.Field{{Name: "unique_id", Type: arrow.BinaryTypes.String}, {Name: "ds", Type: &arrow.TimestampType{Unit: arrow.Microsecond}},
		{Name: "y", Type: arrow.PrimitiveTypes.Float64}, {Name: "x", Type: arrow.PrimitiveTypes.Float64}}, nil)
	w, err := frame.NewParquetWriter(path, schema, frame.ParquetOptions{})
	if err != nil {
		return err
	}
	defer w.Abort()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for lo := 0; lo < rows; lo += memorySeries {
		id := fmt.Sprintf("s%05d", lo/memorySeries)
		for i := lo; i < min(lo+memorySeries, rows); i++ {
			b.Field(0).(*array.StringBuilder).Append(id)
			b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(memoryStart.Add(time.Duration(i-lo) * time.Hour).UnixMicro()))
			b.Field(2).(*array.Float64Builder).Append(memoryCell(0, i))
			b.Field(3).(*array.Float64Builder).Append(memoryCell(1, i))
		}
		rec := b.NewRecord()
		err := w.Write(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// memoryCase is a file and an experiment on it, %[1]q being the file and %[2]q the folder.
type memoryCase struct {
	name, file string
	write      func(path string, rows int) error
	config     string
}

const memoryConfig = `
[run]
dir = %[2]q
[windows]
lookback = 96
horizon = 24
stride = 24
[train]
epochs = 1
steps = 50
batch = 64
[evaluate]
baselines = []
metrics = ["mse", "mae"]
`

var memoryCases = []memoryCase{
	{"csv", "wide.csv", writeMemoryCSV, memoryConfig + `
[data]
path = %[1]q
[[model]]
net = "nlinear"
[[model]]
net = "mlp"
`},
	{"parquet", "long.parquet", writeMemoryParquet, memoryConfig + `
[[preprocess]]
op = "read_parquet"
paths = [%[1]q]
[data]
hist = ["x"]
[[model]]
net = "nbeatsx"
`},
}

// experiment is the case's config in the folder dir.
func (m memoryCase) experiment(dir string) string {
	return fmt.Sprintf(m.config, filepath.Join(dir, m.file), dir)
}
