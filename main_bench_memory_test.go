package main

import (
	"encoding/json"
	"testing"
)

func TestBenchMemory(t *testing.T) {
	code, stdout, stderr := deeprc(t, t.TempDir(), "bench", "memory", "--rows", "20000", "--case", "csv", "--json")
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	var r struct {
		Version string
		Runs    []struct {
			Name          string
			Rows, Columns int
			DataBytes     int64 `json:"data_bytes"`
			FileBytes     int64 `json:"file_bytes"`
			RSSBytes      int64 `json:"rss_bytes"`
			Multiple      float64
			Seconds       map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	if len(r.Runs) != 1 {
		t.Fatal(stdout)
	}
	x := r.Runs[0]
	if r.Version != "v1.2.3" || x.Name != "csv" || x.Rows != 20000 || x.Columns != 4 || x.DataBytes != 20000*4*8 || x.FileBytes < 20000*20 ||
		x.RSSBytes < 1<<20 || x.Multiple != float64(x.RSSBytes)/float64(x.DataBytes) || !(x.Seconds["total"] > 0) {
		t.Errorf("%s", stdout)
	}
}
