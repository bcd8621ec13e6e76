package stages

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

func synthBytes(t *testing.T, s Synth, layout string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteCSV(&b, layout); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The bytes of a seed are part of the contract: benchmarks of different versions compare on them.
func TestSynthGolden(t *testing.T) {
	s := Synth{Series: 3, Hours: 2000, Seed: 42}
	for layout, want := range map[string]string{
		"wide": "92a33a62ce786ef435e516f07cec463dd0c30e1ce09bc29fcb011d6bf9088c74",
		"long": "448b6ea161e4b0e8e1570c909081010f6f1fccaccc64e718472e8ad1ea0293b9",
	} {
		sum := sha256.Sum256(synthBytes(t, s, layout))
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: sha256 %s, want %s", layout, got, want)
		}
	}
	other := s
	other.Seed++
	if bytes.Equal(synthBytes(t, s, "wide"), synthBytes(t, other, "wide")) {
		t.Error("two seeds give the same bytes")
	}
}

// A rank may make any rows in any order, and channels do not depend on how many there are.
func TestSynthAnyOrder(t *testing.T) {
	s := Synth{Series: 4, Hours: 1500, Seed: 7}
	forward := make([]float64, s.Hours)
	for h := range forward {
		forward[h] = s.Value(2, h)
	}
	more := Synth{Series: 9, Hours: s.Hours, Seed: s.Seed}
	for h := s.Hours - 1; h >= 0; h-- {
		s.Value(h%4, (h*7919)%s.Hours)
		if got := more.Value(2, h); got != forward[h] && !(math.IsNaN(got) && math.IsNaN(forward[h])) {
			t.Fatalf("hour %d: %v, then %v", h, forward[h], got)
		}
	}
}

func TestSynthGaps(t *testing.T) {
	s := Synth{Series: 8, Hours: 8760, Seed: 1}
	missing, runs := 0, 0
	for c := range s.Series {
		run := 0
		for h := range s.Hours + 1 {
			if h < s.Hours && math.IsNaN(s.Value(c, h)) {
				missing, run = missing+1, run+1
				continue
			}
			if run > 36 {
				t.Errorf("channel %d has a gap of %d h before hour %d", c, run, h)
			}
			if run > 0 {
				runs++
			}
			run = 0
		}
	}
	share := float64(missing) / float64(s.Series*s.Hours)
	if share < 0.01 || share > 0.02 {
		t.Errorf("%.2f %% missing, want 1 to 2", 100*share)
	}
	if mean := float64(missing) / float64(runs); mean < 12 || mean > 25 {
		t.Errorf("mean gap %.1f h, want about 18", mean)
	}
}

