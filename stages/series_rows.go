package stages

import (
	"fmt"
	"slices"
	"time"

	"deeprc/collective"
)

// bySeries are the times of each series' rows; parts of ts where the rows of each lie together.
func bySeries(ts []int64, code []int32, groups int) [][]int64 {
	series := make([][]int64, groups)
	of := make([]int, groups)
	for i := range ts {
		of[groupOf(code, i)]++
	}
	all := ts
	if !slices.IsSorted(code) {
		all = make([]int64, len(ts))
		at := make([]int, groups)
		for g, n := range of[:groups-1] {
			at[g+1] = at[g] + n
		}
		for i, t := range ts {
			all[at[code[i]]] = t
			at[code[i]]++
		}
	}
	for g, n := range of {
		series[g], all = all[:n:n], all[n:]
	}
	return series
}

func groupOf(code []int32, row int) int {
	if code == nil {
		return 0
	}
	return int(code[row])
}

// seriesCodes numbers the series of a long table in the order in which the file
// first names them, and gives the number of every row of every rank; collective.
func seriesCodes(c collective.Comm, raw *rawRows) (names []string, code []int32, err error) {
	if !raw.long() {
		return nil, nil, nil
	}
	// Ids travel as one text; a length before each keeps any byte legal.
	var text []byte
	for _, id := range raw.names {
		text = fmt.Appendf(text, "%d:%s", len(id), id)
	}
	all, _, err := collective.AllGatherV(c, text)
	if err != nil {
		return nil, nil, err
	}
	global := map[string]int32{}
	for len(all) > 0 {
		n, k := 0, 0
		for all[k] != ':' {
			n, k = n*10+int(all[k]-'0'), k+1
		}
		id := string(all[k+1 : k+1+n])
		all = all[k+1+n:]
		if _, ok := global[id]; !ok {
			global[id], names = int32(len(names)), append(names, id)
		}
	}
	for i, k := range raw.code {
		raw.code[i] = global[raw.names[k]]
	}
	code, _, err = collective.AllGatherV(c, raw.code)
	raw.code = nil
	return names, code, err
}

func orderError(cfg *DataConfig, raw *rawRows, s *Series, names []string, g, row int, t, prev int64) error {
	show := func(v int64) string {
		if raw.plain {
			return fmt.Sprint(v)
		}
		return showTime(time.UnixMicro(v).UTC())
	}
	of := ""
	if s.Long {
		of = fmt.Sprintf(" of series %q", names[g])
	}
	if t == prev {
		return fmt.Errorf("%s: data row %d repeats the timestamp %s%s: remove the duplicate rows%s", cfg.Path, row+1, show(t), of, longHint(s, cfg))
	}
	return fmt.Errorf("%s: data row %d has the timestamp %s%s, which is before that of the row above it%s, %s: sort the rows by time%s",
		cfg.Path, row+1, show(t), of, inSeries(s), show(prev), longHint(s, cfg))
}

func inSeries(s *Series) string {
	if s.Long {
		return " in its series"
	}
	return ""
}

func longHint(s *Series, cfg *DataConfig) string {
	if s.Long {
		return ""
	}
	return fmt.Sprintf("; if the file holds several series, one below the other, set data.id to the column that names them (now %q)", cfg.ID)
}