func TestSynthCSV(t *testing.T) {
	s := Synth{Series: 2, Hours: 700, Seed: 3}
	wide, err := csv.NewReader(bytes.NewReader(synthBytes(t, s, "wide"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	long, err := csv.NewReader(bytes.NewReader(synthBytes(t, s, "long"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(wide[0], ","); got != "ds,s001,s002" {
		t.Errorf("wide header %q", got)
	}
	if got := strings.Join(long[0], ","); got != "unique_id,ds,y" {
		t.Errorf("long header %q", got)
	}
	if len(wide) != 1+s.Hours || len(long) != 1+s.Series*s.Hours {
		t.Fatalf("%d wide and %d long rows", len(wide), len(long))
	}
	for c, name := range s.Names() {
		for h := range s.Hours {
			l, w := long[1+c*s.Hours+h], wide[1+h]
			if l[0] != name || l[1] != w[0] || l[2] != w[1+c] {
				t.Fatalf("hour %d: long %v, wide %v", h, l, w)
			}
			v := s.Value(c, h)
			if math.IsNaN(v) {
				if l[2] != "" {
					t.Fatalf("hour %d: a gap is written %q", h, l[2])
				}
			} else if got, err := strconv.ParseFloat(l[2], 64); err != nil || got != v {
				t.Fatalf("hour %d: %v is written %q", h, v, l[2])
			}
		}
	}
	if got := wide[1+25][0]; got != "2020-01-02 01:00:00" || s.Time(25) != time.Date(2020, 1, 2, 1, 0, 0, 0, time.UTC) {
		t.Errorf("hour 25 is %s", got)
	}

	for _, bad := range []Synth{{Series: 0, Hours: 5}, {Series: 5, Hours: 0}, {Series: 5, Hours: 5, Months: -1}, {Series: 1, Months: 1e6}} {
		if err := bad.WriteCSV(&bytes.Buffer{}, "wide"); err == nil {
			t.Errorf("%+v is written", bad)
		}
	}
	if err := s.WriteCSV(&bytes.Buffer{}, "tall"); err == nil || !strings.Contains(err.Error(), `"tall"`) {
		t.Errorf("layout tall: %v", err)
	}
	if err := s.WriteCSV(fullDisk{}, "long"); !errors.Is(err, errFullDisk) {
		t.Errorf("a failing writer: %v", err)
	}
}

var errFullDisk = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFullDisk }

// Of months, the season is a year, gaps are short, and times are those of the calendar.
func TestSynthMonths(t *testing.T) {
	s := Synth{Series: 8, Hours: 17520, Months: 1200, Seed: 1}
	if s.Rows() != 1200 || s.Time(14) != time.Date(1991, 3, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("%d rows, row 14 of %s", s.Rows(), s.Time(14))
	}
	missing := 0
	for c := range s.Series {
		var y, lagged [2][]float64 // at lags of 12 and of 6
		run := 0
		for m := range s.Months {
			v := s.Value(c, m)
			if math.IsNaN(v) {
				if missing, run = missing+1, run+1; run > 3 {
					t.Errorf("channel %d: a gap of %d months", c, run)
				}
				continue
			}
			run = 0
			for k, lag := range []int{12, 6} {
				if m < lag || math.IsNaN(s.Value(c, m-lag)) {
					continue
				}
				y[k], lagged[k] = append(y[k], v), append(lagged[k], s.Value(c, m-lag))
			}
		}
		if year, half := stat.Correlation(y[0], lagged[0], nil), stat.Correlation(y[1], lagged[1], nil); year < half+.1 {
			t.Errorf("channel %d: correlation %.2f after a year, %.2f after half a year", c, year, half)
		}
	}
	if share := float64(missing) / float64(s.Series*s.Months); share < .005 || share > .03 {
		t.Errorf("%.2f %% missing", 100*share)
	}
}

func TestSynthShape(t *testing.T) {
	s := Synth{Series: 6, Hours: 8760, Seed: 11}
	for c := range s.Series {
		// The change of an hour less that of the day before is free of the daily cycle; off midnight, where weekends
		// begin and end, only a shift makes it large, and again a day later.
		jumps := 0
		for h := 25; h < s.Hours; h++ {
			d := s.signal(c, h) - s.signal(c, h-1) - s.signal(c, h-24) + s.signal(c, h-25)
			if h%24 != 0 && math.Abs(d) > 0.8 {
				jumps++
			}
		}
		if jumps < 2*3 || jumps > 2*6 {
			t.Errorf("channel %d: %.1f level shifts, want 3 to 6", c, float64(jumps)/2)
		}
	}
	// Channels correlate through the shared factor: compare day means, free of the daily cycles.
	days := make([][]float64, s.Series)
	for c := range days {
		for d := range s.Hours / 24 {
			var day float64
			for h := range 24 {
				day += s.signal(c, 24*d+h) / 24
			}
			days[c] = append(days[c], day)
		}
		// Differences over a week are free of weekly cycle, trend and shifts.
		for d := len(days[c]) - 1; d >= 7; d-- {
			days[c][d] -= days[c][d-7]
		}
		days[c] = days[c][7:]
	}
	for a := range days {
		for b := range a {
			if r := stat.Correlation(days[a], days[b], nil); r < 0.3 {
				t.Errorf("channels %d and %d correlate by %.2f, want above 0.3", a, b, r)
			}
		}
	}
	// Noise is larger by day than by night.
	var day, night float64
	for c := range s.Series {
		for h := range s.Hours {
			e := s.Value(c, h) - s.signal(c, h)
			switch {
			case math.IsNaN(e):
			case h%24 >= 10 && h%24 <= 14:
				day += e * e
			case h%24 <= 2 || h%24 >= 22:
				night += e * e
			}
		}
	}
	if ratio := math.Sqrt(day / night); ratio < 1.3 {
		t.Errorf("noise amplitude by day / by night = %.2f, want above 1.3", ratio)
	}
}

// At horizon 24 a seasonal-naive forecast must beat repeat-last clearly, and a linear model on 168 hours must beat the
// seasonal-naive one clearly: else the data would reward no training.
func TestSynthLearnable(t *testing.T) {
	const lookback, horizon = 168, 24
	s := Synth{Series: 4, Hours: 8760, Seed: 5}
	for c := range s.Series {
		y := make([]float64, s.Hours)
		for h := range y {
			y[h] = s.Value(c, h)
		}
		var train, test []int // starts of windows without a gap
		for start := 0; start+lookback+horizon <= s.Hours; start += 3 {
			if slices.ContainsFunc(y[start:start+lookback+horizon], math.IsNaN) {
				continue
			}
			if start < s.Hours*7/10 {
				train = append(train, start)
			} else if start > s.Hours*7/10+lookback+horizon {
				test = append(test, start)
			}
		}
		design := func(starts []int) (x, want *mat.Dense) {
			x, want = mat.NewDense(len(starts), lookback+1, nil), mat.NewDense(len(starts), horizon, nil)
			for i, start := range starts {
				mean := stat.Mean(y[start:start+lookback], nil)
				for j := range lookback {
					x.Set(i, j, y[start+j]-mean)
				}
				x.Set(i, lookback, 1)
				for j := range horizon {
					want.Set(i, j, y[start+lookback+j]-mean)
				}
			}
			return x, want
		}
		x, want := design(train)
		var coef mat.Dense // (lookback+1, horizon)
		if err := coef.Solve(x, want); err != nil {
			t.Fatal(err)
		}
		x, want = design(test)
		var linear mat.Dense
		linear.Mul(x, &coef)

		var mseLast, mseSeasonal, mseLinear float64
		n := float64(len(test) * horizon)
		for i, start := range test {
			for j := range horizon {
				at := start + lookback + j
				mseLast += sq(y[at]-y[start+lookback-1]) / n
				mseSeasonal += sq(y[at]-y[at-24]) / n
				mseLinear += sq(want.At(i, j)-linear.At(i, j)) / n
			}
		}
		t.Logf("channel %d: MSE repeat-last %.2f, seasonal-naive %.2f, linear %.2f (%d test windows)",
			c, mseLast, mseSeasonal, mseLinear, len(test))
		if mseSeasonal > 0.6*mseLast {
			t.Errorf("channel %d: seasonal-naive %.2f against repeat-last %.2f", c, mseSeasonal, mseLast)
		}
		if mseLinear > 0.7*mseSeasonal {
			t.Errorf("channel %d: linear %.2f against seasonal-naive %.2f", c, mseLinear, mseSeasonal)
		}
	}
}

func sq(x float64) float64 { return x * x }
